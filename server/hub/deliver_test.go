package hub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/media"
)

// TestDeliveryTellsOfGaps: a player that was too slow gets what its format has
// for those that enter anew, and nobody else does.
func TestDeliveryTellsOfGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.ViewerLatency = 400 * time.Millisecond
		h := New(cfg, Options{})
		defer h.Close()
		pub := publish(t, h, "live/a")
		defer pub.Close(nil)
		pub.Announce(h264)
		pub.Expect(media.Video)
		v, err := h.Play(t.Context(), Session{Stream: "live/a"}, Accept(media.H264))
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close(nil)
		sub := Subscribe(v, Format[Chunk]{Key: "named", New: func() Encoder[Chunk] { return &named{} }})
		defer sub.Close()
		ours, theirs := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- Delivery{Conn: ours, Timeout: time.Hour}.Run(v, sub) }()
		defer func() { ours.Close(); v.Kick(); <-done }()

		read := func() string {
			synctest.Wait()
			var all bytes.Buffer
			for b := make([]byte, 64); ; {
				theirs.SetReadDeadline(time.Now().Add(time.Millisecond))
				n, err := theirs.Read(b)
				all.Write(b[:n])
				if err != nil {
					return all.String()
				}
			}
		}
		pub.Write(video(0, 10))
		if got := read(); got != "open head v0." {
			t.Errorf("begins with %q", got)
		}
		for i := 1; i < 12; i++ {
			pub.Write(video(i, 10))
			if got, want := read(), fmt.Sprintf("v%d.", i); got != want && got != "head "+want {
				t.Errorf("goes on with %q", got)
			}
		}
		// Nobody reads: one packet is on its way while the others are missed.
		for i := 12; i < 45; i++ {
			pub.Write(video(i, 10))
			synctest.Wait()
		}
		if got := read(); got != "v12.resume head v40.v41.v42.v43.v44." {
			t.Errorf("after a gap: %q", got)
		}
	})
}

// TestDeliveryFront: a viewer gets its own front, in place of as many bytes as it
// says, and the rest as all have it.
func TestDeliveryFront(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(DefaultConfig(), Options{})
		defer h.Close()
		pub := publish(t, h, "live/a")
		defer pub.Close(nil)
		pub.Announce(h264)
		pub.Expect(media.Video)
		pub.Write(video(0, 10))
		pub.Write(video(1, 10))
		var done sync.WaitGroup
		defer done.Wait()
		for name, want := range map[string]string{"a": "open head a0.a1.", "longer": "open head longer0.longer1."} {
			v, err := h.Play(t.Context(), Session{Stream: "live/a"}, Accept(media.H264))
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close(nil)
			sub := Subscribe(v, Format[Chunk]{Key: "named", New: func() Encoder[Chunk] { return &named{} }})
			defer sub.Close()
			ours, theirs := net.Pipe()
			defer ours.Close()
			done.Go(func() {
				_ = Delivery{Conn: ours, Timeout: time.Hour, Front: func(dst []byte, _ Chunk) ([]byte, int) {
					return append(dst, name...), 1
				}}.Run(v, sub)
			})
			defer v.Kick()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(theirs, got); err != nil || string(got) != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		}
	})
}

// TestDeliveryEndsAtAChange: what a player can't go on with ends its delivery, once
// all before is sent.
func TestDeliveryEndsAtAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(DefaultConfig(), Options{})
		defer h.Close()
		pub := publish(t, h, "live/a")
		defer pub.Close(nil)
		pub.Announce(h264)
		pub.Expect(media.Video)
		pub.Write(video(0, 10))
		v, err := h.Play(t.Context(), Session{Stream: "live/a"}, Accept(media.H264))
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close(nil)
		sub := Subscribe(v, Format[Chunk]{Key: "named", New: func() Encoder[Chunk] { return &named{} }})
		defer sub.Close()
		ours, theirs := net.Pipe()
		var got []byte
		var reading sync.WaitGroup
		reading.Go(func() { got, _ = io.ReadAll(theirs) })
		changes := 0
		done := make(chan error, 1)
		go func() {
			done <- Delivery{Conn: ours, Timeout: time.Hour, Follows: func(old, next *Head) bool {
				changes++
				return old == next || changes < 2
			}}.Run(v, sub)
			ours.Close()
		}()
		synctest.Wait()
		for i := 1; i < 25; i++ {
			pub.Write(video(i, 10)) // each tenth has a new head
		}
		if err := <-done; !errors.Is(err, ErrChanged) {
			t.Errorf("ended by %v", err)
		}
		reading.Wait()
		if !bytes.HasSuffix(got, []byte("v18.v19.")) || !bytes.Contains(got, []byte("v9.head v10.")) {
			t.Errorf("the player has %q", got)
		}
	})
}

// named writes a packet's payload, and a new head at each key.
type named struct{ head *Head }

func (e *named) Encode(i Item, emit func(Chunk, int)) error {
	if i.Packet == nil {
		return nil
	}
	if i.Packet.Key {
		e.head = &Head{Opening: []byte("open "), Resume: []byte("resume "), Bytes: []byte("head ")}
	}
	data := append([]byte(nil), i.Packet.Payload...)
	data = append(data, '.')
	emit(Chunk{Head: e.head, Data: data}, len(data))
	return nil
}
