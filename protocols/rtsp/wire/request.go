package wire

import "strings"

// Version is the only version of the protocol that is spoken.
const Version = "RTSP/1.0"

// Request is a request (RFC 2326 6).
type Request struct {
	Method Method
	// URL is as it was sent: absolute, or "*".
	URL    string
	Header Header
	// Body is nil where there is none. Its length makes the Content-Length
	// field.
	Body []byte
}

// CSeq returns the number that ties the answer to the request, as sent.
func (r *Request) CSeq() string { return r.Header.Get(HeaderCSeq) }

// Append appends the request as it goes over the wire.
func (r *Request) Append(dst []byte) []byte {
	dst = appendLine(dst, string(r.Method), " ", r.URL, " ", Version)
	return r.Header.append(dst, r.Body)
}

// parseRequestLine reads "METHOD url RTSP/1.0". The URL is what lies between
// the first and the last space, as some clients send names with spaces.
func parseRequestLine(line string) (Request, *Error) {
	method, rest, ok := strings.Cut(line, " ")
	i := strings.LastIndexByte(rest, ' ')
	if !ok || i < 0 {
		return Request{}, malformed("%.40q is no request", line)
	}
	url, version := strings.TrimSpace(rest[:i]), rest[i+1:]
	switch {
	case !isToken(method):
		return Request{}, malformed("%.40q is no method", method)
	case !hasPrefixFold(version, "RTSP/"):
		return Request{}, malformed("%.40q is no request of RTSP", line)
	case !hasPrefixFold(version, "RTSP/1."):
		return Request{}, &Error{Status: VersionNotSupported, Reason: "version is not " + Version}
	case url == "":
		return Request{}, malformed("a request without URL")
	}
	return Request{Method: Method(method), URL: url}, nil
}

// isToken reports whether s is a token of RFC 2616 2.2.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
