package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/media"
)

func TestLateViewerStartsAtTheNewestKey(t *testing.T) {
	run(t, DefaultConfig(), Options{}, func(t *testing.T, h *Hub) {
		p := publish(t, h, "live/a")
		p.Announce(aac)
		for i := range 25 {
			p.Write(video(i, 10))
			p.Write(audio(i, aac))
		}
		v, sub := play(t, h, "a", AllCodecs)
		if got := next(sub); len(got) != 10 || string(got[0].Payload) != "v20" || !got[0].Key {
			t.Errorf("got %v", payloads(got))
		}
		sub.Close()
		v.Close(nil)
		p.Close(nil)
	})
}

func TestStreamWaitsForItsTracks(t *testing.T) {
	for _, c := range []struct {
		name   string
		expect []media.Kind
		audio  bool
		at     int // the picture whose Write makes the stream start
	}{
		{"both come", nil, true, 3},
		{"picture only, unannounced", nil, false, 13},
		{"picture only, announced", []media.Kind{media.Video}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, DefaultConfig(), Options{}, func(t *testing.T, h *Hub) {
				p := publish(t, h, "a")
				p.Expect(c.expect...)
				v, sub := play(t, h, "a", AllCodecs)
				for i := range 20 {
					if i == 3 && c.audio {
						p.Announce(aac)
					}
					p.Write(video(i, 100))
					_, live := p.Stream().Tracks()
					if live != (i >= c.at) {
						t.Fatalf("at picture %d: live %v", i, live)
					}
				}
				if got := next(sub); len(got) != 20 {
					t.Errorf("%d pictures arrived", len(got))
				}
				sub.Close()
				v.Close(nil)
				p.Close(nil)
			})
		})
	}
}

func TestAwaits(t *testing.T) {
	run(t, DefaultConfig(), Options{}, func(t *testing.T, h *Hub) {
		p := publish(t, h, "a")
		if p.Stream().Awaits(media.Video) {
			t.Error("awaits what nobody has named")
		}
		p.Expect(media.Video, media.Audio)
		for i := range 20 {
			p.Write(audio(i, aac))
		}
		s := p.Stream()
		if _, live := s.Tracks(); !live || !s.Awaits(media.Video) || s.Awaits(media.Audio) {
			t.Error("sound is there, the picture is still awaited")
		}
		p.Write(video(20, 20))
		if s.Awaits(media.Video) {
			t.Error("awaits a picture that has come")
		}
		p.Close(nil)
		if s.Awaits(media.Video) {
			t.Error("awaits a publisher that has left")
		}
	})
}

func TestReconnectKeepsViewersAndTime(t *testing.T) {
	run(t, DefaultConfig(), Options{}, func(t *testing.T, h *Hub) {
		v, sub := play(t, h, "a", AllCodecs)
		var last time.Duration
		for round := range 3 {
			p := publish(t, h, "a")
			p.Announce(aac)
			p.Write(audio(0, aac))
			for i := range 12 {
				p.Write(video(i+5, 10)) // the first key frame is the sixth picture
			}
			got := next(sub)
			if len(got) < 7 {
				t.Fatalf("round %d: %d packets", round, len(got))
			}
			for _, q := range got {
				if q.DTS < last {
					t.Fatalf("round %d: time fell from %v to %v", round, last, q.DTS)
				}
				last = max(last, q.DTS)
			}
			if i := slices.IndexFunc(got, func(q *media.Packet) bool { return q.Kind() == media.Video }); !got[i].Key {
				t.Errorf("round %d begins with %s", round, got[i].Payload)
			}
			p.Close(nil)
			time.Sleep(time.Second)
		}
		if v.Context().Err() != nil {
			t.Error("the viewer was lost")
		}
		sub.Close()
		v.Close(nil)
	})
}

func TestViewersDoNotWaitForEver(t *testing.T) {
	cfg := DefaultConfig()
	cfg.ViewerWait, cfg.ReconnectWait = 10*time.Second, 20*time.Second
	run(t, cfg, Options{}, func(t *testing.T, h *Hub) {
		v, sub := play(t, h, "a", AllCodecs)
		start := time.Now()
		if err := sub.Wait(); !errors.Is(err, ErrNoPublisher) || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		sub.Close()
		v.Close(nil)

		p := publish(t, h, "a")
		v, sub = play(t, h, "a", AllCodecs)
		p.Close(nil)
		start = time.Now()
		for sub.Wait() == nil {
			next(sub)
		}
		if err := context.Cause(v.Context()); !errors.Is(err, ErrNoPublisher) || time.Since(start) != 20*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		sub.Close()
		v.Close(nil)

		cfg.ViewerWait = 0
		h.SetConfig(cfg)
		if _, err := h.Play(t.Context(), Session{Stream: "b"}, AllCodecs); !errors.Is(err, ErrNoPublisher) {
			t.Errorf("Play = %v", err)
		}
	})
}

func TestSecondPublisher(t *testing.T) {
	for _, policy := range []Policy{Refuse, Takeover, Standby} {
		t.Run(string(policy), func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.SecondPublisher = policy
			run(t, cfg, Options{}, func(t *testing.T, h *Hub) {
				a := publish(t, h, "a")
				b, err := h.Publish(t.Context(), Session{Stream: "a"})
				switch policy {
				case Refuse:
					if !errors.Is(err, ErrBusy) {
						t.Fatalf("second publisher: %v", err)
					}
					a.Close(nil)
					return
				case Takeover:
					if !errors.Is(a.Write(video(0, 1)), ErrReplaced) {
						t.Error("the first may still write")
					}
				}
				if err != nil {
					t.Fatal(err)
				}
				a.Expect(media.Video)
				b.Expect(media.Video)
				v, sub := play(t, h, "a", AllCodecs)
				a.Write(video(0, 10))
				b.Write(&media.Packet{Track: h264, Key: true, Payload: []byte("b")})
				want := "b"
				if policy == Standby {
					want = "v0"
				}
				if got := payloads(next(sub)); !slices.Equal(got, []string{want}) {
					t.Fatalf("on the air: %v", got)
				}
				a.Close(nil)
				b.Write(&media.Packet{Track: h264, DTS: time.Second, Payload: []byte("no key")})
				b.Write(&media.Packet{Track: h264, DTS: time.Second, Key: true, Payload: []byte("b2")})
				got := payloads(next(sub))
				if len(got) == 0 || got[len(got)-1] != "b2" || policy == Standby && len(got) != 1 {
					t.Errorf("after the first has left: %v", got)
				}
				sub.Close()
				v.Close(nil)
				b.Close(nil)
				b.Close(nil)
			})
		})
	}
}

func TestKeyFrameRequestsAreCoalesced(t *testing.T) {
	run(t, DefaultConfig(), Options{}, func(t *testing.T, h *Hub) {
		p := publish(t, h, "a")
		asked := 0
		for range 30 {
			p.Stream().RequestKeyFrame()
			select {
			case <-p.KeyFrameRequests():
				asked++
			default:
			}
			time.Sleep(100 * time.Millisecond)
		}
		if asked != 6 {
			t.Errorf("asked %d times in 3 s", asked)
		}
		p.Close(nil)
	})
}

func TestLimitsNamesAndRights(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxStreams, cfg.MaxViewers, cfg.MaxViewersPerStream = 2, 2, 1
	secret := errors.New("secret")
	o := Options{Authorize: func(_ context.Context, _ Action, s Session) error {
		if s.Token == "bad" {
			return secret
		}
		return nil
	}}
	run(t, cfg, o, func(t *testing.T, h *Hub) {
		a, b := publish(t, h, "a"), publish(t, h, "b")
		if _, err := h.Publish(t.Context(), Session{Stream: "c"}); !errors.Is(err, ErrLimit) {
			t.Errorf("third stream: %v", err)
		}
		v, sub := play(t, h, "a", AllCodecs)
		if _, err := h.Play(t.Context(), Session{Stream: "a"}, AllCodecs); !errors.Is(err, ErrLimit) {
			t.Errorf("second viewer: %v", err)
		}
		if _, err := h.Play(t.Context(), Session{Stream: "b", Token: "bad"}, AllCodecs); !errors.Is(err, secret) {
			t.Errorf("without rights: %v", err)
		}
		for _, name := range []string{"", "/", "..", "a/..", "a//b", "a/b/c/d/e", "a b", "a%2f", "ä"} {
			if _, err := h.Play(t.Context(), Session{Stream: name}, AllCodecs); !errors.Is(err, ErrBadName) {
				t.Errorf("name %q: %v", name, err)
			}
		}
		v.Kick()
		if err := sub.Wait(); !errors.Is(err, ErrKicked) {
			t.Errorf("after Kick: %v", err)
		}
		sub.Close()
		v.Close(nil)
		a.Close(nil)
		b.Close(nil)
	})
}

func TestTimeline(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	type step struct {
		track   *media.Track
		in, out time.Duration
		cts     time.Duration // besides 7 ms, before
		delay   time.Duration // and after: the time at which it is shown stays
	}
	const none = -1 // is left out
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"starts at zero", []step{{h264, ms(5000), 0, 0, 0}, {aac, ms(5020), ms(20), 0, 0}, {h264, ms(5040), ms(40), 0, 0}}},
		{"loop of a file", []step{
			{h264, 0, 0, 0, 0},
			{aac, ms(10), ms(10), 0, 0},
			{h264, ms(8000), ms(8000), 0, 0},
			{aac, ms(8010), ms(8010), 0, 0},
			{h264, 0, ms(8043), 0, 0},
			{aac, ms(10), ms(8053), 0, 0},
			{h264, ms(40), ms(8083), 0, 0},
		}},
		{"one track leaps first", []step{
			{h264, 0, 0, 0, 0},
			{aac, 0, 0, 0, 0},
			{h264, ms(60000), ms(33), 0, 0},
			{aac, ms(20), ms(20), 0, 0},
			{aac, ms(60010), ms(43), 0, 0},
			{h264, ms(60040), ms(73), 0, 0},
		}},
		{"loosely interleaved", []step{{h264, 0, 0, 0, 0}, {h264, ms(3000), ms(3000), 0, 0}, {aac, ms(20), ms(20), 0, 0}, {aac, ms(40), ms(40), 0, 0}}},
		{"loop of a file with B pictures", []step{
			{h264, 0, 0, 0, 0},
			{aac, ms(8000), ms(8000), 0, 0},
			{h264, ms(8040), ms(8040), ms(160), 0}, // its B pictures never come
			{h264, 0, ms(8233), 0, 0},
			{aac, 0, ms(8233), 0, 0},
			{h264, ms(40), ms(8273), ms(160), 0},
		}},
		{"a little backwards", []step{{h264, 0, 0, 0, 0}, {h264, ms(100), ms(100), 0, 0}, {h264, ms(90), ms(100), 0, -ms(7)}, {h264, ms(140), ms(140), 0, 0}}},
		{"sound before the first picture", []step{
			{h264, ms(100), 0, 0, 0},
			{aac, ms(50), none, 0, 0},
			{aac, ms(70), none, 0, 0},
			{aac, ms(100), 0, 0, 0},
			{aac, ms(90), 0, 0, -ms(7)},
		}},
		{"pictures are decoded before the first sound", []step{
			{aac, ms(100), 0, 0, 0},
			{h264, ms(20), 0, ms(80), -ms(80)},
			{h264, ms(60), 0, ms(200), -ms(40)},
			{h264, ms(140), ms(40), 0, 0},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var line timeline
			line.restart(c.steps[0].in, ms(7))
			for i, s := range c.steps {
				p := &media.Packet{Track: s.track, DTS: s.in, PTS: s.in + ms(7) + s.cts}
				if line.place(p) != (s.out != none) {
					t.Errorf("step %d: %v is taken or not, at %v", i, s.in, p.DTS)
				}
				if s.out != none && (p.DTS != s.out || p.PTS != s.out+ms(7)+s.cts+s.delay) {
					t.Errorf("step %d: %v became %v, shown at %v, want %v", i, s.in, p.DTS, p.PTS, s.out)
				}
			}
		})
	}
}

// TestSilentAudio sees silence beside pictures without sound, at its own even
// pace, until sound comes, and none where no rule asks for it.
func TestSilentAudio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		yes := true
		cfg.Rules = []Rule{{Match: "live/quiet*", SilentAudio: &yes}}
		silence := &Silence{Track: aac, Payload: []byte("hush"), Samples: 1024}
		h := New(cfg, Options{Silence: silence})
		defer h.Close()
		run := func(name string, sound *media.Track, late time.Duration, declared bool) (silent []time.Duration, later int) {
			_, sub := play(t, h, name, AllCodecs)
			defer sub.Close()
			p := publish(t, h, name)
			defer p.Close(nil)
			p.Expect(media.Video)
			gop := 10
			if declared {
				p.Expect(media.Video, media.Audio)
				p.Announce(sound)
				gop = 50 // what waits for the sound comes at once, and viewers start at its last key frame
			}
			for i := range 50 {
				p.Write(video(i, gop))
				for _, pkt := range next(sub) {
					if pkt.Kind() == media.Audio {
						silent = append(silent, pkt.DTS)
					}
				}
			}
			for i := 50; i < 100; i++ {
				a := audio(i, sound)
				a.DTS, a.PTS = a.DTS-late, a.PTS-late
				p.Write(a)
				p.Write(video(i, 10))
			}
			heard, last := 0, time.Duration(-1)
			if len(silent) > 0 {
				last = silent[len(silent)-1]
			}
			for _, pkt := range next(sub) {
				switch {
				case pkt.Kind() != media.Audio:
				case string(pkt.Payload) == "hush":
					later++
				case pkt.DTS <= last:
					t.Errorf("sound at %v after %v", pkt.DTS, last)
				default:
					heard++
					last = pkt.DTS
				}
			}
			if lost := int(late/frameTime) + 2; heard < 50-lost {
				t.Errorf("%s, sound %v late: %d packets of 50 are heard", name, late, heard)
			}
			return silent, later
		}
		like := *aac // silence's own configuration, from an encoder
		for i, sound := range []*media.Track{opus, &like, opus, &like} {
			for _, late := range []time.Duration{0, 240 * time.Millisecond} {
				silent, later := run(fmt.Sprintf("live/quiet%d-%d", i, late), sound, late, i >= 2)
				if want := int(49 * frameTime * 48000 / 1024 / time.Second); len(silent) != want+1 || later != 0 {
					t.Errorf("%d silent packets, want %d; %d after sound came", len(silent), want+1, later)
				}
				for i, at := range silent {
					if want := media.FromClock(int64(i)*1024, 48000); at != want {
						t.Fatalf("silent packet %d at %v, want %v", i, at, want)
					}
				}
			}
		}
		if silent, _ := run("live/loud", opus, 0, false); len(silent) > 0 {
			t.Errorf("%d silent packets that nobody asked for", len(silent))
		}
	})
}

// TestTrackWait sees a stream start at once where it is told not to wait.
func TestTrackWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		now := time.Duration(0)
		cfg.Rules = []Rule{{Match: "live/now", TrackWait: &now}}
		h := New(cfg, Options{})
		defer h.Close()
		for name, want := range map[string]int{"live/now": 1, "live/waits": 0} {
			_, sub := play(t, h, name, AllCodecs)
			p := publish(t, h, name)
			p.Write(video(0, 10))
			if got := len(next(sub)); got != want {
				t.Errorf("%s: %d packets after the first, want %d", name, got, want)
			}
			sub.Close()
			p.Close(nil)
		}
	})
}

func TestRules(t *testing.T) {
	long, minute := -time.Second, time.Minute
	for _, r := range []Rule{{}, {Match: "a b"}, {Match: "*", TrackWait: &long}, {Match: "*", TrackWait: &minute}} {
		cfg := DefaultConfig()
		cfg.Rules = []Rule{r}
		if cfg.Validate() == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}
