package dec

import (
	"math"
	"math/rand/v2"

	"sluice/server/transcode/aac/tables"
)

// bitWriter writes bits, the most significant one first.
type bitWriter struct {
	data []byte
	free int // bits left in the last byte
}

func (w *bitWriter) put(v, n int) {
	for n--; n >= 0; n-- {
		if w.free == 0 {
			w.data = append(w.data, 0)
			w.free = 8
		}
		w.free--
		w.data[len(w.data)-1] |= byte(v >> n & 1 << w.free)
	}
}

func (w *bitWriter) flag(b bool) { w.put(count(b), 1) }

func (w *bitWriter) code(b *tables.Book, symbol int) {
	w.put(int(b.Codes[symbol].Bits), int(b.Codes[symbol].Len))
}

// generator writes random valid frames: all that the syntax of AAC-LC has, in
// combinations that no encoder makes. Levels are such that nothing clips.
type generator struct {
	bitWriter
	rnd       *rand.Rand
	rateIndex int
	noise     bool // use perceptual noise substitution
	plain     bool // no data and fill elements
	sequence  tables.WindowSequence
}

var intensityBooks = []int{tables.IntensityBook, tables.IntensityBook2}

// side is the side information of the channel being written.
type side struct {
	windowInfo
	book []int
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func (g *generator) n(n int) int          { return g.rnd.IntN(n) }
func (g *generator) chance(one int) bool  { return g.rnd.IntN(one) == 0 }
func (g *generator) between(a, b int) int { return a + g.rnd.IntN(b-a+1) }

// frame returns a raw_data_block with the given elements, in order.
func (g *generator) frame(kinds ...elementKind) []byte {
	g.bitWriter = bitWriter{}
	g.nextSequence()
	tags := [8]int{}
	for _, kind := range kinds {
		g.extras()
		g.put(int(kind), 3)
		g.put(tags[kind], 4)
		tags[kind]++
		switch kind {
		case pairElement:
			g.pair()
		default:
			g.stream(g.windows(), false, nil)
		}
	}
	g.extras()
	g.put(int(endElement), 3)
	return g.data
}

// nextSequence goes on in the order of windows that overlap properly.
func (g *generator) nextSequence() {
	switch g.sequence {
	case tables.OnlyLong, tables.LongStop:
		g.sequence = [...]tables.WindowSequence{tables.OnlyLong, tables.LongStart}[g.n(2)]
	default:
		g.sequence = [...]tables.WindowSequence{tables.EightShort, tables.LongStop}[g.n(2)]
	}
}

// extras writes data and fill elements here and there.
func (g *generator) extras() {
	if g.plain {
		return
	}
	if g.chance(6) {
		length := g.n(300)
		g.put(int(dataElement), 3)
		g.put(g.n(16), 4)
		aligned := g.chance(2)
		g.flag(aligned)
		g.put(min(length, 255), 8)
		if length >= 255 {
			g.put(length-255, 8)
		}
		if aligned {
			g.free = 0
		}
		for range length {
			g.put(g.n(256), 8)
		}
	}
	if g.chance(4) {
		length := g.n(40)
		g.put(int(fillElement), 3)
		g.put(min(length, 15), 4)
		if length >= 15 {
			g.put(length-14, 8)
		}
		for range length {
			g.put(0, 8)
		}
	}
}

// windows makes window information.
func (g *generator) windows() windowInfo {
	w := windowInfo{sequence: g.sequence, shape: uint8(g.n(2)), groups: 1}
	w.groupLen[0] = 1
	w.bands = tables.LongBands(g.rateIndex)
	if w.short() {
		w.bands = tables.ShortBands(g.rateIndex)
		for range 7 {
			if g.chance(2) {
				w.groups++
			}
			w.groupLen[w.groups-1]++
		}
	}
	w.maxBand = g.n(len(w.bands))
	return w
}

func (g *generator) info(w windowInfo) {
	g.put(0, 1)
	g.put(int(w.sequence), 2)
	g.put(int(w.shape), 1)
	if !w.short() {
		g.put(w.maxBand, 6)
		g.put(0, 1)
		return
	}
	g.put(w.maxBand, 4)
	for group := range w.groups {
		for i := range w.groupLen[group] {
			if i > 0 || group > 0 {
				g.flag(i > 0)
			}
		}
	}
}

// pair writes a channel_pair_element behind its tag.
func (g *generator) pair() {
	common := !g.chance(3)
	g.flag(common)
	if !common {
		g.stream(g.windows(), false, nil)
		g.stream(g.windows(), false, intensityBooks)
		return
	}
	w := g.windows()
	g.info(w)
	present := g.n(3)
	g.put(present, 2)
	if present == 1 {
		for range w.groups * w.maxBand {
			g.put(g.n(2), 1)
		}
	}
	g.stream(w, true, nil)
	var books []int
	if present < 2 {
		books = intensityBooks
	}
	g.stream(w, true, books)
}

// stream writes an individual_channel_stream; more lists codebooks to use
// beside the spectral ones.
func (g *generator) stream(w windowInfo, common bool, more []int) side {
	s := side{windowInfo: w}
	g.sections(&s, more)
	scales, gain := g.scales(&s)
	g.put(gain, 8)
	if !common {
		g.info(w)
	}
	g.writeSections(&s)
	g.writeScales(&s, scales, gain)
	g.pulses(&s)
	g.tns(&s)
	g.put(0, 1) // gain_control_data_present
	for group := range s.groups {
		for b := range s.maxBand {
			for range int(s.groupLen[group]) * int(s.bands[b+1]-s.bands[b]) / 4 {
				g.values(s.book[group*s.maxBand+b])
			}
		}
	}
	return s
}

// sections draws the codebooks.
func (g *generator) sections(s *side, more []int) {
	choice := append([]int{0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, more...)
	if g.noise {
		choice = append(choice, tables.NoiseBook)
	}
	book := 0
	for range s.groups * s.maxBand {
		if g.chance(3) {
			book = choice[g.n(len(choice))]
		}
		s.book = append(s.book, book)
	}
}

// scales draws the scale factors, intensity positions and noise energies, and
// a global gain from which the first one can be reached.
func (g *generator) scales(s *side) (scales []int, gain int) {
	gain = 130
	last := map[int]int{1: gain, tables.NoiseBook: gain - 90}
	for _, book := range s.book {
		class, lowest, highest := scaleClass(book), 0, 0
		switch class {
		case tables.IntensityBook:
			lowest, highest = -20, 20
		case tables.NoiseBook:
			lowest, highest = 20, 50
		case 1:
			// So that the band's coefficients are about 20000.
			loud := 100 + int(4*math.Log2(20000/math.Pow(float64(tables.Spectral[book].Max), 4.0/3)))
			if book == tables.EscapeBook {
				loud -= 24
			}
			lowest, highest = loud-20, loud
		}
		v := min(max(g.between(lowest, highest), last[class]-60), last[class]+60)
		last[class] = v
		scales = append(scales, v)
	}
	return scales, gain
}

// scaleClass tells which running value a codebook's scale factors belong to.
func scaleClass(book int) int {
	switch book {
	case tables.ZeroBook, tables.NoiseBook:
		return book
	case tables.IntensityBook, tables.IntensityBook2:
		return tables.IntensityBook
	}
	return 1
}

func (g *generator) writeSections(s *side) {
	lenBits := 5
	if s.short() {
		lenBits = 3
	}
	escape := 1<<lenBits - 1
	for group := range s.groups {
		books := s.book[group*s.maxBand:][:s.maxBand]
		for len(books) > 0 {
			n := 1
			for n < len(books) && books[n] == books[0] {
				n++
			}
			g.put(books[0], 4)
			for rest := n; rest >= 0; rest -= escape {
				g.put(min(rest, escape), lenBits)
			}
			books = books[n:]
		}
	}
}

func (g *generator) writeScales(s *side, scales []int, gain int) {
	last := map[int]int{1: gain, tables.NoiseBook: gain - 90}
	firstNoise := true
	for i, book := range s.book {
		class := scaleClass(book)
		step := scales[i] - last[class]
		last[class] = scales[i]
		switch {
		case book == tables.ZeroBook:
		case book == tables.NoiseBook && firstNoise:
			g.put(step+256, 9)
			firstNoise = false
		default:
			g.code(tables.ScaleFactors, step+60)
		}
	}
}

// pulses writes pulse_data. All pulses lie in transmitted bands; elsewhere
// ffmpeg has them change what another frame left behind.
func (g *generator) pulses(s *side) {
	n := g.between(1, 4)
	room := int(s.bands[s.maxBand]) - 1 - 31*n
	if s.short() || room < 0 || !g.chance(3) {
		g.put(0, 1)
		return
	}
	g.put(1, 1)
	g.put(n-1, 2)
	last := 0
	for int(s.bands[last+1]) <= room {
		last++
	}
	g.put(g.n(last+1), 6)
	for range n {
		g.put(g.n(32), 5)
		g.put(g.n(16), 4)
	}
}

// tns writes tns_data with filters whose gain is moderate.
func (g *generator) tns(s *side) {
	if !g.chance(2) {
		g.put(0, 1)
		return
	}
	g.put(1, 1)
	windows, countBits, lenBits, orderBits := 1, 2, 6, 5
	if s.short() {
		windows, countBits, lenBits, orderBits = 8, 1, 4, 3
	}
	for range windows {
		filters := g.n(1 << countBits)
		g.put(filters, countBits)
		if filters == 0 {
			continue
		}
		fine := g.n(2)
		g.put(fine, 1)
		for range filters {
			g.put(g.n(1<<lenBits), lenBits)
			order := g.n(tables.TNSMaxOrder(s.short()) + 1)
			g.put(order, orderBits)
			if order == 0 {
				continue
			}
			g.put(g.n(2), 1)
			short := g.n(2)
			g.put(short, 1)
			width := 3 + fine - short
			for range order {
				g.put(g.between(-1, 1)&(1<<width-1), width)
			}
		}
	}
}

// values writes four coefficients.
func (g *generator) values(book int) {
	if book == tables.ZeroBook || book > tables.EscapeBook {
		return
	}
	b := tables.Spectral[book]
	for range 4 / b.Dim {
		symbol := g.n(len(b.Codes))
		if book == tables.EscapeBook && g.chance(2) {
			symbol = g.n(len(b.Codes) / 4)
		}
		g.code(b, symbol)
		values := b.Values(symbol)
		for _, v := range values[:b.Dim] {
			if b.Unsigned && v != 0 {
				g.put(g.n(2), 1)
			}
		}
		for _, v := range values[:b.Dim] {
			if book == tables.EscapeBook && v == 16 {
				n := min(g.n(9), g.n(9))
				g.put(1<<(n+1)-2, n+1)
				g.put(g.n(1<<(n+4)), n+4)
			}
		}
	}
}

// coupling writes a coupling_channel_element.
func (g *generator) coupling() {
	g.sequence = tables.OnlyLong
	g.put(int(couplingElement), 3)
	g.put(0, 4)
	independent := g.chance(2)
	g.flag(independent)
	targets := g.between(1, 3)
	g.put(targets-1, 3)
	lists := 0
	for range targets {
		pair, left, right := g.chance(2), g.chance(2), g.chance(2)
		g.flag(pair)
		g.put(g.n(16), 4)
		lists++
		if pair {
			g.flag(left)
			g.flag(right)
			lists += count(left && right)
		}
	}
	g.put(g.n(16), 4) // cc_domain, gain_element_sign, gain_element_scale
	s := g.stream(g.windows(), false, nil)
	for range lists - 1 {
		if !independent {
			common := g.chance(2)
			g.flag(common)
			if !common {
				for _, book := range s.book {
					if book != tables.ZeroBook {
						g.code(tables.ScaleFactors, g.n(121))
					}
				}
				continue
			}
		}
		g.code(tables.ScaleFactors, g.n(121))
	}
}

// program writes a program_config_element.
func (g *generator) program() {
	g.put(int(programElement), 3)
	g.put(0, 4+2+4)
	g.put(1, 4) // front
	g.put(0, 4) // side
	g.put(1, 4) // back
	g.put(1, 2) // LFE
	g.put(2, 3) // data
	g.put(1, 4) // coupling
	g.put(1, 1)
	g.put(5, 4) // mono mixdown
	g.put(0, 1) // no stereo mixdown
	g.put(1, 1)
	g.put(5, 3) // matrix mixdown
	g.put(g.n(1<<10), 10)
	g.put(g.n(1<<12), 12)
	g.put(g.n(1<<5), 5)
	g.free = 0
	comment := g.n(30)
	g.put(comment, 8)
	for range comment {
		g.put(g.n(256), 8)
	}
}
