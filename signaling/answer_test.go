package signaling

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"

	"sluice/signaling/sdpfrag"
)

// pionAnswer has the shape of an answer by pion to a player: candidates for two
// components, loopback first, msid lines of two streams, no ice-options.
const pionAnswer = `v=0
o=- 2186494720936062810 1795416671 IN IP4 0.0.0.0
s=-
t=0 0
a=msid-semantic:WMS *
a=fingerprint:sha-256 63:E3:32:CF:BE:D2:1A:A4:11:0A:F1:8C:BE:1F:E7:43:A0:89:DD:5E:CE:23:07:8E:3E:99:BA:E9:04:AD:37:F7
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=setup:passive
a=mid:0
a=ice-ufrag:bUEQaVBQDVPuViJm
a=ice-pwd:BBJgcqVqwhsCjMtoBiEefptRVaKsxLTg
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=ssrc:4149956469 cname:sluice
a=ssrc:4149956469 msid:s1 audio
a=msid:s1 audio
a=sendrecv
a=candidate:1 1 tcp 1671430143 192.0.2.2 8000 typ host tcptype passive
a=candidate:2 1 udp 2130706431 127.0.0.1 8000 typ host
a=candidate:2 2 udp 2130706431 127.0.0.1 8000 typ host
a=candidate:3 1 udp 2130706431 2001:db8::2 8000 typ host
a=candidate:4 1 udp 2130706431 192.0.2.2 8000 typ host
a=end-of-candidates
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=setup:passive
a=mid:1
a=ice-ufrag:bUEQaVBQDVPuViJm
a=ice-pwd:BBJgcqVqwhsCjMtoBiEefptRVaKsxLTg
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 H264/90000
a=ssrc:1938460855 msid:s2 video
a=msid:s2 video
a=sendonly
a=candidate:2 1 udp 2130706431 127.0.0.1 8000 typ host
`

func TestFinishAnswerPlay(t *testing.T) {
	got, err := FinishAnswer(Play, pionAnswer, netip.MustParseAddr("192.0.2.2"))
	if err != nil {
		t.Fatal(err)
	}
	audio, video, _ := strings.Cut(got, "m=video")
	for _, s := range []string{audio, video} {
		for _, want := range []string{"a=sendonly\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n", "a=msid:s1 "} {
			if strings.Count(s, want) != 1 {
				t.Errorf("want one %q in\n%s", want, s)
			}
		}
		if strings.Contains(s, "s2") || strings.Contains(s, "sendrecv") {
			t.Errorf("second stream or sendrecv in\n%s", s)
		}
	}
	if strings.Contains(video, "a=candidate") || strings.Count(got, "a=end-of-candidates\r\n") != 1 {
		t.Errorf("candidates belong once to the first section:\n%s", got)
	}
	if !strings.Contains(got, "a=ice-options:trickle\r\n") {
		t.Errorf("no ice-options:\n%s", got)
	}
}

// firstCandidates returns address and transport of the answer's candidates in order.
func candidatesOf(t *testing.T, answer string) []string {
	t.Helper()
	f, err := sdpfrag.FromSDP(answer)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range f.Candidates {
		out = append(out, c.Transport+" "+c.Address)
	}
	return out
}

// TestFinishAnswerOrder is FFmpeg's quirk: it tries the first candidate only.
func TestFinishAnswerOrder(t *testing.T) {
	for near, want := range map[string]string{
		"192.0.2.2":          "udp 192.0.2.2, udp 2001:db8::2, udp 127.0.0.1, tcp 192.0.2.2",
		"127.0.0.1":          "udp 127.0.0.1, udp 192.0.2.2, udp 2001:db8::2, tcp 192.0.2.2",
		"2001:db8::2":        "udp 2001:db8::2, udp 192.0.2.2, udp 127.0.0.1, tcp 192.0.2.2",
		"172.17.0.2":         "udp 192.0.2.2, udp 2001:db8::2, udp 127.0.0.1, tcp 192.0.2.2",
		"::ffff:192.0.2.2":   "udp 192.0.2.2, udp 2001:db8::2, udp 127.0.0.1, tcp 192.0.2.2",
		"invalid means none": "udp 2001:db8::2, udp 192.0.2.2, udp 127.0.0.1, tcp 192.0.2.2",
	} {
		addr, _ := netip.ParseAddr(near)
		answer, err := FinishAnswer(Play, pionAnswer, addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(candidatesOf(t, answer), ", "); got != want {
			t.Errorf("%s: got %s, want %s", near, got, want)
		}
	}
}

func TestFinishAnswerPublish(t *testing.T) {
	got, err := FinishAnswer(Publish, strings.ReplaceAll(pionAnswer, "a=sendonly", "a=inactive"), netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(got, "a=recvonly\r\n") != 1 || strings.Count(got, "a=inactive\r\n") != 1 {
		t.Errorf("directions:\n%s", got)
	}
	rejected := strings.Replace(pionAnswer, "m=video 9", "m=video 0", 1)
	var e *Error
	if _, err := FinishAnswer(Publish, rejected, netip.Addr{}); !errors.As(err, &e) || e.Code != CodeUnsupported {
		t.Errorf("rejected section: %v", err)
	}
	if _, err := FinishAnswer(Play, rejected, netip.Addr{}); err != nil {
		t.Errorf("a player may miss a section: %v", err)
	}
	for _, bad := range []string{"", "v=0\r\n", strings.ReplaceAll(pionAnswer, "a=ice-ufrag:bUEQaVBQDVPuViJm\n", "")} {
		if _, err := FinishAnswer(Play, bad, netip.Addr{}); err == nil {
			t.Errorf("no error for %.40q", bad)
		}
	}
}

// TestFinishAnswerAgain checks that finishing twice changes nothing.
func TestFinishAnswerAgain(t *testing.T) {
	once, err := FinishAnswer(Play, pionAnswer, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	twice, err := FinishAnswer(Play, once, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	var a, b sdp.SessionDescription
	if a.UnmarshalString(once) != nil || b.UnmarshalString(twice) != nil || len(once) != len(twice) {
		t.Errorf("first\n%s\nthen\n%s", once, twice)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(true, []byte(pionAnswer))
	f.Add(false, []byte(pionAnswer))
	f.Fuzz(func(t *testing.T, publish bool, b []byte) {
		action := Play
		if publish {
			action = Publish
		}
		out, err := FinishAnswer(action, string(b), netip.MustParseAddr("192.0.2.2"))
		if err != nil {
			return
		}
		if _, err := sdpfrag.FromSDP(out); err != nil && !errors.Is(err, sdpfrag.ErrTooBig) {
			t.Fatalf("%q: %v", b, err)
		}
	})
}
