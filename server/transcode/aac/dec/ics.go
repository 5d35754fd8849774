package dec

import (
	"math"

	"sluice/server/transcode/aac/tables"
)

const (
	maxWindows = 8
	// maxScales bounds the scale factors of one channel: 51 long bands, or 15
	// short bands in up to 8 groups.
	maxScales = 15 * maxWindows
)

// windowInfo is ics_info: how a frame's spectrum is divided (ISO/IEC 14496-3
// 4.4.2.1).
type windowInfo struct {
	sequence tables.WindowSequence
	shape    uint8    // of the falling half: 0 sine, 1 KBD
	bands    []uint16 // offsets of all bands of the rate in one window
	maxBand  int      // bands that are transmitted
	groups   int
	groupLen [maxWindows]uint8 // windows in each group
}

func (w *windowInfo) short() bool { return w.sequence == tables.EightShort }

// stream is an individual_channel_stream without its spectrum. Per-band values
// are indexed by group*maxBand + band.
type stream struct {
	windowInfo
	book [maxScales]uint8
	// scale is the band's gain: of a quantised value, of the root of a noise
	// band's energy, or of the left channel in an intensity band.
	scale [maxScales]float32
	pulse pulseData
	tns   tnsData
}

// pulseData is pulse_data: amounts to add to single quantised magnitudes.
type pulseData struct {
	count     int
	startBand int
	offset    [4]uint8
	amplitude [4]uint8
}

// quarterPowers is 2^((i-100)/4): the gain of scale factor i (ISO/IEC 14496-3
// 4.6.2).
var quarterPowers = func() (t [256]float32) {
	for i := range t {
		t[i] = float32(math.Exp2(float64(i-100) / 4))
	}
	return t
}()

// fullScale brings the 16-bit magnitudes of the standard to [-1, 1].
const fullScale = 1.0 / 32768

// readInfo reads ics_info.
func (d *Decoder) readInfo(r *bitReader, w *windowInfo) error {
	r.bits(1) // reserved
	w.sequence = tables.WindowSequence(r.bits(2))
	w.shape = uint8(r.bits(1))
	w.groups, w.groupLen[0] = 1, 1
	if w.short() {
		w.bands = tables.ShortBands(d.rateIndex)
		w.maxBand = r.bits(4)
		for grouping, i := r.bits(7), 6; i >= 0; i-- {
			if grouping>>i&1 == 1 {
				w.groupLen[w.groups-1]++
			} else {
				w.groupLen[w.groups] = 1
				w.groups++
			}
		}
	} else {
		w.bands = tables.LongBands(d.rateIndex)
		w.maxBand = r.bits(6)
		if r.bit() {
			return errPrediction
		}
	}
	if w.maxBand >= len(w.bands) {
		return errMaxBand
	}
	return nil
}

// readStream reads an individual_channel_stream into ch: side information and
// spectrum. With shared, ch's window information is in place already.
func (d *Decoder) readStream(r *bitReader, ch *channel, shared bool) error {
	s := &ch.stream
	globalGain := r.bits(8)
	if !shared {
		if err := d.readInfo(r, &s.windowInfo); err != nil {
			return err
		}
	}
	if err := s.readSections(r); err != nil {
		return err
	}
	if err := s.readScales(r, globalGain); err != nil {
		return err
	}
	if err := s.readPulse(r); err != nil {
		return err
	}
	if err := s.readTNS(r, d.rateIndex); err != nil {
		return err
	}
	if r.bit() {
		return errGainControl
	}
	return d.readSpectrum(r, ch)
}

// readSections reads section_data: the codebook of each band.
func (s *stream) readSections(r *bitReader) error {
	lenBits := 5
	if s.short() {
		lenBits = 3
	}
	escape := 1<<lenBits - 1
	for g := range s.groups {
		books := s.book[g*s.maxBand:][:s.maxBand]
		for len(books) > 0 {
			book := uint8(r.bits(4))
			if book == tables.ReservedBook {
				return errBook
			}
			count := 0
			for {
				step := r.bits(lenBits)
				count += step
				if count > len(books) {
					return errSection
				}
				if r.over() {
					return ErrTruncated
				}
				if step != escape {
					break
				}
			}
			for i := range books[:count] {
				books[i] = book
			}
			books = books[count:]
		}
	}
	return nil
}

// readScales reads scale_factor_data and turns it into gains.
func (s *stream) readScales(r *bitReader, globalGain int) error {
	scale, noise, position := globalGain, globalGain-90, 0
	firstNoise := true
	for i := range s.groups * s.maxBand {
		switch s.book[i] {
		case tables.ZeroBook:
			s.scale[i] = 0
		case tables.IntensityBook, tables.IntensityBook2:
			position += readDifference(r)
			s.scale[i] = quarterPower(100 - position)
			if s.book[i] == tables.IntensityBook2 {
				s.scale[i] = -s.scale[i]
			}
		case tables.NoiseBook:
			if firstNoise {
				noise += r.bits(9) - 256
				firstNoise = false
			} else {
				noise += readDifference(r)
			}
			s.scale[i] = quarterPower(100+noise) * fullScale
		default:
			scale += readDifference(r)
			if scale < 0 || scale >= len(quarterPowers) {
				return errScale
			}
			s.scale[i] = quarterPowers[scale] * fullScale
		}
	}
	if r.over() {
		return ErrTruncated
	}
	return nil
}

// quarterPower is quarterPowers for an index that may lie outside; there the
// nearest one serves, as it is beyond hearing or beyond bearing either way.
func quarterPower(i int) float32 {
	return quarterPowers[min(max(i, 0), len(quarterPowers)-1)]
}

// readDifference reads one codeword of the scale factor book.
func readDifference(r *bitReader) int {
	e := scaleLookup.find(r.window())
	r.pos += int(e & 31)
	return int(e>>9) - tables.ScaleFactors.Offset
}

// readPulse reads pulse_data, if it is there.
func (s *stream) readPulse(r *bitReader) error {
	p := &s.pulse
	p.count = 0
	if !r.bit() {
		return nil
	}
	if s.short() {
		return errPulse
	}
	p.count = r.bits(2) + 1
	p.startBand = r.bits(6)
	if p.startBand >= len(s.bands) {
		return errPulse
	}
	for i := range p.count {
		p.offset[i] = uint8(r.bits(5))
		p.amplitude[i] = uint8(r.bits(4))
	}
	return nil
}
