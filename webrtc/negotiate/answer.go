package negotiate

import (
	"fmt"
	"strings"

	"sluice/server/media"
)

// Answer is what an answer says.
type Answer struct {
	// ID is the session id of the o= line.
	ID uint64
	// Ufrag, Pwd and Fingerprint (SHA-256, without the hash's name) are the
	// local ones.
	Ufrag, Pwd, Fingerprint string
	// Active is set where this side is the DTLS client.
	Active bool
	// Direction is "sendonly" or "recvonly".
	Direction string
	// Stream is the MediaStream's name, for what is sent.
	Stream string
	// Candidates are the values of the a=candidate lines.
	Candidates []string
	// Sections has one entry for each section of the offer.
	Sections []AnswerSection
}

// AnswerSection answers one section.
type AnswerSection struct {
	// Codecs are the payload types in use, best first. A section with none is
	// rejected.
	Codecs []Codec
	// Inactive is set where nothing flows although there is a codec.
	Inactive bool
	// SSRC and RTX are the sources of what is sent.
	SSRC, RTX uint32
	// Extensions are the URIs of the header extensions in use.
	Extensions []string
	// RIDs are the simulcast layers that are taken.
	RIDs []string
}

// String writes the answer to the offer.
func (a *Answer) String(o *Offer) string {
	w := &lines{}
	w.add("v=0")
	w.add("o=- %d 1 IN IP4 127.0.0.1", a.ID)
	w.add("s=-")
	w.add("t=0 0")
	var bundle strings.Builder
	for i, s := range o.Sections {
		if len(a.Sections[i].Codecs) > 0 && s.MID != "" {
			bundle.WriteString(" " + s.MID)
		}
	}
	if bundle.Len() > 0 {
		w.add("a=group:BUNDLE%s", bundle.String())
	}
	if o.MixedExtensions {
		w.add("a=extmap-allow-mixed")
	}
	w.add("a=msid-semantic: WMS %s", orStar(a.Stream))
	first := true
	for i := range o.Sections {
		s, as := &o.Sections[i], &a.Sections[i]
		if len(as.Codecs) == 0 {
			w.reject(s)
			continue
		}
		a.section(w, s, as)
		if first {
			for _, c := range a.Candidates {
				w.add("a=candidate:%s", c)
			}
			w.add("a=end-of-candidates")
			first = false
		}
	}
	return w.String()
}

func orStar(s string) string {
	if s == "" {
		return "*"
	}
	return s
}

func (a *Answer) section(w *lines, s *Section, as *AnswerSection) {
	var pts strings.Builder
	for _, c := range as.Codecs {
		fmt.Fprintf(&pts, " %d", c.PT)
		if c.RTX != 0 {
			fmt.Fprintf(&pts, " %d", c.RTX)
		}
	}
	w.add("m=%s 9 %s%s", s.Media, s.Protocol, pts.String())
	w.add("c=IN IP4 0.0.0.0")
	w.add("a=rtcp:9 IN IP4 0.0.0.0")
	w.add("a=ice-ufrag:%s", a.Ufrag)
	w.add("a=ice-pwd:%s", a.Pwd)
	w.add("a=ice-options:trickle")
	w.add("a=fingerprint:sha-256 %s", a.Fingerprint)
	setup := "passive"
	if a.Active {
		setup = "active"
	}
	w.add("a=setup:%s", setup)
	if s.MID != "" {
		w.add("a=mid:%s", s.MID)
	}
	for _, uri := range as.Extensions {
		w.add("a=extmap:%d %s", s.Extensions[uri], uri)
	}
	direction := a.Direction
	if as.Inactive {
		direction = "inactive"
	}
	w.add("a=%s", direction)
	sends := direction == "sendonly"
	if sends {
		w.add("a=msid:%s %s", a.Stream, s.Media)
	}
	w.add("a=rtcp-mux")
	w.add("a=rtcp-mux-only")
	if s.ReducedSize {
		w.add("a=rtcp-rsize")
	}
	for _, c := range as.Codecs {
		w.codec(c)
	}
	if len(as.RIDs) > 0 {
		for _, id := range as.RIDs {
			w.add("a=rid:%s recv", id)
		}
		w.add("a=simulcast:recv %s", strings.Join(as.RIDs, ";"))
	}
	if sends {
		w.sources(a.Stream, s.Media, as)
	}
}

// lines collects the lines of a description.
type lines struct{ strings.Builder }

func (w *lines) add(format string, args ...any) {
	fmt.Fprintf(w, format, args...)
	w.WriteString("\r\n")
}

// reject writes a section with port 0 (RFC 3264 section 6).
func (w *lines) reject(s *Section) {
	formats := "0"
	if len(s.Formats) > 0 {
		formats = strings.Join(s.Formats, " ")
	}
	w.add("m=%s 0 %s %s", s.Media, s.Protocol, formats)
	w.add("c=IN IP4 0.0.0.0")
	if s.MID != "" {
		w.add("a=mid:%s", s.MID)
	}
	w.add("a=inactive")
}

func (w *lines) codec(c Codec) {
	w.add("a=rtpmap:%d %s", c.PT, c.encoding())
	for _, fb := range []struct {
		on   bool
		text string
	}{{c.TransportCC, "transport-cc"}, {c.FIR, "ccm fir"}, {c.NACK, "nack"}, {c.PLI, "nack pli"}} {
		if fb.on {
			w.add("a=rtcp-fb:%d %s", c.PT, fb.text)
		}
	}
	if p := c.params(); p != "" {
		w.add("a=fmtp:%d %s", c.PT, p)
	}
	if c.RTX != 0 {
		w.add("a=rtpmap:%d rtx/%d", c.RTX, c.Rate)
		w.add("a=fmtp:%d apt=%d", c.RTX, c.PT)
	}
}

func (c Codec) encoding() string {
	s := fmt.Sprintf("%s/%d", c.Name, c.Rate)
	switch {
	case c.Codec == media.Opus:
		return s + "/2" // always, RFC 7587 section 7
	case c.Channels > 0:
		return fmt.Sprintf("%s/%d", s, c.Channels)
	default:
		return s
	}
}

// params returns the answer's a=fmtp: what the offer says, less the parameter
// sets that it may bring, and for Opus both channels and redundancy.
func (c Codec) params() string {
	if c.Codec == media.Opus {
		return "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1"
	}
	var keep []string
	for p := range strings.SplitSeq(c.Params, ";") {
		p = strings.TrimSpace(p)
		if p != "" && !strings.HasPrefix(p, "sprop-") {
			keep = append(keep, p)
		}
	}
	return strings.Join(keep, ";")
}

// sources names what is sent, so that a peer can tell the tracks apart from the
// first packet on.
func (w *lines) sources(stream, track string, as *AnswerSection) {
	list := []uint32{as.SSRC}
	if as.RTX != 0 {
		w.add("a=ssrc-group:FID %d %d", as.SSRC, as.RTX)
		list = append(list, as.RTX)
	}
	for _, ssrc := range list {
		w.add("a=ssrc:%d cname:%s", ssrc, stream)
		w.add("a=ssrc:%d msid:%s %s", ssrc, stream, track)
	}
}
