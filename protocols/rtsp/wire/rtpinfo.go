package wire

import (
	"strconv"
	"strings"
)

// maxRTPInfo is how many entries of an RTP-Info header are read.
const maxRTPInfo = 32

// RTPInfo is one entry of an RTP-Info header (RFC 2326 12.33): where one stream
// starts.
type RTPInfo struct {
	// URL is that of the stream, absolute or relative, as it was sent.
	URL string
	// Seq is the sequence number of the first packet, where HasSeq.
	Seq    uint16
	HasSeq bool
	// Time is the RTP timestamp at the start of the range, where HasTime.
	Time    uint32
	HasTime bool
}

// ParseRTPInfo reads an RTP-Info header. Entries that make no sense are left
// out: nothing depends on them.
func ParseRTPInfo(s string) []RTPInfo {
	var list []RTPInfo
	for s != "" && len(list) < maxRTPInfo {
		var entry string
		entry, s = cutEntry(s)
		if info, ok := parseRTPInfo(entry); ok {
			list = append(list, info)
		}
	}
	return list
}

// cutEntry cuts s at the comma before the next "url=": URLs may have commas.
func cutEntry(s string) (entry, rest string) {
	for i := 0; i < len(s); i++ {
		i += indexUnquoted(s[i:], ',')
		if i < len(s) && hasPrefixFold(strings.TrimLeft(s[i+1:], " \t"), "url=") {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// parseRTPInfo reads "url=...;seq=1;rtptime=2". The URL of some servers has
// semicolons, so the parameters are taken off the end. RFC 7826 18.45 writes
// url="..." ssrc=1A2B:seq=1;rtptime=2.
func parseRTPInfo(s string) (info RTPInfo, ok bool) {
	s = strings.TrimSpace(s)
	if !hasPrefixFold(s, "url=") {
		return info, false
	}
	s = s[len("url="):]
	if strings.HasPrefix(s, `"`) {
		info.URL = unquote(s)
		if i := strings.IndexByte(s[1:], '"'); i >= 0 {
			s = s[i+2:]
		}
		s = strings.ReplaceAll(s, ":", ";")
	}
	for {
		i := strings.LastIndexByte(s, ';')
		if i < 0 || !info.take(s[i+1:]) {
			break
		}
		s = s[:i]
	}
	if info.URL == "" {
		info.URL = strings.TrimSpace(s)
	}
	return info, info.URL != ""
}

// take takes a parameter; false where it is none.
func (i *RTPInfo) take(s string) bool {
	name, value := parameter(s)
	switch name {
	case "seq":
		if n, err := strconv.ParseUint(value, 10, 32); err == nil { // some send more than 16 bits
			i.Seq, i.HasSeq = uint16(n), true
		}
	case "rtptime":
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			i.Time, i.HasTime = uint32(n), true
		}
	case "ssrc", "":
	default:
		return false
	}
	return true
}

// FormatRTPInfo returns an RTP-Info header.
func FormatRTPInfo(list []RTPInfo) string {
	var b strings.Builder
	for i, info := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("url=" + info.URL)
		if info.HasSeq {
			b.WriteString(";seq=" + strconv.Itoa(int(info.Seq)))
		}
		if info.HasTime {
			b.WriteString(";rtptime=" + strconv.FormatUint(uint64(info.Time), 10))
		}
	}
	return b.String()
}
