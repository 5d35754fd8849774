package negotiate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"sluice/server/media"
)

// ErrSyntax is an offer that can't be understood.
var ErrSyntax = errors.New("negotiate: bad offer")

// Bounds on what is read of an offer.
const (
	maxSections = 16
	maxFormats  = 128
	maxSSRCs    = 32
	maxRIDs     = 8
)

// Offer is what an offer says, as far as it matters here.
type Offer struct {
	// Setup is the DTLS role, "actpass", "active" or "passive" (RFC 5763 section 5).
	Setup string
	// Fingerprints are the values of a=fingerprint: hash, space, digest.
	Fingerprints []string
	// MixedExtensions is a=extmap-allow-mixed.
	MixedExtensions bool
	// Sections are all m= sections in order.
	Sections []Section
}

// Section is one m= section.
type Section struct {
	// Kind is KindUnknown for what is neither audio nor video; such a section,
	// and one that is switched off, is rejected in the answer.
	Kind media.Kind
	// Media and Protocol are the parts of the m= line that the answer repeats.
	Media, Protocol string
	// Formats are the payload types as written, for a rejected section.
	Formats []string
	MID     string
	// Off is set for a section with port 0 that is not bundle-only.
	Off bool
	// ReducedSize is a=rtcp-rsize (RFC 5506).
	ReducedSize bool
	// Codecs are the codecs known here, in the offer's order.
	Codecs []Codec
	// Extensions are the ids of header extensions by URI (RFC 8285).
	Extensions map[string]uint8
	// SSRCs are the sources that the section names, without those for RTX.
	SSRCs []uint32
	// RTX has the source of retransmissions for a source (a=ssrc-group:FID).
	RTX map[uint32]uint32
	// RIDs are the layers of a simulcast offer, as a=simulcast orders them.
	RIDs []string
}

// Codec is one payload type of an offer.
type Codec struct {
	Codec media.Codec
	// PT is the payload type, RTX that of its retransmissions, or 0.
	PT, RTX uint8
	// Name, Rate and Channels are those of a=rtpmap.
	Name     string
	Rate     int
	Channels int
	// Params are those of a=fmtp, as written.
	Params string
	// Mode is H264's packetization-mode, Profile its profile-level-id in lower
	// case (RFC 6184 section 8.1), or H265's and VP9's profile id.
	Mode    int
	Profile string
	// What the offer's a=rtcp-fb lines allow.
	NACK, PLI, FIR, TransportCC bool
}

// Header extensions that are used.
const (
	ExtMID         = "urn:ietf:params:rtp-hdrext:sdes:mid"
	ExtRID         = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	ExtRepairedRID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	ExtTransportCC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)

// Parse reads an offer. It returns ErrSyntax, wrapped with the place, for text
// that is not SDP.
func Parse(text string) (*Offer, error) {
	var sd sdp.SessionDescription
	if err := sd.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if len(sd.MediaDescriptions) > maxSections {
		return nil, fmt.Errorf("%w: %d sections", ErrSyntax, len(sd.MediaDescriptions))
	}
	o := &Offer{Setup: "actpass"}
	o.transport(sd.Attributes)
	for i, m := range sd.MediaDescriptions {
		o.transport(m.Attributes)
		s, err := parseSection(m)
		if err != nil {
			return nil, fmt.Errorf("%w: section %d: %w", ErrSyntax, i, err)
		}
		o.Sections = append(o.Sections, s)
	}
	return o, nil
}

// transport reads what may stand at the session's level or a section's.
func (o *Offer) transport(attrs []sdp.Attribute) {
	for _, a := range attrs {
		switch a.Key {
		case "setup":
			o.Setup = a.Value
		case "fingerprint":
			if !slices.Contains(o.Fingerprints, a.Value) && len(o.Fingerprints) < maxSections {
				o.Fingerprints = append(o.Fingerprints, a.Value)
			}
		case "extmap-allow-mixed":
			o.MixedExtensions = true
		}
	}
}

func parseSection(m *sdp.MediaDescription) (Section, error) {
	s := Section{
		Media:      m.MediaName.Media,
		Protocol:   strings.Join(m.MediaName.Protos, "/"),
		Formats:    m.MediaName.Formats,
		Off:        m.MediaName.Port.Value == 0,
		Extensions: map[string]uint8{},
		RTX:        map[uint32]uint32{},
	}
	switch s.Media {
	case "audio":
		s.Kind = media.Audio
	case "video":
		s.Kind = media.Video
	}
	if len(s.Formats) > maxFormats {
		return s, fmt.Errorf("%d payload types", len(s.Formats))
	}
	formats := map[uint8]*format{}
	for _, text := range s.Formats {
		if pt, ok := payloadType(text); ok {
			formats[pt] = staticFormat(pt)
		}
	}
	for _, a := range m.Attributes {
		s.attribute(a)
		formatAttribute(formats, a)
	}
	s.SSRCs = slices.DeleteFunc(s.SSRCs, func(ssrc uint32) bool {
		for _, rtx := range s.RTX {
			if rtx == ssrc {
				return true
			}
		}
		return false
	})
	s.codecs(formats)
	return s, nil
}

func (s *Section) attribute(a sdp.Attribute) {
	switch a.Key {
	case "mid":
		s.MID = a.Value
	case "bundle-only":
		s.Off = false
	case "rtcp-rsize":
		s.ReducedSize = true
	case "extmap":
		id, uri, _ := strings.Cut(a.Value, " ")
		id, _, _ = strings.Cut(id, "/")
		uri, _, _ = strings.Cut(uri, " ")
		// Ids of 15 and more need the two-byte form, which nothing here is worth.
		if n, err := strconv.ParseUint(id, 10, 8); err == nil && n >= 1 && n <= 14 {
			s.Extensions[uri] = uint8(n)
		}
	case "ssrc":
		id, _, _ := strings.Cut(a.Value, " ")
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			if ssrc := uint32(n); !slices.Contains(s.SSRCs, ssrc) && len(s.SSRCs) < maxSSRCs {
				s.SSRCs = append(s.SSRCs, ssrc)
			}
		}
	case "ssrc-group":
		f := strings.Fields(a.Value)
		if len(f) != 3 || f[0] != "FID" || len(s.RTX) >= maxSSRCs {
			return
		}
		main, err1 := strconv.ParseUint(f[1], 10, 32)
		rtx, err2 := strconv.ParseUint(f[2], 10, 32)
		if err1 == nil && err2 == nil {
			s.RTX[uint32(main)] = uint32(rtx)
		}
	case "rid":
		if f := strings.Fields(a.Value); len(f) >= 2 && f[1] == "send" && len(s.RIDs) < maxRIDs {
			s.RIDs = append(s.RIDs, f[0])
		}
	case "simulcast":
		s.orderRIDs(a.Value)
	}
}

// orderRIDs puts the layers in the order of "send 0;~1,2;3 recv ..." (RFC 8853
// section 5.1); alternatives count as layers.
func (s *Section) orderRIDs(value string) {
	f := strings.Fields(value)
	i := slices.Index(f, "send")
	if i < 0 || i+1 >= len(f) {
		return
	}
	var order []string
	for _, id := range strings.FieldsFunc(f[i+1], func(r rune) bool { return r == ';' || r == ',' }) {
		id = strings.TrimPrefix(id, "~")
		if !slices.Contains(order, id) && len(order) < maxRIDs {
			order = append(order, id)
		}
	}
	s.RIDs = order
}
