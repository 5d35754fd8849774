package fmp4

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"sluice/server/media"
)

// shiftCases are a player's fragments: the times that they have, and those that
// the player sees.
var shiftCases = []struct {
	name      string
	tracks    media.Tracks
	fragments [][]*media.Packet
	want      [][]time.Duration // DTS, rising
}{
	{
		"from hours on",
		media.Tracks{Video: picture, Audio: sound},
		[][]*media.Packet{
			{key(at(picture, 5*time.Hour, 5*time.Hour+40*ms, 1)), at(sound, 5*time.Hour+10*ms, 5*time.Hour+10*ms, 2)},
			{at(picture, 5*time.Hour+40*ms, 5*time.Hour+80*ms, 3), at(sound, 5*time.Hour+33*ms, 5*time.Hour+33*ms, 4)},
		},
		[][]time.Duration{{0, 10 * ms}, {33 * ms, 40 * ms}},
	},
	{
		"sound first",
		media.Tracks{Video: picture, Audio: sound},
		[][]*media.Packet{{at(sound, 990*ms, 990*ms, 1), key(at(picture, time.Second, time.Second, 2))}},
		[][]time.Duration{{0, 10 * ms}},
	},
	{
		"sound from before the start",
		media.Tracks{Video: picture, Audio: sound},
		[][]*media.Packet{
			{key(at(picture, time.Second, time.Second, 1))},
			{at(picture, 1040*ms, 1040*ms, 2), at(sound, 900*ms, 900*ms, 3)},
			{at(picture, 1080*ms, 1080*ms, 4), at(sound, 1010*ms, 1010*ms, 5)},
		},
		[][]time.Duration{{0}, {40 * ms}, {10 * ms, 80 * ms}},
	},
	{
		"sound alone",
		media.Tracks{Audio: sound},
		[][]*media.Packet{{at(sound, time.Minute, time.Minute, 1)}, {at(sound, time.Minute+23*ms, time.Minute+23*ms, 2)}},
		[][]time.Duration{{0}, {23 * ms}},
	},
	{
		"after a gap",
		media.Tracks{Video: picture},
		[][]*media.Packet{{key(at(picture, time.Hour, time.Hour, 1))}, {key(at(picture, 2*time.Hour, 2*time.Hour, 2))}},
		[][]time.Duration{{0}, {time.Hour}},
	},
}

func TestShift(t *testing.T) {
	for _, c := range shiftCases {
		t.Run(c.name, func(t *testing.T) {
			var s Shift
			for i, packets := range c.fragments {
				b := appendPackets(t, packets)
				shared := bytes.Clone(b)
				moof, n := s.Append([]byte("before"), b, c.tracks)
				if !bytes.Equal(b, shared) {
					t.Fatal("the fragment of all players was changed")
				}
				moof, ok := bytes.CutPrefix(moof, []byte("before"))
				if !ok || n != len(moof) || string(b[n+4:n+8]) != "mdat" {
					t.Fatalf("fragment %d: %d bytes for %d", i, len(moof), n)
				}
				f, err := newMovie(t).ParseFragment(slices.Concat(moof, b[n:]), 0)
				if err != nil {
					t.Fatal(err)
				}
				var got []time.Duration
				for j, sample := range f.Samples {
					p := sample.Packet
					if p.PTS < p.DTS || len(p.Payload) != 5 {
						t.Errorf("fragment %d, sample %d: DTS %v, PTS %v, %x", i, j, p.DTS, p.PTS, p.Payload)
					}
					got = append(got, p.DTS.Round(time.Millisecond/4))
				}
				if !slices.Equal(got, c.want[i]) {
					t.Errorf("fragment %d is at %v, want %v", i, got, c.want[i])
				}
			}
		})
	}
}

// TestShiftKeepsSync: what is between picture and sound stays, to half a tick of
// each clock.
func TestShiftKeepsSync(t *testing.T) {
	for base := time.Duration(0); base < 100*time.Hour; base = base*3 + 1234567 {
		var s Shift
		b := appendPackets(t, []*media.Packet{key(at(picture, base+100*ms, base+100*ms, 1)), at(sound, base+110*ms, base+110*ms, 2)})
		moof, n := s.Append(nil, b, media.Tracks{Video: picture, Audio: sound})
		f, err := newMovie(t).ParseFragment(slices.Concat(moof, b[n:]), 0)
		if err != nil {
			t.Fatal(err)
		}
		const most = 2 * (time.Second/44100 + time.Second/90000)
		if off := f.Samples[1].Packet.DTS - f.Samples[0].Packet.DTS - 10*ms; off < -most || off > most {
			t.Errorf("at %v sound is %v off", base, off)
		}
	}
}

func appendPackets(t *testing.T, packets []*media.Packet) []byte {
	t.Helper()
	var list []Sample
	for _, p := range packets {
		list = append(list, Sample{Packet: p, Duration: 20 * ms})
	}
	b, err := AppendFragment(nil, 1, list)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzShift gives bytes that are no fragment: they keep their size and their rest.
func FuzzShift(f *testing.F) {
	for _, c := range fragmentCases {
		b, err := AppendFragment(nil, 1, c.samples)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Shift
		kept := bytes.Clone(b)
		moof, n := s.Append(nil, b, media.Tracks{Video: picture, Audio: sound})
		if len(moof) != n || n > len(b) || !bytes.Equal(b, kept) {
			t.Errorf("%d bytes for %d of %d", len(moof), n, len(b))
		}
	})
}
