package hub

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"sluice/server/media"
)

// BenchmarkWrite is what a publisher pays for one packet with a number of
// viewers of one wire format that keep up.
func BenchmarkWrite(b *testing.B) {
	for _, viewers := range []int{0, 1, 100, 10000} {
		b.Run(fmt.Sprintf("viewers=%d", viewers), func(b *testing.B) {
			h := New(DefaultConfig(), Options{})
			p, err := h.Publish(b.Context(), Session{Stream: "a"})
			if err != nil {
				b.Fatal(err)
			}
			p.Expect(media.Video)
			var wg sync.WaitGroup
			for range viewers {
				v, err := h.Play(b.Context(), Session{Stream: "a"}, AllCodecs)
				if err != nil {
					b.Fatal(err)
				}
				sub := Subscribe(v, Items())
				wg.Go(func() {
					items := make([]Item, 64)
					for sub.Wait() == nil {
						sub.Read(items)
					}
					sub.Close()
					v.Close(nil)
				})
			}
			payload, spent := make([]byte, 8000), time.Duration(0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				pkt := &media.Packet{Track: h264, DTS: time.Duration(i) * time.Millisecond, Key: i%60 == 0, Payload: payload}
				start := time.Now()
				_ = p.Write(pkt)
				spent += time.Since(start)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "publish-ns/op")
			p.Close(nil)
			h.Close()
			wg.Wait()
		})
	}
}

// byteFormat is the least that a byte format does.
type byteFormat struct{}

func (byteFormat) Encode(i Item, emit func(Chunk, int)) error {
	if i.Packet != nil {
		emit(Chunk{Data: i.Packet.Payload}, len(i.Packet.Payload))
	}
	return nil
}

// BenchmarkDelivery is what one viewer costs for one packet over loopback TCP,
// the kernel's share included.
func BenchmarkDelivery(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err == nil {
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	})
	conn, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	h := New(DefaultConfig(), Options{})
	p, err := h.Publish(b.Context(), Session{Stream: "a"})
	if err != nil {
		b.Fatal(err)
	}
	p.Expect(media.Video)
	v, err := h.Play(b.Context(), Session{Stream: "a"}, AllCodecs)
	if err != nil {
		b.Fatal(err)
	}
	sub := Subscribe(v, Format[Chunk]{Key: "bytes", New: func() Encoder[Chunk] { return byteFormat{} }})
	wg.Go(func() {
		_ = Delivery{Conn: conn, Timeout: time.Minute}.Run(v, sub)
		sub.Close()
		v.Close(nil)
		conn.Close()
	})
	payload := make([]byte, 8000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		want := v.Info().Bytes + 8000
		_ = p.Write(&media.Packet{Track: h264, DTS: time.Duration(i) * time.Millisecond, Key: i%60 == 0, Payload: payload})
		for v.Info().Bytes < want {
			runtime.Gosched()
		}
	}
	p.Close(nil)
	h.Close()
	wg.Wait()
}
