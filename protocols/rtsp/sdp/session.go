package sdp

import (
	"errors"
	"slices"

	"sluice/protocols/container/rtp"
	"sluice/server/media"
)

// Bounds of a description. The text as a whole is bounded by who reads it.
const (
	// MaxMedia is how many media descriptions are read; cameras with several
	// sensors have up to 16.
	MaxMedia = 32
	// MaxFormats is how many formats of one media description are read.
	MaxFormats = 64
)

// ErrNoMedia is returned for a text that describes no media.
var ErrNoMedia = errors.New("sdp: no media description")

// Session is a session description (RFC 8866 5).
type Session struct {
	// Name is the s= line.
	Name string
	// Origin is the o= line, without the "o=".
	Origin string
	// Control is the session's own a=control, "" where it has none.
	Control string
	// Range is a=range, such as "npt=now-".
	Range string
	Media []Media
}

// Direction is sendrecv, sendonly, recvonly, inactive, or "" where none is
// given (RFC 8866 6.7).
type Direction string

// The directions.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Media is one media description (RFC 8866 5.14).
type Media struct {
	// Type is "video", "audio", "application" or what else it says, in lower
	// case.
	Type string
	// Protocol is "RTP/AVP" or a relative of it, in upper case.
	Protocol string
	// Port is 0 in most descriptions of RTSP.
	Port int
	// Control is a=control as it was sent, "" where there is none. See
	// Session.URL.
	Control   string
	Direction Direction
	// Formats has one format at least where Type is video or audio and the
	// sender is sane.
	Formats []Format
}

// Format is one format of a media description.
type Format struct {
	PayloadType uint8
	// Format has an empty Name where the description does not say what the
	// payload type means.
	rtp.Format
}

// Kind returns video or audio, and data for everything else.
func (m *Media) Kind() media.Kind {
	switch m.Type {
	case "video":
		return media.Video
	case "audio":
		return media.Audio
	default:
		return media.Data
	}
}

// Backchannel reports whether media description i, of a server that plays, is for
// sound that its clients send (ONVIF Streaming Specification 5.3): it is sendonly,
// as clients see it, and others are not. A server of which all are sendonly means
// itself.
func (s *Session) Backchannel(i int) bool {
	m := &s.Media[i]
	return m.Direction == SendOnly && m.Kind() == media.Audio &&
		slices.ContainsFunc(s.Media, func(o Media) bool { return o.Kind() != media.Data && o.Direction != SendOnly })
}
