//go:build opus

package opus

import "fmt"

// Decoder decodes one stream of sound, whatever modes, rates and channels
// its packets have.
type Decoder struct {
	instance
	channels int
}

// NewDecoder returns a decoder whose output has 1 or 2 channels; mono packets
// are doubled and stereo packets mixed down where they differ from that.
func NewDecoder(channels int) (*Decoder, error) {
	if channels < 1 || channels > 2 {
		return nil, fmt.Errorf("opus: %d channels; only 1 and 2 can be decoded", channels)
	}
	d := &Decoder{instance: newInstance(), channels: channels}
	if rc := d.mod.Xopus_decoder_init(statePtr, SampleRate, int32(channels)); rc != 0 {
		return nil, fmt.Errorf("opus: decoder init: error %d", rc)
	}
	return d, nil
}

// Decode decodes a packet of 2.5 to 120 ms and appends its samples to dst.
// The error is ErrPacket or, where only a new decoder helps, ErrBroken.
func (d *Decoder) Decode(packet []byte, dst []float32) ([]float32, error) {
	if len(packet) == 0 {
		return dst, ErrPacket // libopus takes that for a lost one
	}
	return d.decode(packet, MaxSamples, 0, dst)
}

// DecodeFEC makes samples for what was lost before the packet, from the copy
// of it at low quality that the packet may have, and appends them to dst; for
// the rest, and where there is none, it conceals. Decode of the same packet
// comes after it. samples is the length of the loss as Conceal takes it.
func (d *Decoder) DecodeFEC(packet []byte, samples int, dst []float32) ([]float32, error) {
	if len(packet) == 0 || !validLoss(samples) {
		return dst, ErrPacket
	}
	return d.decode(packet, samples, 1, dst)
}

// Conceal makes samples for a loss and appends them to dst. samples counts
// per channel: a multiple of 2.5 ms, up to MaxSamples. Further calls go on
// with the sound's noise for as long as it takes: to fade is the caller's.
func (d *Decoder) Conceal(samples int, dst []float32) ([]float32, error) {
	if !validLoss(samples) {
		return dst, ErrPacket
	}
	return d.decode(nil, samples, 0, dst)
}

// validLoss reports whether n is a whole number of the shortest frame.
func validLoss(n int) bool { return n > 0 && n <= MaxSamples && n%120 == 0 }

func (d *Decoder) decode(packet []byte, samples int, fec int32, dst []float32) (out []float32, err error) {
	switch {
	case d.broken:
		return dst, ErrBroken
	case len(packet) > MaxPacket:
		return dst, ErrPacket
	}
	out = dst //nolint:wastedassign // the result where guard recovers
	defer d.guard(&err)
	ptr := int32(0)
	if packet != nil {
		ptr = packetPtr
		copy(d.mem[packetPtr:], packet)
	}
	n := d.mod.Xopus_decode(statePtr, ptr, int32(len(packet)), pcmPtr, int32(samples), fec)
	if n < 0 {
		return dst, ErrPacket
	}
	return d.appendPCM(dst, int(n)*d.channels), nil
}

// Reset forgets the sound so far.
func (d *Decoder) Reset() (err error) {
	defer d.guard(&err)
	if rc := d.mod.Xopus_decoder_ctl_set(statePtr, resetState, 0); rc != 0 {
		return fmt.Errorf("opus: decoder reset: error %d", rc)
	}
	return nil
}
