package dec

import (
	"fmt"

	"sluice/server/transcode/aac/tables"
)

// Audio object types (ISO/IEC 14496-3 1.5.1).
const (
	typeLC  = 2
	typeSBR = 5
	typePS  = 29
)

// config is an AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1) of an AAC-LC core.
type config struct {
	rateIndex int
	info      Info
	elements  []element
}

// parseConfig reads an AudioSpecificConfig.
func parseConfig(asc []byte) (config, error) {
	var c config
	r := &bitReader{data: asc}
	object := readObjectType(r)
	rate := readRate(r)
	channels := r.bits(4)
	if object == typeSBR || object == typePS {
		c.info.SBR, c.info.PS = true, object == typePS
		c.info.ExtensionRate = readRate(r)
		object = readObjectType(r)
	}
	if r.over() {
		return c, fmt.Errorf("%w: AudioSpecificConfig", ErrTruncated)
	}
	if object != typeLC {
		return c, fmt.Errorf("%w: audio object type %d; AAC-LC and HE-AAC are decoded", ErrUnsupported, object)
	}
	if rate <= 0 {
		return c, fmt.Errorf("%w: sample rate of the AudioSpecificConfig", ErrInvalid)
	}
	c.info.SampleRate, c.rateIndex = rate, tables.RateIndex(rate)
	if err := c.readSpecific(r, channels); err != nil {
		return c, err
	}
	c.readSyncExtension(r)
	layout, err := arrange(c.elements)
	c.info.Layout = layout
	return c, err
}

// readSpecific reads GASpecificConfig (ISO/IEC 14496-3 4.4.1).
func (c *config) readSpecific(r *bitReader, channels int) error {
	if r.bit() {
		return fmt.Errorf("%w: frames of 960 samples", ErrUnsupported)
	}
	if r.bit() {
		r.bits(14) // coreCoderDelay
	}
	extension := r.bit()
	if channels == 0 {
		p, err := readProgram(r)
		if err != nil {
			return fmt.Errorf("%w in the program config element", err)
		}
		if c.elements, err = p.elements(); err != nil {
			return err
		}
	} else if channels < len(configurations) {
		c.elements = append(c.elements, configurations[channels]...)
	}
	if extension {
		r.bits(1) // extensionFlag3
	}
	if r.over() {
		return fmt.Errorf("%w: AudioSpecificConfig", ErrTruncated)
	}
	if len(c.elements) == 0 {
		return fmt.Errorf("%w: channel configuration %d", ErrUnsupported, channels)
	}
	return nil
}

// readSyncExtension looks for backward compatible signalling of HE-AAC behind
// the configuration (ISO/IEC 14496-3 1.6.6.2). What it can't read isn't there.
func (c *config) readSyncExtension(r *bitReader) {
	const sbrSync, psSync = 0x2b7, 0x548
	if c.info.SBR || r.bits(11) != sbrSync || readObjectType(r) != typeSBR || !r.bit() {
		return
	}
	rate := readRate(r)
	if r.over() {
		return
	}
	c.info.SBR, c.info.ExtensionRate = true, rate
	c.info.PS = r.bits(11) == psSync && r.bit() && !r.over()
}

func readObjectType(r *bitReader) int {
	object := r.bits(5)
	if object == 31 {
		object = 32 + r.bits(6)
	}
	return object
}

// readRate returns a sample rate in Hz, 0 if it is reserved.
func readRate(r *bitReader) int {
	index := r.bits(4)
	if index == 15 {
		return r.bits(24)
	}
	return tables.SampleRate(index)
}
