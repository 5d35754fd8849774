package chunk

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/rtmp/message"
)

// A testCase is what stands on the wire and the messages that it carries. It
// drives the reader, truncation and the fuzz seeds, and where write is set
// the Writer makes that wire of the messages.
type testCase struct {
	name  string
	wire  string // hex; "N*xx" repeats a byte; blanks ignored
	want  []message.Message
	write bool
}

func video(timestamp int64, body string) message.Message {
	return message.Message{Type: message.Video, StreamID: 1, Timestamp: timestamp, Body: []byte(body)}
}

func audio(timestamp int64, body string) message.Message {
	return message.Message{Type: message.Audio, StreamID: 1, Timestamp: timestamp, Body: []byte(body)}
}

var (
	long  = strings.Repeat("v", 200)
	cases = []testCase{
		{
			name: "every header type", write: true,
			wire: "06 00000a 000003 09 01000000 616263" + // type 0
				"46 00000a 000002 09 6465" + // type 1: another length
				"86 000005 6667" + // type 2: another delta
				"c6 6869", // type 3: the same again
			want: []message.Message{video(10, "abc"), video(20, "de"), video(25, "fg"), video(30, "hi")},
		},
		{
			name: "type 3 behind type 0 adds its time", wire: "06 00000a 000001 09 01000000 61 c6 62",
			want: []message.Message{video(10, "a"), video(20, "b")},
		},
		{
			name: "type 1 may come first", wire: "46 00000a 000001 09 61",
			want: []message.Message{{Type: message.Video, Timestamp: 10, Body: []byte("a")}},
		},
		{
			name: "two chunks", write: true, wire: "06 000000 0000c8 09 01000000 128*76 c6 72*76",
			want: []message.Message{video(0, long)},
		},
		{
			name: "interleaved", wire: "06 000000 0000c8 09 01000000 128*76 04 000005 000001 08 01000000 61 c6 72*76",
			want: []message.Message{audio(5, "a"), video(0, long)},
		},
		{
			name: "extended time, repeated", write: true,
			wire: "06 ffffff 0000c8 09 01000000 01000000 128*76 c6 01000000 72*76",
			want: []message.Message{video(1<<24, long)},
		},
		{
			name: "extended time, not repeated", wire: "06 ffffff 0000c8 09 01000000 01000000 128*76 c6 72*76",
			want: []message.Message{video(1<<24, long)},
		},
		{
			name: "extended time, not repeated before the last bytes", wire: "06 ffffff 000082 09 01000000 01000000 128*76 c6 7676",
			want: []message.Message{video(1<<24, long[:130])},
		},
		{
			name: "extended delta, absolute time repeated",
			wire: "06 000001 000001 09 01000000 61 46 ffffff 0000c8 09 01000000 128*76 c6 01000001 72*76",
			want: []message.Message{video(1, "a"), video(1<<24+1, long)},
		},
		{
			name: "time of exactly 24 bits", write: true, wire: "06 ffffff 000001 09 01000000 00ffffff 61",
			want: []message.Message{video(0xffffff, "a")},
		},
		{
			name: "extended delta in a type 3 chunk that starts a message",
			wire: "06 000000 000001 09 01000000 61 86 ffffff 01000000 62 c6 01000000 63",
			want: []message.Message{video(0, "a"), video(1<<24, "b"), video(1<<25, "c")},
		},
		{
			name: "time wraps", wire: "06 ffffff 000001 09 01000000 fffffff0 61 46 000020 000001 09 62" +
				"04 000011 000001 08 01000000 63",
			want: []message.Message{video(1<<32-16, "a"), video(1<<32+16, "b"), audio(1<<32+17, "c")},
		},
		{
			name: "time before the first", wire: "06 000005 000001 09 01000000 61 04 ffffff 000001 08 01000000 ffffffff 62",
			want: []message.Message{video(5, "a"), audio(-1, "b")},
		},
		{
			name: "chunk size", wire: "02 000000 000004 01 00000000 00000004 06 000000 000006 09 01000000 61626364 c6 6566",
			want: []message.Message{video(0, "abcdef")},
		},
		{
			name: "chunk size inside a message",
			wire: "06 000000 0000c8 09 01000000 128*76 02 000000 000004 01 00000000 00000001 " + strings.Repeat("c676", 72),
			want: []message.Message{video(0, long)},
		},
		{
			name: "abort", wire: "06 000000 0000c8 09 01000000 128*76 02 000000 000004 02 00000000 00000006 46 000007 000001 09 61",
			want: []message.Message{video(7, "a")},
		},
		{name: "abort of a stream that is not there", wire: "02 000000 000004 02 00000000 00000009"},
		{
			name: "empty message", write: true, wire: "06 000000 000000 09 01000000",
			want: []message.Message{{Type: message.Video, StreamID: 1}},
		},
		{name: "chunk stream 64, two bytes", wire: "0000 000000 000001 09 01000000 61", want: []message.Message{video(0, "a")}},
		{name: "chunk stream 65599, three bytes", wire: "01ffff 000000 000001 09 01000000 61", want: []message.Message{video(0, "a")}},
	}
)

func (c testCase) bytes(t testing.TB) []byte {
	t.Helper()
	var out []byte
	for _, field := range strings.Fields(c.wire) {
		count := 1
		if n, rest, ok := strings.Cut(field, "*"); ok {
			field, count = rest, 0
			for _, d := range n {
				count = 10*count + int(d-'0')
			}
		}
		b, err := hex.DecodeString(field)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		out = append(out, bytes.Repeat(b, count)...)
	}
	return out
}

func readAll(wire []byte, l Limits) ([]message.Message, error) {
	r := NewReader(bufio.NewReader(bytes.NewReader(wire)), l)
	var list []message.Message
	for {
		m, err := r.Read()
		if err != nil {
			return list, err
		}
		list = append(list, m)
	}
}

func TestChunks(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wire := c.bytes(t)
			got, err := readAll(wire, DefaultLimits())
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
			if !c.write {
				return
			}
			w, out := NewWriter(), []byte(nil)
			for _, m := range c.want {
				if out, err = w.Append(out, VideoStream, m); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(out, wire) {
				t.Errorf("wrote\n% x, want\n% x", out, wire)
			}
		})
	}
}

// An end inside a chunk is an error of its own; at the end of a chunk it is
// io.EOF, with the messages that are whole.
func TestTruncated(t *testing.T) {
	for _, c := range cases {
		wire := c.bytes(t)
		for n := range wire {
			got, err := readAll(wire[:n], DefaultLimits())
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s at %d: %v", c.name, n, err)
			}
			if len(got) > len(c.want) {
				t.Fatalf("%s at %d: %d messages", c.name, n, len(got))
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	small := Limits{Message: 1000, Buffered: 16 << 10, Streams: 3}
	for _, c := range []struct {
		name, wire string
		want       error
	}{
		{"type 2 first", "86 000000 61", ErrInvalid},
		{"type 3 first", "c6 61", ErrInvalid},
		{"header inside a message", "06 000000 0000c8 09 01000000 128*76 06 000000 0000c8 09 01000000", ErrInvalid},
		{"chunk size 0", "02 000000 000004 01 00000000 00000000", ErrInvalid},
		{"chunk size with its top bit", "02 000000 000004 01 00000000 80000080", ErrInvalid},
		{"short chunk size", "02 000000 000003 01 00000000 000000", message.ErrTruncated},
		{"short abort", "02 000000 000001 02 00000000 00", message.ErrTruncated},
		{"message too long", "06 000000 0003e9 09 01000000", ErrLimit},
		{"too many chunk streams", "03 000000 000000 08 00000000 04 000000 000000 08 00000000 05 000000 000000 08 00000000 06 000000 000000 08 00000000", ErrLimit},
	} {
		if _, err := readAll(testCase{wire: c.wire}.bytes(t), small); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// Messages that have begun share one bound, whatever their number.
func TestUnfinishedMessagesAreBounded(t *testing.T) {
	w := NewWriter()
	w.SetChunkSize(600)
	var wire []byte
	for id := uint32(3); id < 33; id++ {
		b, err := w.Append(nil, id, video(0, strings.Repeat("x", 900)))
		if err != nil {
			t.Fatal(err)
		}
		wire = append(wire, b[:12+600]...)
	}
	set := testCase{wire: "02 000000 000004 01 00000000 00000258"}.bytes(t)
	_, err := readAll(append(set, wire...), Limits{Message: 1000, Buffered: 16 << 10, Streams: 100})
	if !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
}

// A peer that announces much and sends little gets little memory.
func TestMemoryFollowsTheBytes(t *testing.T) {
	set := testCase{wire: "02 000000 000004 01 00000000 00ffffff"}.bytes(t)
	head := testCase{wire: "06 000000 7fffff 09 01000000 61"}.bytes(t)
	r := NewReader(bufio.NewReader(bytes.NewReader(append(set, head...))), DefaultLimits())
	if _, err := r.Read(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if r.buffered != firstAlloc {
		t.Errorf("%d bytes for one byte of a message of 8 MiB", r.buffered)
	}
}

func TestLongMessages(t *testing.T) {
	w := NewWriter()
	w.SetChunkSize(4096)
	var wire []byte
	var want []message.Message
	for i := range 3 {
		m := video(int64(40*i), strings.Repeat(string(rune('a'+i)), 300000))
		want = append(want, m)
		var err error
		if wire, err = w.Append(wire, VideoStream, m); err != nil {
			t.Fatal(err)
		}
	}
	r := NewReader(bufio.NewReader(bytes.NewReader(wire)), DefaultLimits())
	r.chunkSize = 4096
	for i := range want {
		m, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		if m.Timestamp != want[i].Timestamp || !bytes.Equal(m.Body, want[i].Body) {
			t.Errorf("message %d differs", i)
		}
		if i > 0 && cap(m.Body) != len(m.Body) {
			t.Errorf("body of %d bytes in %d", len(m.Body), cap(m.Body))
		}
	}
	if r.buffered != 0 {
		t.Errorf("%d bytes on the account at the end", r.buffered)
	}
}

// Bytes headed by a type 0 chunk mean the same behind whatever came before.
func TestSharedBytes(t *testing.T) {
	shared, err := Append(nil, 50, VideoStream, video(1000, long))
	if err != nil {
		t.Fatal(err)
	}
	set := testCase{wire: "02 000000 000004 01 00000000 00000032"}.bytes(t)
	before, err := NewWriter().Append(nil, VideoStream, video(7, "before"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(bytes.Join([][]byte{set, before, shared, shared}, nil), DefaultLimits())
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	want := []message.Message{video(7, "before"), video(1000, long), video(1000, long)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBadMessages(t *testing.T) {
	w := NewWriter()
	for _, id := range []uint32{0, 1, 65600} {
		if _, err := w.Append(nil, id, video(0, "")); !errors.Is(err, ErrInvalid) {
			t.Errorf("chunk stream %d: %v", id, err)
		}
	}
	m := message.Message{Type: message.Video, Body: make([]byte, MaxSize+1)}
	if b, err := w.Append([]byte{1}, 6, m); !errors.Is(err, ErrTooLong) || len(b) != 1 {
		t.Errorf("long message: %d bytes, %v", len(b), err)
	}
	if _, err := Append(nil, 128, 6, m); !errors.Is(err, ErrTooLong) {
		t.Errorf("long message: %v", err)
	}
}

// What a reader takes in, a writer puts out so that a reader takes in the same.
func FuzzChunkReader(f *testing.F) {
	for _, c := range cases {
		f.Add(c.bytes(f), uint16(128))
	}
	f.Fuzz(func(t *testing.T, wire []byte, size uint16) {
		l := Limits{Message: 1 << 16, Buffered: 1 << 18, Streams: 8}
		list, _ := readAll(wire, l)
		w := NewWriter()
		w.SetChunkSize(int(size))
		out, err := NewWriter().Append(nil, ControlStream, message.NewUint32(message.SetChunkSize, max(1, uint32(size))))
		for _, m := range list {
			if err == nil {
				out, err = w.Append(out, StreamFor(m.Type), m)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := readAll(out, l)
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	w := NewWriter()
	w.SetChunkSize(4096)
	wire, err := w.Append(nil, VideoStream, video(0, strings.Repeat("x", 20000)))
	if err != nil {
		b.Fatal(err)
	}
	src := bytes.NewReader(wire)
	r := NewReader(bufio.NewReader(src), DefaultLimits())
	r.chunkSize = 4096
	b.ReportAllocs()
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		src.Reset(wire)
		if _, err := r.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	m := video(0, strings.Repeat("x", 20000))
	buf := make([]byte, 0, 32<<10)
	b.ReportAllocs()
	b.SetBytes(int64(len(m.Body)))
	for b.Loop() {
		if _, err := Append(buf, 1<<16, VideoStream, m); err != nil {
			b.Fatal(err)
		}
	}
}
