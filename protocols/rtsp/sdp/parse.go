package sdp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sluice/protocols/container/rtp"
)

// Parse reads a description. Lines that make no sense are passed over.
func Parse(b []byte) (*Session, error) {
	s := &Session{}
	var direction Direction // the session's, which holds for media without
	var m *Media
	full := false
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(clean(line))
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		value := strings.TrimSpace(line[2:])
		switch line[0] {
		case 'm':
			if full = len(s.Media) == MaxMedia; full {
				continue
			}
			if next, ok := parseMedia(value); ok {
				s.Media = append(s.Media, next)
				m = &s.Media[len(s.Media)-1]
				m.Direction = direction
			}
		case 'a':
			key, value, _ := strings.Cut(value, ":")
			key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
			switch {
			case full: // of a media description that was left out
			case m != nil:
				m.attribute(key, value)
			default:
				s.attribute(key, value, &direction)
			}
		case 's':
			if m == nil {
				s.Name = value
			}
		case 'o':
			if m == nil {
				s.Origin = value
			}
		}
	}
	if len(s.Media) == 0 {
		return nil, fmt.Errorf("%w in %d bytes", ErrNoMedia, len(b))
	}
	return s, nil
}

func (s *Session) attribute(key, value string, d *Direction) {
	switch key {
	case "control":
		s.Control = value
	case "range":
		s.Range = value
	case string(SendRecv), string(SendOnly), string(RecvOnly), string(Inactive):
		*d = Direction(key)
	}
}

// parseMedia reads "video 0 RTP/AVP 96 97".
func parseMedia(s string) (Media, bool) {
	words := strings.Fields(s)
	if len(words) < 3 {
		return Media{}, false
	}
	m := Media{Type: strings.ToLower(words[0]), Protocol: strings.ToUpper(words[2])}
	port, _, _ := strings.Cut(words[1], "/")
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		m.Port = int(n)
	}
	for _, w := range words[3:] {
		pt, err := strconv.ParseUint(w, 10, 7)
		if err != nil || m.format(uint8(pt)) != nil {
			continue
		}
		f := Format{PayloadType: uint8(pt)}
		f.Format, _ = rtp.StaticFormat(f.PayloadType)
		m.Formats = append(m.Formats, f)
		if len(m.Formats) == MaxFormats {
			break
		}
	}
	return m, true
}

func (m *Media) format(pt uint8) *Format {
	i := slices.IndexFunc(m.Formats, func(f Format) bool { return f.PayloadType == pt })
	if i < 0 {
		return nil
	}
	return &m.Formats[i]
}

func (m *Media) attribute(key, value string) {
	switch key {
	case "control":
		m.Control = value
	case "rtpmap":
		if f, rest := m.formatOf(value); f != nil {
			f.parseMap(m.Type, rest)
		}
	case "fmtp":
		if f, rest := m.formatOf(value); f != nil {
			f.addParams(rtp.ParseParams(rest))
		}
	case string(SendRecv), string(SendOnly), string(RecvOnly), string(Inactive):
		m.Direction = Direction(key)
	}
}

// formatOf returns the format that "96 ..." is about, and the rest. Where there
// is only one it is about that, whatever the number: the sound of some Hikvision
// recorders has 104 in one line and 97 in the other.
func (m *Media) formatOf(value string) (*Format, string) {
	word, rest, _ := strings.Cut(value, " ")
	pt, err := strconv.ParseUint(word, 10, 7)
	if err != nil {
		return nil, ""
	}
	f := m.format(uint8(pt))
	if f == nil && len(m.Formats) == 1 {
		f = &m.Formats[0]
	}
	return f, strings.TrimSpace(rest)
}

// defaultClock are the clock rates of formats whose sender left them out.
func defaultClock(mediaType string) int {
	if mediaType == "video" {
		return 90000
	}
	return 8000
}

// parseMap reads "H264/90000" and "opus/48000/2" (RFC 8866 6.6).
func (f *Format) parseMap(mediaType, s string) {
	parts := strings.Split(s, "/")
	name := strings.TrimSpace(parts[0])
	if name == "" {
		return
	}
	number := func(i, limit int) int {
		if i >= len(parts) {
			return 0
		}
		n, err := strconv.Atoi(strings.TrimSpace(parts[i]))
		if err != nil || n < 0 || n > limit {
			return 0
		}
		return n
	}
	f.Name, f.Clock, f.Channels = name, number(1, 1<<30), number(2, 255)
	if f.Clock == 0 {
		f.Clock = defaultClock(mediaType)
	}
}

// addParams adds parameters to those of earlier fmtp lines.
func (f *Format) addParams(p rtp.Params) {
	if f.Params == nil {
		f.Params = p
		return
	}
	for name, value := range p {
		f.Params[name] = value
	}
}
