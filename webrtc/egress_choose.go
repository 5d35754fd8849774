package webrtc

import (
	"fmt"

	"sluice/protocols/codec/h264"
	"sluice/server/hub"
	"sluice/server/media"
	"sluice/signaling"
	"sluice/webrtc/negotiate"
)

// choose fills in the answer's sections and makes the senders. tracks are those
// of the publisher that is there; without tells of which kinds it will have
// none. Where nothing is known of a kind yet, everything that the offer and this
// package have in common is agreed, as the payload type may change from packet
// to packet. It returns what to take from the hub, and
// whether the viewer can't do without H264's packetization mode 0.
func (e *egress) choose(o *negotiate.Offer, a *negotiate.Answer, tracks media.Tracks, without func(media.Kind) bool) (accept hub.Codecs, singleNAL bool, err error) {
	for i := range o.Sections {
		s, as := &o.Sections[i], &a.Sections[i]
		if s.Off || s.Kind == media.KindUnknown {
			continue
		}
		codecs := s.Receive(known(s.Kind))
		if track := tracks.Get(s.Kind); track != nil {
			codecs = carry(s, track)
		}
		if len(codecs) == 0 {
			// The peer wants the section answered, though there is nothing for it.
			if codecs = s.Receive(known(s.Kind)); len(codecs) > 0 {
				as.Codecs, as.Inactive = codecs[:1], true
			}
			continue
		}
		as.Codecs = codecs
		if without(s.Kind) {
			as.Codecs, as.Inactive = codecs[:1], true
			continue
		}
		for k, c := range codecs {
			accept |= hub.Accept(c.Codec)
			codecs[k].TransportCC = false
			singleNAL = singleNAL || c.Codec == media.H264 && c.Mode == 0 && len(codecs) == 1
		}
		sender := newSender(s.Kind, codecs)
		as.SSRC = sender.ssrc
		if codecs[0].RTX != 0 {
			as.RTX = sender.rtxSSRC
		}
		if s.Kind == media.Video {
			e.video = sender
		} else {
			e.audio = sender
		}
	}
	if e.video == nil && e.audio == nil {
		return 0, false, e.nothing(o, tracks)
	}
	return accept, singleNAL, nil
}

// known returns the codecs of a kind that can be sent.
func known(k media.Kind) []media.Codec {
	if k == media.Video {
		return videoCodecs()
	}
	return audioCodecs()
}

// carry returns the payload type for a track, or, for sound that the peer can't
// take, those that it may be transcoded to.
func carry(s *negotiate.Section, t *media.Track) []negotiate.Codec {
	profile := ""
	if t.Codec == media.H264 {
		if c, err := h264.ParseConfig(t.Config); err == nil {
			profile = c.ProfileLevelID()
		}
	}
	if c, ok := s.Send(t.Codec, profile); ok {
		return []negotiate.Codec{c}
	}
	if t.Codec.Kind() != media.Audio {
		return nil
	}
	for _, to := range []media.Codec{media.Opus, media.PCMA, media.PCMU} {
		if c, ok := s.Send(to, ""); ok {
			return []negotiate.Codec{c}
		}
	}
	return nil
}

// nothing is the refusal of an offer that has nothing in common with the stream.
func (e *egress) nothing(o *negotiate.Offer, tracks media.Tracks) error {
	var offered []media.Codec
	for i := range o.Sections {
		offered = append(offered, o.Sections[i].Offered()...)
	}
	var has []media.Codec
	for _, t := range tracks.Media() {
		has = append(has, t.Codec)
	}
	detail := fmt.Sprintf("the stream has %s, the offer takes %s", codecList(has), codecList(offered))
	if len(has) == 0 {
		detail = fmt.Sprintf("no codec in common: this server sends %s and %s, the offer takes %s",
			codecList(videoCodecs()), codecList(audioCodecs()), codecList(offered))
	}
	return &signaling.Error{Code: signaling.CodeUnsupported, Detail: detail}
}
