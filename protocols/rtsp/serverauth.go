package rtsp

import (
	"errors"
	"time"

	"sluice/protocols/rtsp/wire"
)

// deniedError says that credentials are wrong or missing; because is what
// wire.Guard has found.
type deniedError struct {
	StatusError
	because error
}

func (e *deniedError) Unwrap() []error { return []error{&e.StatusError, e.because} }

func denied(because error) error {
	return &deniedError{StatusError{Status: wire.Unauthorized}, because}
}

// identify reads the credentials of a request: Basic, Digest, or the token of
// the URL. What Digest says is checked at once; whether the others are good is
// the handler's to say.
func (c *serverConn) identify(r *Request, a Action) error {
	h := r.Header.Get(wire.HeaderAuthorization)
	if h == "" {
		return nil
	}
	cred, err := wire.ParseCredentials(h)
	if err != nil {
		return denied(err)
	}
	switch cred.Scheme {
	case wire.Basic:
		r.User, r.Token = cred.User, cred.Password
		return nil
	case wire.Bearer:
		r.Token = cred.Token
		return nil
	}
	if c.server.Handler.Authorize(c.ctx, r, a) == nil {
		return nil // it is open to everybody, or the token is good
	}
	// A user may have several passwords: any token counts as one.
	err = wire.ErrCredentials
	for _, secret := range c.server.Handler.Secrets(r, a, cred.User) {
		r.User, err = c.guard.Check(r.Request, time.Now(), func(string) (string, bool) { return secret, true })
		if err == nil {
			r.Verified = true
			return nil
		}
		if !errors.Is(err, wire.ErrCredentials) {
			break
		}
	}
	return denied(err)
}

// admit identifies the peer and checks its rights.
func (c *serverConn) admit(r *Request, a Action) error {
	if err := c.identify(r, a); err != nil {
		return err
	}
	return c.server.Handler.Authorize(c.ctx, r, a)
}

// challenge adds what the peer needs to authenticate itself. Clients take the
// last Digest that they can read.
func (c *serverConn) challenge(res *wire.Response, because error) {
	for _, ch := range c.guard.Challenges(time.Now(), because) {
		res.Header.Add(wire.HeaderWWWAuthenticate, ch.String())
	}
}
