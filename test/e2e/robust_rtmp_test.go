package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

// TestBadRTMP attacks the RTMP and RTMPS ports.
func TestBadRTMP(t *testing.T) {
	s := besiege(t)
	const name = "tape0000"
	recording := taped(t, s.gateway, name)
	t.Logf("the recorded session has %d bytes", len(recording))
	// play sends some bytes of the recording, under a name of its own.
	play := func(t *testing.T, i int, b []byte, secure bool) {
		addr := s.rtmp
		if secure {
			addr = s.rtmps
		}
		if !throw(addr, secure, renamed(b, name, fmt.Sprintf("tape%04x", i%65536))) {
			t.Errorf("%d: the server does not close", i)
		}
	}
	s.attack(t, "garbage", 1, func(t *testing.T) int {
		atOnce(400, 16, func(i int) {
			b := garbage(uint64(i), 1+i*17)
			if i%2 == 0 {
				b[0] = 3 // the version, so that the rest is looked at
			}
			play(t, i, b, i%4 == 3)
		})
		return 400
	})
	s.attack(t, "truncated at every byte", 3, func(t *testing.T) int {
		atOnce(len(recording), 16, func(i int) { play(t, i, recording[:i], false) })
		return len(recording)
	})
	s.attack(t, "truncated over TLS", 3, func(t *testing.T) int {
		n := len(recording) / 97
		atOnce(n, 8, func(i int) { play(t, i, recording[:i*97], true) })
		return n
	})
	s.attack(t, "flipped bytes", 5, func(t *testing.T) int {
		const n = 600
		atOnce(n, 16, func(i int) {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			b := bytes.Clone(recording)
			for range 1 + i%8 {
				b[handshakeSize+r.IntN(len(b)-handshakeSize)] = byte(r.Uint32())
			}
			play(t, i, b, false)
		})
		return n
	})
	s.attack(t, "oversize", 4, func(t *testing.T) int { return oversize(t, s.rtmp) })
	s.attack(t, "slow-loris", 3, func(t *testing.T) int {
		return loris(t, s.rtmp, false, 300, func(i int) ([]byte, int) {
			return renamed(recording, name, fmt.Sprintf("slow%04x", i)), i * len(recording) / 300
		})
	})
	s.attack(t, "flood of connections", 1, func(t *testing.T) int { return flood(t, s.rtmp, false, 1000) })
	s.by.finish()
}

// oversize announces more than is sent, in every way.
func oversize(t *testing.T, addr string) (sessions int) {
	many := func(length int) []byte {
		b := setChunkSize(1)
		for id := uint32(3); id < 65000; id++ {
			b = append(append(b, chunkHeader(id, rtmpVideo, 1, 0, length)...), 0x17)
		}
		return b
	}
	published := func(b []byte) func(*rawRTMP) {
		return func(r *rawRTMP) {
			r.publish("live", "oversize"+fmt.Sprint(time.Now().UnixNano()))
			r.send(b)
		}
	}
	raw := func(b []byte) func(*rawRTMP) { return func(r *rawRTMP) { r.send(b) } }
	size := func(n uint32) []byte { return setChunkSize(n) }
	for what, attack := range map[string]func(*rawRTMP){
		"16 MB on every chunk stream":               published(many(1<<24 - 1)),
		"8 MB on every chunk stream":                published(many(8 << 20)),
		"1 MB on every chunk stream":                published(many(1 << 20)),
		"16 MB before connect":                      raw(many(1<<24 - 1)),
		"60 kB on every chunk stream, no connect":   raw(many(60000)),
		"chunk size 0":                              published(size(0)),
		"chunk size 2^31":                           published(size(1 << 31)),
		"chunk size 2^32-1":                         published(size(1<<32 - 1)),
		"an AMF string longer than the message":     raw(chunks(3, rtmpCommand, 0, 0, []byte{2, 0xff, 0xff, 'x'})),
		"an AMF array of 2^32 elements":             raw(chunks(3, rtmpCommand, 0, 0, append(amf(amf(nil, "connect"), 1.0), 10, 0xff, 0xff, 0xff, 0xff))),
		"AMF objects in objects in objects":         raw(chunks(3, rtmpCommand, 0, 0, append(amf(amf(nil, "connect"), 1.0), bytes.Repeat([]byte{3, 0, 1, 'a'}, 15000)...))),
		"a thousand message streams":                func(r *rawRTMP) { r.start("live"); r.send(bytes.Repeat(command(0, "createStream", 3, nil), 1000)) },
		"short control messages":                    raw(append(chunks(2, rtmpUserControl, 0, 0, []byte{0}), chunks(2, rtmpSetChunkSize, 0, 0, []byte{1})...)),
		"an aggregate that says it is longer":       published(chunks(4, 22, 1, 0, binary.BigEndian.AppendUint64([]byte{9, 0xff, 0xff, 0xff}, 0))),
		"type 3 chunk on an unknown chunk stream":   raw([]byte{0xc0 | 9, 1, 2, 3}),
		"a new message inside another":              published(append(chunkHeader(6, rtmpVideo, 1, 0, 1000), bytes.Repeat([]byte{6}, 400)...)),
		"a name that leaves the folder":             func(r *rawRTMP) { r.publish("live", "../../etc") },
		"a name of 60 kB":                           func(r *rawRTMP) { r.publish("live", string(bytes.Repeat([]byte{'a'}, 60000))) },
		"publish before connect":                    raw(command(1, "publish", 1, nil, "x", "live")),
		"publish on a message stream that is not":   func(r *rawRTMP) { r.start("live"); r.send(command(77, "publish", 3, nil, "x", "live")) },
		"a message of no known type for ever again": published(bytes.Repeat(chunks(7, 99, 1, 0, make([]byte, 100)), 5000)),
	} {
		sessions++
		r, err := dialRTMP(addr, false)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		attack(r)
		// Those who may stay have nothing more to say.
		if half, ok := r.Conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		select {
		case <-r.ended:
		case <-time.After(patience):
			t.Errorf("%s: the server does not close", what)
		}
		r.Close()
	}
	return sessions
}

// loris opens many connections that send some bytes of a text at once and then
// one a second, and expects that the server cuts them.
func loris(t *testing.T, addr string, secure bool, n int, text func(i int) (b []byte, atOnce int)) int {
	began := time.Now()
	var left atomic.Int64
	atOnce(n, n, func(i int) {
		conn, err := dial(addr, secure)
		if err != nil {
			return
		}
		defer conn.Close()
		cut := make(chan bool, 1)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		go func() { cut <- ended(conn) }()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		b, at := text(i)
		_, _ = conn.Write(b[:at])
		for ; ; at++ {
			_, _ = conn.Write(b[at%len(b) : at%len(b)+1])
			select {
			case ok := <-cut:
				if !ok {
					left.Add(1)
				}
				return
			case <-tick.C:
			}
		}
	})
	if left.Load() > 0 {
		t.Errorf("%d of %d slow clients are still there after %v", left.Load(), n, patience)
	}
	t.Logf("%d slow clients were cut within %v", n, time.Since(began).Round(time.Millisecond))
	return n
}

// flood opens many connections that say nothing, and expects that the server
// cuts them.
func flood(t *testing.T, addr string, secure bool, n int) int {
	var left atomic.Int64
	atOnce(n, n, func(int) {
		conn, err := dial(addr, secure)
		if err != nil {
			return // turned away
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if !ended(conn) {
			left.Add(1)
		}
	})
	if left.Load() > 0 {
		t.Errorf("%d of %d silent clients are still there after %v", left.Load(), n, patience)
	}
	return n
}
