package fmp4

import "sluice/server/media"

// writeAC3 writes dac3 or dec3 (ETSI TS 102 366 F.4 and F.6) from the track's
// rate and channels. Bit rates are those usual for the channels; decoders read
// the frames' own headers.
func writeAC3(w *writer, t *media.Track) error {
	var rate uint32 // fscod
	switch t.SampleRate {
	case 44100:
		rate = 1
	case 32000:
		rate = 2
	}
	mode, lfe := uint32(2), uint32(0) // acmod, lfeon
	switch t.Channels {
	case 1:
		mode = 1
	case 3:
		mode = 3
	case 4:
		mode = 6
	case 5:
		mode = 7
	case 6:
		mode, lfe = 7, 1
	}
	if t.Codec == media.AC3 {
		const version, bitRate = 8, 14 // bsid; bit_rate_code of 384 kbit/s
		at := w.box("dac3")
		v := rate<<22 | version<<17 | mode<<11 | lfe<<10 | bitRate<<5
		w.u8(byte(v>>16), byte(v>>8), byte(v))
		w.end(at)
		return nil
	}
	const version, kilobits = 16, 384
	at := w.box("dec3")
	w.u16(kilobits << 3) // one independent substream
	v := rate<<22 | version<<17 | mode<<9 | lfe<<8
	w.u8(byte(v>>16), byte(v>>8), byte(v))
	w.end(at)
	return nil
}
