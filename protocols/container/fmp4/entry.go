package fmp4

import (
	"fmt"

	"sluice/protocols/codec/opus"
	"sluice/server/media"
)

// writeEntry writes the track's sample entry.
func writeEntry(w *writer, t *media.Track) error {
	if t.Codec.Kind() == media.Video {
		return writeVisualEntry(w, t)
	}
	return writeSoundEntry(w, t)
}

// writeVisualEntry writes a VisualSampleEntry (12.1.3).
func writeVisualEntry(w *writer, t *media.Track) error {
	kind, box, version, config := "avc1", "avcC", -1, t.Config
	switch t.Codec {
	case media.H265:
		kind, box = "hvc1", "hvcC"
	case media.AV1:
		kind, box = "av01", "av1C"
	case media.VP9:
		c, err := vp9Config(t)
		if err != nil {
			return err
		}
		kind, box, version, config = "vp09", "vpcC", 1, c.Append(nil)
	}
	if len(config) == 0 {
		return fmt.Errorf("fmp4: %s track without a decoder configuration", t.Codec)
	}
	entry := w.box(kind)
	writeEntryStart(w)
	w.zero(16)
	w.u16(clamp16(t.Width))
	w.u16(clamp16(t.Height))
	w.u32(72 << 16) // dpi
	w.u32(72 << 16)
	w.u32(0)
	w.u16(1)    // one frame a sample
	w.zero(32)  // compressor's name
	w.u16(0x18) // colour, no alpha
	w.u16(0xffff)
	var at int
	if version >= 0 {
		at = w.full(box, byte(version), 0)
	} else {
		at = w.box(box)
	}
	w.u8(config...)
	w.end(at)
	w.end(entry)
	return nil
}

// writeEntryStart writes what all sample entries begin with (8.5.2.2).
func writeEntryStart(w *writer) {
	w.zero(6)
	w.u16(1) // the one data reference
}

// writeSoundEntry writes an AudioSampleEntry (12.2.3).
func writeSoundEntry(w *writer, t *media.Track) error {
	kind := "mp4a"
	channels, bits := t.Channels, 16
	switch t.Codec {
	case media.Opus:
		kind = "Opus"
	case media.FLAC:
		kind = "fLaC"
		if len(t.Config) != streamInfoSize {
			return fmt.Errorf("fmp4: STREAMINFO of %d bytes, want %d", len(t.Config), streamInfoSize)
		}
		bits = int(t.Config[12]&1)<<4 | int(t.Config[13]>>4) + 1
	case media.AC3:
		kind = "ac-3"
	case media.EAC3:
		kind = "ec-3"
	}
	if channels == 0 {
		channels = 2
	}
	entry := w.box(kind)
	writeEntryStart(w)
	w.zero(8)
	w.u16(clamp16(channels))
	w.u16(clamp16(bits))
	w.zero(4)
	rate := Timescale(t)
	for rate > 0xffff {
		rate /= 2 // the field has 16 bits; the configuration tells (FLAC binding 3.3.4)
	}
	w.u32(uint32(rate) << 16) //nolint:gosec // just bounded
	if err := writeSoundConfig(w, t); err != nil {
		return err
	}
	w.end(entry)
	return nil
}

// streamInfoSize is the size of FLAC's STREAMINFO (RFC 9639 8.2).
const streamInfoSize = 34

func writeSoundConfig(w *writer, t *media.Track) error {
	switch t.Codec {
	case media.Opus:
		return writeOpus(w, t)
	case media.FLAC:
		const lastBlock = 0x80
		at := w.full("dfLa", 0, 0)
		w.u8(lastBlock, 0, 0, streamInfoSize)
		w.u8(t.Config...)
		w.end(at)
	case media.AC3, media.EAC3:
		return writeAC3(w, t)
	default:
		return writeES(w, t)
	}
	return nil
}

// writeOpus writes dOps (Opus binding 4.3.2): OpusHead with its numbers in big
// endian.
func writeOpus(w *writer, t *media.Track) error {
	head := opus.NewHead(max(1, min(t.Channels, 2)))
	if t.Config != nil {
		var err error
		if head, err = opus.ParseHead(t.Config); err != nil {
			return err
		}
	}
	at := w.box("dOps")
	w.u8(0, head.Channels)
	w.u16(head.PreSkip)
	w.u32(head.InputRate)
	w.u16(uint16(head.OutputGain)) //nolint:gosec // the field is signed
	w.u8(head.Family)
	if head.Family != 0 {
		w.u8(head.Streams, head.Coupled)
		w.u8(head.Mapping...)
	}
	w.end(at)
	return nil
}

// Descriptor tags and object types of esds (ISO/IEC 14496-1 7.2.2.1, 7.2.6.6).
const (
	tagES       = 3
	tagDecoder  = 4
	tagSpecific = 5
	tagSync     = 6

	objectAAC  = 0x40
	objectMP3  = 0x6b // ISO/IEC 11172-3
	objectMP3L = 0x69 // ISO/IEC 13818-3, the lower rates

	streamAudio = 5<<2 | 1 // streamType, and the reserved bit that is 1
	syncMP4     = 2        // predefined SLConfig of MP4 files
)

// writeES writes esds (ISO/IEC 14496-14 5.6) for AAC and MP3.
func writeES(w *writer, t *media.Track) error {
	object := byte(objectAAC)
	switch {
	case t.Codec == media.AAC && len(t.Config) == 0:
		return fmt.Errorf("fmp4: %s track without a decoder configuration", t.Codec)
	case t.Codec == media.AAC && len(t.Config) > 64:
		return fmt.Errorf("fmp4: AudioSpecificConfig of %d bytes", len(t.Config))
	case t.Codec == media.MP3 && t.SampleRate > 0 && t.SampleRate < 32000:
		object = objectMP3L
	case t.Codec == media.MP3:
		object = objectMP3
	}
	var specific []byte
	if t.Codec == media.AAC {
		specific = append([]byte{tagSpecific, byte(len(t.Config))}, t.Config...)
	}
	const decoderSize, descriptorSize = 13, 2
	decoder := decoderSize + len(specific)
	at := w.full("esds", 0, 0)
	w.u8(tagES, byte(3+descriptorSize+decoder+descriptorSize+1))
	w.u16(0) // ES_ID, 0 in a file
	w.u8(0)
	w.u8(tagDecoder, byte(decoder), object, streamAudio)
	w.zero(3 + 4 + 4) // buffer size and bit rates, unknown
	w.u8(specific...)
	w.u8(tagSync, 1, syncMP4)
	w.end(at)
	return nil
}
