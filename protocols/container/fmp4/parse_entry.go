package fmp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/av1"
	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/protocols/codec/nal"
	"sluice/protocols/codec/opus"
	"sluice/protocols/codec/vp9"
	"sluice/server/media"
)

// The sizes of the sample entries before their boxes.
const (
	visualSize = 78
	soundSize  = 28
)

// parseEntry reads a sample entry. The error wraps ErrCodec where it is of a
// codec that the package does not carry.
func (t *movieTrack) parseEntry(entry Box) (err error) {
	switch entry.Type {
	case "avc1", "avc3", "hvc1", "hev1", "av01", "vp09":
		err = t.parseVisual(entry)
	case "mp4a", ".mp3", "Opus", "fLaC", "ac-3", "ec-3":
		err = t.parseSound(entry)
	default:
		return fmt.Errorf("%w: %q", ErrCodec, entry.Type)
	}
	if err != nil {
		return fmt.Errorf("fmp4: sample entry %s: %w", entry.Type, err)
	}
	return nil
}

func (t *movieTrack) parseVisual(entry Box) error {
	r := reader{b: entry.Body}
	r.bytes(24)
	width, height := int(r.u16()), int(r.u16())
	r.bytes(visualSize - 28)
	if err := r.err(entry.Type); err != nil {
		return err
	}
	var err error
	switch entry.Type {
	case "avc1", "avc3":
		err = t.configure(r.b, "avcC", h264.Track, 4)
	case "hvc1", "hev1":
		err = t.configure(r.b, "hvcC", h265.Track, 21)
	case "av01":
		err = t.configure(r.b, "av1C", av1.Track, 0)
	case "vp09":
		var b []byte
		if b, err = find(r.b, "vpcC"); err != nil {
			return err
		}
		var c *vp9.Config
		if c, err = vp9.ParseConfig(b); err == nil {
			t.track = &media.Track{Codec: media.VP9, Config: c.Append(nil)}
		}
	}
	if err != nil {
		return err
	}
	if t.track.Width == 0 || t.track.Height == 0 {
		t.track.Width, t.track.Height = width, height
	}
	return nil
}

// configure makes the track of the configuration in a box. lengthAt is the
// place of the two bits in it that hold the size of NAL units' lengths, 0 for
// none; the track's are of 4 bytes, as media.Packet's.
func (t *movieTrack) configure(b []byte, kind string, newTrack func([]byte) (*media.Track, error), lengthAt int) error {
	config, err := find(b, kind)
	if err != nil {
		return err
	}
	config = bytes.Clone(config)
	if t.track, err = newTrack(config); err != nil {
		return err
	}
	if lengthAt > 0 {
		t.lengthSize = int(config[lengthAt]&3) + 1
		config[lengthAt] |= nal.LengthSize - 1
	}
	return nil
}

func (t *movieTrack) parseSound(entry Box) error {
	r := reader{b: entry.Body}
	r.bytes(8)
	version := r.u16()
	r.bytes(6)
	channels := int(r.u16())
	r.bytes(6)
	rate := int(r.u32() >> 16)
	if err := r.err(entry.Type); err != nil {
		return err
	}
	if version != 0 {
		return fmt.Errorf("%w: QuickTime sound description of version %d", ErrCodec, version)
	}
	if rate == 0 {
		rate = t.rate
	}
	switch entry.Type {
	case "mp4a":
		return t.parseES(r.b, rate, channels)
	case ".mp3":
		t.track = &media.Track{Codec: media.MP3, SampleRate: rate, Channels: channels}
	case "Opus":
		return t.parseOpus(r.b)
	case "fLaC":
		return t.parseFLAC(r.b)
	case "ac-3":
		t.track = &media.Track{Codec: media.AC3, SampleRate: rate, Channels: ac3Channels(r.b, "dac3", 0, 11, channels)}
	case "ec-3":
		t.track = &media.Track{Codec: media.EAC3, SampleRate: rate, Channels: ac3Channels(r.b, "dec3", 2, 9, channels)}
	}
	return nil
}

// ac3Channels counts the loudspeakers by dac3 or dec3 (ETSI TS 102 366 F.4,
// F.6): after skip bytes come 24 bits, with acmod above the given bit and lfeon
// below. The sample entry's own count, which says nothing, stands for a box that
// is missing.
func ac3Channels(b []byte, kind string, skip, bit, count int) int {
	body, err := find(b, kind)
	if err != nil || len(body) < skip+3 {
		return count
	}
	v := int(body[skip])<<16 | int(body[skip+1])<<8 | int(body[skip+2])
	return [8]int{2, 1, 2, 3, 3, 4, 4, 5}[v>>bit&7] + v>>(bit-1)&1
}

// parseOpus turns dOps into OpusHead.
func (t *movieTrack) parseOpus(b []byte) error {
	body, err := find(b, "dOps")
	if err != nil {
		return err
	}
	r := reader{b: body}
	r.u8()                                                                                                                // version
	head := opus.Head{Channels: r.u8(), PreSkip: r.u16(), InputRate: r.u32(), OutputGain: int16(r.u16()), Family: r.u8()} //nolint:gosec // the field is signed
	if head.Family != 0 {
		head.Streams, head.Coupled = r.u8(), r.u8()
		head.Mapping = r.bytes(int(head.Channels))
	}
	if err := r.err("dOps"); err != nil {
		return err
	}
	t.track, err = opus.Track(head.Append(nil))
	return err
}

func (t *movieTrack) parseFLAC(b []byte) error {
	body, err := find(b, "dfLa")
	if err != nil {
		return err
	}
	r := reader{b: body}
	r.full()
	block := r.u32()
	info := r.bytes(streamInfoSize)
	if err := r.err("dfLa"); err != nil {
		return err
	}
	if block&0x7fffffff != streamInfoSize {
		return errors.New("first metadata block is no STREAMINFO")
	}
	v := binary.BigEndian.Uint32(info[10:]) // 20 bits of rate, 3 of channels less one
	rate := int(v >> 12)
	if rate == 0 {
		return errors.New("STREAMINFO with a sample rate of 0")
	}
	t.track = &media.Track{Codec: media.FLAC, Config: bytes.Clone(info), SampleRate: rate, Channels: int(v>>9&7) + 1}
	return nil
}

// parseES reads esds.
func (t *movieTrack) parseES(b []byte, rate, channels int) error {
	body, err := find(b, "esds")
	if err != nil {
		return err
	}
	r := reader{b: body}
	r.full()
	es, err := descriptor(r.b, tagES)
	if err != nil {
		return err
	}
	r = reader{b: es}
	r.u16()
	flags := r.u8()
	if flags&0x80 != 0 {
		r.u16() // the stream it depends on
	}
	if flags&0x40 != 0 {
		r.bytes(int(r.u8())) // URL
	}
	if flags&0x20 != 0 {
		r.u16() // clock reference
	}
	decoder, err := descriptor(r.b, tagDecoder)
	if err != nil {
		return err
	}
	r = reader{b: decoder}
	object := r.u8()
	r.bytes(12)
	if err := r.err("esds"); err != nil {
		return err
	}
	switch object {
	case objectAAC, 0x66, 0x67, 0x68: // the last three: ISO/IEC 13818-7
		config, err := descriptor(r.b, tagSpecific)
		if err != nil {
			return err
		}
		t.track, err = aac.Track(bytes.Clone(config))
		return err
	case objectMP3, objectMP3L:
		t.track = &media.Track{Codec: media.MP3, SampleRate: rate, Channels: channels}
		return nil
	default:
		return fmt.Errorf("%w: object type %#x", ErrCodec, object)
	}
}

// descriptor returns the content of the first descriptor with a tag (ISO/IEC
// 14496-1 8.3.3).
func descriptor(b []byte, tag byte) ([]byte, error) {
	r := reader{b: b}
	for len(r.b) > 0 {
		kind, size := r.u8(), 0
		for range 4 {
			v := r.u8()
			size = size<<7 | int(v&0x7f)
			if v&0x80 == 0 {
				break
			}
		}
		body := r.bytes(size)
		if err := r.err("esds"); err != nil {
			return nil, err
		}
		if kind == tag {
			return body, nil
		}
	}
	return nil, fmt.Errorf("no descriptor %d", tag)
}
