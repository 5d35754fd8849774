package dec

import "sluice/server/transcode/aac/tables"

// readBlock reads a raw_data_block (ISO/IEC 14496-3 4.4.2.1) into the spectra
// of the channels. Nothing that outlasts the frame changes.
func (d *Decoder) readBlock(r *bitReader) error {
	clear(d.seen)
	for {
		kind := elementKind(r.bits(3))
		if r.over() {
			return ErrTruncated
		}
		var err error
		switch kind {
		case singleElement, lfeElement:
			err = d.readSingle(r, kind)
		case pairElement:
			err = d.readPair(r)
		case couplingElement:
			err = d.readCoupling(r)
		case dataElement:
			err = readData(r)
		case programElement:
			err = readProgram(r)
		case fillElement:
			err = d.readFill(r)
		case endElement:
			d.complete()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// claim returns the channels of the element that the configuration has for a
// kind and tag, each element once in a frame.
func (d *Decoder) claim(kind elementKind, tag int) (*element, error) {
	for i := range d.elements {
		e := &d.elements[i]
		if e.kind == kind && !d.seen[i] && (e.tag == anyTag || e.tag == tag) {
			d.seen[i] = true
			return e, nil
		}
	}
	return nil, errElement
}

// readSingle reads a single_channel_element or lfe_channel_element.
func (d *Decoder) readSingle(r *bitReader, kind elementKind) error {
	e, err := d.claim(kind, r.bits(4))
	if err != nil {
		if kind == singleElement && d.plain(pairElement) {
			return d.readMonoAsPair(r)
		}
		return err
	}
	return d.readStream(r, &d.channels[e.channels[0]], false)
}

// plain reports whether the configuration is one element of a kind, without a
// tag, that the frame does not have so far.
func (d *Decoder) plain(kind elementKind) bool {
	return len(d.elements) == 1 && d.elements[0].kind == kind && d.elements[0].tag == anyTag && !d.seen[0]
}

// readMonoAsPair reads a single element of a stream announced as stereo, for
// both loudspeakers. HE-AAC v2 without explicit signalling looks like this.
func (d *Decoder) readMonoAsPair(r *bitReader) error {
	left, right := &d.channels[0], &d.channels[1]
	d.seen[0] = true
	d.info.PS = d.info.SBR
	if err := d.readStream(r, left, false); err != nil {
		return err
	}
	right.stream = left.stream
	copy(right.spec, left.spec)
	return nil
}

// readPairAsMono reads a pair of a stream announced as mono and mixes it. The
// spectra add up where the windows are the same; else the left one serves.
func (d *Decoder) readPairAsMono(r *bitReader) error {
	left, right := &d.channels[0], d.spare
	d.seen[0] = true
	if err := d.readPairInto(r, left, right); err != nil {
		return err
	}
	if left.sequence != right.sequence || left.shape != right.shape {
		return nil
	}
	left.tns.apply(left.spec)
	right.tns.apply(right.spec)
	left.tns.count = 0
	for i, v := range right.spec {
		left.spec[i] = (left.spec[i] + v) / 2
	}
	return nil
}

// readPair reads a channel_pair_element.
func (d *Decoder) readPair(r *bitReader) error {
	e, err := d.claim(pairElement, r.bits(4))
	if err != nil {
		if d.plain(singleElement) {
			return d.readPairAsMono(r)
		}
		return err
	}
	left, right := &d.channels[e.channels[0]], &d.channels[e.channels[1]]
	return d.readPairInto(r, left, right)
}

func (d *Decoder) readPairInto(r *bitReader, left, right *channel) error {
	common := r.bit()
	d.mask.clear()
	if common {
		if err := d.readInfo(r, &left.windowInfo); err != nil {
			return err
		}
		right.windowInfo = left.windowInfo
		if err := d.mask.read(r, left.groups*left.maxBand); err != nil {
			return err
		}
	}
	if err := d.readStream(r, left, common); err != nil {
		return err
	}
	if err := d.readStream(r, right, common); err != nil {
		return err
	}
	if left.short() == right.short() {
		d.mask.apply(left, right)
	}
	return nil
}

// readCoupling reads over a coupling_channel_element.
func (d *Decoder) readCoupling(r *bitReader) error {
	r.bits(4) // element_instance_tag
	independent := r.bit()
	lists := 0
	for range r.bits(3) + 1 {
		pair := r.bit()
		r.bits(4) // cc_target_tag_select
		lists++
		if pair && r.bits(2) == 3 { // cc_l, cc_r
			lists++
		}
	}
	r.bits(1 + 1 + 2) // cc_domain, gain_element_sign, gain_element_scale
	ch := d.spare
	if err := d.readStream(r, ch, false); err != nil {
		return err
	}
	for range lists - 1 {
		if independent || r.bit() {
			readDifference(r) // common_gain_element
			continue
		}
		for _, book := range ch.book[:ch.groups*ch.maxBand] {
			if book != tables.ZeroBook {
				readDifference(r)
			}
		}
	}
	return r.skip(0)
}

// readData reads over a data_stream_element.
func readData(r *bitReader) error {
	r.bits(4) // element_instance_tag
	aligned := r.bit()
	count := r.bits(8)
	if count == 255 {
		count += r.bits(8)
	}
	if aligned {
		r.align()
	}
	return r.skip(8 * count)
}

// readProgram reads over a program_config_element. The configuration has placed
// the channels; one in the stream can only repeat it.
func readProgram(r *bitReader) error {
	r.bits(4 + 2 + 4) // element_instance_tag, object_type, sampling_frequency_index
	places := r.bits(4) + r.bits(4) + r.bits(4)
	tags := r.bits(2) + r.bits(3)
	places += r.bits(4)
	for _, mixdown := range [3]int{4, 4, 3} {
		if r.bit() {
			r.bits(mixdown)
		}
	}
	r.pos += 5*places + 4*tags
	r.align()
	return r.skip(8 * r.bits(8)) // comment_field_data
}

// readFill reads over a fill_element and notes SBR in it.
func (d *Decoder) readFill(r *bitReader) error {
	const sbrData, sbrDataCRC = 13, 14 // extension_type
	count := r.bits(4)
	if count == 15 {
		count += r.bits(8) - 1
	}
	if count == 0 {
		return nil
	}
	extension := int(r.window() >> 60)
	if err := r.skip(8 * count); err != nil {
		return err
	}
	if extension == sbrData || extension == sbrDataCRC {
		d.info.SBR = true
	}
	return nil
}

// complete gives the channels of elements that the frame does not have an
// empty spectrum.
func (d *Decoder) complete() {
	for i, seen := range d.seen {
		if seen {
			continue
		}
		e := &d.elements[i]
		for _, c := range e.channels[:e.width()] {
			d.channels[c].silence()
		}
	}
}
