package bench

import (
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"sluice/protocols/hls"
	"sluice/protocols/httpflv"
	"sluice/protocols/httpmp4"
	"sluice/protocols/httpts"
	"sluice/protocols/rtmp"
	"sluice/protocols/rtsp"
	"sluice/server/httpd"
	"sluice/server/hub"
	"sluice/server/media"
)

const stream = "live/bench"

// rig is a hub with all services that send bytes over TCP, and a publisher.
type rig struct {
	b    *testing.B
	hub  *hub.Hub
	pub  *hub.Publisher
	addr map[string]string // of listeners: http, rtmp, rtsp

	pictures int
	sent     int64 // bytes of payload
}

var (
	avc = &media.Track{Codec: media.H264, Width: 160, Height: 90, Config: []byte{
		1, 0x42, 0xc0, 0x0a, 0xff, 0xe1, 0, 9, 0x67, 0x42, 0xc0, 0x0a, 0xda, 0x0f, 0x08, 0x84, 0x6a, 1, 0, 4, 0x68, 0xce, 0x3c, 0x80,
	}}
	sound = &media.Track{Codec: media.AAC, SampleRate: 48000, Channels: 2, Config: []byte{0x11, 0x90}}
)

// One second of the stream: 30 pictures and 47 packets of sound, 2 Mbit/s.
const (
	fps         = 30
	pictureSize = 8000
	soundSize   = 250
	soundTime   = 1024 * time.Second / 48000
)

func newRig(b *testing.B) *rig {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	r := &rig{b: b, hub: hub.New(hub.DefaultConfig(), hub.Options{Log: log}), addr: map[string]string{}}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	rtmpConfig, rtspConfig := rtmp.DefaultConfig(), rtsp.DefaultConfig()
	rtmpConfig.Listen, rtmpConfig.ListenTLS = "127.0.0.1:0", ""
	rtspConfig.Listen, rtspConfig.ListenTLS, rtspConfig.UDPPorts = "127.0.0.1:0", "", ""
	rtmpServer, err := rtmp.Start(rtmpConfig, nil, r.hub, log)
	must(err)
	rtspServer, err := rtsp.Start(rtspConfig, nil, r.hub, log)
	must(err)
	flv, ts, mp4 := httpflv.New(httpflv.DefaultConfig(), r.hub, log), httpts.New(httpts.DefaultConfig(), r.hub, log), httpmp4.New(httpmp4.DefaultConfig(), r.hub, log)
	segments := hls.New(hls.DefaultConfig(), r.hub, log)
	web, err := httpd.Start(httpd.Config{Listen: "127.0.0.1:0"}, nil, []httpd.Route{segments, flv, ts, mp4}, log)
	must(err)
	r.addr["rtmp"], r.addr["rtsp"], r.addr["http"] = rtmpServer.Addrs()[0].String(), rtspServer.Addrs()[0].String(), web.Addrs()[0].String()
	r.pub, err = r.hub.Publish(b.Context(), hub.Session{Stream: stream, Protocol: "bench"})
	must(err)
	r.pub.Expect(media.Video, media.Audio)
	r.pub.Announce(avc)
	r.pub.Announce(sound)
	b.Cleanup(func() {
		r.pub.Close(nil)
		for _, s := range []interface{ Stop(ctx contextual) error }{segments, flv, ts, mp4, web, rtmpServer, rtspServer} {
			_ = s.Stop(b.Context())
		}
		r.hub.Close()
	})
	return r
}

// picture publishes one picture, and the sound of its time.
func (r *rig) picture() {
	at := time.Duration(r.pictures) * time.Second / fps
	key := r.pictures%fps == 0
	payload := make([]byte, pictureSize)
	payload[2], payload[3], payload[4] = (pictureSize-4)>>8, (pictureSize-4)&0xff, 0x41
	if key {
		payload[4] = 0x65
	}
	r.write(&media.Packet{Track: avc, DTS: at, PTS: at, Key: key, Payload: payload})
	for n := int64(at / soundTime); time.Duration(n)*soundTime < at+time.Second/fps; n++ {
		if t := time.Duration(n) * soundTime; t >= at {
			r.write(&media.Packet{Track: sound, DTS: t, PTS: t, Payload: make([]byte, soundSize)})
		}
	}
	r.pictures++
}

func (r *rig) write(p *media.Packet) {
	r.sent += int64(len(p.Payload))
	p.Arrival = time.Now()
	if err := r.pub.Write(p); err != nil {
		r.b.Fatal(err)
	}
}

// window is how many pictures may be under way: the players keep up.
const window = 15

// settleEvery is after how many pictures the bytes that a format adds are
// discounted: else the publisher would run ahead of the players by them.
const settleEvery = 300

// run publishes pictures, and waits after some for the players.
func (r *rig) run(pictures int, players []*player) {
	for i := range pictures {
		r.picture()
		if i%settleEvery == settleEvery-1 {
			for _, p := range players {
				p.settle(r.sent)
			}
		}
		if i%window == window-1 {
			for _, p := range players {
				if err := p.await(r.sent - window/3*pictureSize); err != nil {
					r.b.Fatalf("%v; the last player: %+v", err, players[len(players)-1].info(r.hub))
				}
			}
		}
	}
}

// cpu is the time that this process has had on all processors.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// warm is how many pictures pass before measuring: two groups.
const warm = 2 * fps

// measure returns the CPU time and the allocations for each picture.
func (r *rig) measure(pictures int, players []*player) (nanos, allocs float64) {
	r.run(warm, players)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := cpu()
	r.run(pictures, players)
	spent := cpu() - began
	runtime.ReadMemStats(&after)
	return float64(spent.Nanoseconds()) / float64(pictures), float64(after.Mallocs-before.Mallocs) / float64(pictures)
}

// format is a way to play.
type format struct {
	name string
	dial func(r *rig) (*player, error)
}

// formats are those that are compared.
var formats = []format{
	{"RTMP", func(r *rig) (*player, error) { return playRTMP(r.addr["rtmp"]) }},
	{"HTTP-FLV", func(r *rig) (*player, error) { return playHTTP(r.addr["http"], ".flv", false) }},
	{"WS-FLV", func(r *rig) (*player, error) { return playHTTP(r.addr["http"], ".flv", true) }},
	{"HTTP-TS", func(r *rig) (*player, error) { return playHTTP(r.addr["http"], ".ts", false) }},
	{"HTTP-MP4", func(r *rig) (*player, error) { return playHTTP(r.addr["http"], ".mp4", false) }},
	{"RTSP-TCP", func(r *rig) (*player, error) { return playRTSP(r.addr["rtsp"]) }},
}

// join has players come.
func (r *rig) join(name string, n int) (players []*player) {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	for range n {
		p, err := formats[i].dial(r)
		if err != nil {
			r.b.Fatal(err)
		}
		r.b.Cleanup(p.close)
		// The cached group is there before more is published.
		if err := p.await(p.base + pictureSize); err != nil {
			r.b.Fatal(err)
		}
		// A player begins at the newest key frame.
		p.base = r.sent - int64(r.pictures%fps)*pictureSize
		players = append(players, p)
	}
	return players
}

// more is how many players there are beside the first.
const more = 10

// BenchmarkFormats is what one picture of 8 kB with its sound costs, from the
// publisher to the players' sockets, the kernel and the players' reading
// included: once-ns for the stream however many watch, viewer-ns for each.
func BenchmarkFormats(b *testing.B) {
	for _, f := range formats {
		b.Run(f.name, func(b *testing.B) {
			r := newRig(b)
			r.picture()
			players := r.join(f.name, 1)
			one, oneAllocs := r.measure(b.N, players)
			players = append(players, r.join(f.name, more)...)
			all, allAllocs := r.measure(b.N, players)
			each := (all - one) / more
			b.ReportMetric(each, "viewer-ns")
			b.ReportMetric((allAllocs-oneAllocs)/more, "viewer-allocs")
			b.ReportMetric(one-each, "once-ns")
			b.ReportMetric(oneAllocs-(allAllocs-oneAllocs)/more, "once-allocs")
		})
	}
}

// BenchmarkNobody is what the same picture costs that nobody watches: nothing is
// muxed.
func BenchmarkNobody(b *testing.B) {
	r := newRig(b)
	b.ReportAllocs()
	nanos, allocs := r.measure(b.N, nil)
	b.ReportMetric(nanos, "once-ns")
	b.ReportMetric(allocs, "once-allocs")
}

// BenchmarkSegmenters is what the segmenters of HLS cost, which run from the first
// request on.
func BenchmarkSegmenters(b *testing.B) {
	for name, path := range map[string]string{"fMP4": "/" + stream + ".m3u8", "TS": "/hls/" + stream + ".m3u8"} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			r.picture()
			pace := r.join("HTTP-FLV", 1) // says how fast it may go; what it costs is not counted
			nanos, allocs := r.measure(b.N, pace)
			if err := r.segment(path); err != nil {
				b.Fatal(err)
			}
			both, bothAllocs := r.measure(b.N, pace)
			b.ReportMetric(both-nanos, "once-ns")
			b.ReportMetric(bothAllocs-allocs, "once-allocs")
		})
	}
}

func (r *rig) segment(path string) error {
	done := make(chan error, 1)
	go func() { done <- get(r.addr["http"], path) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			return nil
		case <-tick.C:
			r.picture() // the request waits for a segment
		}
	}
}
