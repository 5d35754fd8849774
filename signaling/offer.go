package signaling

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"sluice/signaling/sdpfrag"
)

// maxSections bounds the m= sections of an offer, those with port 0 included.
const maxSections = 16

// ParsedOffer is an offer that signaling has checked.
type ParsedOffer struct {
	// SDP is the offer with CRLF line ends and repaired as [ParseOffer] says.
	SDP string
	// ICE has the client's credentials and the candidates in the offer.
	ICE sdpfrag.Fragment
}

// ParseOffer checks the body of a WHIP or WHEP POST against what RFC 9725 section 4.4
// and draft-ietf-wish-whep section 4.6 ask of an offer: at most one audio and one video
// section, at least one of them, in one BUNDLE group, with rtcp-mux, ICE credentials, a
// fingerprint, a direction that fits the action and a DTLS role. A data channel may
// come along. Codecs are left to the engine.
//
// It repairs what known clients write wrong: a BUNDLE group that names sections which
// don't exist (FFmpeg), "a=rtcp-fb106 nack" without its colon (FFmpeg), and commas
// between ice-options (OBS). FFmpeg also offers the DTLS role "passive", which the RFC
// does not foresee; it is accepted, and the server is then the DTLS client.
//
// The error is an [*Error] with CodeBadOffer (400) for text that is not SDP or lacks
// what every WebRTC offer has, or CodeUnsupported (422) for an offer that can't be served.
func ParseOffer(action Action, body []byte) (ParsedOffer, error) {
	ice, err := sdpfrag.FromSDP(string(body))
	if err != nil {
		return ParsedOffer{}, badOffer("the offer has no usable ICE description; send the localDescription of a peer connection", err)
	}
	var sd sdp.SessionDescription
	if err := sd.Unmarshal(body); err != nil {
		return ParsedOffer{}, badOffer("the offer is not valid SDP", err)
	}
	if len(sd.MediaDescriptions) > maxSections {
		return ParsedOffer{}, unsupported("the offer has %d m= sections; offer one audio and one video", len(sd.MediaDescriptions))
	}
	repair(&sd)
	if err := checkOffer(&sd, action); err != nil {
		return ParsedOffer{}, err
	}
	out, err := sd.Marshal()
	if err != nil {
		return ParsedOffer{}, badOffer("the offer is not valid SDP", err)
	}
	return ParsedOffer{SDP: string(out), ICE: ice}, nil
}

func badOffer(detail string, err error) *Error {
	return &Error{Code: CodeBadOffer, Detail: detail, Err: err}
}

func unsupported(format string, args ...any) *Error {
	return &Error{Code: CodeUnsupported, Detail: fmt.Sprintf(format, args...)}
}

// repair rewrites in place what [ParseOffer] promises to repair.
func repair(sd *sdp.SessionDescription) {
	var mids []string
	for _, m := range sd.MediaDescriptions {
		if mid, ok := m.Attribute("mid"); ok {
			mids = append(mids, mid)
		}
		repairAttributes(m.Attributes)
	}
	repairAttributes(sd.Attributes)
	for i, a := range sd.Attributes {
		members := strings.Fields(a.Value)
		if a.Key != "group" || len(members) == 0 || members[0] != "BUNDLE" {
			continue
		}
		members = slices.DeleteFunc(members[1:], func(m string) bool { return !slices.Contains(mids, m) })
		sd.Attributes[i].Value = strings.Join(append([]string{"BUNDLE"}, members...), " ")
	}
}

func repairAttributes(attrs []sdp.Attribute) {
	for i, a := range attrs {
		switch {
		case a.Key == "ice-options":
			attrs[i].Value = strings.ReplaceAll(a.Value, ",", " ")
		case a.Value == "" && len(a.Key) > 8 && strings.HasPrefix(a.Key, "rtcp-fb") && a.Key[7] >= '0' && a.Key[7] <= '9':
			attrs[i] = sdp.Attribute{Key: "rtcp-fb", Value: a.Key[7:]}
		}
	}
}

// checkOffer tells what of [ParseOffer]'s rules the description breaks.
func checkOffer(sd *sdp.SessionDescription, action Action) error {
	bundle, groups := bundleGroup(sd)
	if groups > 1 {
		return unsupported("the offer has %d BUNDLE groups; put all media into one (bundlePolicy max-bundle)", groups)
	}
	seen := map[string]int{}
	inUse := 0
	for i, m := range sd.MediaDescriptions {
		if disabled(m) {
			continue
		}
		inUse++
		kind := m.MediaName.Media
		if seen[kind]++; seen[kind] > 1 {
			return unsupported("the offer has more than one %s section; offer at most one audio and one video", kind)
		}
		if refusal := checkSection(sd, m, action); refusal != nil {
			refusal.Detail = fmt.Sprintf("section %d (%.20s): %s", i, kind, refusal.Detail)
			return refusal
		}
		mid, ok := m.Attribute("mid")
		if inUse > 1 && (!ok || !slices.Contains(bundle, mid)) {
			return unsupported("section %d (%.20s) is not in the BUNDLE group; put all media into one (bundlePolicy max-bundle)", i, kind)
		}
	}
	if seen["audio"]+seen["video"] == 0 {
		return unsupported("the offer has no audio and no video section in use")
	}
	return nil
}

// bundleGroup returns the members of the first BUNDLE group and the number of groups.
func bundleGroup(sd *sdp.SessionDescription) (members []string, groups int) {
	for _, a := range sd.Attributes {
		if f := strings.Fields(a.Value); a.Key == "group" && len(f) > 0 && f[0] == "BUNDLE" {
			if groups++; groups == 1 {
				members = f[1:]
			}
		}
	}
	return members, groups
}

// disabled tells whether the section is switched off: port 0 and not bundle-only (RFC
// 9143 section 6), as Firefox writes for a stopped transceiver.
func disabled(m *sdp.MediaDescription) bool {
	_, bundleOnly := m.Attribute("bundle-only")
	return m.MediaName.Port.Value == 0 && !bundleOnly
}

// checkSection returns nil for a section that can be served.
func checkSection(sd *sdp.SessionDescription, m *sdp.MediaDescription, action Action) *Error {
	proto := strings.Join(m.MediaName.Protos, "/")
	either := func(key string) string {
		v, ok := m.Attribute(key)
		if !ok {
			v, _ = sd.Attribute(key)
		}
		return v
	}
	switch m.MediaName.Media {
	case "application":
		if !strings.HasSuffix(proto, "DTLS/SCTP") {
			return unsupported("transport %.40s is not that of a WebRTC data channel", proto)
		}
	case "audio", "video":
		if !strings.HasSuffix(proto, "RTP/SAVPF") {
			return unsupported("transport %.40s is not UDP/TLS/RTP/SAVPF", proto)
		}
		_, mux := m.Attribute("rtcp-mux")
		_, muxOnly := m.Attribute("rtcp-mux-only")
		if !mux && !muxOnly {
			return unsupported("RTP and RTCP on separate ports are not supported; offer rtcp-mux")
		}
		if refusal := checkDirection(direction(sd, m), action); refusal != nil {
			return refusal
		}
	default:
		return unsupported("only audio, video and application sections are supported")
	}
	if either("fingerprint") == "" {
		return badOffer("the offer has no DTLS fingerprint", nil)
	}
	if setup := either("setup"); !slices.Contains([]string{"actpass", "active", "passive", ""}, setup) {
		return unsupported("DTLS setup role %.20q is not supported; offer actpass or active", setup)
	}
	return nil
}

// direction returns the section's direction, that of the session, or the default
// sendrecv (RFC 8866 section 6.7).
func direction(sd *sdp.SessionDescription, m *sdp.MediaDescription) string {
	for _, attrs := range [][]sdp.Attribute{m.Attributes, sd.Attributes} {
		for _, a := range attrs {
			if isDirection(a) {
				return a.Key
			}
		}
	}
	return sdp.DirectionSendRecv.String()
}

func isDirection(a sdp.Attribute) bool {
	_, err := sdp.NewDirection(a.Key)
	return err == nil
}

func checkDirection(dir string, action Action) *Error {
	_, want := action.directions()
	if dir == want || dir == "sendrecv" {
		return nil
	}
	if dir == "inactive" {
		return unsupported("inactive media is not supported; offer %s", want)
	}
	other := Play
	if action == Play {
		other = Publish
	}
	return unsupported("%s media does not fit this endpoint, which is to %s: offer %s, or POST to .../%s to %s",
		dir, action, want, other.endpoint(), other)
}
