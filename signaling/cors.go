package signaling

import (
	"net/http"
	"slices"
	"strings"
)

// Methods of the two kinds of resource.
const (
	endpointMethods = "GET, HEAD, OPTIONS, POST"
	sessionMethods  = "DELETE, GET, HEAD, OPTIONS, PATCH"
)

// setCORS allows the configured web origins to use the response. The headers named
// here are all that a WHIP or WHEP client needs to read.
func (s *Server) setCORS(h http.Header, r *http.Request) {
	origin := r.Header.Get("Origin")
	switch {
	case slices.Contains(s.cfg.AllowOrigins, "*"):
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(s.cfg.AllowOrigins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
	default:
		h.Add("Vary", "Origin")
		return
	}
	h.Set("Access-Control-Expose-Headers", "Accept-Patch, Accept-Post, ETag, Link, Location, Retry-After, WWW-Authenticate")
}

// serveOptions answers OPTIONS: a CORS preflight, or the question of a client that
// wants the ICE servers before it makes its offer, as GStreamer does. A preflight gets
// no ICE servers (RFC 9725 section 4.6).
func (s *Server) serveOptions(w http.ResponseWriter, r *http.Request, t target) {
	h := w.Header()
	methods := sessionMethods
	if t.id == "" {
		methods = endpointMethods
		h.Set("Accept-Post", offerType)
	} else {
		h.Set("Accept-Patch", fragmentType)
	}
	h.Set("Allow", methods)
	if r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, If-Match")
		h.Set("Access-Control-Max-Age", "86400")
	} else if t.id == "" {
		client := clientAddr(r, s.cfg.TrustedProxies)
		if s.authorize(r.Context(), accessOf(r, t, client.Addr())) == nil {
			s.setLinks(h)
		}
	}
	send(w, http.StatusOK, nil)
}

// setLinks adds one Link for each ICE server.
func (s *Server) setLinks(h http.Header) {
	for _, l := range s.iceLinks {
		h.Add("Link", l)
	}
}

// iceLinks formats the Link header fields (RFC 9725 section 4.6).
func iceLinks(servers []ICEServer) []string {
	var links []string
	for _, srv := range servers {
		l := "<" + srv.URL + `>; rel="ice-server"`
		if srv.Username != "" {
			l += "; username=" + quote(srv.Username) + "; credential=" + quote(srv.Credential) + `; credential-type="password"`
		}
		links = append(links, l)
	}
	return links
}

// quote returns s as an HTTP quoted-string (RFC 9110 section 5.6.4).
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
