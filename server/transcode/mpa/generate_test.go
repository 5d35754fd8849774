package mpa

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	header "sluice/protocols/codec/mpa"
)

// bitWriter is bitReader's inverse.
type bitWriter struct {
	data []byte
	pos  int
}

func (w *bitWriter) put(v, n int) {
	for n--; n >= 0; n-- {
		if w.pos%8 == 0 {
			w.data = append(w.data, 0)
		}
		w.data[w.pos/8] |= byte(v>>n&1) << (7 - w.pos%8)
		w.pos++
	}
}

// generator makes frames of layer III that use all of the syntax at random: every
// bit pattern is some Huffman-coded sound, so random bits do for main data.
type generator struct {
	rnd   *rand.Rand
	head  [4]byte
	h     header.Header
	d     *Decoder // counts bits as a decoder does
	block int      // type of the last
	mixed int      // of this run of short blocks, from start to stop
}

func newGenerator(tb testing.TB, head [4]byte, seed uint64) *generator {
	tb.Helper()
	h, err := header.ParseHeader(head[:])
	if err != nil {
		tb.Fatal(err)
	}
	d, err := New(h.Track())
	if err != nil {
		tb.Fatal(err)
	}
	return &generator{rnd: rand.New(rand.NewPCG(seed, seed)), head: head, h: h, d: d}
}

// frame returns a frame whose main data stand in it.
func (g *generator) frame() []byte {
	size := sideSize(g.h)
	body := make([]byte, g.h.Size-header.HeaderSize)
	for i := range body {
		body[i] = byte(g.rnd.Uint32())
	}
	side := &bitWriter{}
	if g.h.LowRate {
		side.put(0, 8+g.h.Channels)
	} else {
		side.put(0, 9+7-2*g.h.Channels)
		for range g.h.Channels {
			side.put(g.rnd.IntN(2)*g.rnd.IntN(16), 4)
		}
	}
	main := &bitReader{data: body[size:]}
	parts := g.d.granules * g.h.Channels
	for i := range parts {
		if i%g.h.Channels == 0 { // both channels are alike: ffmpeg takes one for the other
			// What may follow what, and ffmpeg needs nothing else.
			g.block = [4][2]int{{normalBlock, startBlock}, {shortBlock, shortBlock}, {shortBlock, stopBlock}, {normalBlock, startBlock}}[g.block][g.rnd.IntN(2)]
			if g.block == startBlock {
				g.mixed = g.rnd.IntN(2)
			}
		}
		g.granule(side, main, main.left()/(parts-i), g.block, g.mixed)
	}
	copy(body, side.data)
	return append(slices.Clone(g.head[:]), body...)
}

// granule writes the side information of a granule of one channel, which has
// room bits.
func (g *generator) granule(side *bitWriter, main *bitReader, room, blockType, mixed int) {
	var fields bitWriter
	table := func() int { return g.rnd.IntN(32) }
	if blockType != normalBlock {
		fields.put(1, 1)
		fields.put(blockType<<1|mixed, 3)
		fields.put(table(), 5)
		fields.put(table(), 5)
		fields.put(g.rnd.IntN(512), 9)
	} else {
		fields.put(0, 1)
		for range 3 {
			fields.put(table(), 5)
		}
		fields.put(g.rnd.IntN(128), 7)
	}
	if !g.h.LowRate {
		fields.put(g.rnd.IntN(2), 1)
	}
	fields.put(g.rnd.IntN(4), 2)
	compress, bits := g.rnd.IntN(16), 4
	if g.h.LowRate {
		compress, bits = g.rnd.IntN(512), 9
	}
	start := main.pos
	for big := g.rnd.IntN(lines/2 + 1); ; big /= 2 {
		for _, stop := range []int{room, room / 2} { // with quads, and perhaps without
			var w bitWriter
			w.put(stop, 12)
			w.put(big, 9)
			w.put(130+g.rnd.IntN(16), 8)
			w.put(compress, bits)
			r := bitReader{data: fields.data}
			for range fields.pos {
				w.put(r.bits(1), 1)
			}
			if n, ok := g.measure(w, main, start, min(stop, 4095)); ok {
				out := bitReader{data: w.data, pos: 12}
				side.put(n, 12)
				for range w.pos - 12 {
					side.put(out.bits(1), 1)
				}
				main.pos = start + n
				return
			}
		}
	}
}

// measure returns how many bits of main data the decoder reads whole codewords
// of, given the side information w, within room bits.
func (g *generator) measure(w bitWriter, main *bitReader, start, room int) (int, bool) {
	var side granule
	if err := g.d.readGranule(g.h, &bitReader{data: w.data}, &side); err != nil {
		return 0, false
	}
	r := bitReader{data: main.data, pos: start}
	var s spectrum
	if g.h.LowRate {
		s.readLowScale(&r, &side, false)
	} else {
		s.readScale(&r, &side, [4]bool{}, false)
	}
	s.readLines(&r, &side, start+room)
	if s.end < 2*side.bigValues || r.pos-start > room {
		return 0, false
	}
	return r.pos - start, true
}

// TestGeneratedAgainstFFmpeg has both decoders read frames that use all of the
// syntax at random.
func TestGeneratedAgainstFFmpeg(t *testing.T) {
	for i, head := range [][4]byte{
		{0xff, 0xfb, 0xe0, 0x00},
		{0xff, 0xfb, 0xd0, 0xc0},
		{0xff, 0xfb, 0xe4, 0x60}, // middle and side
		{0xff, 0xfb, 0xe8, 0x50}, // intensity
		{0xff, 0xfb, 0xe0, 0x70}, // both
		{0xff, 0xf3, 0xe0, 0x00},
		{0xff, 0xf3, 0xe8, 0x60},
		{0xff, 0xf3, 0xe0, 0x50},
		{0xff, 0xf3, 0xe8, 0xc0},
		{0xff, 0xe3, 0xa0, 0x00},
	} {
		t.Run(fmt.Sprintf("%x", head), func(t *testing.T) {
			t.Parallel()
			g := newGenerator(t, head, uint64(i))
			var all []byte
			for range 30 {
				all = append(all, g.frame()...)
			}
			check(t, decodeAll(t, frames(t, all)), reference(t, "mp3", all), leastSNR)
		})
	}
}
