package dec

import (
	"errors"
	"math"
	"slices"
	"testing"

	"sluice/server/transcode/aac/tables"
)

// monoASC and stereoASC announce AAC-LC at 44.1 kHz.
var monoASC, stereoASC = []byte{0x12, 0x08}, []byte{0x12, 0x10}

// head writes a single_channel_element up to its section data.
func head(w *bitWriter, sequence tables.WindowSequence, maxBand int) {
	w.put(int(singleElement), 3)
	w.put(0, 4)
	w.put(100, 8) // global_gain
	w.put(0, 1)
	w.put(int(sequence), 2)
	w.put(0, 1)
	if sequence == tables.EightShort {
		w.put(maxBand, 4)
		w.put(0x7f, 7)
		return
	}
	w.put(maxBand, 6)
	w.put(0, 1)
}

// section writes one short section.
func section(w *bitWriter, book, length int) {
	w.put(book, 4)
	w.put(length, 5)
}

var invalidCases = []struct {
	name  string
	write func(w *bitWriter)
	want  error
}{
	{"nothing", func(*bitWriter) {}, ErrTruncated},
	{"no end", func(w *bitWriter) { head(w, tables.OnlyLong, 0); w.put(0, 3); w.put(int(fillElement), 3) }, ErrTruncated},
	{"element not announced", func(w *bitWriter) { w.put(int(lfeElement), 3); w.put(0, 30) }, errElement},
	{"element twice", func(w *bitWriter) {
		for range 2 {
			head(w, tables.OnlyLong, 0)
			w.put(0, 3)
		}
		w.put(int(endElement), 3)
	}, errElement},
	{"too many bands", func(w *bitWriter) { head(w, tables.OnlyLong, 50) }, errMaxBand},
	{"too many short bands", func(w *bitWriter) { head(w, tables.EightShort, 15) }, errMaxBand},
	{"prediction", func(w *bitWriter) {
		w.put(0, 3+4+8+1+2+1)
		w.put(0, 6)
		w.put(1, 1)
	}, errPrediction},
	{"gain control", func(w *bitWriter) { head(w, tables.OnlyLong, 0); w.put(1, 3) }, errGainControl},
	{"reserved codebook", func(w *bitWriter) { head(w, tables.OnlyLong, 1); section(w, 12, 1) }, errBook},
	{"section past the end", func(w *bitWriter) { head(w, tables.OnlyLong, 3); section(w, 1, 2); section(w, 1, 2) }, errSection},
	{"empty sections for ever", func(w *bitWriter) {
		head(w, tables.OnlyLong, 1)
		for range 1000 {
			section(w, 1, 0)
		}
	}, ErrTruncated},
	{"scale factor below 0", func(w *bitWriter) {
		head(w, tables.OnlyLong, 2)
		section(w, 1, 2)
		for range 2 {
			c := tables.ScaleFactors.Codes[0]
			w.put(int(c.Bits), int(c.Len))
		}
	}, errScale},
	{"scale factor above 255", func(w *bitWriter) {
		head(w, tables.OnlyLong, 3)
		section(w, 1, 3)
		for range 3 {
			c := tables.ScaleFactors.Codes[120]
			w.put(int(c.Bits), int(c.Len))
		}
	}, errScale},
	{"escape too long", func(w *bitWriter) {
		head(w, tables.OnlyLong, 1)
		section(w, tables.EscapeBook, 1)
		w.put(0, 1) // scale factor
		w.put(0, 3) // no pulse, TNS, gain control
		c := tables.Spectral[tables.EscapeBook].Codes[288]
		w.put(int(c.Bits), int(c.Len))
		w.put(0, 2)
		w.put(0x3ff<<1, 11)
	}, errEscape},
	{"pulses in short windows", func(w *bitWriter) { head(w, tables.EightShort, 0); w.put(1, 1) }, errPulse},
	{"pulse above the bands", func(w *bitWriter) { head(w, tables.OnlyLong, 0); w.put(1, 1); w.put(0, 2); w.put(63, 6) }, errPulse},
	{"pulse above the spectrum", func(w *bitWriter) {
		head(w, tables.OnlyLong, 0)
		w.put(1, 1)
		w.put(3, 2)
		w.put(48, 6)
		for range 4 {
			w.put(31, 5)
			w.put(1, 4)
		}
		w.put(0, 2)
	}, errPulse},
	{"TNS order", func(w *bitWriter) {
		head(w, tables.OnlyLong, 0)
		w.put(0, 1)
		w.put(1, 1)
		w.put(1, 2)
		w.put(0, 1+6)
		w.put(13, 5)
	}, errTNS},
	{"M/S mask", func(w *bitWriter) {
		w.put(int(pairElement), 3)
		w.put(0, 4)
		w.put(1, 1)
		w.put(0, 1+2+1+6+1)
		w.put(3, 2)
	}, errStereoMask},
}

func TestInvalidFrames(t *testing.T) {
	for _, c := range invalidCases {
		t.Run(c.name, func(t *testing.T) {
			var w bitWriter
			c.write(&w)
			asc := monoASC
			if errors.Is(c.want, errStereoMask) {
				asc = stereoASC
			}
			d, dst := newDecoder(t, asc)
			if n, err := d.Decode(w.data, dst); !errors.Is(err, c.want) || n != 0 {
				t.Errorf("%d values, %v, want %v", n, err, c.want)
			}
			if n := testing.AllocsPerRun(10, func() { _, _ = d.Decode(w.data, dst) }); n > 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// TestTruncation cuts frames at every byte: an error each time, and then the
// whole frame decodes as if nothing had been.
func TestTruncation(t *testing.T) {
	c := generate(t, generator{}, 48000, 2, 12, pairElement)
	d, dst := newDecoder(t, c.asc)
	e, _ := newDecoder(t, c.asc)
	for i, f := range c.frames {
		for n := range f {
			if _, err := d.Decode(f[:n], dst); err == nil {
				t.Fatalf("frame %d decodes from %d of its %d bytes", i, n, len(f))
			}
		}
		checkSame(t, d, e, f, f)
	}
}

// checkSame demands that d makes of a frame what e makes of another one.
func checkSame(t *testing.T, d, e *Decoder, frame, other []byte) {
	t.Helper()
	got := make([]float32, FrameLen*len(d.channels))
	want := make([]float32, len(got))
	if _, err := d.Decode(frame, got); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Decode(other, want); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Fatal("the frames sound different")
	}
}

func TestShortBuffer(t *testing.T) {
	c := generate(t, generator{}, 48000, 2, 1, pairElement)
	d, dst := newDecoder(t, c.asc)
	if _, err := d.Decode(c.frames[0], dst[1:]); !errors.Is(err, ErrShortBuffer) {
		t.Error(err)
	}
	if _, err := d.Conceal(dst[1:]); !errors.Is(err, ErrShortBuffer) {
		t.Error(err)
	}
}

// TestElementsThatAreNotPlayed puts coupling channels and a program config
// element in front of a frame, which changes nothing.
func TestElementsThatAreNotPlayed(t *testing.T) {
	c := generate(t, generator{plain: true}, 48000, 1, 50, singleElement)
	g := generator{rateIndex: 3, plain: true}
	g.rnd = newRand(9)
	d, _ := newDecoder(t, c.asc)
	e, _ := newDecoder(t, c.asc)
	for _, f := range c.frames {
		g.bitWriter = bitWriter{}
		g.coupling()
		g.program()
		for _, b := range f {
			g.put(int(b), 8)
		}
		checkSame(t, d, e, g.data, f)
	}
}

func TestImplicitSBR(t *testing.T) {
	for _, extension := range []int{13, 14, 11} {
		var w bitWriter
		head(&w, tables.OnlyLong, 0)
		w.put(0, 3)
		w.put(int(fillElement), 3)
		w.put(2, 4)
		w.put(extension, 4)
		w.put(0, 12)
		w.put(int(endElement), 3)
		d, dst := newDecoder(t, monoASC)
		if _, err := d.Decode(w.data, dst); err != nil {
			t.Fatal(err)
		}
		if got, want := d.Info().SBR, extension != 11; got != want {
			t.Errorf("extension type %d: SBR %v", extension, got)
		}
	}
}

// checkRange demands that every sample is a number within [-1, 1].
func checkRange(t *testing.T, x []float32) {
	t.Helper()
	for i, v := range x {
		if !(math.Abs(float64(v)) <= 1) {
			t.Fatalf("sample %d is %v", i, v)
		}
	}
}
