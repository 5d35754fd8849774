package rtp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/server/media"
)

// sent is a frame on its way.
type sent struct {
	key     bool
	payload []byte
	packets []Packet
}

// send sends frames, one key frame in gop.
func (s stream) send(t testing.TB, rnd *rand.Rand, frames, gop int) []sent {
	t.Helper()
	out := newSender(s)
	var list []sent
	for i := range frames {
		f := sent{key: i%gop == 0 && s.track.Codec.Kind() == media.Video}
		f.payload = s.frame(rnd, f.key)
		var err error
		// Timestamps wrap on the way.
		if f.packets, err = out.send(&media.Packet{Track: s.track, Key: f.key, Payload: f.payload}, 0xfffff000+uint32(i)*3000); err != nil {
			t.Fatalf("%s, frame %d of %d bytes: %v", s.name, i, len(f.payload), err)
		}
		list = append(list, f)
	}
	return list
}

// TestRoundTrip sends each codec through its Packetizer and Depacketizer, at
// all kinds of packet sizes.
func TestRoundTrip(t *testing.T) {
	for _, s := range streams() {
		for _, size := range []int{64, 65, 100, 500, 1180, 1400, 9000} {
			if s.config.SingleNAL {
				size = 1 << 16
			}
			if s.track.Codec == media.Opus {
				size = max(size, 500)
			}
			s.config.MaxPayload = size
			t.Run(s.name, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(uint64(size), 1))
				roundTrip(t, s, s.send(t, rnd, 60, 20), size)
			})
		}
	}
}

func roundTrip(t *testing.T, s stream, frames []sent, size int) {
	d := must(NewDepacketizer(s.format, DepacketizerConfig{}))
	var units []Unit
	for i, f := range frames {
		for j, p := range f.packets {
			if len(p.Payload) > size || len(p.Payload) == 0 {
				t.Fatalf("payload of %d bytes, limit %d", len(p.Payload), size)
			}
			if s.track.Codec.Kind() == media.Video && p.Marker != (j == len(f.packets)-1) {
				t.Fatalf("marker %v on packet %d of %d", p.Marker, j, len(f.packets))
			}
			var err error
			if units, err = d.Append(units, p, false); err != nil {
				t.Fatalf("frame %d, packet %d: %v", i, j, err)
			}
		}
	}
	units = d.Flush(units)
	if s.track.Codec.Kind() == media.Audio {
		units = joinSamples(frames, units)
	}
	if len(units) != len(frames) {
		t.Fatalf("%d units of %d frames", len(units), len(frames))
	}
	for i, u := range units {
		f := frames[i]
		if !bytes.Equal(u.Payload, f.payload) {
			t.Fatalf("frame %d came back as %d bytes, was %d", i, len(u.Payload), len(f.payload))
		}
		if u.Timestamp != f.packets[0].Timestamp || u.Key != f.key || u.Lost {
			t.Errorf("frame %d: timestamp %d, want %d; key %v, lost %v", i, u.Timestamp, f.packets[0].Timestamp, u.Key, u.Lost)
		}
		if d := cmp.Diff(s.track, u.Track); d != "" {
			t.Fatalf("frame %d (-sent +received):\n%s", i, d)
		}
		if u.Track != units[0].Track {
			t.Fatalf("frame %d has a new track without need", i)
		}
	}
	if d.Track() != units[0].Track {
		t.Error("Track is not that of the units")
	}
}

// joinSamples puts units of sampled sound together that were one frame.
func joinSamples(frames []sent, units []Unit) []Unit {
	if len(units) == len(frames) {
		return units
	}
	var out []Unit
	for _, f := range frames {
		if len(units) == 0 {
			break
		}
		u := units[0]
		u.Payload = nil
		for i := 0; i < len(f.packets) && len(units) > 0; i++ {
			if units[0].Timestamp != f.packets[i].Timestamp {
				return nil
			}
			u.Payload = append(u.Payload, units[0].Payload...)
			units = units[1:]
		}
		out = append(out, u)
	}
	return out
}

// TestLoss drops packets at random and checks that no torn unit is handed out,
// that every one that could be is, and that the losses are reported. The first
// frame always arrives: what follows needs its description.
func TestLoss(t *testing.T) {
	for _, s := range streams() {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(12) {
				rnd := rand.New(rand.NewPCG(seed, 2))
				s.config.MaxPayload = []int{500, 1180}[rnd.IntN(2)]
				if s.config.SingleNAL {
					s.config.MaxPayload = 1 << 16
				}
				lossy(t, s, s.send(t, rnd, 100, 10), rnd, rnd.Float64()*0.1)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

func lossy(t *testing.T, s stream, frames []sent, rnd *rand.Rand, loss float64) {
	byTime := map[uint32]*sent{}
	d := must(NewDepacketizer(s.format, DepacketizerConfig{TrustMarker: true}))
	var units []Unit
	intact := map[uint32]bool{} // units that must come out: all there, and the packet before them
	lost, errs, gaps := false, 0, 0
	for i := range frames {
		f := &frames[i]
		whole := !lost || s.track.Codec.Kind() == media.Audio && len(f.packets) == 1
		for _, p := range f.packets {
			byTime[p.Timestamp] = f
			if i > 0 && rnd.Float64() < loss {
				lost, whole = true, false
				continue
			}
			if lost {
				gaps++
			}
			var err error
			if units, err = d.Append(units, p, lost); err != nil {
				errs++
				if !errors.Is(err, ErrLost) && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrNoConfig) {
					t.Fatal(err)
				}
			}
			lost = false
		}
		if whole {
			intact[f.packets[0].Timestamp] = true
		}
	}
	if s.track.Codec.Kind() == media.Video && errs < gaps {
		t.Errorf("%d gaps, %d errors", gaps, errs)
	}
	before := (*sent)(nil)
	for _, u := range d.Flush(units) {
		f := byTime[u.Timestamp]
		if f == nil {
			t.Fatalf("unit at %d, where no frame is", u.Timestamp)
		}
		want := f.payload
		if s.track.Codec.Kind() == media.Audio && len(u.Payload) < len(want) && s.track.Codec != media.AAC && s.track.Codec != media.MP3 && s.track.Codec != media.AC3 {
			at := int(u.Timestamp-f.packets[0].Timestamp) * len(want) / max(ticksOf(s, want), 1)
			want = want[at : at+len(u.Payload)]
		}
		if !bytes.Equal(u.Payload, want) || u.Key != f.key {
			t.Fatalf("torn unit at %d: %d bytes of %d, key %v of %v", u.Timestamp, len(u.Payload), len(f.payload), u.Key, f.key)
		}
		if s.track.Codec.Kind() == media.Video && before != nil && u.Lost == follows(frames, before, f) {
			t.Errorf("unit at %d: lost %v", u.Timestamp, u.Lost)
		}
		before = f
		delete(intact, u.Timestamp)
	}
	for ts := range intact {
		t.Fatalf("the whole unit at %d did not come out", ts)
	}
}

// follows reports whether one frame is the next after another.
func follows(frames []sent, before, f *sent) bool {
	for i := range frames[1:] {
		if &frames[i] == before {
			return &frames[i+1] == f
		}
	}
	return false
}

// ticksOf returns the length of a frame of sampled sound.
func ticksOf(s stream, payload []byte) int {
	if s.track.Codec == media.L16 {
		return len(payload) / (2 * s.track.Channels)
	}
	return len(payload) / s.track.Channels
}
