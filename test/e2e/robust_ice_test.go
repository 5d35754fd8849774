package e2e

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

// TestBadICE attacks the UDP and the TCP port of all WebRTC media.
func TestBadICE(t *testing.T) {
	s := besiege(t)
	s.attack(t, "garbage by UDP", 0, func(t *testing.T) int {
		conn := udp(t, s.webrtc)
		for i := range 20000 {
			b := garbage(uint64(i), 1+i%2100)
			if i%3 == 0 {
				b[0] = byte(i) & 0x7f // STUN, DTLS, RTP and RTCP are told apart by it
			}
			_, _ = conn.Write(b)
		}
		return 0
	})
	s.attack(t, "forged and truncated STUN by UDP", 0, func(t *testing.T) int {
		conn := udp(t, s.webrtc)
		for _, b := range forgedSTUN(t, s.by.whep.answer) {
			for i := range len(b) {
				_, _ = conn.Write(b[:i])
			}
			_, _ = conn.Write(b)
		}
		return 0
	})
	s.attack(t, "garbage from the address of a session", 5, func(t *testing.T) int { return betray(t, s.gateway) })
	s.attack(t, "garbage by TCP", 0, func(t *testing.T) int {
		const n = 600
		stuns := forgedSTUN(t, s.by.whep.answer)
		atOnce(n, 16, func(i int) {
			b := garbage(uint64(i), 1+i*7)
			switch i % 4 {
			case 1: // more than there is
				b = append([]byte{0x07, 0xff}, b...)
			case 2: // STUN for a session, and garbage after it
				b = append(framed(stuns[i%len(stuns)]), b...)
			case 3: // STUN that is not whole
				b = framed(stuns[i%len(stuns)])
				b = b[:i%len(b)]
			}
			if !throw(s.webrtc, false, b) {
				t.Errorf("%d: the server does not close", i)
			}
		})
		return n
	})
	s.attack(t, "slow-loris by TCP", 0, func(t *testing.T) int {
		b := framed(forgedSTUN(t, s.by.whep.answer)[0])
		return loris(t, s.webrtc, false, 100, func(i int) ([]byte, int) { return b, i % len(b) })
	})
	s.attack(t, "flood of connections", 0, func(t *testing.T) int { return flood(t, s.webrtc, false, 700) })
	s.attack(t, "offers that nobody follows up", 5, func(t *testing.T) int { return jilt(t, s.gateway) })
	s.by.finish()
}

func udp(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// framed puts a packet into the frame of ICE over TCP (RFC 4571).
func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// forgedSTUN returns binding requests for the session of an answer, by
// somebody who does not know its password, and some for no session.
func forgedSTUN(t *testing.T, answer string) (list [][]byte) {
	t.Helper()
	m := regexp.MustCompile(`a=ice-ufrag:(\S+)`).FindStringSubmatch(answer)
	if m == nil {
		t.Fatalf("no ufrag in %s", answer)
	}
	for _, user := range []string{m[1] + ":x", m[1], "nobody:x", "", ":", m[1] + ":" + string(make([]byte, 400))} {
		for _, setters := range [][]stun.Setter{
			{stun.BindingRequest},
			{stun.BindingRequest, stun.NewUsername(user)},
			{stun.BindingRequest, stun.NewUsername(user), stun.NewShortTermIntegrity("guessed"), stun.Fingerprint},
			{stun.BindingRequest, stun.NewUsername(user), stun.RawAttribute{Type: stun.AttrUseCandidate}, stun.NewShortTermIntegrity("guessed"), stun.Fingerprint},
			{stun.BindingSuccess, stun.NewUsername(user)},
			{stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.NewUsername(user)},
		} {
			msg, err := stun.Build(append([]stun.Setter{stun.TransactionID}, setters...)...)
			if err != nil {
				continue // a name that STUN does not allow
			}
			list = append(list, msg.Raw)
		}
	}
	return list
}

// betray plays by WHEP and then sends garbage from the very socket that the
// session was made with.
func betray(t *testing.T, g *gateway) (sessions int) {
	server, err := net.ResolveUDPAddr("udp", g.webrtc)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		sessions++
		socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		v, err := watch(t.Context(), "http://"+g.http+"/"+calm+"/whep", pionOptions{socket: socket})
		if err != nil {
			t.Fatal(err)
		}
		g.until("the session plays", func() bool { return v.of("video").pictures > 10 })
		for i := range 6000 {
			b := garbage(uint64(i+round), 1+i%1400)
			switch i % 6 {
			case 0: // DTLS: a handshake or alert record
				b[0] = 20 + byte(i)%6
			case 1: // RTP
				b[0] = 0x80
			case 2: // RTCP: SR, RR, SDES, BYE, APP, feedback
				b = append([]byte{0x80 | byte(i)&31, 200 + byte(i/6)%7}, b...)
			case 3: // STUN
				b = append([]byte{0, 1, 0, byte(i), 0x21, 0x12, 0xa4, 0x42}, b...)
			}
			_, _ = socket.WriteTo(b, server)
		}
		pictures := v.of("video").pictures
		g.until("the session plays on", func() bool { return v.of("video").pictures > pictures+10 })
		if err := errors.Join(v.hangUp(), ignoreClosed(socket.Close())); err != nil {
			t.Error(err)
		}
	}
	return sessions
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// jilt posts offers and then never connects; some clients leave by TCP in the
// middle.
func jilt(t *testing.T, g *gateway) int {
	const n = 60
	atOnce(n, 8, func(i int) {
		pc, err := newPion(pionOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		kind := []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio}[i%2]
		recvonly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
		if _, err := pc.AddTransceiverFromKind(kind, recvonly); err != nil {
			t.Error(err)
		}
		if _, err := call(t.Context(), pc, "http://"+g.http+"/"+calm+"/whep"); err != nil {
			t.Error(err)
		}
		_ = pc.Close() // before or in the middle of connecting
	})
	// One who says nothing on a connection that he has opened.
	conn, err := net.DialTimeout("tcp", g.webrtc, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a silent connection: %v", err)
	}
	return n + 1
}
