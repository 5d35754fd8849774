package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messages drive the tests of reading and of writing, and seed the fuzz
// target. Where want is "", the message is written as it was read.
var messages = []struct{ name, text, want string }{
	{name: "request", text: "OPTIONS rtsp://host/live/a RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: x\r\n\r\n"},
	{name: "body", text: "ANNOUNCE rtsp://host/a RTSP/1.0\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"},
	{name: "response", text: "RTSP/1.0 200 OK\r\nCSeq: 3\r\nWWW-Authenticate: Basic realm=\"a\"\r\nWWW-Authenticate: Basic realm=\"b\"\r\n\r\n"},
	{
		name: "line feeds, folds, case and blanks",
		text: "\r\n\n \x00SETUP * rtsp/1.0\ncseq : 4\nTransport: RTP/AVP;\n  unicast\nX-Empty:\n\n",
		want: "SETUP * RTSP/1.0\r\ncseq: 4\r\nTransport: RTP/AVP; unicast\r\nX-Empty: \r\n\r\n",
	},
	{
		name: "lines that are no fields", text: "PLAY a RTSP/1.0\r\nCSeq: 7\r\nabc\r\n folded\r\n: \r\na{b: c\r\nX: y\r\n\r\n",
		want: "PLAY a RTSP/1.0\r\nCSeq: 7\r\nX: y\r\n\r\n",
	},
	{
		name: "URL with spaces", text: "PLAY rtsp://host/my cam RTSP/1.0\r\nCSeq: 5\r\n\r\n",
	},
	{
		name: "no reason", text: "RTSP/1.0 404\r\nCSeq: 6\r\n\r\n",
		want: "RTSP/1.0 404 Not Found\r\nCSeq: 6\r\n\r\n",
	},
	{
		name: "length of nothing", text: "RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		want: "RTSP/1.0 200 OK\r\n\r\n",
	},
	{name: "frame", text: "$\x01\x00\x03abc"},
	{name: "empty frame", text: "$\x00\x00\x00"},
}

func write(i Item) []byte {
	switch {
	case i.Request != nil:
		return i.Request.Append(nil)
	case i.Response != nil:
		return i.Response.Append(nil)
	default:
		return AppendFrame(nil, i.Channel, i.Frame)
	}
}

func TestReadWrite(t *testing.T) {
	var all, wanted strings.Builder
	for _, c := range messages {
		want := c.want
		if want == "" {
			want = c.text
		}
		all.WriteString(c.text)
		wanted.WriteString(want)
		t.Run(c.name, func(t *testing.T) {
			r := NewReader(strings.NewReader(c.text))
			item, err := r.Read()
			if err != nil {
				t.Fatal(err)
			}
			if got := string(write(item)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if _, err := r.Read(); !errors.Is(err, io.EOF) {
				t.Errorf("after it: %v", err)
			}
		})
	}
	t.Run("one after the other, byte by byte", func(t *testing.T) {
		r := NewReader(iotest{strings.NewReader(all.String())})
		var got []byte
		for {
			item, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			got = append(got, write(item)...)
		}
		if diff := cmp.Diff(wanted.String(), string(got)); diff != "" {
			t.Error(diff)
		}
	})
}

// iotest gives a byte at a time.
type iotest struct{ r io.Reader }

func (i iotest) Read(b []byte) (int, error) { return i.r.Read(b[:min(1, len(b))]) }

func TestTruncated(t *testing.T) {
	for _, c := range messages {
		start := strings.IndexFunc(c.text, func(r rune) bool { return r > ' ' })
		for n := start + 1; n < len(c.text); n++ {
			if item, err := NewReader(strings.NewReader(c.text[:n])).Read(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s cut at %d: %v, %v", c.name, n, item, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for _, c := range []struct {
		name, text string
		status     Status
		cseq       string
	}{
		{name: "nonsense", text: "hello\r\n\r\n", status: BadRequest},
		{name: "no URL", text: "PLAY  RTSP/1.0\r\n\r\n", status: BadRequest},
		{name: "HTTP", text: "GET / HTTP/1.1\r\n\r\n", status: BadRequest},
		{name: "no token", text: "PL{AY rtsp://a RTSP/1.0\r\n\r\n", status: BadRequest},
		{name: "version 2", text: "PLAY rtsp://a RTSP/2.0\r\nCSeq: 9\r\n\r\n", status: VersionNotSupported, cseq: "9"},
		{name: "long URL", text: "PLAY " + long + " RTSP/1.0\r\n\r\n", status: URITooLong},
		{name: "longer URL", text: "PLAY " + long + long + " RTSP/1.0\r\n\r\n", status: URITooLong},
		{name: "long field", text: "PLAY a RTSP/1.0\r\nCSeq: 7\r\nA: " + long + "\r\n\r\n", status: BadRequest, cseq: "7"},
		{name: "fields", text: "PLAY a RTSP/1.0\r\nCSeq: 7\r\n" + strings.Repeat("a: b\r\n", MaxFields), status: EntityTooLarge, cseq: "7"},
		{name: "head", text: "PLAY a RTSP/1.0\r\n" + strings.Repeat("a: "+long[:MaxLine/2]+"\r\n", 8), status: EntityTooLarge},
		{name: "body", text: "PLAY a RTSP/1.0\r\nContent-Length: 65537\r\n\r\n", status: EntityTooLarge},
		{name: "huge body", text: "PLAY a RTSP/1.0\r\nContent-Length: 99999999999999999999999\r\n\r\n", status: EntityTooLarge},
		{name: "negative body", text: "PLAY a RTSP/1.0\r\nContent-Length: -1\r\n\r\n", status: BadRequest},
		{name: "status", text: "RTSP/1.0 abc OK\r\n\r\n", status: BadRequest},
		{name: "answer of version 2", text: "RTSP/2.0 200 OK\r\n\r\n", status: VersionNotSupported},
		{name: "empty lines", text: strings.Repeat("\r\n", 100), status: BadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewReader(strings.NewReader(c.text)).Read()
			var e *Error
			if !errors.As(err, &e) || e.Status != c.status || e.CSeq != c.cseq {
				t.Fatalf("got %#v, want %d and CSeq %q", err, c.status, c.cseq)
			}
			if len(e.Error()) > 200 {
				t.Errorf("an error of %d bytes", len(e.Error()))
			}
		})
	}
}

func TestNoValueMakesALine(t *testing.T) {
	r := Response{Status: OK, Reason: "a\r\nX: y", Header: Header{{"CSeq", "1\nInjected: 1"}}}
	if got := string(r.Append(nil)); strings.Count(got, "\n") != 3 {
		t.Errorf("%q", got)
	}
}

func TestHeader(t *testing.T) {
	h := Header{{"A", "1"}, {"b", "2"}, {"a", "3"}}
	if h.Get("a") != "1" || h.Get("c") != "" || !h.Has("B") || len(h.Values("A")) != 2 {
		t.Errorf("%v", h)
	}
	h.Set("a", "4")
	if diff := cmp.Diff(Header{{"b", "2"}, {"a", "4"}}, h); diff != "" {
		t.Error(diff)
	}
}

// TestFrameAllocations: the hot path of a publisher by TCP allocates the frame
// and nothing else.
func TestFrameAllocations(t *testing.T) {
	src := bytes.NewReader(nil)
	frame := AppendFrame(nil, 0, make([]byte, 1200))
	r := NewReader(src)
	if n := testing.AllocsPerRun(100, func() {
		src.Reset(frame)
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkReadFrame(b *testing.B) {
	src := bytes.NewReader(nil)
	frames := bytes.Repeat(AppendFrame(nil, 0, make([]byte, 1200)), 64)
	r := NewReader(src)
	b.ReportAllocs()
	b.SetBytes(int64(len(frames) / 64))
	for i := range b.N {
		if i%64 == 0 {
			src.Reset(frames)
		}
		if _, err := r.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, c := range messages {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		for {
			item, err := r.Read()
			if err != nil {
				return
			}
			again, err := NewReader(bytes.NewReader(write(item))).Read()
			if err != nil {
				t.Fatalf("%q is written as %q: %v", b, write(item), err)
			}
			if !bytes.Equal(write(item), write(again)) {
				t.Fatalf("%q, again %q", write(item), write(again))
			}
		}
	})
}
