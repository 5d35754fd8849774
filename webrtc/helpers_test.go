package webrtc

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"sluice/protocols/codec/h264"
	"sluice/server/hub"
	"sluice/server/media"
	"sluice/signaling"
	"sluice/signaling/sdpfrag"
)

// patience is how long tests wait for what must happen.
const patience = time.Minute

// testLog logs to the test's log while the test runs.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(&logWriter{t: t, ctx: t.Context()}, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

type logWriter struct {
	t   testing.TB
	ctx context.Context
}

func (w *logWriter) Write(b []byte) (int, error) {
	if w.ctx.Err() == nil {
		w.t.Log(strings.TrimSpace(string(b)))
	}
	return len(b), nil
}

// newTestService returns a hub and a service on free loopback ports.
func newTestService(t testing.TB, change func(*Config)) (*hub.Hub, *Service) {
	t.Helper()
	h := hub.New(hub.DefaultConfig(), hub.Options{Log: testLog(t)})
	cfg := DefaultConfig()
	cfg.ListenUDP, cfg.ListenTCP = "127.0.0.1:0", "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(cfg, h, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		h.Close()
	})
	return h, s
}

// Parameter sets of x264 at 1280x720, High, level 3.1.
var (
	testSPS = []byte{0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x19, 0x60}
	testPPS = []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}
)

func h264Track(t testing.TB) *media.Track {
	t.Helper()
	c, err := h264.NewConfig([][]byte{testSPS}, [][]byte{testPPS})
	if err != nil {
		t.Fatal(err)
	}
	track, err := h264.Track(c.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return track
}

func opusTrack() *media.Track {
	return &media.Track{Codec: media.Opus, SampleRate: 48000, Channels: 2}
}

// picture makes a payload of one slice whose bytes tell its number.
func picture(n, size int, key bool) []byte {
	unit := make([]byte, size)
	unit[0] = 0x41
	if key {
		unit[0] = 0x65
	}
	unit[1], unit[2] = 0x88, 0x80 // first_mb 0, type I, parameter set 0
	binary.BigEndian.PutUint32(unit[8:], uint32(n))
	return append(binary.BigEndian.AppendUint32(nil, uint32(size)), unit...)
}

const (
	frameTime = time.Second / 30
	opusTime  = 20 * time.Millisecond
)

// source publishes pictures and sound in real time.
type source struct {
	t     testing.TB
	pub   *hub.Publisher
	video *media.Track
	audio *media.Track
	gop   int
	size  int
	from  time.Time

	mu sync.Mutex
	n  int
}

// count returns how many pictures were written.
func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

func newSource(t testing.TB, h *hub.Hub, stream string, gop, size int) *source {
	t.Helper()
	pub, err := h.Publish(context.Background(), hub.Session{Stream: stream, Protocol: "rtmp"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pub.Close(nil) })
	pub.Expect(media.Video, media.Audio)
	return &source{t: t, pub: pub, video: h264Track(t), audio: opusTrack(), gop: gop, size: size, from: time.Now()}
}

// frame writes the next picture and the sound that belongs to it.
func (s *source) frame() {
	at := time.Duration(s.n) * frameTime
	size := s.size
	key := s.n%s.gop == 0
	if key {
		size *= 8
	}
	err := s.pub.Write(&media.Packet{Track: s.video, DTS: at, PTS: at, Key: key, Payload: picture(s.n, size, key), Arrival: s.from.Add(at)})
	for a := (at + opusTime - 1) / opusTime * opusTime; err == nil && a < at+frameTime; a += opusTime {
		err = s.pub.Write(&media.Packet{Track: s.audio, DTS: a, PTS: a, Payload: []byte{0xfc, 1, 2, 3, 4, 5, 6, 7}, Arrival: s.from.Add(a)})
	}
	s.mu.Lock()
	s.n++
	s.mu.Unlock()
	if err != nil {
		s.t.Error(err)
	}
}

// cached writes n pictures at once, as if they had come in time until now.
func (s *source) cached(n int) {
	s.from = time.Now().Add(-time.Duration(s.n+n) * frameTime)
	for range n {
		s.frame()
	}
}

// run writes pictures in real time until the test ends or stop is called.
func (s *source) run() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			timer := time.NewTimer(time.Until(s.from.Add(time.Duration(s.n) * frameTime)))
			select {
			case <-timer.C:
				s.frame()
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	s.t.Cleanup(stop)
	return stop
}

// client is a pion peer connection.
type client struct {
	t       testing.TB
	pc      *webrtc.PeerConnection
	session signaling.Session
	answer  string
}

// pionAPI returns an API whose clients use loopback and make no noise.
func pionAPI(t testing.TB, setting func(*webrtc.SettingEngine)) *webrtc.API {
	t.Helper()
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if setting != nil {
		setting(&se)
	}
	var me webrtc.MediaEngine
	if err := me.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&me))
}

func newClient(t testing.TB, setting func(*webrtc.SettingEngine)) *client {
	t.Helper()
	pc, err := pionAPI(t, setting).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, pc: pc}
	t.Cleanup(c.close)
	return c
}

func (c *client) close() {
	if c.session != nil {
		c.session.Close(nil)
	}
	_ = c.pc.GracefulClose()
}

// offer returns a description with all candidates.
func (c *client) offer() string {
	c.t.Helper()
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(offer); err != nil {
		c.t.Fatal(err)
	}
	<-gathered
	return c.pc.LocalDescription().SDP
}

// post hands the offer to the service as signaling would, and takes the answer.
func (c *client) post(do func(context.Context, signaling.Offer) (signaling.Session, signaling.Answer, error), stream, sdp string) {
	c.t.Helper()
	session, answer, err := do(c.t.Context(), signaling.Offer{
		Stream: stream, SDP: sdp, Remote: netip.MustParseAddrPort("127.0.0.1:50000"), UserAgent: "test",
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.session, c.answer = session, answer.SDP
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}); err != nil {
		c.t.Fatalf("%v in\n%s", err, answer.SDP)
	}
}

// waitFor fails the test if the condition does not come true.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// frag is an ICE restart of a client that is nowhere.
func frag() sdpfrag.Fragment {
	return sdpfrag.Fragment{Ufrag: "abcd", Pwd: "abcdefghijklmnopqrstuvwx"}
}
