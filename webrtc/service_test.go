package webrtc

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"sluice/server/hub"
	"sluice/server/media"
	"sluice/signaling"
	"sluice/webrtc/transport"
)

// clientOffers are the offers of real clients.
func clientOffers(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../signaling/testdata/offers", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no offers: %v", err)
	}
	list := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		list[filepath.Base(f)] = strings.ReplaceAll(string(b), "\n", "\r\n")
	}
	return list
}

// TestAnswersEveryClient posts what real clients offer.
func TestAnswersEveryClient(t *testing.T) {
	h, s := newTestService(t, nil)
	src := newSource(t, h, "live/a", 30, 1000)
	src.cached(5)
	for name, sdp := range clientOffers(t, "*.sdp") {
		t.Run(name, func(t *testing.T) {
			do, action, stream := s.Play, signaling.Play, "live/a"
			if strings.HasPrefix(name, "whip") {
				do, action, stream = s.Publish, signaling.Publish, "live/b"
			}
			o, err := signaling.ParseOffer(action, []byte(sdp))
			if err != nil {
				t.Fatal(err)
			}
			session, answer, err := do(t.Context(), signaling.Offer{
				Stream: stream, SDP: o.SDP, Remote: netip.MustParseAddrPort("192.0.2.7:5000"),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close(nil)
			text, err := signaling.FinishAnswer(action, answer.SDP, netip.Addr{})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text, "a=candidate:") || strings.Contains(text, "m=audio 0") || strings.Contains(text, "m=video 0") {
				t.Errorf("answer:\n%s", text)
			}
			if want := "a=setup:passive"; strings.Contains(sdp, "setup:passive") == strings.Contains(text, want) {
				t.Errorf("the DTLS role is wrong:\n%s", text)
			}
		})
	}
	waitFor(t, "the end of all sessions", func() bool { return len(s.Sessions()) == 0 })
}

func code(err error) signaling.Code {
	var e *signaling.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return -1
}

func TestRefusals(t *testing.T) {
	h, s := newTestService(t, func(c *Config) { c.MaxSessions, c.VideoCodecs = 2, []string{"H264"} })
	cfg := hub.DefaultConfig()
	cfg.ViewerWait = 0
	h.SetConfig(cfg)
	offers := clientOffers(t, "*")
	watch := offers["whep-chromium-156.sdp"]
	publish := offers["whip-obs-30.2.sdp"]
	ask := func(do func(context.Context, signaling.Offer) (signaling.Session, signaling.Answer, error), stream, sdp string) (signaling.Session, error) {
		session, _, err := do(t.Context(), signaling.Offer{Stream: stream, SDP: sdp})
		if err == nil {
			t.Cleanup(func() { session.Close(nil) })
		}
		return session, err
	}
	if _, err := ask(s.Play, "live/a", watch); code(err) != signaling.CodeNoPublisher {
		t.Errorf("no publisher: %v", err)
	}
	if _, err := ask(s.Play, "live/../a", watch); code(err) != signaling.CodeNotFound {
		t.Errorf("bad name: %v", err)
	}
	if _, err := ask(s.Play, "live/a", "v=1"); code(err) != signaling.CodeBadOffer {
		t.Errorf("bad offer: %v", err)
	}
	if _, err := ask(s.Publish, "live/a", "v=1"); code(err) != signaling.CodeBadOffer {
		t.Errorf("bad offer: %v", err)
	}
	if _, err := ask(s.Publish, "live/a", offers["whip-obs-31-h265.sdp"]); code(err) != signaling.CodeUnsupported || !strings.Contains(err.Error(), "H265") {
		t.Errorf("a codec that is off: %v", err)
	}
	first, err := ask(s.Publish, "live/a", publish)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(s.Publish, "live/a", publish); code(err) != signaling.CodePublisherExists {
		t.Errorf("a second publisher: %v", err)
	}
	if _, err := ask(s.Publish, "live/b", publish); err != nil {
		t.Error(err)
	}
	if _, err := ask(s.Publish, "live/c", publish); code(err) != signaling.CodeOverloaded {
		t.Errorf("over the limit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Publish(ctx, signaling.Offer{Stream: "live/d", SDP: publish}); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that left: %v", err)
	}
	first.Close(nil)
	if err := first.AddCandidates(t.Context(), frag()); code(err) != signaling.CodeSessionEnded {
		t.Errorf("trickle into an ended session: %v", err)
	}
	if _, err := first.Restart(t.Context(), frag()); code(err) != signaling.CodeSessionEnded {
		t.Errorf("restart of an ended session: %v", err)
	}
	if _, err := ask(s.Publish, "live/a", publish); err != nil {
		t.Errorf("the name is not free again: %v", err)
	}
}

// TestNothingInCommon: what WebRTC or the viewer can't take is refused by name,
// and the rest plays.
func TestNothingInCommon(t *testing.T) {
	h, s := newTestService(t, nil)
	src := newSource(t, h, "live/a", 30, 1000)
	src.video = &media.Track{Codec: media.H265, Width: 64, Height: 64}
	src.frame()
	waitFor(t, "tracks", func() bool { _, ok := s.tracks("live/a"); return ok })
	offers := clientOffers(t, "whep-*")
	session, answer, err := s.Play(t.Context(), signaling.Offer{Stream: "live/a", SDP: offers["whep-gstreamer-1.24.sdp"]})
	if err != nil {
		t.Fatal(err)
	}
	session.Close(nil)
	if !strings.Contains(answer.SDP, "a=inactive") || !strings.Contains(answer.SDP, "a=sendonly") {
		t.Errorf("answer:\n%s", answer.SDP)
	}
	onlyVideo, _, _ := strings.Cut(offers["whep-gstreamer-1.24.sdp"], "m=audio")
	if _, _, err := s.Play(t.Context(), signaling.Offer{Stream: "live/a", SDP: onlyVideo}); code(err) != signaling.CodeUnsupported || !strings.Contains(err.Error(), "H265") {
		t.Errorf("got %v", err)
	}
}

// TestViewerWaits: a viewer may come before the publisher, and stays when that
// one is replaced by another.
func TestViewerWaits(t *testing.T) {
	h, s := newTestService(t, nil)
	v := newViewer(t, nil)
	v.play(s, "live/a")
	waitFor(t, "the connection", func() bool {
		i := s.Sessions()
		return len(i) == 1 && i[0].Transport.State == "connected"
	})
	var last uint32
	for n := range 2 {
		src := newSource(t, h, "live/a", 30, 2000)
		stop := src.run()
		have := len(v.pictures())
		waitFor(t, "pictures and sound", func() bool {
			return len(v.pictures()) > have+30 && len(v.got(webrtc.RTPCodecTypeAudio)) > 30*(n+1)
		})
		stop()
		src.pub.Close(nil)
		p := v.got(webrtc.RTPCodecTypeVideo)
		if end := p[len(p)-1].Timestamp; n == 1 && int32(end-last) <= 0 {
			t.Errorf("time goes from %d to %d", last, end)
		}
		last = p[len(p)-1].Timestamp
	}
	for i, p := 1, v.ordered(webrtc.RTPCodecTypeVideo); i < len(p); i++ {
		if p[i].SequenceNumber != p[i-1].SequenceNumber+1 || int32(p[i].Timestamp-p[i-1].Timestamp) < 0 {
			t.Fatalf("packet %d: number %d after %d, time %d after %d", i, p[i].SequenceNumber, p[i-1].SequenceNumber, p[i].Timestamp, p[i-1].Timestamp)
		}
	}
}

// TestCodecChange ends viewers that can't go on.
func TestCodecChange(t *testing.T) {
	h, s := newTestService(t, nil)
	src := newSource(t, h, "live/a", 30, 2000)
	src.cached(3)
	v := newViewer(t, nil)
	v.play(s, "live/a")
	waitFor(t, "pictures", func() bool { return len(v.pictures()) > 0 })
	src.pub.Close(nil)
	src = newSource(t, h, "live/a", 30, 2000)
	src.video = &media.Track{Codec: media.VP8, Width: 64, Height: 64}
	src.run()
	select {
	case <-v.session.Context().Done():
	case <-time.After(patience):
		t.Fatal("the session goes on")
	}
	if err := context.Cause(v.session.Context()); !errors.Is(err, errCodecChanged) {
		t.Errorf("ends with %v", err)
	}
}

// TestDeadClients: a client that vanishes is gone soon, and one that never
// connects says what was tried.
func TestDeadClients(t *testing.T) {
	h, s := newTestService(t, nil)
	_, hasty := newTestService(t, func(c *Config) { c.ConnectTimeout = time.Second })
	src := newSource(t, h, "live/a", 30, 2000)
	src.cached(3)
	never, _, err := hasty.Play(t.Context(), signaling.Offer{Stream: "live/a", SDP: clientOffers(t, "*")["whip-obs-30.1.sdp"]})
	if err != nil {
		t.Fatal(err)
	}
	defer never.Close(nil)
	v := newViewer(t, nil)
	v.play(s, "live/a")
	waitFor(t, "pictures", func() bool { return len(v.pictures()) > 0 })
	s.mux.UDPAddrs()
	src.run()
	kicked := newViewer(t, nil)
	kicked.play(s, "live/a")
	waitFor(t, "the second viewer", func() bool { return len(kicked.pictures()) > 0 })
	for _, i := range h.Find("live/a").Viewers() {
		if i.ID() == kicked.session.ID() {
			i.Kick()
		}
	}
	_ = v.pc.Close()
	for name, c := range map[string]struct {
		session signaling.Session
		want    error
	}{
		"kicked": {kicked.session, hub.ErrKicked}, "never": {never, transport.ErrNotConnected}, "gone": {v.session, transport.ErrPeerClosed},
	} {
		select {
		case <-c.session.Context().Done():
			if err := context.Cause(c.session.Context()); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(patience):
			t.Errorf("%s: the session goes on", name)
		}
	}
	waitFor(t, "the end of all", func() bool { return len(s.Sessions()) == 0 })
}
