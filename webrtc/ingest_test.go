package webrtc

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"sluice/server/hub"
	sluice "sluice/server/media"
)

// publisher is a client that sends numbered pictures and sound.
type publisher struct {
	*client
	video, audio *webrtc.TrackLocalStaticSample
	mu           sync.Mutex
	keyWanted    bool
	keys         int // key frame requests
	n            int
}

func newPublisher(t testing.TB, setting func(*webrtc.SettingEngine), mime string) *publisher {
	t.Helper()
	p := &publisher{client: newClient(t, setting), keyWanted: true}
	var err error
	p.video, err = webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, "video", "stream")
	if err != nil {
		t.Fatal(err)
	}
	p.audio, err = webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "stream")
	if err != nil {
		t.Fatal(err)
	}
	for _, track := range []webrtc.TrackLocal{p.video, p.audio} {
		tr, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			t.Fatal(err)
		}
		go p.readRTCP(tr.Sender())
	}
	return p
}

func (p *publisher) readRTCP(s *webrtc.RTPSender) {
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, k := range packets {
			if _, ok := k.(*rtcp.PictureLossIndication); ok {
				p.mu.Lock()
				p.keyWanted = true
				p.keys++
				p.mu.Unlock()
			}
		}
	}
}

func annexB(units ...[]byte) []byte {
	var b []byte
	for _, u := range units {
		b = append(append(b, 0, 0, 0, 1), u...)
	}
	return b
}

// frame sends the next picture, a key frame if one is wanted, and its sound.
func (p *publisher) frame() {
	p.mu.Lock()
	key := p.keyWanted
	p.keyWanted = false
	p.mu.Unlock()
	unit := picture(p.n, 3000, key)[4:]
	// No zeros: they would be start codes for pion.
	for i := 12; i < len(unit); i++ {
		unit[i] = 0x55
	}
	unit[8], unit[9], unit[10], unit[11] = 0x80, 0x80, 0x80|byte(p.n>>7), 0x80|byte(p.n&0x7f)
	data := annexB(unit)
	if key {
		data = annexB(testSPS, testPPS, unit)
	}
	_ = p.video.WriteSample(media.Sample{Data: data, Duration: frameTime})
	_ = p.audio.WriteSample(media.Sample{Data: []byte{0xfc, byte(p.n), 1, 2}, Duration: frameTime})
	p.n++
}

// run sends until the test ends or stop is called.
func (p *publisher) run() (stop func()) {
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(frameTime)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.frame()
			case <-ctx.Done():
				return
			}
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	p.t.Cleanup(stop)
	return stop
}

// watcher reads a stream's packets in process.
type watcher struct {
	mu      sync.Mutex
	packets []*sluice.Packet
}

func watch(t testing.TB, h *hub.Hub, stream string) *watcher {
	t.Helper()
	v, err := h.Play(context.Background(), hub.Session{Stream: stream, Protocol: "test"}, hub.AllCodecs)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		sub := hub.Subscribe(v, hub.Items())
		defer sub.Close()
		batch := make([]hub.Item, 16)
		for sub.Wait() == nil {
			n, _ := sub.Read(batch)
			w.mu.Lock()
			for _, i := range batch[:n] {
				if i.Packet != nil {
					w.packets = append(w.packets, i.Packet)
				}
			}
			w.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		v.Close(nil)
		<-done
	})
	return w
}

func (w *watcher) kind(k sluice.Kind) (list []*sluice.Packet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.packets {
		if p.Kind() == k {
			list = append(list, p)
		}
	}
	return list
}

func TestPublish(t *testing.T) {
	h, s := newTestService(t, nil)
	w := watch(t, h, "live/a")
	p := newPublisher(t, nil, webrtc.MimeTypeH264)
	p.post(s.Publish, "live/a", p.offer())
	p.run()
	waitFor(t, "60 pictures", func() bool { return len(w.kind(sluice.Video)) > 60 })
	pics := w.kind(sluice.Video)
	if !pics[0].Key || pics[0].Track.Width != 1280 {
		t.Errorf("begins with key %v of a track %+v", pics[0].Key, pics[0].Track)
	}
	for i := 1; i < len(pics); i++ {
		// Lip sync may stretch time by an eighth for a while.
		if d := pics[i].DTS - pics[i-1].DTS; d < frameTime*3/4 || d > frameTime*5/4 {
			t.Errorf("picture %d is %v after the one before", i, d)
		}
		if pics[i].PTS != pics[i].DTS {
			t.Errorf("picture %d: PTS %v, DTS %v", i, pics[i].PTS, pics[i].DTS)
		}
		if !bytes.Contains(pics[i].Payload, []byte{0x55, 0x55}) {
			t.Errorf("picture %d has the wrong content", i)
		}
	}
	if n := len(w.kind(sluice.Audio)); n < 50 {
		t.Errorf("%d audio frames", n)
	}
	// What viewers want reaches the publisher.
	p.mu.Lock()
	before := p.keys
	p.mu.Unlock()
	h.Find("live/a").RequestKeyFrame()
	waitFor(t, "a PLI", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.keys > before
	})
	infos := s.Sessions()
	if len(infos) != 1 || len(infos[0].Tracks) != 2 || infos[0].Transport.State != "connected" {
		t.Errorf("Sessions() = %+v", infos)
	}
}

// TestPublishToPlay sends a publisher's media on to a viewer.
func TestPublishToPlay(t *testing.T) {
	_, s := newTestService(t, nil)
	p := newPublisher(t, nil, webrtc.MimeTypeVP8)
	p.post(s.Publish, "live/a", p.offer())
	p.run()
	v := newViewer(t, nil)
	v.play(s, "live/a")
	_ = v
}
