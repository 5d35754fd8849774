package webrtc

import (
	"log/slog"
	"testing"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
)

// coder runs an encoder over packets and collects its units.
type coder struct {
	t      testing.TB
	enc    hub.Encoder[*unit]
	tracks *media.Tracks
	units  []*unit
}

func newCoder(t testing.TB, policy BFrames, tracks ...*media.Track) *coder {
	var ts media.Tracks
	for _, tr := range tracks {
		ts = ts.With(tr)
	}
	return &coder{t: t, enc: rtpFormat(slog.New(slog.DiscardHandler), policy, false).New(), tracks: &ts}
}

func (c *coder) write(p *media.Packet) {
	c.t.Helper()
	err := c.enc.Encode(hub.Item{Packet: p, Tracks: c.tracks}, func(u *unit, _ int) { c.units = append(c.units, u) })
	if err != nil {
		c.t.Fatal(err)
	}
}

// pic is a picture by its order of display; ref tells whether others refer to it.
type pic struct {
	shown int
	ref   bool
}

// TestBPictures: of pictures that come after one that is shown later, those that
// no other needs are left out, and all times stay as they are.
func TestBPictures(t *testing.T) {
	track := h264Track(t)
	for _, c := range []struct {
		name          string
		policy        BFrames
		coded         []pic
		want          []int
		dropped, kept int64
	}{
		{"none", DropB, []pic{{0, true}, {1, true}, {2, true}}, []int{0, 1, 2}, 0, 0},
		{"two between P", DropB, []pic{{0, true}, {3, true}, {1, false}, {2, false}, {6, true}, {4, false}, {5, false}}, []int{0, 3, 6}, 4, 0},
		{"pyramid", DropB, []pic{{0, true}, {4, true}, {2, true}, {1, false}, {3, false}, {8, true}}, []int{0, 4, 4, 8}, 2, 0},
		{"P that nobody needs", DropB, []pic{{0, true}, {1, false}, {2, true}}, []int{0, 1, 2}, 0, 0},
		{"kept by policy", KeepB, []pic{{0, true}, {2, true}, {1, false}}, []int{0, 2, 1}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := newCoder(t, c.policy, track)
			for i, p := range c.coded {
				payload := picture(i, 100, i == 0)
				if !p.ref {
					payload[4] &^= 0x60
				}
				code.write(&media.Packet{
					Track: track, Key: i == 0, DTS: time.Duration(i) * frameTime, PTS: time.Duration(p.shown+2) * frameTime, Payload: payload,
				})
			}
			var got []int
			for _, u := range code.units {
				got = append(got, int(u.pts/frameTime)-2)
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Fatalf("got %v, want %v", got, c.want)
				}
			}
			if b := code.units[0].b; b.dropped.Load() != c.dropped || b.kept.Load() != c.kept {
				t.Errorf("dropped %d, kept %d", b.dropped.Load(), b.kept.Load())
			}
			// The numbers of what is sent have no gap: a viewer would ask for it.
			next := uint64(0)
			for _, u := range code.units {
				if u.seq != next {
					t.Errorf("unit begins at %d, want %d", u.seq, next)
				}
				next += uint64(len(u.payloads))
			}
		})
	}
}

func TestBrokenPacketsAreLeftOut(t *testing.T) {
	track := h264Track(t)
	code := newCoder(t, DropB, track, opusTrack())
	for _, b := range [][]byte{{}, {0, 0, 0, 9, 1}, {0, 0, 0, 0}} {
		code.write(&media.Packet{Track: track, Payload: b})
	}
	code.write(&media.Packet{Track: opusTrack(), Payload: nil})
	code.write(&media.Packet{Track: &media.Track{Codec: media.Script}, Payload: []byte{2, 0, 0}})
	if len(code.units) != 0 {
		t.Errorf("%d units", len(code.units))
	}
	code.write(&media.Packet{Track: track, Key: true, Payload: picture(0, 100, true)})
	if len(code.units) != 1 {
		t.Error("a good picture after broken ones is lost")
	}
}

func TestLaneFindsWhatWasSent(t *testing.T) {
	track := h264Track(t)
	code := newCoder(t, DropB, track)
	for i := range 3 * laneUnits {
		at := time.Duration(i) * frameTime
		code.write(&media.Packet{Track: track, Key: i%30 == 0, DTS: at, PTS: at, Payload: picture(i, 500+i*37%4000, i%30 == 0)})
	}
	l := code.units[0].lane
	for i, u := range code.units {
		for k := range u.payloads {
			got, at := l.find(u.seq + uint64(k))
			if i < 2*laneUnits {
				if got != nil {
					t.Fatalf("unit %d is still there", i)
				}
			} else if got != u || at != k {
				t.Fatalf("payload %d of unit %d: found %v, %d", k, i, got, at)
			}
		}
	}
	if u, _ := l.find(l.next); u != nil {
		t.Error("found what is to come")
	}
}

func TestWallClock(t *testing.T) {
	var c wallClock
	start := time.Unix(1000, 0)
	// The first packets come late, the others in time, with some jitter.
	for i := range 1000 {
		dts := time.Duration(i) * 20 * time.Millisecond
		late := time.Duration(i*7%13) * time.Millisecond
		if i < 5 {
			late = 300 * time.Millisecond
		}
		before := c.epoch
		got := c.update(start.Add(dts+late), dts)
		if step := got.Sub(before); i > 0 && (step > time.Millisecond || step < -20*time.Millisecond) {
			t.Fatalf("packet %d moves the clock by %v", i, step)
		}
	}
	if off := c.epoch.Sub(start); off < 0 || off > 10*time.Millisecond {
		t.Errorf("off by %v", off)
	}
	if got := c.update(start.Add(time.Hour), 0); got != start.Add(time.Hour) {
		t.Error("a new time line is not taken up")
	}
}

func TestSqueeze(t *testing.T) {
	q := squeeze{from: time.Second, to: 3 * time.Second, at: 2900 * time.Millisecond, until: 3 * time.Second}
	for _, c := range []struct{ in, want time.Duration }{
		{time.Second, 2900 * time.Millisecond},
		{2 * time.Second, 2950 * time.Millisecond},
		{3 * time.Second, 3 * time.Second},
		{4 * time.Second, 4 * time.Second},
	} {
		if got := q.apply(c.in); got != c.want {
			t.Errorf("apply(%v) = %v, want %v", c.in, got, c.want)
		}
	}
	if got := (squeeze{}).apply(time.Second); got != time.Second {
		t.Errorf("no squeeze moves a second to %v", got)
	}
}

// TestSqueezedPicturesKeepApart: pictures, and what stands for those that browsers
// can't show, have RTP timestamps of their own however much a group is squeezed.
func TestSqueezedPicturesKeepApart(t *testing.T) {
	track := h264Track(t)
	code := newCoder(t, DropB, track)
	const pictures = 250
	pyramid := []pic{{4, true}, {2, true}, {1, false}, {3, false}}
	for i := range pictures {
		p := pic{0, true}
		if i > 0 {
			p = pyramid[(i-1)%4]
			p.shown += (i - 1) / 4 * 4
		}
		payload := picture(i, 100, i == 0)
		if !p.ref {
			payload[4] &^= 0x60
		}
		code.write(&media.Packet{Track: track, Key: i == 0, DTS: time.Duration(i) * frameTime, PTS: time.Duration(p.shown+2) * frameTime, Payload: payload})
	}
	first, last := code.units[0].pts, time.Duration(0)
	for _, u := range code.units {
		last = max(last, u.pts)
	}
	late := last + 4*time.Second // the publisher is slow, and the clock says more
	for name, q := range map[string]squeeze{
		"repeated":  {first, last, last + replaySpread/16, last + replaySpread},
		"caught up": {first, late, late - leastSpread(len(code.units), last-first, late-first), late},
	} {
		var before int64
		for i, u := range code.units {
			stamp := media.ToClock(q.apply(u.pts), 90000)
			if i > 0 && stamp <= before {
				t.Fatalf("%s: unit %d of %d: timestamp %d after %d", name, i, len(code.units), stamp, before)
			}
			before = stamp
		}
	}
}

// BenchmarkEncode is what a picture costs once a stream, whoever watches.
func BenchmarkEncode(b *testing.B) {
	track := h264Track(b)
	code := newCoder(b, DropB, track)
	p := &media.Packet{Track: track, Payload: picture(0, 8000, false)}
	b.ReportAllocs()
	b.SetBytes(int64(len(p.Payload)))
	for b.Loop() {
		code.units = code.units[:0]
		p.DTS += frameTime
		p.PTS = p.DTS
		code.write(p)
	}
}
