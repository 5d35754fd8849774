package rtmp

import (
	"fmt"
	"strings"
	"testing"

	"sluice/protocols/container/amf"
	"sluice/protocols/rtmp/message"
	"sluice/server/hub"
	"sluice/server/media"
)

// What each player gets depends on what it has announced.
func TestForms(t *testing.T) {
	opusToAAC := hub.Transcoder{From: media.Opus, To: media.AAC, New: func(*media.Track) (hub.Filter, error) { return rename{}, nil }}
	list := func(fourCCs ...amf.Value) amf.Property {
		return amf.Property{Name: "fourCcList", Value: amf.Array(fourCCs)}
	}
	all := AllCapabilities().properties()
	for _, c := range []struct {
		name         string
		announce     []amf.Property
		video, audio media.Codec
		// The first bytes of the sequence headers and of the packets.
		wantVideo, wantAudio string
		warning              string
	}{
		{"legacy", nil, media.H264, media.AAC, "17 17", "af af", ""},
		{"HEVC by number", nil, media.H265, media.PCMA, "1c 1c", "73", ""},
		{"HEVC by fourCC", []amf.Property{list("hvc1")}, media.H265, media.AAC, "90hvc1 93hvc1", "af af", ""},
		{"Opus to a legacy player", nil, media.H264, media.Opus, "17 17", "af af", ""},
		{"Opus by fourCC", []amf.Property{list("Opus")}, media.H264, media.Opus, "17 17", "90Opus 91Opus", ""},
		{"AV1 to a legacy player", nil, media.AV1, media.AAC, "", "af af", "AV1"},
		{"AV1 by fourCC", []amf.Property{list("av01")}, media.AV1, media.AAC, "90av01 91av01", "af af", ""},
		{"all", all, media.H264, media.AAC, "90avc1 93avc1", "90mp4a 91mp4a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := startGateway(t, func(_ *Config, _ *hub.Config, o *hub.Options) { o.Transcoders = []hub.Transcoder{opusToAAC} })
			player := playRaw(t, g, "one", c.announce...)
			g.feed(t, "live/one", 20, fake(c.video), fake(c.audio))
			var video, audio []string
			seen := map[string]bool{}
			note := func(list *[]string, b []byte) {
				s := fmt.Sprintf("%x", b[0])
				if b[0]&0x80 != 0 && b[0] != 0xaf || b[0]>>4 == 9 {
					s += string(b[1:5])
				}
				if key := s + fmt.Sprint(b[1]); !seen[key] {
					seen[key] = true
					*list = append(*list, s)
				}
			}
			warning := ""
			// It starts at the newest key frame, or the newest sound if it gets
			// no pictures: a sequence header and one packet.
			for n := 0; n < 2; {
				m, err := player.next()
				if err != nil {
					t.Fatal(err)
				}
				switch m.Type {
				case message.Video:
					if m.Body[0]>>4&7 == 1 { // key frames only
						note(&video, m.Body)
					}
				case message.Audio:
					note(&audio, m.Body)
					n++
				case message.CommandAMF0:
					warning += string(m.Body)
				}
			}
			if got := strings.Join(video, " "); got != c.wantVideo {
				t.Errorf("video %q, want %q", got, c.wantVideo)
			}
			if got := strings.Join(audio, " "); !strings.HasPrefix(got, c.wantAudio) {
				t.Errorf("audio %q, want %q", got, c.wantAudio)
			}
			if !strings.Contains(warning, c.warning) || c.warning == "" && strings.Contains(warning, "NoSupportedTrack") {
				t.Errorf("the player hears %q", warning)
			}
		})
	}
}

// rename is a transcoder that changes nothing but the name.
type rename struct{}

func (rename) Track() *media.Track { return aacTrack }
func (rename) Process(p *media.Packet, emit func(*media.Packet)) error {
	q := *p
	q.Track = aacTrack
	emit(&q)
	return nil
}
func (rename) Close() {}
func (rename) Cut()   {}

var aacTrack = fake(media.AAC)
