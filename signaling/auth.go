package signaling

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Access is what a client asks for and the credentials that it shows.
type Access struct {
	// Action and Stream are what it wants.
	Action Action
	Stream string
	// Token is the Bearer token, or else the "token" query parameter, or else the
	// password of HTTP Basic authentication. OBS sends its stream key as the Bearer
	// token. It may be empty.
	Token string
	// Remote is the client's address.
	Remote netip.Addr
}

// Authorizer decides whether a client may publish or play.
type Authorizer interface {
	// Authorize returns nil to allow. To refuse it returns an [*Error] with
	// CodeUnauthorized (other credentials may help) or CodeForbidden; any other error
	// refuses with 500. It may be called concurrently and should heed ctx.
	Authorize(ctx context.Context, a Access) error
}

// AuthorizerFunc is a function as an [Authorizer].
type AuthorizerFunc func(ctx context.Context, a Access) error

// Authorize calls f.
func (f AuthorizerFunc) Authorize(ctx context.Context, a Access) error { return f(ctx, a) }

// Redirector may send a client to another server (RFC 9725 section 4.5).
type Redirector interface {
	// Redirect returns the base URL of the server that takes this client, or nil to
	// serve it here. The client gets a 307 to its own path and query on that base.
	// It is asked after the authorization and may be called concurrently.
	Redirect(ctx context.Context, action Action, stream string) *url.URL
}

// RedirectorFunc is a function as a [Redirector].
type RedirectorFunc func(ctx context.Context, action Action, stream string) *url.URL

// Redirect calls f.
func (f RedirectorFunc) Redirect(ctx context.Context, action Action, stream string) *url.URL {
	return f(ctx, action, stream)
}

// accessOf reads the credentials of a request.
func accessOf(r *http.Request, t target, remote netip.Addr) Access {
	a := Access{Action: t.action, Stream: t.stream, Remote: remote}
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		a.Token = strings.TrimSpace(value)
	}
	if a.Token == "" {
		a.Token = r.URL.Query().Get("token")
	}
	if a.Token == "" {
		_, a.Token, _ = r.BasicAuth()
	}
	return a
}

// clientAddr returns the address of the client: the peer's, or, if that is a trusted
// proxy, the last address in X-Forwarded-For that is not.
func clientAddr(r *http.Request, trusted []netip.Prefix) netip.AddrPort {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.AddrPort{}
	}
	peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	client := peer
	for i := len(hops) - 1; i >= 0 && contains(trusted, client.Addr()); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		client = netip.AddrPortFrom(hop.Unmap(), 0)
	}
	return client
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
