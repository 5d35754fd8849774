package webrtc

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	pionmedia "github.com/pion/webrtc/v4/pkg/media"

	"sluice/server/hub"
	"sluice/server/media"
)

// tcpOnly makes a client that has no UDP.
func tcpOnly(se *webrtc.SettingEngine) {
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	se.SetICETimeouts(5*time.Second, 10*time.Second, time.Second)
}

func TestTransports(t *testing.T) {
	for _, c := range []struct {
		name    string
		setting func(*webrtc.SettingEngine)
		listen  string
		want    string
	}{
		{"TCP", tcpOnly, "127.0.0.1:0", "tcp"},
		{"IPv6", func(se *webrtc.SettingEngine) {
			se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP6})
		}, "[::1]:0", "udp"},
		{"all addresses", nil, ":0", "udp"},
		{"without AES-GCM", func(se *webrtc.SettingEngine) {
			se.SetSRTPProtectionProfiles(1) // SRTP_AES128_CM_HMAC_SHA1_80
		}, "127.0.0.1:0", "udp"},
		{"mDNS names", func(se *webrtc.SettingEngine) {
			se.SetICEMulticastDNSMode(ice.MulticastDNSModeQueryAndGather)
		}, "127.0.0.1:0", "udp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "IPv6" && !hasIPv6() {
				t.Skip("this host has no IPv6")
			}
			h, s := newTestService(t, func(cfg *Config) { cfg.ListenUDP, cfg.ListenTCP = c.listen, c.listen })
			src := newSource(t, h, "live/a", 30, 2000)
			src.cached(3)
			src.run()
			v := newViewer(t, c.setting)
			v.play(s, "live/a")
			waitFor(t, "pictures", func() bool { return len(v.pictures()) > 20 })
			tr := s.Sessions()[0].Transport
			if tr.Protocol != c.want {
				t.Errorf("connected by %+v", tr)
			}
		})
	}
}

// vp8 makes a VP8 frame that is no more than its header (RFC 6386 section 9.1).
func vp8(n int, key bool) []byte {
	b := make([]byte, 1500)
	b[0] = 0x10 // shown
	if !key {
		b[0] |= 1
	}
	copy(b[3:], []byte{0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00})
	binary.BigEndian.PutUint32(b[20:], uint32(n))
	return b
}

// TestBrowserToBrowser sends a publisher's VP8 and Opus on to a viewer, and the
// viewer's wish for a key frame back.
func TestBrowserToBrowser(t *testing.T) {
	h, s := newTestService(t, nil)
	p := newPublisher(t, nil, webrtc.MimeTypeVP8)
	p.post(s.Publish, "live/a", p.offer())
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	v := newViewer(t, nil)
	keys, asked := 0, false
	for n := 0; len(v.pictures()) < 30 || len(v.got(webrtc.RTPCodecTypeAudio)) == 0 || keys < 2; n++ {
		<-tick.C
		p.mu.Lock()
		key := p.keyWanted
		p.keyWanted = false
		p.mu.Unlock()
		if key {
			keys++
		}
		_ = p.video.WriteSample(pionmedia.Sample{Data: vp8(n, key), Duration: frameTime})
		_ = p.audio.WriteSample(pionmedia.Sample{Data: []byte{0xfc, 1, 2, 3}, Duration: frameTime})
		if _, ok := s.tracks("live/a"); ok && v.session == nil {
			v.play(s, "live/a")
		}
		if video := v.got(webrtc.RTPCodecTypeVideo); len(video) > 10 && !asked {
			asked = true
			_ = v.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: video[0].SSRC}})
		}
		if n > 600 {
			t.Fatalf("%d pictures, %d key frames", len(v.pictures()), keys)
		}
	}
	ts, _ := h.Find("live/a").Tracks()
	if ts.Video.Codec != media.VP8 || ts.Video.Width != 320 || ts.Video.Height != 240 || len(ts.Audio.Config) == 0 {
		t.Errorf("tracks %+v %+v", ts.Video, ts.Audio)
	}
}

// TestRewind: a viewer that has lost the picture of a publisher that can't make
// a key frame gets the cached group again, with times that rise.
func TestRewind(t *testing.T) {
	h, s := newTestService(t, nil)
	src := newSource(t, h, "live/a", 1000, 2000)
	src.cached(20)
	src.run()
	v := newViewer(t, nil)
	v.play(s, "live/a")
	waitFor(t, "pictures", func() bool { return len(v.pictures()) > 40 })
	waitFor(t, "the key frame again", func() bool {
		video := v.got(webrtc.RTPCodecTypeVideo)
		_ = v.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: video[0].SSRC}})
		return countKeys(v) > 1
	})
	n := len(v.pictures())
	waitFor(t, "more pictures", func() bool { return len(v.pictures()) > n+20 })
	pics := v.pictures()
	for i := 1; i < len(pics); i++ {
		if d := int32(pics[i][0].Timestamp - pics[i-1][0].Timestamp); d <= 0 {
			t.Fatalf("picture %d is %d ticks after the one before", i, d)
		}
	}
}

// countKeys counts the key frames by their parameter sets.
func countKeys(v *viewer) (n int) {
	for _, p := range v.got(webrtc.RTPCodecTypeVideo) {
		if bytes.Contains(p.Payload, testSPS) {
			n++
		}
	}
	return n
}

// TestSimulcast: of several layers the largest is published, and where it stops
// another takes its place.
func TestSimulcast(t *testing.T) {
	h, s := newTestService(t, nil)
	w := watch(t, h, "live/a")
	c := newClient(t, nil)
	rids := []string{"q", "h", "f"}
	var tracks []*webrtc.TrackLocalStaticSample
	var sender *webrtc.RTPSender
	for i, rid := range rids {
		track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "stream", webrtc.WithRTPStreamID(rid))
		if err != nil {
			t.Fatal(err)
		}
		tracks = append(tracks, track)
		if i == 0 {
			tr, err := c.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			if err != nil {
				t.Fatal(err)
			}
			sender = tr.Sender()
		} else if err := sender.AddEncoding(track); err != nil {
			t.Fatal(err)
		}
	}
	c.post(s.Publish, "live/a", c.offer())
	waitFor(t, "the connection", func() bool { return c.pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	top := len(tracks)
	for n := 0; n < 120; n++ {
		<-tick.C
		if n == 40 {
			top = 2 // the largest layer stops
		}
		for i, track := range tracks[:top] {
			frame := vp8(n, n%10 == 0)
			binary.LittleEndian.PutUint16(frame[6:], 64<<i)
			_ = track.WriteSample(pionmedia.Sample{Data: frame, Duration: frameTime})
		}
	}
	widths := map[int]int{}
	for _, p := range w.kind(media.Video) {
		widths[p.Track.Width]++
	}
	t.Logf("pictures by width: %v", widths)
	if widths[256] < 15 || widths[128] < 15 {
		t.Errorf("pictures by width: %v", widths)
	}
	last := w.kind(media.Video)
	if got := last[len(last)-1].Track.Width; got != 128 {
		t.Errorf("ends with width %d", got)
	}
}

// TestSoundThatNeedsNoTranscoder carries G711 as it is.
func TestSoundThatNeedsNoTranscoder(t *testing.T) {
	h, s := newTestService(t, nil)
	src := newSource(t, h, "live/a", 30, 2000)
	src.audio = &media.Track{Codec: media.PCMA, SampleRate: 8000, Channels: 1}
	src.cached(3)
	src.run()
	v := newViewer(t, nil)
	v.play(s, "live/a")
	waitFor(t, "sound", func() bool { return len(v.got(webrtc.RTPCodecTypeAudio)) > 20 })
	if p := v.got(webrtc.RTPCodecTypeAudio)[0]; p.PayloadType != 8 {
		t.Errorf("payload type %d", p.PayloadType)
	}
	a := v.got(webrtc.RTPCodecTypeAudio)
	if d := a[10].Timestamp - a[9].Timestamp; d != 160 {
		t.Errorf("20 ms are %d ticks", d)
	}
}

// TestSoundAlone plays a stream without pictures from its live edge.
func TestSoundAlone(t *testing.T) {
	h, s := newTestService(t, nil)
	pub, err := h.Publish(context.Background(), hub.Session{Stream: "live/a", Protocol: "rtmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close(nil)
	pub.Expect(media.Audio)
	v := newViewer(t, nil)
	tick := time.NewTicker(opusTime)
	defer tick.Stop()
	for n := 0; len(v.got(webrtc.RTPCodecTypeAudio)) < 20; n++ {
		<-tick.C
		at := time.Duration(n) * opusTime
		if err := pub.Write(&media.Packet{Track: opusTrack(), DTS: at, PTS: at, Payload: []byte{0xfc, byte(n)}}); err != nil {
			t.Fatal(err)
		}
		if n == 50 {
			v.play(s, "live/a")
		}
		if n > 1000 {
			t.Fatal("no sound")
		}
	}
}
