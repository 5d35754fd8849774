package rtsp

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/protocols/rtsp/wire"
	"sluice/server/demo"
	"sluice/server/hub"
	"sluice/server/media"
	"sluice/server/tlscert"
)

// station is a hub with a server that asks for the password "pw".
type station struct {
	*Service
	hub *hub.Hub
}

func startStation(t *testing.T) *station {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	h := hub.New(hub.DefaultConfig(), hub.Options{
		Authorize: func(_ context.Context, _ hub.Action, s hub.Session) error {
			if s.Token != "pw" {
				return hub.ErrUnauthorized
			}
			return nil
		},
		Secrets: func(hub.Action, hub.Session) []string { return []string{"pw"} },
	})
	cert, err := tlscert.New(tlscert.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Listen, cfg.ListenTLS, cfg.UDPPorts = "127.0.0.1:0", "127.0.0.1:0", rangeOf(freeRange(t, 100), 100)
	s, err := Start(cfg, cert.TLS(), h, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testPatience)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
		h.Close()
	})
	return &station{s, h}
}

func (s *station) url(secure bool, path string) string {
	if secure {
		return fmt.Sprintf("rtsps://user:pw@%s/%s", s.Addrs()[1], path)
	}
	return fmt.Sprintf("rtsp://user:pw@%s/%s", s.Addrs()[0], path)
}

// sameItem hands items on as they are.
type sameItem struct{}

func (sameItem) Encode(item hub.Item, emit func(hub.Item, int)) error {
	if item.Packet != nil {
		emit(item, len(item.Packet.Payload))
	}
	return nil
}

// sample reads n packets of a stream, or until ctx ends with errEnough: a line for
// each, by kind, with the pace and the hash.
func sample(ctx context.Context, t *testing.T, h *hub.Hub, name string, n int) (lines map[media.Kind][]string) {
	t.Helper()
	v, err := h.Play(ctx, hub.Session{Stream: name, Internal: true}, hub.AllCodecs)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer v.Close(nil)
	sub := hub.Subscribe(v, hub.Format[hub.Item]{Key: "test", New: func() hub.Encoder[hub.Item] { return sameItem{} }})
	defer sub.Close()
	lines = make(map[media.Kind][]string)
	buf := make([]hub.Item, 1)
	for range n {
		if err := sub.WaitContext(ctx); err != nil {
			if !errors.Is(context.Cause(ctx), errEnough) {
				t.Errorf("%s: %v", name, err)
			}
			return lines
		}
		if k, _ := sub.Read(buf); k == 0 {
			continue
		}
		p := buf[0].Packet
		sum := fnv.New64a()
		sum.Write(pure(p))
		lines[p.Kind()] = append(lines[p.Kind()], fmt.Sprintf("%v %v %x", p.Track.Codec, p.PTS-p.DTS, sum.Sum64()))
	}
	return lines
}

// pure returns a packet's payload without H264 parameter sets, which RTSP puts
// before key frames.
func pure(p *media.Packet) []byte {
	if p.Track.Codec != media.H264 {
		return p.Payload
	}
	var out []byte
	for b := p.Payload; len(b) > 4; {
		n := 4 + int(binary.BigEndian.Uint32(b))
		if t := b[4] & 0x1f; t != 7 && t != 8 {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}

// TestThereAndBack pulls a stream from a server and pushes it back there under
// another name: every packet is the same.
func TestThereAndBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		lower  Lower
		secure bool
	}{{"tcp", ByTCP, false}, {"udp", ByUDP, false}, {"auto", Auto, false}, {"tls", ByTCP, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			there := startStation(t)
			here := hub.New(hub.DefaultConfig(), hub.Options{})
			defer here.Close()
			log := slog.New(slog.DiscardHandler)
			source, err := demo.Start(there.hub, log)
			if err != nil {
				t.Fatal(err)
			}
			first := make(chan map[media.Kind][]string)
			whole, enough := context.WithCancelCause(ctx)
			go func() { first <- sample(whole, t, there.hub, demo.Name, math.MaxInt) }()
			waitViewers(t, there.hub, demo.Name, 1)
			client := &Client{Lower: c.lower, TLS: &tls.Config{InsecureSkipVerify: true}}
			ended := make(chan error, 2)
			relaying, stop := context.WithCancel(ctx)
			go func() {
				ended <- Pull(relaying, client, there.url(c.secure, demo.Name), here, hub.Session{Stream: "x"}, log)
			}()
			go func() {
				ended <- Push(relaying, client, there.url(c.secure, "back"), here, hub.Session{Stream: "x", Internal: true}, log)
			}()
			got := sample(ctx, t, there.hub, "back", 120)
			enough(errEnough)
			want := <-first
			for kind, lines := range got {
				if !goesOn(want[kind], lines) {
					t.Errorf("%v: what came back is no part of what was sent:\n%s\n%s", kind, strings.Join(lines, "\n"), strings.Join(want[kind], "\n"))
				}
			}
			if len(got) != 2 {
				t.Errorf("%d tracks came back", len(got))
			}
			stop()
			for range 2 {
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Errorf("ended with %v", err)
				}
			}
			if err := source.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// goesOn reports whether part is in whole, or the end of whole is its beginning.
// Packets may be alike, of silence for example.
func goesOn(whole, part []string) bool {
	for i := range whole {
		if n := min(len(part), len(whole)-i); n > 10 && slices.Equal(whole[i:i+n], part[:n]) {
			return true
		}
	}
	return false
}

// publishSound publishes G.711 until ctx is done, which starts with no picture.
func publishSound(ctx context.Context, t *testing.T, h *hub.Hub, name string) {
	t.Helper()
	pub, err := h.Publish(ctx, hub.Session{Stream: name, Internal: true})
	if err != nil {
		t.Error(err)
		return
	}
	defer pub.Close(nil)
	pub.Expect(media.Audio)
	track := &media.Track{Codec: media.PCMA, SampleRate: 8000, Channels: 1}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		at := time.Duration(i) * 20 * time.Millisecond
		payload := []byte(strings.Repeat(string(rune('a'+i%26)), 160))
		if err := pub.Write(&media.Packet{Track: track, DTS: at, PTS: at, Key: true, Payload: payload}); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// TestSoundAlone: the only track is not the first that there can be.
func TestSoundAlone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	there := startStation(t)
	here := hub.New(hub.DefaultConfig(), hub.Options{})
	defer here.Close()
	done := make(chan struct{}, 2)
	pushing, stop := context.WithCancel(ctx)
	go func() {
		publishSound(pushing, t, here, "a")
		done <- struct{}{}
	}()
	go func() {
		_ = Push(pushing, &Client{}, there.url(false, "a"), here, hub.Session{Stream: "a", Internal: true}, slog.New(slog.DiscardHandler))
		done <- struct{}{}
	}()
	if got := sample(ctx, t, there.hub, "a", 20); len(got[media.Audio]) != 20 {
		t.Errorf("%d packets came", len(got[media.Audio]))
	}
	stop()
	<-done
	<-done
}

// TestPullFallsBack: over UDP nothing comes, or it is refused; over TCP all
// does.
func TestPullFallsBack(t *testing.T) {
	for name, s := range map[string]fakeScript{"silent": {silent: true}, "refused": {noUDP: true}} {
		t.Run(name, func(t *testing.T) {
			s.packets = 10
			f := serveFake(t, s)
			h := hub.New(hub.DefaultConfig(), hub.Options{})
			defer h.Close()
			c := &Client{Lower: Auto, UDPWait: 100 * time.Millisecond}
			if err := Pull(t.Context(), c, f.url(""), h, hub.Session{Stream: "a"}, slog.New(slog.DiscardHandler)); err != nil {
				t.Errorf("ended with %v", err)
			}
			setups := f.seen(wire.Setup)
			if len(setups) != 2 || strings.Contains(setups[0].Header.Get("Transport"), "TCP") || !strings.Contains(setups[1].Header.Get("Transport"), "TCP") {
				t.Errorf("%v", setups)
			}
		})
	}
}

// TestPullWithoutBackchannel: what a camera offers to hear is not set up.
func TestPullWithoutBackchannel(t *testing.T) {
	f := serveFake(t, fakeScript{packets: 10, sdp: "m=audio 0 RTP/AVP 0 97\na=rtpmap:97 opus/48000/2\na=sendonly\na=control:speaker\n" +
		"m=audio 0 RTP/AVP 8\na=recvonly\na=control:microphone\n"})
	h := hub.New(hub.DefaultConfig(), hub.Options{})
	defer h.Close()
	if err := Pull(t.Context(), &Client{}, f.url(""), h, hub.Session{Stream: "a"}, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("ended with %v", err)
	}
	if setups := f.seen(wire.Setup); len(setups) != 1 || !strings.HasSuffix(setups[0].URL, "/microphone") {
		t.Errorf("%v", setups)
	}
}

func TestPullIsRefused(t *testing.T) {
	there := startStation(t)
	here := hub.New(hub.DefaultConfig(), hub.Options{})
	defer here.Close()
	log := slog.New(slog.DiscardHandler)
	url := strings.Replace(there.url(false, "a"), ":pw@", ":wrong@", 1)
	if err := Pull(t.Context(), &Client{}, url, here, hub.Session{Stream: "a"}, log); !isAnswer(err, wire.Unauthorized) || contains(err, "wrong") {
		t.Errorf("a wrong password: %v", err)
	}
	f := serveFake(t, fakeScript{packets: 5, hold: true})
	busy, err := here.Publish(t.Context(), hub.Session{Stream: "a"})
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close(nil)
	if err := Pull(t.Context(), &Client{}, f.url(""), here, hub.Session{Stream: "a"}, log); !errors.Is(err, hub.ErrBusy) {
		t.Errorf("a stream that is published: %v", err)
	}
}

// TestPushToFFmpeg pushes to ffmpeg as a server, which takes one stream by TCP
// or UDP.
func TestPushToFFmpeg(t *testing.T) {
	for _, lower := range []Lower{ByTCP, ByUDP} {
		t.Run(string(lower), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			h := hub.New(hub.DefaultConfig(), hub.Options{})
			defer h.Close()
			log := slog.New(slog.DiscardHandler)
			source, err := demo.Start(h, log)
			if err != nil {
				t.Fatal(err)
			}
			defer source.Stop(ctx)
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			addr := free.Addr().String()
			free.Close()
			cmd := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning",
				"-rtsp_flags", "listen", "-i", "rtsp://"+addr+"/live/x", "-t", "2", "-f", "framemd5", "-")
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			pushed := make(chan error, 1)
			go func() {
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for { // until ffmpeg listens
					err := Push(ctx, &Client{Lower: lower}, "rtsp://"+addr+"/live/x", h, hub.Session{Stream: demo.Name, Internal: true}, log)
					if op := (*net.OpError)(nil); !errors.As(err, &op) || op.Op != "dial" {
						pushed <- err
						return
					}
					<-tick.C
				}
			}()
			if err := cmd.Wait(); err != nil {
				t.Errorf("ffmpeg: %v", err)
			}
			cancel()
			if err := <-pushed; err == nil {
				t.Error("the push ended without a reason")
			}
			counts := map[byte]int{}
			for line := range strings.Lines(stdout.String()) {
				counts[line[0]]++
			}
			// 2 s: about 60 pictures and 94 blocks of sound.
			if counts['0'] < 40 || counts['1'] < 60 || strings.Contains(stderr.String(), "missed") || strings.Contains(stderr.String(), "rror") {
				t.Errorf("ffmpeg got %d pictures and %d of sound:\n%s", counts['0'], counts['1'], stderr.String())
			}
		})
	}
}
