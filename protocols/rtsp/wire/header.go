package wire

import (
	"slices"
	"strconv"
	"strings"
)

// Names of header fields.
const (
	HeaderAccept          = "Accept"
	HeaderAllow           = "Allow"
	HeaderAuthorization   = "Authorization"
	HeaderContentBase     = "Content-Base"
	HeaderContentLength   = "Content-Length"
	HeaderContentLocation = "Content-Location"
	HeaderContentType     = "Content-Type"
	HeaderCSeq            = "CSeq"
	HeaderLocation        = "Location"
	HeaderPublic          = "Public"
	HeaderRange           = "Range"
	HeaderRequire         = "Require"
	HeaderRTPInfo         = "RTP-Info"
	HeaderServer          = "Server"
	HeaderSession         = "Session"
	HeaderTransport       = "Transport"
	HeaderUnsupported     = "Unsupported"
	HeaderUserAgent       = "User-Agent"
	HeaderWWWAuthenticate = "WWW-Authenticate"
)

// LiveRange is the Range of what has no beginning and no end (RFC 2326 3.6), in
// headers and in session descriptions.
const LiveRange = "npt=now-"

// Header is the header of a message: its fields in their order.
type Header []Field

// Field is one field of a header.
type Field struct{ Name, Value string }

// Get returns the value of the first field of that name, "" where there is
// none. The case of names does not matter.
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Has reports whether there is a field of that name.
func (h Header) Has(name string) bool {
	return slices.ContainsFunc(h, func(f Field) bool { return strings.EqualFold(f.Name, name) })
}

// Values returns the values of all fields of that name.
func (h Header) Values(name string) (list []string) {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			list = append(list, f.Value)
		}
	}
	return list
}

// Add appends a field.
func (h *Header) Add(name, value string) { *h = append(*h, Field{name, value}) }

// Set puts a field in the place of all of that name.
func (h *Header) Set(name, value string) {
	h.Del(name)
	h.Add(name, value)
}

// Del removes all fields of that name.
func (h *Header) Del(name string) {
	*h = slices.DeleteFunc(*h, func(f Field) bool { return strings.EqualFold(f.Name, name) })
}

// append appends the fields, the length of the body, the empty line and the
// body.
func (h Header) append(dst, body []byte) []byte {
	for _, f := range h {
		if strings.EqualFold(f.Name, HeaderContentLength) {
			continue
		}
		dst = appendLine(dst, f.Name, ": ", f.Value)
	}
	if len(body) > 0 {
		dst = append(dst, HeaderContentLength...)
		dst = append(dst, ": "...)
		dst = strconv.AppendInt(dst, int64(len(body)), 10)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	return append(dst, body...)
}

// appendLine appends the parts as one line. Control characters become spaces,
// so that no value can make a line of its own.
func appendLine(dst []byte, parts ...string) []byte {
	for _, s := range parts {
		for i := range len(s) {
			c := s[i]
			if isControl(c) {
				c = ' '
			}
			dst = append(dst, c)
		}
	}
	return append(dst, "\r\n"...)
}

func isControl(c byte) bool { return (c < ' ' && c != '\t') || c == 0x7f }
