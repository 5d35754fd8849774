package wire

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// Login is what a client knows.
type Login struct{ User, Password string }

// Answer returns the credentials that answer a challenge for one request. nc
// counts the answers to one nonce, from 1 on, and cnonce is the client's own
// nonce; both matter only where the challenge has QOP.
func (l Login) Answer(c Challenge, m Method, uri string, nc uint32, cnonce string) Credentials {
	out := Credentials{Scheme: c.Scheme, User: l.User}
	if c.Scheme != Digest {
		out.Password = l.Password
		return out
	}
	out.Realm, out.Nonce, out.Opaque, out.Algorithm, out.URI = c.Realm, c.Nonce, c.Opaque, c.Algorithm, uri
	if c.QOP {
		out.QOP, out.NC, out.CNonce = true, nc, cnonce
	}
	out.Response = out.digest(m, l.Password)
	return out
}

// Matches reports whether the credentials were made with that password for a
// request of method m and, with Digest, for their own realm, nonce and URI, of
// which the caller makes sure.
func (c Credentials) Matches(m Method, password string) bool {
	switch c.Scheme {
	case Basic:
		return same(c.Password, password)
	case Digest:
		want := c.digest(m, password)
		return want != "" && same(strings.ToLower(c.Response), want)
	default:
		return false
	}
}

// same compares in a time that does not tell where two strings differ.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// digest returns the response of RFC 7616 3.4.1, with or without qop, and ""
// for an unknown algorithm.
func (c Credentials) digest(m Method, password string) string {
	var h func(string) string
	switch c.Algorithm {
	case "", MD5:
		h = func(s string) string { b := md5.Sum([]byte(s)); return hex.EncodeToString(b[:]) }
	case SHA256:
		h = func(s string) string { b := sha256.Sum256([]byte(s)); return hex.EncodeToString(b[:]) }
	default:
		return ""
	}
	middle := c.Nonce
	if c.QOP {
		middle += fmt.Sprintf(":%08x:%s:auth", c.NC, c.CNonce)
	}
	return h(h(c.User+":"+c.Realm+":"+password) + ":" + middle + ":" + h(string(m)+":"+c.URI))
}
