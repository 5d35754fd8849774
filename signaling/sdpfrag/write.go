package sdpfrag

import (
	"fmt"
	"strconv"
	"strings"
)

// Append appends the fragment as a body with CRLF line ends (RFC 8840 section 9).
// Without a Media it writes the placeholder that the RFC's examples use, because the
// candidates need a section.
func (f Fragment) Append(b []byte) []byte {
	line := func(parts ...string) {
		for _, p := range parts {
			b = append(b, p...)
		}
		b = append(b, "\r\n"...)
	}
	if f.Lite {
		line("a=ice-lite")
	}
	if len(f.Options) > 0 {
		line("a=ice-options:", strings.Join(f.Options, " "))
	}
	if f.Pacing > 0 {
		line("a=ice-pacing:", strconv.Itoa(f.Pacing))
	}
	media := f.Media
	if media == "" {
		media = "audio 9 UDP/TLS/RTP/SAVPF 0"
	}
	line("m=", media)
	if f.MID != "" {
		line("a=mid:", f.MID)
	}
	if f.Ufrag != "" {
		line("a=ice-ufrag:", f.Ufrag)
		line("a=ice-pwd:", f.Pwd)
	}
	for _, c := range f.Candidates {
		line("a=", c.String())
	}
	if f.End {
		line("a=end-of-candidates")
	}
	return b
}

// ReplaceICE returns sdp with its ICE credentials and candidates replaced by those of
// f, as an ICE restart without a new offer asks for (RFC 9725 section 4.3.3). The
// candidates go to the first section that is in use. All other lines stay as they
// are; the line ends of the result are CRLF.
func ReplaceICE(sdp string, f Fragment) (string, error) {
	if f.Ufrag == "" || f.Pwd == "" {
		return "", fmt.Errorf("%w: an ICE restart needs ice-ufrag and ice-pwd", ErrSyntax)
	}
	if len(sdp) > MaxSize {
		return "", fmt.Errorf("%w: %d bytes, at most %d", ErrTooBig, len(sdp), MaxSize)
	}
	var out strings.Builder
	placed, inUse, seen := false, false, false
	place := func() {
		if !inUse || placed {
			return
		}
		placed = true
		for _, c := range f.Candidates {
			out.WriteString("a=" + c.String() + "\r\n")
		}
		if f.End {
			out.WriteString("a=end-of-candidates\r\n")
		}
	}
	for _, line := range splitLines(sdp) {
		switch {
		case strings.HasPrefix(line, "m="):
			place()
			inUse = true
			if fields := strings.Fields(line); len(fields) > 1 && fields[1] == "0" {
				inUse = false
			}
		case strings.HasPrefix(line, "a=bundle-only"):
			inUse = true
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			line, seen = "a=ice-ufrag:"+f.Ufrag, true
		case strings.HasPrefix(line, "a=ice-pwd:"):
			line = "a=ice-pwd:" + f.Pwd
		case strings.HasPrefix(line, "a=candidate:"), line == "a=end-of-candidates":
			continue
		}
		out.WriteString(line + "\r\n")
	}
	place()
	if !seen {
		return "", fmt.Errorf("%w: the description has no ice-ufrag", ErrSyntax)
	}
	return out.String(), nil
}
