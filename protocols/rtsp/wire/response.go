package wire

import (
	"strconv"
	"strings"
)

// Response is a response (RFC 2326 7).
type Response struct {
	Status Status
	// Reason is the reason phrase; "" stands for the status's own.
	Reason string
	Header Header
	// Body is nil where there is none. Its length makes the Content-Length
	// field.
	Body []byte
}

// CSeq returns the number of the request that this answers, as sent.
func (r *Response) CSeq() string { return r.Header.Get(HeaderCSeq) }

// Append appends the response as it goes over the wire.
func (r *Response) Append(dst []byte) []byte {
	reason := r.Reason
	if reason == "" {
		reason = r.Status.String()
	}
	dst = appendLine(dst, Version, " ", strconv.Itoa(int(r.Status)), " ", reason)
	return r.Header.append(dst, r.Body)
}

// parseStatusLine reads "RTSP/1.0 200 OK".
func parseStatusLine(line string) (Response, *Error) {
	version, rest, _ := strings.Cut(line, " ")
	if !hasPrefixFold(version, "RTSP/1.") {
		return Response{}, &Error{Status: VersionNotSupported, Reason: "the answer's version is not " + Version}
	}
	code, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(code)
	if err != nil || n < 100 || n > 999 {
		return Response{}, malformed("%.40q is no status line", line)
	}
	return Response{Status: Status(n), Reason: strings.TrimSpace(reason)}, nil
}
