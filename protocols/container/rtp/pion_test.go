package rtp

import (
	"bytes"
	"testing"

	"github.com/pion/rtp/codecs"

	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// These tests meet another implementation, for the formats of WebRTC that ffmpeg
// does not speak.

func TestToPion(t *testing.T) {
	for _, s := range streams() {
		var d interface {
			Unmarshal(payload []byte) ([]byte, error)
		}
		switch s.track.Codec {
		case media.H264:
			d = &codecs.H264Packet{}
		case media.H265:
			d = &codecs.H265Depacketizer{}
		case media.AV1:
			d = &codecs.AV1Depacketizer{}
		case media.VP8:
			d = &codecs.VP8Packet{}
		case media.VP9:
			d = &codecs.VP9Packet{}
		default:
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			for i, f := range s.send(t, newRand(8), 60, 20) {
				var got []byte
				for j, p := range f.packets {
					b, err := d.Unmarshal(p.Payload)
					if err != nil {
						t.Fatalf("frame %d, packet %d: %v", i, j, err)
					}
					got = append(got, b...)
					switch d := d.(type) {
					case *codecs.VP8Packet:
						if int(d.PictureID) != i || d.S != 0 != (j == 0) {
							t.Errorf("frame %d, packet %d: %+v", i, j, d)
						}
					case *codecs.VP9Packet:
						if int(d.PictureID) != i || d.P == f.key || d.B != (j == 0) || d.E != (j == len(f.packets)-1) || d.L == s.config.NoLayerIndices {
							t.Errorf("frame %d, packet %d: %+v", i, j, d)
						}
						if f.key && j == 0 && (len(d.Width) != 1 || int(d.Width[0]) != s.track.Width || int(d.Height[0]) != s.track.Height) {
							t.Errorf("frame %d: size %v x %v", i, d.Width, d.Height)
						}
					case *codecs.AV1Depacketizer:
						if d.N != (f.key && j == 0) {
							t.Errorf("frame %d, packet %d: N %v", i, j, d.N)
						}
					}
				}
				if s.track.Codec == media.H264 || s.track.Codec == media.H265 {
					got = nal.FromAnnexB(got)
				}
				if !bytes.Equal(got, f.payload) {
					t.Fatalf("frame %d came as %d bytes, not %d", i, len(got), len(f.payload))
				}
			}
		})
	}
}

func TestFromPion(t *testing.T) {
	for name, p := range map[string]interface {
		Payload(mtu uint16, payload []byte) [][]byte
	}{
		"H264":                      &codecs.H264Payloader{},
		"H265":                      &codecs.H265Payloader{SkipAggregation: true},
		"AV1":                       &codecs.AV1Payloader{},
		"VP8":                       &codecs.VP8Payloader{EnablePictureID: true},
		"VP9":                       &codecs.VP9Payloader{},
		"VP9 without layer indices": &codecs.VP9Payloader{FlexibleMode: true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range streams() {
				if s.name == name {
					fromPion(t, s, p.Payload)
				}
			}
		})
	}
}

func fromPion(t *testing.T, s stream, payload func(mtu uint16, payload []byte) [][]byte) {
	d := must(NewDepacketizer(s.format, DepacketizerConfig{TrustMarker: true}))
	rnd := newRand(9)
	for i := range 60 {
		key := i%20 == 0
		frame := s.frame(rnd, key)
		in := frame
		if s.track.Codec == media.H264 || s.track.Codec == media.H265 {
			in = nal.AnnexB(frame)
		}
		parts := payload(1000, in)
		var units []Unit
		for j, b := range parts {
			var err error
			if units, err = d.Append(units, Packet{Payload: b, Timestamp: uint32(i), Marker: j == len(parts)-1}, false); err != nil {
				t.Fatalf("frame %d, packet %d: %v", i, j, err)
			}
		}
		if len(units) != 1 || !bytes.Equal(units[0].Payload, frame) || units[0].Key != key {
			t.Fatalf("frame %d came as %d units", i, len(units))
		}
	}
}
