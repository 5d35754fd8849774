package timing

import (
	"math/rand/v2"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// source is one track of a simulated sender: its clock ticks at rate times
// 1+drift, packets take latency to arrive, and its NTP clock is off by wrong.
type source struct {
	clock   *Clock
	rate    float64
	first   uint32 // timestamp at capture time 0
	latency time.Duration
	jitter  time.Duration
	wrong   time.Duration
	last    time.Duration
}

// ticks returns the timestamp of what is captured at d.
func (s *source) ticks(d time.Duration) uint32 {
	return s.first + uint32(int64(d.Seconds()*s.rate))
}

func (s *source) packet(t *testing.T, rnd *rand.Rand, d time.Duration) time.Duration {
	t.Helper()
	arrival := start.Add(d + s.latency)
	if s.jitter > 0 {
		arrival = arrival.Add(time.Duration(rnd.Int64N(int64(s.jitter))))
	}
	got := s.clock.Time(s.ticks(d), arrival)
	if got <= s.last && d > 0 {
		t.Fatalf("at %v the time went from %v to %v", d, s.last, got)
	}
	s.last = got
	return got
}

func (s *source) report(d time.Duration) {
	s.clock.SenderReport(s.ticks(d), NTP(start.Add(d+s.wrong)))
}

func TestSync(t *testing.T) {
	for _, c := range []struct {
		name         string
		audio, video source
		until        time.Duration // when they must be in sync
		within       time.Duration
	}{
		{"video late", source{latency: 20 * time.Millisecond}, source{latency: 250 * time.Millisecond}, 6 * time.Second, 6 * time.Millisecond},
		{"audio late", source{latency: 900 * time.Millisecond}, source{latency: 50 * time.Millisecond}, 8 * time.Second, 6 * time.Millisecond},
		{"seconds apart", source{latency: 10 * time.Millisecond}, source{latency: 4 * time.Second}, 16 * time.Second, 6 * time.Millisecond},
		{"jitter", source{latency: 30 * time.Millisecond, jitter: 80 * time.Millisecond}, source{jitter: 80 * time.Millisecond}, 6 * time.Second, 6 * time.Millisecond},
		{"sound card 200 ppm fast", source{rate: 48000 * 1.0002}, source{}, 6 * time.Second, 8 * time.Millisecond},
		{"sound card 200 ppm slow", source{rate: 48000 * 0.9998}, source{}, 6 * time.Second, 8 * time.Millisecond},
		{"NTP clock off by a year", source{wrong: 8760 * time.Hour, latency: 300 * time.Millisecond}, source{wrong: 8760 * time.Hour}, 6 * time.Second, 6 * time.Millisecond},
		{"unrelated NTP clocks", source{wrong: time.Hour}, source{wrong: -time.Hour}, 0, 6 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(5, 6))
			var s Session
			a, v := &c.audio, &c.video
			if a.rate == 0 {
				a.rate = 48000
			}
			v.rate = 90000
			a.clock, v.clock = s.Clock(48000), s.Clock(90000)
			a.first, v.first = 0xfffff000, 0xffff0000 // both wrap
			audio := map[time.Duration]time.Duration{}
			for ms := range 3600 * 1000 {
				d := time.Duration(ms) * time.Millisecond
				if ms%20 == 0 {
					audio[d%time.Second] = a.packet(t, rnd, d)
				}
				if ms%40 == 0 {
					got := v.packet(t, rnd, d)
					if off := got - audio[d%time.Second]; d > c.until && max(off, -off) > c.within {
						t.Fatalf("at %v video is %v off", d, off)
					}
				}
				if ms%5000 == 1700 {
					a.report(d)
				}
				if ms%1000 == 900 {
					v.report(d)
				}
			}
		})
	}
}

func TestArrivalBeforeReports(t *testing.T) {
	var s Session
	a, v := s.Clock(48000), s.Clock(90000)
	if got := v.Time(1000, start); got != 0 {
		t.Errorf("the first packet is at %v", got)
	}
	if got := a.Time(77, start.Add(30*time.Millisecond)); got != 30*time.Millisecond {
		t.Errorf("the second track starts at %v", got)
	}
	if got := v.Time(1000+9000, start.Add(time.Second)); got != 100*time.Millisecond {
		t.Errorf("timestamps do not count: %v", got)
	}
}

func TestEarlyReport(t *testing.T) {
	var s Session
	a, v := s.Clock(48000), s.Clock(90000)
	ntp := NTP(start)
	v.SenderReport(5000, ntp)
	a.SenderReport(100, ntp)
	a.SenderReport(100, 0) // without a clock: says nothing
	if got := v.Time(5000, start); got != 0 {
		t.Errorf("video at %v", got)
	}
	if got := a.Time(100+4800, start.Add(70*time.Millisecond)); got != 100*time.Millisecond {
		t.Errorf("audio at %v", got)
	}

	// Timestamps begin anywhere.
	var high Session
	a, v = high.Clock(48000), high.Clock(90000)
	v.SenderReport(0xf0000000, ntp)
	a.SenderReport(0x80000000, ntp)
	if got := v.Time(0xf0000000, start); got != 0 {
		t.Errorf("video at %v", got)
	}
	if got := a.Time(0x80000000+4800, start.Add(70*time.Millisecond)); got != 100*time.Millisecond {
		t.Errorf("audio at %v", got)
	}
	// Tracks that arrive late begin at their place too, and do not slide there.
	late := s.Clock(8000)
	late.SenderReport(0, ntp)
	for i := range 5 {
		d := time.Duration(i)*20*time.Millisecond - 40*time.Millisecond
		if got := late.Time(uint32(int32(d.Milliseconds()*8)), start.Add(d+900*time.Millisecond)); got != d {
			t.Errorf("the late track is at %v, want %v", got, d)
		}
	}
}

// TestClockSet has the sender's NTP clock set in the middle: nothing may move.
func TestClockSet(t *testing.T) {
	var s Session
	a := source{clock: s.Clock(48000), rate: 48000, latency: 100 * time.Millisecond}
	v := source{clock: s.Clock(90000), rate: 90000}
	for ms := range 60000 {
		d := time.Duration(ms) * time.Millisecond
		if ms == 30000 {
			a.wrong, v.wrong = time.Hour, time.Hour
		}
		if ms%20 == 0 {
			got, want := a.packet(t, nil, d), v.packet(t, nil, d)
			if off := got - want; ms > 10000 && (off > 6*time.Millisecond || off < -6*time.Millisecond) {
				t.Fatalf("at %v: %v apart", d, off)
			}
			if ms > 10000 && (want-d > 200*time.Millisecond || d-want > 200*time.Millisecond) {
				t.Fatalf("at %v the time line is at %v", d, want)
			}
		}
		if ms%1000 == 0 {
			a.report(d)
			v.report(d)
		}
	}
}

// TestTimestampJump has a sender that starts its timestamps anew.
func TestTimestampJump(t *testing.T) {
	var s Session
	v := source{clock: s.Clock(90000), rate: 90000}
	for ms := 0; ms < 20000; ms += 40 {
		d := time.Duration(ms) * time.Millisecond
		if ms == 10000 {
			v.first += 1 << 30
		}
		got := v.packet(t, nil, d)
		if off := got - d; off > time.Millisecond || off < -time.Millisecond {
			t.Fatalf("at %v: %v", d, got)
		}
	}
	// A pause is no jump, nor is a stall of the network.
	if got := v.packet(t, nil, 60*time.Second); got < 59*time.Second || got > 61*time.Second {
		t.Errorf("after a pause: %v", got)
	}
	v.latency = 30 * time.Second
	if got := v.packet(t, nil, 60*time.Second+40*time.Millisecond); got > 61*time.Second {
		t.Errorf("after a stall: %v", got)
	}
}

// TestReordered gives timestamps in decoding order while a correction is under
// way: the order of display must hold.
func TestReordered(t *testing.T) {
	var s Session
	other := s.Clock(48000)
	other.Time(0, start)
	other.SenderReport(0, NTP(start))
	v := s.Clock(90000)
	places := map[int]time.Duration{}
	for gop := range 100 {
		for _, n := range []int{3, 1, 2, 6, 4, 5, 9, 7, 8} {
			n += gop * 9
			places[n] = v.Time(uint32(n*3600), start.Add(time.Duration(n)*40*time.Millisecond+700*time.Millisecond))
			if gop == 2 && n == 2*9+6 {
				v.SenderReport(uint32(n*3600), NTP(start.Add(time.Duration(n)*40*time.Millisecond)))
			}
		}
	}
	for n := 2; n <= 900; n++ {
		if places[n] <= places[n-1] {
			t.Errorf("picture %d at %v, the one before at %v", n, places[n], places[n-1])
		}
	}
	if got, want := places[900].Round(time.Microsecond), 36*time.Second; got != want {
		t.Errorf("the last picture at %v, want %v", got, want)
	}
}

func BenchmarkClock(b *testing.B) {
	var s Session
	c := s.Clock(90000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		c.Time(uint32(n*3000), start.Add(time.Duration(n)*33*time.Millisecond))
		n++
	}
}

// FuzzSession checks that no packets and reports make the time run backwards
// while timestamps grow.
func FuzzSession(f *testing.F) {
	f.Add([]byte{10, 10, 0, 10, 10, 1, 10, 10, 2, 10, 60, 3})
	f.Add([]byte{255, 0, 0, 0, 255, 1, 255, 255, 7})
	f.Fuzz(func(t *testing.T, script []byte) {
		var s Session
		clocks := [2]*Clock{s.Clock(90000), s.Clock(8000)}
		timestamps := [2]uint32{0xfffffff0, 77}
		last := [2]time.Duration{-1 << 62, -1 << 62}
		now := start
		for i := 0; len(script) >= 3; i, script = i+1, script[3:] {
			n := script[2] & 1
			now = now.Add(time.Duration(script[1]) * time.Duration(script[1]) * time.Millisecond)
			if script[2]&6 == 2 {
				wrong := time.Duration(int8(script[0])) * time.Duration(script[2]) * time.Millisecond
				clocks[n].SenderReport(timestamps[n]-uint32(script[1]), NTP(now.Add(wrong)))
				continue
			}
			timestamps[n] += uint32(script[0])*500 + 1
			got := clocks[n].Time(timestamps[n], now)
			if got < last[n] {
				t.Fatalf("track %d went from %v to %v", n, last[n], got)
			}
			last[n] = got
		}
	})
}
