package hls

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"sluice/protocols/container/mpegts"
	"sluice/server/media"
)

// ends returns when a segment's tracks begin and end, by media.Kind.
func ends(t *testing.T, data []byte, picture time.Duration) (begin, end [3]time.Duration) {
	t.Helper()
	for p := range slices.Chunk(data, mpegts.PacketSize) {
		payload := p[4:]
		if p[3]&0x20 != 0 {
			payload = p[5+int(p[4]):]
		}
		if p[1]&0x40 == 0 || len(payload) < 14 || !bytes.HasPrefix(payload, []byte{0, 0, 1}) {
			continue // a PES packet does not begin here
		}
		k, lasts := media.Video, picture
		if payload[3] == 0xc0 {
			k, lasts = media.Audio, 1024*time.Second/48000
		}
		s := payload[9:]
		pts := int64(s[0]&0xe)<<29 | int64(s[1])<<22 | int64(s[2]&0xfe)<<14 | int64(s[3])<<7 | int64(s[4])>>1
		at := media.FromClock(pts, 90000)
		if end[k] == 0 || at < begin[k] {
			begin[k] = at
		}
		end[k] = max(end[k], at+lasts)
	}
	return begin, end
}

// TestLevel: wherever a publisher is cut off, sound ends with the picture before the
// break or after it, and after the break none comes before the first picture is seen.
func TestLevel(t *testing.T) {
	const picture, sound = 40 * ms, 1024 * time.Second / 48000
	for _, late := range []time.Duration{0, 300 * ms, -300 * ms} {
		for cut := 2600 * ms; cut < 2700*ms; cut += 9 * ms {
			x := testTransport(nil, nil)
			s := source{video: avc, audio: stereo, frame: picture, group: 50, late: late}
			s.play(t, x, 2100*ms, nil)
			s.play(t, x, cut, nil)
			if err := x.leave(); err != nil {
				t.Fatal(err)
			}
			s.late = max(0, late)
			s.again()
			s.play(t, x, 5*time.Second, nil)
			broken := 0
			for i, seg := range x.listed[:len(x.listed)-1] {
				begin, end := ends(t, seg.data, picture)
				if off := end[media.Video] - end[media.Audio]; x.listed[i+1].discontinuity && (off > sound || late >= 0 && off < -sound) {
					t.Errorf("sound %v late, cut off after %v: it ends %v before the picture", late, cut, off)
				}
				if seg.discontinuity {
					broken++
					if begin[media.Audio] < begin[media.Video] {
						t.Errorf("sound %v late: it begins at %v, pictures at %v", late, begin[media.Audio], begin[media.Video])
					}
				}
			}
			if broken != 1 {
				t.Errorf("%d breaks", broken)
			}
		}
	}
}

// TestSoundBeforePictures: sound of a publisher that comes back, with which it begins,
// does not go back behind the silence that stands there already.
func TestSoundBeforePictures(t *testing.T) {
	const picture = 40 * ms
	for cut := 2600 * ms; cut < 2700*ms; cut += 9 * ms {
		x := testTransport(nil, nil)
		s := source{video: avc, audio: stereo, frame: picture, group: 50}
		s.play(t, x, cut, nil)
		if err := x.leave(); err != nil {
			t.Fatal(err)
		}
		s.at = s.at - picture + 33*ms // after the last packet, as the hub has it
		s.sound, s.pictures, s.late = s.at, 0, -200*ms
		s.play(t, x, 5*time.Second, nil)
		last := time.Duration(0)
		for _, seg := range x.listed {
			begin, end := ends(t, seg.data, picture)
			if begin[media.Audio] < last-ms {
				t.Errorf("cut off after %v: sound goes back from %v to %v", cut, last, begin[media.Audio])
			}
			last = end[media.Audio]
		}
	}
}

// TestEndOf has the ends of pictures as Chromium's log of its buffers told them.
func TestEndOf(t *testing.T) {
	for _, c := range []struct {
		name string
		pts  []time.Duration
		want time.Duration
	}{
		{"none", nil, 0},
		{"one", []time.Duration{100}, 133},
		{"in order", []time.Duration{100, 133, 166}, 199},
		{"reordered, all there", []time.Duration{100, 200, 133, 166}, 233},
		{"reordered, cut off", []time.Duration{6900, 6834, 6867, 6934, 7067, 7000}, 7133},
		{"reordered, the last is the farthest", []time.Duration{100, 166, 133, 300}, 333},
	} {
		if got := endOf(c.pts, 33); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
