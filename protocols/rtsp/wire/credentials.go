package wire

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// Credentials is an Authorization header (RFC 7235 4.2).
type Credentials struct {
	Scheme Scheme
	User   string
	// Password is that of Basic.
	Password string
	// Token is that of Bearer.
	Token string

	// Those of Digest (RFC 7616 3.4).
	Realm, Nonce, URI, Response, Opaque string
	// Algorithm is in upper case, "" where it is not given.
	Algorithm Algorithm
	// QOP says that the response was made with the quality "auth", that is,
	// with NC and CNonce.
	QOP    bool
	NC     uint32
	CNonce string
}

// ParseCredentials reads an Authorization header.
func ParseCredentials(s string) (Credentials, error) {
	scheme, rest, ok := cutScheme(strings.TrimSpace(s))
	if !ok {
		return Credentials{}, malformed("no credentials")
	}
	c := Credentials{Scheme: scheme}
	switch scheme {
	case Basic:
		b, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return Credentials{}, malformed("basic credentials are not in base64")
		}
		c.User, c.Password, ok = strings.Cut(string(b), ":")
		if !ok {
			return Credentials{}, malformed("basic credentials without a colon")
		}
	case Bearer:
		c.Token = rest
	case Digest:
		for part := range splitQuoted(rest, ',') {
			if err := c.take(parameter(part)); err != nil {
				return Credentials{}, err
			}
		}
	default:
		return Credentials{}, malformed("unknown scheme of credentials")
	}
	return c, nil
}

func (c *Credentials) take(name, value string) error {
	switch name {
	case "username":
		c.User = value
	case "realm":
		c.Realm = value
	case "nonce":
		c.Nonce = value
	case "uri":
		c.URI = value
	case "response":
		c.Response = value
	case "opaque":
		c.Opaque = value
	case "algorithm":
		c.Algorithm = Algorithm(strings.ToUpper(value))
	case "cnonce":
		c.CNonce = value
	case "qop":
		if !strings.EqualFold(value, "auth") {
			return malformed("%.40q is no quality of protection that was offered", value)
		}
		c.QOP = true
	case "nc":
		n, err := strconv.ParseUint(value, 16, 32)
		if err != nil {
			return malformed("%.40q is no nonce count", value)
		}
		c.NC = uint32(n)
	}
	return nil
}

// Header returns the value of an Authorization header. It has a secret in it
// and is not for logs.
func (c Credentials) Header() string {
	switch c.Scheme {
	case Basic:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password))
	case Bearer:
		return "Bearer " + c.Token
	}
	s := "Digest username=" + quote(c.User) + ", realm=" + quote(c.Realm) + ", nonce=" + quote(c.Nonce) +
		", uri=" + quote(c.URI) + ", response=" + quote(c.Response)
	if c.Opaque != "" {
		s += ", opaque=" + quote(c.Opaque)
	}
	if c.Algorithm != "" {
		s += ", algorithm=" + string(c.Algorithm)
	}
	if c.QOP {
		s += fmt.Sprintf(", qop=auth, nc=%08x, cnonce=%s", c.NC, quote(c.CNonce))
	}
	return s
}

// String names the scheme and the user, and keeps the secrets out of logs.
func (c Credentials) String() string {
	return string(c.Scheme) + " credentials of " + strconv.Quote(c.User)
}
