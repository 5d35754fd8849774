package timing

import (
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/server/media"
)

func frames(n ...int) []time.Duration {
	out := make([]time.Duration, len(n))
	for i, v := range n {
		out[i] = time.Duration(v) * 40 * time.Millisecond
	}
	return out
}

const ms = time.Millisecond

var dtsCases = []struct {
	name  string
	depth int
	pts   []time.Duration // in decoding order
	want  []time.Duration
}{
	{"no reordering", 0, frames(0, 1, 2, 3), frames(0, 1, 2, 3)},
	{"uneven", 0, []time.Duration{0, 5 * ms, 100 * ms}, []time.Duration{0, 5 * ms, 100 * ms}},
	{
		"B", 1, frames(1, 4, 2, 3, 7, 5, 6),
		slices.Concat([]time.Duration{40*ms - ms}, frames(1, 2, 3, 4, 5, 6)),
	},
	{
		"pyramid", 2, frames(2, 6, 4, 3, 5, 10, 8, 7, 9),
		slices.Concat([]time.Duration{80*ms - 2*ms, 80*ms - ms}, frames(2, 3, 4, 5, 6, 7, 8)),
	},
	{
		"depth is more than needed", 2, frames(0, 1, 2, 3),
		slices.Concat([]time.Duration{-2 * ms, -ms}, frames(0, 1)),
	},
	{
		"a picture is missing", 1, frames(1, 4, 3, 7, 5, 6),
		slices.Concat([]time.Duration{40*ms - ms}, frames(1, 3, 4, 5, 6)),
	},
}

func TestDTS(t *testing.T) {
	for _, c := range dtsCases {
		t.Run(c.name, func(t *testing.T) {
			d := NewDTS(c.depth)
			for i, pts := range c.pts {
				dts, shown := d.Next(pts)
				if dts != c.want[i] || shown != pts {
					t.Errorf("picture %d: DTS %v, want %v; PTS %v, want %v", i, dts, c.want[i], shown, pts)
				}
			}
		})
	}
}

// TestDTSUnknownDepth has a stream that reorders more than it says: after the
// first pictures all is well.
func TestDTSUnknownDepth(t *testing.T) {
	d := NewDTS(0)
	last, wrong := time.Duration(-1), 0
	for gop := range 50 {
		for _, n := range []int{0, 4, 2, 1, 3} {
			pts := time.Duration(gop*5+n) * 40 * ms
			dts, shown := d.Next(pts)
			if dts <= last || shown < dts {
				t.Fatalf("DTS %v after %v, PTS %v", dts, last, shown)
			}
			if shown != pts {
				wrong++
				if gop > 0 {
					t.Errorf("picture at %v is shown at %v", pts, shown)
				}
			}
			last = dts
		}
	}
	if wrong > 3 {
		t.Errorf("%d pictures were moved", wrong)
	}
}

// TestDTSRandom shuffles pictures as far as the depth allows, at uneven rates
// and with losses.
func TestDTSRandom(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		depth := rnd.IntN(MaxReorder + 1)
		order := decodingOrder(rnd, depth, 300)
		d := NewDTS(depth)
		last := time.Duration(-1 << 62)
		for i, pts := range order {
			if i > 0 && rnd.IntN(20) == 0 {
				continue
			}
			dts, shown := d.Next(pts)
			if dts <= last || dts > pts || shown != pts {
				t.Fatalf("seed %d, picture %d: DTS %v after %v, PTS %v shown at %v", seed, i, dts, last, pts, shown)
			}
			last = dts
		}
	}
}

// decodingOrder returns presentation times in an order in which at most depth
// pictures stand before one that is shown earlier.
func decodingOrder(rnd *rand.Rand, depth, n int) []time.Duration {
	var shown []time.Duration
	t := time.Duration(rnd.Int64N(int64(time.Hour)))
	for range n {
		t += time.Duration(rnd.IntN(100)+2) * ms
		shown = append(shown, t)
	}
	var out, ahead []time.Duration // ahead: decoded before an earlier one
	for len(shown) > 0 {
		i := 0
		if len(ahead) < depth && len(out) > 0 {
			i = rnd.IntN(min(len(shown), 4))
		}
		out = append(out, shown[i])
		if i > 0 {
			ahead = append(ahead, shown[i])
		}
		shown = slices.Delete(shown, i, i+1)
		ahead = slices.DeleteFunc(ahead, func(t time.Duration) bool { return len(shown) == 0 || t < shown[0] })
	}
	return out
}

func TestSetDepth(t *testing.T) {
	d := NewDTS(0)
	last := time.Duration(-1)
	check := func(n ...int) {
		t.Helper()
		for _, pts := range frames(n...) {
			dts, shown := d.Next(pts)
			if dts <= last || dts > pts || shown != pts {
				t.Errorf("PTS %v: DTS %v after %v, shown at %v", pts, dts, last, shown)
			}
			last = dts
		}
	}
	check(0, 1, 2, 3)
	d.SetDepth(2)
	check(5, 9, 7, 6, 8, 13, 11, 10, 12)
	d.SetDepth(0)
	check(14, 15, 16)
	if last != 16*40*ms {
		t.Errorf("without reordering the DTS is %v", last)
	}
}

func TestReorderDepth(t *testing.T) {
	unhex := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	avc, err := h264.NewConfig([][]byte{unhex("6764000dacd94150878888c04400000fa40003a9803c50a658")}, [][]byte{unhex("68ebe3cb22c0")})
	if err != nil {
		t.Fatal(err)
	}
	hevc, err := h265.NewConfig([][]byte{unhex("40010c01ffff01600000030090000003000003003c959409")},
		[][]byte{unhex("42010101600000030090000003000003003ca00a480f9c926595964932bc05a02000007d20000ea601")}, [][]byte{unhex("4401c172b46240")})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		track media.Track
		want  int
	}{
		{media.Track{Codec: media.H264, Config: avc.Append(nil)}, 2},
		{media.Track{Codec: media.H265, Config: hevc.Append(nil)}, 2},
		{media.Track{Codec: media.H264}, 0},
		{media.Track{Codec: media.VP8}, 0},
	} {
		if got := ReorderDepth(&c.track); got != c.want {
			t.Errorf("%v: depth %d, want %d", c.track.Codec, got, c.want)
		}
	}
}

func FuzzDTS(f *testing.F) {
	for _, c := range dtsCases {
		var script []byte
		for _, pts := range c.pts {
			script = append(script, byte(pts/(10*ms)))
		}
		f.Add(c.depth, script)
	}
	f.Fuzz(func(t *testing.T, depth int, script []byte) {
		d := NewDTS(depth)
		last := time.Duration(-1 << 62)
		for i, b := range script {
			if i%8 == 7 {
				d.SetDepth(int(b) % 20)
				continue
			}
			dts, shown := d.Next(time.Duration(int8(b)) * ms)
			if dts <= last || shown < dts {
				t.Fatalf("DTS %v after %v, PTS %v", dts, last, shown)
			}
			last = dts
			if len(d.recent) > MaxReorder+1 {
				t.Fatalf("%d times are kept", len(d.recent))
			}
		}
	})
}

func BenchmarkDTS(b *testing.B) {
	d := NewDTS(2)
	b.ReportAllocs()
	n, order := 0, []int{4, 2, 1, 3}
	for b.Loop() {
		d.Next(time.Duration(n/4*4+order[n%4]) * 40 * ms)
		n++
	}
}
