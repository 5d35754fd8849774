package mpa

import header "sluice/protocols/codec/mpa"

// maxReach is how many bytes a frame may reach back.
const maxReach = 511

// decodeIII decodes a frame of layer III to the samples of the subbands.
func (d *Decoder) decodeIII(h header.Header, body []byte) error {
	size := sideSize(h)
	if len(body) < size {
		d.Lose()
		return ErrTruncated
	}
	if err := d.readSide(h, &bitReader{data: body[:size]}); err != nil {
		d.Lose()
		return err
	}
	before := len(d.reservoir)
	d.reservoir = append(d.reservoir, body[size:]...)
	main := d.reservoir[before-min(before, d.side.begin):]
	defer func() {
		d.reservoir = d.reservoir[:copy(d.reservoir, d.reservoir[max(0, len(d.reservoir)-maxReach):])]
	}()
	if d.side.begin > before {
		if d.started {
			return ErrReservoir
		}
		for c := range d.channels {
			clear(d.samples[c][:])
		}
		return nil
	}
	d.started = true
	return d.readMain(h, &bitReader{data: main})
}

// readMain decodes the main data of a frame.
func (d *Decoder) readMain(h header.Header, r *bitReader) error {
	total := 0
	for i := range d.granules {
		for c := range d.channels {
			total += d.side.granule[i][c].length
		}
	}
	if total > r.left() {
		return ErrTruncated
	}
	for i := range d.granules {
		for c := range d.channels {
			g, s := &d.side.granule[i][c], &d.spectrum[c]
			end := r.pos + g.length
			if h.LowRate {
				s.readLowScale(r, g, h.Mode == header.JointStereo && h.Extension&intensityStereo != 0 && c == 1)
			} else {
				s.readScale(r, g, d.side.shared[c], i == 1)
			}
			if r.pos > end {
				return ErrTruncated
			}
			s.readLines(r, g, end)
			s.scaleLines(g, d.lineUp, h.LowRate)
			r.pos = end
		}
		if h.Mode == header.JointStereo {
			d.joinStereo(h, &d.side.granule[i])
		}
		for c := range d.channels {
			d.spectrum[c].transform(&d.side.granule[i][c], d.lineUp, h.LowRate, &d.overlap[c],
				d.samples[c][i*slotsPerGranule:][:slotsPerGranule])
		}
	}
	return nil
}
