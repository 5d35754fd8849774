package dec

import (
	"fmt"
	"slices"
	"testing"
)

// TestConcealOne loses single frames at every place of a stream with all window
// sequences: what is heard is as loud as its surroundings, and one frame
// later the stream is what it would have been.
func TestConcealOne(t *testing.T) {
	c := encode(t, fmt.Sprintf(clicks, 44100), "-aac_pns", "0")
	want := decodeAll(t, c, nil)
	const frame = 2 * FrameLen
	for lost := 2; lost+2 < len(c.frames); lost++ {
		d, dst := newDecoder(t, c.asc)
		for i, f := range c.frames[:lost+3] {
			var err error
			if i == lost {
				_, err = d.Conceal(dst)
			} else {
				_, err = d.Decode(f, dst)
			}
			if err != nil {
				t.Fatal(err)
			}
			checkRange(t, dst)
			there := want[i*frame:][:frame]
			if i == lost {
				around := rms(want[(i-2)*frame:][:4*frame])
				if level := rms(dst) / around; level < 0.25 || level > 2 {
					t.Errorf("frame %d: concealed at %.2f times the level around it", i, level)
				}
			}
			if i == lost || i == lost+1 {
				continue
			}
			if !slices.Equal(dst, there) {
				t.Fatalf("frame %d lost: frame %d is different", lost, i)
			}
		}
	}
}

// TestConcealMany loses the rest of a stream: it fades to silence.
func TestConcealMany(t *testing.T) {
	c := encode(t, fmt.Sprintf(hiss, 44100))
	d, dst := newDecoder(t, c.asc)
	for _, f := range c.frames[:20] {
		if _, err := d.Decode(f, dst); err != nil {
			t.Fatal(err)
		}
	}
	start := rms(dst)
	for i := range concealMax + 2 {
		if _, err := d.Conceal(dst); err != nil {
			t.Fatal(err)
		}
		level := rms(dst) / start
		if i == 0 && level < 0.4 || i == 9 && level > 0.1 || i == concealMax+1 && level != 0 {
			t.Errorf("concealed frame %d: %.5f times the level before", i, level)
		}
	}
	if _, err := d.Decode(c.frames[20], dst); err != nil || rms(dst) == 0 {
		t.Errorf("does not come back: %v", err)
	}
}

// TestConcealFirst has nothing to go by.
func TestConcealFirst(t *testing.T) {
	d, dst := newDecoder(t, stereoASC)
	dst[0] = 1
	if n, err := d.Conceal(dst); n != len(dst) || err != nil || rms(dst) != 0 {
		t.Errorf("%d values, %v, level %v", n, err, rms(dst))
	}
}

func TestNoAllocations(t *testing.T) {
	c := generate(t, generator{noise: true}, 48000, 2, 100, pairElement)
	d, dst := newDecoder(t, c.asc)
	i := 0
	if n := testing.AllocsPerRun(len(c.frames)-1, func() {
		if _, err := d.Decode(c.frames[i], dst); err != nil {
			t.Fatal(err)
		}
		if i++; i%10 == 0 {
			if _, err := d.Conceal(dst); err != nil {
				t.Fatal(err)
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations per frame", n)
	}
}
