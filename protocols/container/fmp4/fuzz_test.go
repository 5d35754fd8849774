package fmp4

import (
	"bytes"
	"math"
	"testing"
	"time"

	"sluice/server/media"
)

func FuzzNextBox(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x09freex"))
	f.Add([]byte("\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x11xyz"))
	f.Add([]byte("\x00\x00\x00\x00mdatxyz"))
	f.Fuzz(func(t *testing.T, b []byte) {
		box, rest, err := NextBox(b)
		if err != nil {
			return
		}
		if box.Size+len(rest) != len(b) || len(box.Body)+headerSize > box.Size || len(box.Type) != 4 {
			t.Errorf("a box of %d bytes with %d in it and %d left of %d", box.Size, len(box.Body), len(rest), len(b))
		}
	})
}

// FuzzParseInit writes what it reads: what is read then is the same.
func FuzzParseInit(f *testing.F) {
	for _, c := range trackCases {
		b, err := FileInit(media.Tracks{}.With(&c.track), 0)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	b, err := FileInit(media.Tracks{Video: picture, Audio: sound}, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseInit(b)
		if err != nil {
			return
		}
		if m.Duration < 0 {
			t.Errorf("duration %v", m.Duration)
		}
		ts := m.Tracks()
		_, _ = ContentType(ts)
		first, err := FileInit(ts, 0)
		if err != nil {
			return // a configuration that a file may not have
		}
		m, err = ParseInit(first)
		if err != nil {
			t.Fatalf("%+v: %v", ts, err)
		}
		if a := ts.Audio; a != nil && a.SampleRate > math.MaxUint16 && a.Config == nil {
			return // no codec without a configuration has such a rate
		}
		second, err := FileInit(m.Tracks(), 0)
		if err != nil || !bytes.Equal(second, first) {
			t.Errorf("written as\n%x, then %v as\n%x", first, err, second)
		}
		if err := SetDuration(second, time.Hour); err != nil {
			t.Error(err)
		}
		if m, err := ParseInit(second); err != nil || m.Duration != time.Hour {
			t.Errorf("duration %v, %v", m.Duration, err)
		}
	})
}

// FuzzParseFragment writes what it reads: what is read then is the same.
func FuzzParseFragment(f *testing.F) {
	m := newMovie(f)
	for _, c := range fragmentCases {
		b, err := AppendFragment(nil, 1, c.samples)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, int64(0))
	}
	f.Add(unhex(foreign), int64(100))
	f.Fuzz(func(t *testing.T, b []byte, offset int64) {
		frag, err := m.ParseFragment(b, offset)
		if err != nil || len(frag.Samples) == 0 {
			return
		}
		out, err := AppendFragment(nil, frag.Sequence, frag.Samples)
		if err != nil {
			return // samples further apart than one would write
		}
		again, err := m.ParseFragment(out, 0)
		if err != nil || len(again.Samples) != len(frag.Samples) {
			t.Fatalf("%d samples are read as %+v, %v", len(frag.Samples), again, err)
		}
		for i, s := range again.Samples {
			p, want := s.Packet, frag.Samples[i].Packet
			if p.Track != want.Track || p.DTS != want.DTS || p.Key != want.Key || !bytes.Equal(p.Payload, want.Payload) {
				t.Errorf("sample %d is %+v, was %+v", i, p, want)
			}
			if d := want.PTS - want.DTS; p.PTS != want.PTS && d < time.Hour && d > -time.Hour {
				t.Errorf("sample %d is shown at %v, was at %v", i, p.PTS, want.PTS)
			}
		}
	})
}

// FuzzRecover truncates files to what is whole: that stays so.
func FuzzRecover(f *testing.F) {
	tape := newTape(f)
	f.Add(tape.index.Append(bytes.Clone(tape.bytes)))
	f.Add(tape.bytes[:tape.ends[1]+60])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Recover(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if r.End < 0 || r.End > int64(len(b)) || r.Index.Duration() < 0 {
			t.Fatalf("%d bytes of %d are whole, %v long", r.End, len(b), r.Index.Duration())
		}
		_ = r.Index.Append(nil)
		again, err := Recover(bytes.NewReader(b[:r.End]), r.End)
		if err != nil || again.End != r.End || again.Sequence != r.Sequence {
			t.Errorf("%+v, then %+v, %v", r, again, err)
		}
	})
}
