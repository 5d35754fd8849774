package demo

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"sluice/server/hub"
	"sluice/server/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPictureAndSoundInStep(t *testing.T) {
	h := hub.New(hub.DefaultConfig(), hub.Options{})
	s, err := Start(h, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	v, err := h.Play(t.Context(), hub.Session{Stream: Name, Internal: true}, hub.AllCodecs)
	if err != nil {
		t.Fatal(err)
	}
	sub := hub.Subscribe(v, hub.Items())
	items := make([]hub.Item, 64)
	var last [4]*media.Packet
	for count := [4]int{}; count[media.Video] < 30 || count[media.Audio] < 50; {
		if err := sub.Wait(); err != nil {
			t.Fatal(err)
		}
		n, _ := sub.Read(items)
		for _, i := range items[:n] {
			if i.Packet == nil {
				continue
			}
			k := i.Packet.Kind()
			if last[k] != nil && i.Packet.DTS <= last[k].DTS {
				t.Errorf("%v: %v after %v", k, i.Packet.DTS, last[k].DTS)
			}
			last[k] = i.Packet
			count[k]++
		}
	}
	if d := (last[media.Video].DTS - last[media.Audio].DTS).Abs().Milliseconds(); d > 150 {
		t.Errorf("picture and sound are %d ms apart", d)
	}
	sub.Close()
	v.Close(nil)
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	h.Close()
}
