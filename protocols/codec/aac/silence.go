package aac

import "sluice/protocols/codec/bits"

// The elements of a raw data block (table 4.85).
const (
	elementSCE = 0
	elementCPE = 1
	elementLFE = 3
	elementEND = 7
)

// layouts are the elements of a frame by channelConfiguration (table 1.19).
var layouts = [...][]uint32{
	1: {elementSCE}, 2: {elementCPE}, 3: {elementSCE, elementCPE}, 4: {elementSCE, elementCPE, elementSCE},
	5: {elementSCE, elementCPE, elementCPE}, 6: {elementSCE, elementCPE, elementCPE, elementLFE},
	7: {elementSCE, elementCPE, elementCPE, elementCPE, elementLFE},
}

// Silence returns a frame of silence, which is the same at every rate: raw data
// block without any spectrum. It is nil for configs of other object types than
// Main, LC and LTP, and of channels that a program config element tells.
func (c *Config) Silence() []byte {
	if c.ObjectType != Main && c.ObjectType != LC && c.ObjectType != LTP || int(c.ChannelConfig) >= len(layouts) || c.ChannelConfig == 0 {
		return nil
	}
	w := bits.NewWriter(nil)
	var tags [elementEND]uint32
	for _, id := range layouts[c.ChannelConfig] {
		w.Uint(id, 3)
		w.Uint(tags[id], 4) // element_instance_tag
		tags[id]++
		if id == elementCPE {
			w.Flag(true) // common_window
			writeNoBands(w)
			w.Uint(0, 2) // ms_mask_present
			writeNoSpectrum(w)
			writeNoSpectrum(w)
			continue
		}
		w.Uint(0, 8) // global_gain
		writeNoBands(w)
		w.Uint(0, 3) // as in writeNoSpectrum
	}
	w.Uint(elementEND, 3)
	return w.Bytes()
}

// writeNoBands writes an ics_info (table 4.6): one long window, and no scale
// factor bands, so that neither sections nor scale factors follow.
func writeNoBands(w *bits.Writer) {
	w.Uint(0, 1+2+1) // ics_reserved_bit, window_sequence, window_shape
	w.Uint(0, 6+1)   // max_sfb, predictor_data_present
}

// writeNoSpectrum writes an individual_channel_stream whose ics_info is common
// (table 4.50).
func writeNoSpectrum(w *bits.Writer) {
	w.Uint(0, 8)     // global_gain
	w.Uint(0, 1+1+1) // pulse_, tns_ and gain_control_data_present
}
