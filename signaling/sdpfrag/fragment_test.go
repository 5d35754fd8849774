package sdpfrag

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// crlf turns the lines of a table entry into wire form.
func crlf(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\n", "\r\n")
}

var hostUDP = Candidate{
	Foundation: "1387637174", Component: 1, Transport: "udp", Priority: 2122260223,
	Address: "192.0.2.1", Port: 61764, Type: "host", Extensions: "generation 0 ufrag EsAw network-id 1",
}

var hostTCP = Candidate{
	Foundation: "473322822", Component: 1, Transport: "tcp", Priority: 1518280447,
	Address: "192.0.2.1", Port: 9, Type: "host", Extensions: "tcptype active generation 0 ufrag EsAw network-id 1",
}

// casesFragment drives decode, encode and the fuzz seeds. out is what Append writes,
// in if empty.
var casesFragment = []struct {
	name string
	in   string
	frag Fragment
	out  string
}{
	{
		name: "trickle, RFC 9725 figure 4",
		in: `
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1
a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw network-id 1
a=end-of-candidates
`,
		frag: Fragment{
			Ufrag: "EsAw", Pwd: "P2uYro0UCOQ4zxjKXaWCBui1", MID: "0", Media: "audio 9 UDP/TLS/RTP/SAVPF 111",
			Candidates: []Candidate{hostUDP, hostTCP}, End: true,
		},
		out: `
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1
a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw network-id 1
a=end-of-candidates
`,
	},
	{
		name: "restart answer, RFC 9725 figure 5",
		in: `
a=ice-lite
a=ice-options:trickle ice2
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:289b31b754eaa438
a=ice-pwd:0b66f472495ef0ccac7bda653ab6be49ea13114472a5d10a
a=candidate:1 1 udp 2130706431 198.51.100.1 39132 typ host
a=end-of-candidates
`,
		frag: Fragment{
			Ufrag: "289b31b754eaa438", Pwd: "0b66f472495ef0ccac7bda653ab6be49ea13114472a5d10a",
			Options: []string{"trickle", "ice2"}, Lite: true, MID: "0", Media: "audio 9 UDP/TLS/RTP/SAVPF 111",
			Candidates: []Candidate{{
				Foundation: "1", Component: 1, Transport: "udp", Priority: 2130706431,
				Address: "198.51.100.1", Port: 39132, Type: "host",
			}},
			End: true,
		},
	},
	{
		name: "restart without section, as in RFC 9725 drafts",
		in: `
a=ice-ufrag:ysXw
a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k
`,
		frag: Fragment{Ufrag: "ysXw", Pwd: "vw5LmwG4y/e6dPP/zAP9Gp5k"},
		out: `
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=ice-ufrag:ysXw
a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k
`,
	},
	{
		name: "two sections repeat a candidate, credentials at the session level, upper case transport",
		in: `
a=ice-ufrag:5a6b7c8d
a=ice-pwd:4b1f0c9e8d7a6b5c4d3e2f1a0b9c8d7e
m=audio 9 UDP/TLS/RTP/SAVPF 109
a=mid:0
a=candidate:0 1 UDP 2122252543 7b4a1f2e.local 50613 typ host
m=video 9 UDP/TLS/RTP/SAVPF 120
a=mid:1
a=candidate:0 1 UDP 2122252543 7b4a1f2e.local 50613 typ host
`,
		frag: Fragment{
			Ufrag: "5a6b7c8d", Pwd: "4b1f0c9e8d7a6b5c4d3e2f1a0b9c8d7e", MID: "0", Media: "audio 9 UDP/TLS/RTP/SAVPF 109",
			Candidates: []Candidate{{
				Foundation: "0", Component: 1, Transport: "udp", Priority: 2122252543,
				Address: "7b4a1f2e.local", Port: 50613, Type: "host",
			}},
		},
		out: `
m=audio 9 UDP/TLS/RTP/SAVPF 109
a=mid:0
a=ice-ufrag:5a6b7c8d
a=ice-pwd:4b1f0c9e8d7a6b5c4d3e2f1a0b9c8d7e
a=candidate:0 1 udp 2122252543 7b4a1f2e.local 50613 typ host
`,
	},
	{
		name: "candidate that can't be parsed is skipped, comma in ice-options, pacing",
		in: `
a=ice-options:ice2,trickle
a=ice-pacing:20
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:video0
a=candidate:x y z
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1
`,
		frag: Fragment{
			Options: []string{"ice2", "trickle"}, Pacing: 20, MID: "video0", Media: "audio 9 UDP/TLS/RTP/SAVPF 111",
			Candidates: []Candidate{hostUDP},
		},
		out: `
a=ice-options:ice2 trickle
a=ice-pacing:20
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:video0
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1
`,
	},
	{
		name: "only end-of-candidates",
		in: `
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=end-of-candidates
`,
		frag: Fragment{MID: "0", Media: "audio 9 UDP/TLS/RTP/SAVPF 111", End: true},
	},
}

func TestParse(t *testing.T) {
	for _, tc := range casesFragment {
		t.Run(tc.name, func(t *testing.T) {
			for _, in := range []string{crlf(tc.in), strings.TrimPrefix(tc.in, "\n")} {
				got, err := Parse([]byte(in))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.frag, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestAppend(t *testing.T) {
	for _, tc := range casesFragment {
		t.Run(tc.name, func(t *testing.T) {
			want := tc.out
			if want == "" {
				want = tc.in
			}
			if diff := cmp.Diff(crlf(want), string(tc.frag.Append(nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	many := strings.Builder{}
	many.WriteString("m=audio 9 X 0\n")
	for i := range MaxCandidates + 1 {
		c := hostUDP
		c.Port = i + 1
		many.WriteString("a=" + c.String() + "\n")
	}
	for _, tc := range []struct {
		name, in string
		want     error
	}{
		{"empty", "", ErrSyntax},
		{"says nothing", "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\n", ErrSyntax},
		{"not SDP", "{\"candidate\":\"\"}", ErrSyntax},
		{"ufrag without pwd", "a=ice-ufrag:EsAw\n", ErrSyntax},
		{"pwd without ufrag", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\n", ErrSyntax},
		{"ufrag too short", "a=ice-ufrag:EsA\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\n", ErrSyntax},
		{"ufrag with blank", "a=ice-ufrag:Es Aw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\n", ErrSyntax},
		{"pwd too short", "a=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4\n", ErrSyntax},
		{"pacing", "a=ice-pacing:x\na=end-of-candidates\n", ErrSyntax},
		{"lone CR", "a=ice-lite\ra=x\n", ErrSyntax},
		{"long line", "a=" + strings.Repeat("x", maxLine), ErrTooBig},
		{"long body", strings.Repeat("a=x\n", MaxSize/4+1), ErrTooBig},
		{"many candidates", many.String(), ErrTooBig},
		{"many options", "a=ice-options:a b c d e f g h i j k l m n o p q\n", ErrTooBig},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Parse([]byte(tc.in)); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// TestParseTruncated cuts every case at every length: the result is a fragment or an
// error of the package, and what was parsed survives a round trip.
func TestParseTruncated(t *testing.T) {
	for _, tc := range casesFragment {
		in := crlf(tc.in)
		for n := range in {
			checkParse(t, []byte(in[:n]))
		}
	}
}

func checkParse(t *testing.T, b []byte) {
	t.Helper()
	f, err := Parse(b)
	if err != nil {
		if !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrTooBig) {
			t.Fatalf("%q: foreign error %v", b, err)
		}
		return
	}
	wire := f.Append(nil)
	if len(wire) > MaxSize {
		return
	}
	again, err := Parse(wire)
	if err != nil {
		t.Fatalf("%q: own output %q: %v", b, wire, err)
	}
	if f.Media == "" {
		again.Media = ""
	}
	if diff := cmp.Diff(f, again); diff != "" {
		t.Fatalf("%q: round trip:\n%s", b, diff)
	}
}

func TestCandidateUsable(t *testing.T) {
	for line, want := range map[string]bool{
		"1 1 udp 2122260223 192.0.2.1 61764 typ host":                                 true,
		"1 1 UDP 2122260223 2001:db8::1 61764 typ host":                               true,
		"1 1 TCP 1518280447 192.0.2.1 9 typ host tcptype active":                      true,
		"1 1 udp 1 4887f10d-c4e5-45e1-86ee-5d9a05f256f1.local 5 typ host":             true,
		"1 1 udp 1677729535 203.0.113.9 61015 typ srflx raddr 0.0.0.0 rport 0":        true,
		"1 1 udp 2122260223 127.0.0.1 61764 typ host":                                 true,
		"1 2 udp 2122260223 192.0.2.1 61764 typ host":                                 false,
		"1 1 ssltcp 2122260223 192.0.2.1 443 typ host":                                false,
		"1 1 udp 2122260223 example.com 61764 typ host":                               false,
		"1 1 udp 2122260223 0.0.0.0 61764 typ host":                                   false,
		"1 1 udp 2122260223 224.0.0.251 61764 typ host":                               false,
		"candidate:842163049 1 udp 1677729535 fe80::1 3478 typ host generation 0 x y": true,
	} {
		c, err := ParseCandidate(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if got := c.Usable(); got != want {
			t.Errorf("%s: usable %v, want %v", line, got, want)
		}
	}
}

const description = `
v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=ice-options:trickle
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a=candidate:9 1 udp 1 192.0.2.99 1 typ host
a=end-of-candidates
a=rtcp-mux
m=video 9 UDP/TLS/RTP/SAVPF 96
a=mid:1
a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a=rtcp-mux
`

func TestFromSDP(t *testing.T) {
	got, err := FromSDP(crlf(description))
	if err != nil {
		t.Fatal(err)
	}
	want := Fragment{
		Ufrag: "EsAw", Pwd: "P2uYro0UCOQ4zxjKXaWCBui1", Options: []string{"trickle"}, MID: "0",
		Media: "audio 9 UDP/TLS/RTP/SAVPF 111", End: true,
		Candidates: []Candidate{{Foundation: "9", Component: 1, Transport: "udp", Priority: 1, Address: "192.0.2.99", Port: 1, Type: "host"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := FromSDP("v=0\r\ns=-\r\n"); !errors.Is(err, ErrSyntax) {
		t.Errorf("without credentials: %v", err)
	}
}

func TestReplaceICE(t *testing.T) {
	f := Fragment{Ufrag: "ysXw", Pwd: "vw5LmwG4y/e6dPP/zAP9Gp5k", Candidates: []Candidate{hostUDP}}
	got, err := ReplaceICE(crlf(description), f)
	if err != nil {
		t.Fatal(err)
	}
	want := crlf(`
v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=ice-options:trickle
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:ysXw
a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k
a=rtcp-mux
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1
m=video 9 UDP/TLS/RTP/SAVPF 96
a=mid:1
a=ice-ufrag:ysXw
a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k
a=rtcp-mux
`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := ReplaceICE(crlf(description), Fragment{End: true}); !errors.Is(err, ErrSyntax) {
		t.Errorf("without credentials: %v", err)
	}
	if _, err := ReplaceICE("v=0\r\n", f); !errors.Is(err, ErrSyntax) {
		t.Errorf("description without ICE: %v", err)
	}
}

// TestReplaceICEDisabledSection puts candidates into the first section in use, not
// into one with port 0 such as Firefox writes for a stopped transceiver.
func TestReplaceICEDisabledSection(t *testing.T) {
	sdp := "v=0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=inactive\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:EsAw\r\na=ice-pwd:x\r\n"
	got, err := ReplaceICE(sdp, Fragment{Ufrag: "ysXw", Pwd: "vw5LmwG4y/e6dPP/zAP9Gp5k", Candidates: []Candidate{hostUDP}, End: true})
	if err != nil {
		t.Fatal(err)
	}
	want := "v=0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=inactive\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:ysXw\r\n" +
		"a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\na=" + hostUDP.String() + "\r\na=end-of-candidates\r\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzSDPFrag(f *testing.F) {
	for _, tc := range casesFragment {
		f.Add([]byte(crlf(tc.in)))
	}
	f.Add([]byte(crlf(description)))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkParse(t, b)
		frag, err := Parse(b)
		if err != nil || frag.Ufrag == "" {
			return
		}
		sdp, err := ReplaceICE(crlf(description), frag)
		if err != nil {
			t.Fatal(err)
		}
		got, err := FromSDP(sdp)
		if err != nil {
			if errors.Is(err, ErrTooBig) {
				return
			}
			t.Fatal(err)
		}
		if got.Ufrag != frag.Ufrag || got.Pwd != frag.Pwd || len(got.Candidates) != len(frag.Candidates) {
			t.Fatalf("%q: replaced %+v, got %+v", b, frag, got)
		}
	})
}
