package fmp4

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"sluice/server/media"
)

// tape is a small file as the recorder writes it.
type tape struct {
	bytes []byte
	start int64   // where the first fragment begins
	ends  []int64 // of the fragments
	index Index
}

func newTape(t testing.TB) *tape {
	t.Helper()
	start, err := FileInit(media.Tracks{Video: picture, Audio: sound}, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := &tape{bytes: start, start: int64(len(start))}
	for i := range 4 {
		base := time.Duration(i) * 100 * ms
		samples := []Sample{
			{at(sound, base, base, 1), 0},
			{at(picture, base, base+50*ms, 2), 0},
			{at(sound, base+50*ms, base+50*ms, 3), 50 * ms},
			{at(picture, base+50*ms, base+50*ms, 4), 50 * ms},
		}
		samples[1].Packet.Key, samples[3].Packet.Key = i == 0, i == 1
		f.index.Add(int64(len(f.bytes)), samples)
		if f.bytes, err = AppendFragment(f.bytes, uint32(i+1), samples); err != nil {
			t.Fatal(err)
		}
		f.ends = append(f.ends, int64(len(f.bytes)))
	}
	return f
}

// TestRecover cuts a file at every byte: what is whole is found.
func TestRecover(t *testing.T) {
	f := newTape(t)
	whole := f.index.Append(bytes.Clone(f.bytes))
	for n := range len(whole) + 1 {
		r, err := Recover(bytes.NewReader(whole[:n]), int64(n))
		if int64(n) < f.start {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%d bytes: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		want, count := f.start, 0
		for _, end := range f.ends {
			if end <= int64(n) {
				want, count = end, count+1
			}
		}
		if r.End != want || int(r.Sequence) != count || r.Index.Duration() != time.Duration(count)*100*ms {
			t.Fatalf("%d bytes: %d are whole, last fragment %d, %v; want %d, %d", n, r.End, r.Sequence, r.Index.Duration(), want, count)
		}
		if ts := r.Movie.Tracks(); !ts.Video.Same(picture) || !ts.Audio.Same(sound) {
			t.Fatalf("%d bytes: tracks %+v", n, ts)
		}
	}
	r, err := Recover(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.Index.Append(nil), f.index.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("the index is found as\n%x, was\n%x", got, want)
	}
}

// TestRecoverDamage sees what a lost disk block or a preallocated end leaves.
func TestRecoverDamage(t *testing.T) {
	f := newTape(t)
	for _, c := range []struct {
		name string
		harm func(b []byte) []byte
		want int64
	}{
		{"zeros at the end", func(b []byte) []byte { return append(b, make([]byte, 5000)...) }, f.ends[3]},
		{"zeros from the third fragment on", func(b []byte) []byte { clear(b[f.ends[1]:]); return b }, f.ends[1]},
		{"a picture is lost", func(b []byte) []byte { clear(b[f.ends[2]-20 : f.ends[2]-10]); return b }, f.ends[1]},
		{"no mdat", func(b []byte) []byte {
			i := bytes.LastIndex(b, []byte("mdat"))
			copy(b[i:], "free")
			return b
		}, f.ends[2]},
	} {
		b := c.harm(bytes.Clone(f.bytes))
		r, err := Recover(bytes.NewReader(b), int64(len(b)))
		if err != nil || r.End != c.want {
			t.Errorf("%s: %+v, %v; want %d of %v", c.name, r, err, c.want, f.ends)
		}
	}
}

var errDisk = errors.New("disk on fire")

// broken is a file that can't be read from some place on.
type broken struct {
	b    []byte
	from int64
}

func (f broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, errDisk
	}
	return copy(p, f.b[off:]), nil
}

func TestRecoverReadError(t *testing.T) {
	f := newTape(t)
	for _, from := range []int64{0, f.start - 1, f.start + 1, f.ends[2] + 1} {
		if r, err := Recover(broken{f.bytes, from}, int64(len(f.bytes))); !errors.Is(err, errDisk) {
			t.Errorf("from %d: %+v, %v", from, r, err)
		}
	}
}

func TestScanner(t *testing.T) {
	f := newTape(t)
	b := append([]byte("\x00\x00\x00\x08free"), f.bytes...)
	s, err := NewScanner(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for i, end := range f.ends {
		start := f.start
		if i > 0 {
			start = f.ends[i-1]
		}
		frag, offset, err := s.Next()
		if err != nil || offset != start+8 || s.End() != end+8 || int(frag.Sequence) != i+1 || len(frag.Samples) != 4 {
			t.Fatalf("fragment %d: %+v at %d to %d, %v", i, frag, offset, s.End(), err)
		}
	}
	if _, _, err := s.Next(); err != io.EOF { //nolint:errorlint // io.EOF itself is promised
		t.Errorf("at the end: %v", err)
	}
	for _, bad := range []string{"", "\x00\x00\x00\x08moof", "\x00\x00\x00\x08moov", "\x00\x00\x00\x07moov", "\x00\x00\x00\x01moov\x00\x00\x00\x00\x00\x00\x00\x0f"} {
		if _, err := NewScanner(bytes.NewReader([]byte(bad)), int64(len(bad))); err == nil || err == io.EOF { //nolint:errorlint // as above
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestIndex reads the mfra box as a player does.
func TestIndex(t *testing.T) {
	f := newTape(t)
	b := f.index.Append(nil)
	mfra, rest, err := NextBox(b)
	if err != nil || mfra.Type != "mfra" || len(rest) != 0 {
		t.Fatalf("%s, %v", mfra.Type, err)
	}
	video, rest, err := NextBox(mfra.Body)
	if err != nil {
		t.Fatal(err)
	}
	// Fragment 1 begins with a key frame, 2 has one as its second picture, 3
	// and 4 have none.
	want := unhex("01000000 00000001 00000003 00000002" +
		"0000000000001194" + hex64(f.start) + "0101 00000001" +
		hex64(media.ToClock(150*ms, 90000)) + hex64(f.ends[0]) + "0101 00000002")
	if video.Type != "tfra" || !bytes.Equal(video.Body, want) {
		t.Errorf("video\n%x, want\n%x", video.Body, want)
	}
	audio, rest, err := NextBox(rest)
	if err != nil || audio.Type != "tfra" || len(audio.Body) != 16+4*22 || audio.Body[7] != 2 || audio.Body[16+16] != 2 {
		t.Errorf("audio %x, %v", audio.Body, err)
	}
	mfro, rest, err := NextBox(rest)
	if err != nil || mfro.Type != "mfro" || !bytes.Equal(mfro.Body, unhex("00000000"+hex32(len(b)))) || len(rest) != 0 {
		t.Errorf("mfro %x, %v", mfro.Body, err)
	}
	if f.index.Duration() != 400*ms {
		t.Errorf("duration %v", f.index.Duration())
	}
}
