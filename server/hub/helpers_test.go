package hub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sluice/server/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	h264 = &media.Track{Codec: media.H264, Config: []byte{1}, Width: 640, Height: 360}
	aac  = &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2}
	opus = &media.Track{Codec: media.Opus, SampleRate: 48000, Channels: 2}
)

const frameTime = 40 * time.Millisecond

func video(i, gop int) *media.Packet {
	t := time.Duration(i) * frameTime
	return &media.Packet{Track: h264, DTS: t, PTS: t, Key: i%gop == 0, Payload: fmt.Appendf(nil, "v%d", i)}
}

func audio(i int, t *media.Track) *media.Packet {
	d := time.Duration(i) * frameTime
	return &media.Packet{Track: t, DTS: d, PTS: d, Payload: fmt.Appendf(nil, "a%d", i)}
}

func publish(t *testing.T, h *Hub, name string) *Publisher {
	t.Helper()
	p, err := h.Publish(t.Context(), Session{Stream: name, Protocol: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func play(t *testing.T, h *Hub, name string, accept Codecs) (*Viewer, *Subscription[Item]) {
	t.Helper()
	v, err := h.Play(t.Context(), Session{Stream: name, Protocol: "test"}, accept)
	if err != nil {
		t.Fatal(err)
	}
	return v, Subscribe(v, Items())
}

// next returns the packets that are there once everything is quiet.
func next(sub *Subscription[Item]) (got []*media.Packet) {
	synctest.Wait()
	items := make([]Item, 1000)
	n, _ := sub.Read(items)
	for _, i := range items[:n] {
		if i.Packet != nil {
			got = append(got, i.Packet)
		}
	}
	return got
}

func payloads(ps []*media.Packet) (got []string) {
	for _, p := range ps {
		got = append(got, string(p.Payload))
	}
	return got
}

// run gives the test a hub in a bubble of fake time.
func run(t *testing.T, cfg Config, o Options, test func(t *testing.T, h *Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := New(cfg, o)
		test(t, h)
		h.Close()
		if left := h.Streams(); len(left) != 0 {
			t.Errorf("%d streams left", len(left))
		}
	})
}
