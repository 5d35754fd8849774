package fmp4

import (
	"bytes"
	"strings"
	"testing"

	"sluice/server/media"
)

// foreign is a fragment as others write them: defaults in tfhd, a data offset
// from the start of the file, and a second run whose data follow the first's.
const foreign = "00000084 6d6f6f66 00000010 6d666864 00000000 00000001" +
	"0000006c 74726166" +
	"00000028 74666864 0000003b 00000001 0000000000000064 00000001 00000e10 00000005 01010000" +
	"00000010 74666474 00000000 00000007" +
	"00000018 7472756e 00000005 00000001 0000008c 02000000" +
	"00000014 7472756e 00000800 00000001 00000096" +
	"00000012 6d646174 0000000107 0000000108"

func newMovie(t testing.TB) *Movie {
	t.Helper()
	start, err := Init(media.Tracks{Video: picture, Audio: sound})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseInit(start)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestForeignFragment(t *testing.T) {
	f, err := newMovie(t).ParseFragment(unhex(foreign), 100)
	if err != nil || len(f.Samples) != 2 {
		t.Fatalf("%+v, %v", f, err)
	}
	tick := func(n int64) (d media.Packet) {
		d.DTS = media.FromClock(n, VideoTimescale)
		return d
	}
	first, second := f.Samples[0], f.Samples[1]
	if p := first.Packet; !p.Key || p.DTS != tick(7).DTS || p.PTS != p.DTS || !bytes.Equal(p.Payload, unhex("0000000107")) {
		t.Errorf("first %+v", p)
	}
	if p := second.Packet; p.Key || p.DTS != tick(3607).DTS || p.PTS != tick(3757).DTS || !bytes.Equal(p.Payload, unhex("0000000108")) {
		t.Errorf("second %+v", p)
	}
}

func TestFragmentErrors(t *testing.T) {
	m := newMovie(t)
	for _, c := range []struct{ name, old, with, want string }{
		{"another description", "00000001 00000e10", "00000002 00000e10", "sample description 2"},
		{"data after the end", "0000008c 02000000", "0000009d 02000000", "outside"},
		{"data before the start", "0000008c 02000000", "80000000 02000000", "outside"},
		{"offset beyond the file", "0000000000000064", "8000000000000064", "outside"},
		{"too many samples", "00000005 00000001 0000008c", "00000005 00010001 0000008c", "samples"},
		{"no tfdt", "74666474", "66726565", "no tfdt"},
		{"a decode time before the start", "00000010 74666474 00000000 00000007 00000018", "00000010 74666474 01000000 00000007 00000018", "unexpected EOF"},
		{"a box over the end of its parent", "00000014 7472756e", "00000015 7472756e", "unexpected EOF"},
		{"NAL units that don't add up", "6d646174 0000000107", "6d646174 0000000207", "nal"},
		{"a track that isn't there", "0000003b 00000001", "0000003b 00000009", ""},
		{"no moof", "6d6f6f66", "6d6f6f78", "unexpected EOF"},
	} {
		was := strings.ReplaceAll(foreign, " ", "")
		hex := strings.Replace(was, strings.ReplaceAll(c.old, " ", ""), strings.ReplaceAll(c.with, " ", ""), 1)
		if hex == was {
			t.Fatalf("%s: nothing to replace", c.name)
		}
		f, err := m.ParseFragment(unhex(hex), 100)
		if c.want == "" {
			if err != nil || len(f.Samples) != 0 {
				t.Errorf("%s: %+v, %v", c.name, f, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestOverlap refuses fragments that make much of a little: runs that all point
// at the same bytes.
func TestOverlap(t *testing.T) {
	const runs = 50
	moof := 8 + 16 + 8 + 28 + 16 + runs*20
	b := unhex(hex32(moof) + "6d6f6f66 00000010 6d666864 00000000 00000001" + hex32(moof-24) + "74726166" +
		"0000001c 74666864 00020038 00000002 00000400 00000064 02000000" +
		"00000010 74666474 00000000 00000007" +
		strings.Repeat("00000014 7472756e 00000001 00000001 00000000", runs))
	if _, err := newMovie(t).ParseFragment(b, 0); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("%d bytes make %d of 100: %v", len(b), runs, err)
	}
}

func TestWiden(t *testing.T) {
	narrow := *picture
	narrow.Config = bytes.Clone(picture.Config)
	narrow.Config[4] &^= 2 // lengths of 2 bytes
	start, err := Init(media.Tracks{Video: &narrow})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseInit(start)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Tracks().Video; !got.Same(picture) {
		t.Errorf("track %+v", got)
	}
	b, err := AppendFragment(nil, 1, []Sample{{&media.Packet{Track: picture, Payload: unhex("0001aa 0002bbcc")}, ms}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.ParseFragment(b, 0)
	if err != nil || !bytes.Equal(f.Samples[0].Packet.Payload, unhex("00000001aa 00000002bbcc")) {
		t.Errorf("%+v, %v", f, err)
	}
}
