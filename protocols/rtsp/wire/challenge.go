package wire

import "strings"

// Scheme is a way to authenticate.
type Scheme string

// The schemes.
const (
	Basic  Scheme = "Basic"
	Digest Scheme = "Digest"
	Bearer Scheme = "Bearer" // RFC 6750; only in Credentials
)

// Algorithm is the hash of Digest.
type Algorithm string

// The algorithms (RFC 7616 3.3). A challenge that names none means MD5.
const (
	MD5    Algorithm = "MD5"
	SHA256 Algorithm = "SHA-256"
)

// maxChallenges is how many challenges of one response are read.
const maxChallenges = 16

// Challenge is one challenge of a WWW-Authenticate header (RFC 7235 4.1).
type Challenge struct {
	Scheme Scheme
	Realm  string

	// Those of Digest.
	Nonce, Opaque string
	// Algorithm is in upper case, "" where it is not given.
	Algorithm Algorithm
	// QOP says that the quality "auth" is offered.
	QOP bool
	// Stale says that only the nonce was out of date.
	Stale bool
}

// ParseChallenges reads the WWW-Authenticate headers of a response. A header
// may hold several challenges. Schemes other than Basic and Digest are left out.
func ParseChallenges(values []string) []Challenge {
	var list []Challenge
	for _, v := range values {
		var c *Challenge
		for part := range splitQuoted(v, ',') {
			if scheme, rest, ok := cutScheme(part); ok {
				if len(list) == maxChallenges {
					return list
				}
				c = nil
				if scheme == Basic || scheme == Digest {
					list = append(list, Challenge{Scheme: scheme})
					c = &list[len(list)-1]
				}
				part = rest
			}
			if c != nil {
				c.take(parameter(part))
			}
		}
	}
	return list
}

// cutScheme cuts the scheme off the first parameter of a challenge or of
// credentials.
func cutScheme(s string) (scheme Scheme, rest string, ok bool) {
	name, rest, _ := strings.Cut(s, " ")
	rest = strings.TrimSpace(rest)
	if !isToken(name) || strings.HasPrefix(rest, "=") {
		return "", s, false
	}
	for _, known := range []Scheme{Basic, Digest, Bearer} {
		if strings.EqualFold(name, string(known)) {
			return known, rest, true
		}
	}
	return Scheme(name), rest, true
}

func (c *Challenge) take(name, value string) {
	switch name {
	case "realm":
		c.Realm = value
	case "nonce":
		c.Nonce = value
	case "opaque":
		c.Opaque = value
	case "algorithm":
		c.Algorithm = Algorithm(strings.ToUpper(value))
	case "stale":
		c.Stale = strings.EqualFold(value, "true")
	case "qop":
		for q := range splitQuoted(value, ',') {
			c.QOP = c.QOP || strings.EqualFold(q, "auth")
		}
	}
}

// String returns the challenge as the value of a WWW-Authenticate header. Each
// is best sent in a header of its own.
func (c Challenge) String() string {
	s := string(c.Scheme) + " realm=" + quote(c.Realm)
	if c.Scheme != Digest {
		return s
	}
	s += ", nonce=" + quote(c.Nonce)
	if c.Opaque != "" {
		s += ", opaque=" + quote(c.Opaque)
	}
	if c.Algorithm != "" {
		s += ", algorithm=" + string(c.Algorithm)
	}
	if c.QOP {
		s += `, qop="auth"`
	}
	if c.Stale {
		s += ", stale=true"
	}
	return s
}

// rank orders challenges by strength; 0 is one that can't be answered.
func (c Challenge) rank() int {
	switch {
	case c.Scheme == Basic:
		return 1
	case c.Scheme == Digest && (c.Algorithm == MD5 || c.Algorithm == ""):
		return 2
	case c.Scheme == Digest && c.Algorithm == SHA256:
		return 3
	default:
		return 0
	}
}

// Strongest returns the strongest challenge that Answer can answer; false
// where there is none.
func Strongest(list []Challenge) (best Challenge, ok bool) {
	for _, c := range list {
		if c.rank() > best.rank() {
			best, ok = c, true
		}
	}
	return best, ok
}
