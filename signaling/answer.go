package signaling

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"sluice/signaling/sdpfrag"
)

// iceOptions is what the answer says if the engine leaves ice-options out: candidates
// may be trickled (RFC 8840 section 4.1.3).
const iceOptions = "trickle"

// FinishAnswer brings an engine's answer into the form that RFC 9725 and
// draft-ietf-wish-whep ask for:
//   - every audio and video section has the action's direction, or stays inactive;
//   - every bundled one has a=rtcp-mux-only (section 4.4.1);
//   - all of them name the same MediaStream in their msid (section 4.4.2);
//   - the candidates stand once, in the first section in use, each for component 1;
//   - ice-options says trickle.
//
// UDP candidates come first, those with the address near before all others: FFmpeg
// tries the first host candidate only and gives up if it is TCP. near is the server's
// address that the HTTP request arrived at; the zero Addr knows none.
//
// In the answer to a publisher no section may be rejected (section 4.4.3): that is an
// [*Error] with CodeUnsupported.
func FinishAnswer(action Action, answer string, near netip.Addr) (string, error) {
	var sd sdp.SessionDescription
	if err := sd.UnmarshalString(answer); err != nil {
		return "", fmt.Errorf("signaling: the engine's answer: %w", err)
	}
	ice, err := sdpfrag.FromSDP(answer)
	if err != nil {
		return "", fmt.Errorf("signaling: the engine's answer: %w", err)
	}
	stream := ""
	tagged := true
	for i, m := range sd.MediaDescriptions {
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
			return a.IsICECandidate() || a.Key == "end-of-candidates"
		})
		kind := m.MediaName.Media
		if m.MediaName.Port.Value == 0 {
			if action == Publish && kind != "application" {
				return "", unsupported("section %d (%s): no codec in common; offer H264, H265, VP8, VP9 or AV1 and Opus or G711", i, kind)
			}
			continue
		}
		if tagged {
			tagged = false
			for _, c := range SortCandidates(ice.Candidates, near) {
				m.Attributes = append(m.Attributes, sdp.NewAttribute("candidate", strings.TrimPrefix(c.String(), "candidate:")))
			}
			m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute("end-of-candidates"))
		}
		if kind == "audio" || kind == "video" {
			finishSection(m, action)
			stream = sameStream(m, stream)
		}
	}
	if len(ice.Options) == 0 {
		sd.Attributes = append(sd.Attributes, sdp.NewAttribute("ice-options", iceOptions))
	}
	out, err := sd.Marshal()
	if err != nil {
		return "", fmt.Errorf("signaling: the engine's answer: %w", err)
	}
	return string(out), nil
}

// finishSection sets direction and rtcp-mux-only.
func finishSection(m *sdp.MediaDescription, action Action) {
	want, _ := action.directions()
	attrs := make([]sdp.Attribute, 0, len(m.Attributes)+2)
	for _, a := range m.Attributes {
		switch {
		case a.Key == "inactive":
			want = a.Key
		case isDirection(a), a.Key == "rtcp-mux-only":
		case a.Key == "rtcp-mux":
			attrs = append(attrs, a, sdp.NewPropertyAttribute("rtcp-mux-only"))
		default:
			attrs = append(attrs, a)
		}
	}
	attrs = append(attrs, sdp.NewPropertyAttribute(want))
	m.Attributes = attrs
}

// sameStream makes the section's msid name the stream of the sections before it; an
// empty stream takes the section's own. It returns the stream.
func sameStream(m *sdp.MediaDescription, stream string) string {
	for i, a := range m.Attributes {
		prefix, msid := "", a.Value
		switch a.Key {
		case "msid":
		case "ssrc":
			ssrc, value, ok := strings.Cut(a.Value, " msid:")
			if !ok {
				continue
			}
			prefix, msid = ssrc+" msid:", value
		default:
			continue
		}
		id, track, _ := strings.Cut(msid, " ")
		if stream == "" {
			stream = id
		}
		m.Attributes[i].Value = strings.TrimSuffix(prefix+stream+" "+track, " ")
	}
	return stream
}

// SortCandidates returns the usable ones of the server's candidates in the order in
// which a client that tries only one should see them: UDP before TCP, then the address
// near, then addresses that are loopback if near is and else are not, then those of
// near's family, then as they came.
func SortCandidates(candidates []sdpfrag.Candidate, near netip.Addr) []sdpfrag.Candidate {
	near = near.Unmap()
	rank := func(c sdpfrag.Candidate) int {
		addr, _ := netip.ParseAddr(c.Address)
		r := 0
		for _, misfit := range []bool{
			c.Transport != "udp",
			addr != near,
			addr.IsLoopback() != near.IsLoopback(),
			near.IsValid() && addr.Is4() != near.Is4(),
		} {
			r *= 2
			if misfit {
				r++
			}
		}
		return r
	}
	out := slices.DeleteFunc(slices.Clone(candidates), func(c sdpfrag.Candidate) bool { return !c.Usable() })
	slices.SortStableFunc(out, func(a, b sdpfrag.Candidate) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}
