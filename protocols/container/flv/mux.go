package flv

import (
	"encoding/binary"
	"fmt"
	"time"

	"sluice/protocols/codec/opus"
	"sluice/protocols/codec/vp9"
	"sluice/server/media"
)

// Form says how a peer wants codecs signalled. The zero value is the legacy
// form, which every player reads. It is comparable: one encoding serves all
// peers of a form.
type Form struct {
	// Enhanced allows fourCC signalling, for the codecs that have no number.
	Enhanced bool

	// LegacyHEVC writes HEVC as codec number 12 rather than by its fourCC.
	LegacyHEVC bool

	// Nano writes the part of a time below a millisecond as a ModEx. It needs
	// Enhanced, and writes by fourCC all codecs that have one.
	Nano bool
}

// Check returns a *CodecError when the codec cannot be written in this form.
func (f Form) Check(c media.Codec) error {
	switch {
	case c == media.Script:
		return nil
	case f.Enhanced && FourCC(c) != "":
		return nil
	}
	if _, ok := f.legacyID(&media.Track{Codec: c}); ok {
		return nil
	}
	why := "FLV cannot carry it"
	if FourCC(c) != "" {
		why = "only Enhanced RTMP can carry it, which the peer has not announced"
	}
	return &CodecError{Kind: c.Kind(), Name: c.String(), Why: why}
}

// enhanced reports whether the track is written by fourCC.
func (f Form) enhanced(t *media.Track) bool {
	if !f.Enhanced || FourCC(t.Codec) == "" {
		return false
	}
	_, legacy := f.legacyID(t)
	return !legacy || f.Nano
}

// TypeOf returns the type of the tags that carry a kind.
func TypeOf(k media.Kind) TagType {
	switch k {
	case media.Video:
		return TagVideo
	case media.Audio:
		return TagAudio
	default:
		return TagScript
	}
}

// AppendSequenceHeader appends the body of the tag that announces the track:
// the decoder configuration, or for script data the metadata. It appends
// nothing for tracks that need no such tag.
func (f Form) AppendSequenceHeader(dst []byte, t *media.Track) ([]byte, error) {
	if err := f.Check(t.Codec); err != nil {
		return dst, err
	}
	config := t.Config
	switch t.Codec {
	case media.Script:
		return append(dst, config...), nil
	case media.MP3, media.PCMA, media.PCMU, media.AC3, media.EAC3:
		return dst, nil
	case media.Opus:
		if config == nil {
			config = opus.NewHead(t.Channels).Append(nil)
		}
	case media.VP8, media.VP9:
		if config == nil {
			config = defaultVP(t)
		}
	}
	if len(config) == 0 {
		return dst, fmt.Errorf("flv: %s track without a decoder configuration", t.Codec)
	}
	switch id, _ := f.legacyID(t); {
	case f.enhanced(t) && t.Codec.Kind() == media.Video:
		dst = append(dst, exVideoBit|frameKey<<4|packetSequenceStart)
		dst = append(dst, FourCC(t.Codec)...)
	case f.enhanced(t):
		dst = append(dst, audioEnhanced<<4|packetSequenceStart)
		dst = append(dst, FourCC(t.Codec)...)
	case t.Codec == media.AAC:
		dst = append(dst, audioFlags(id, t), aacHeader)
	default:
		dst = append(dst, frameKey<<4|id, packetSequenceStart, 0, 0, 0)
	}
	return append(dst, config...), nil
}

// defaultVP returns the record of the commonest VP8 and VP9: 8 bits, 4:2:0.
func defaultVP(t *media.Track) []byte {
	h := vp9.Header{Key: true, BitDepth: 8, SubsamplingX: true, SubsamplingY: true, Width: t.Width, Height: t.Height}
	c, err := vp9.NewConfig(h)
	if err != nil {
		panic(err) // h is a key frame's
	}
	return c.Append(nil)
}

// audioFlags returns the first byte of a legacy audio tag (E.4.2.1).
func audioFlags(id byte, t *media.Track) byte {
	const size16 = 1 << 1
	flags := id<<4 | size16
	switch id {
	case audioAAC:
		return flags | 3<<2 | stereoBit // fixed, whatever the sound is
	case audioMP3:
		switch t.SampleRate {
		case 22050, 24000:
			flags |= 2 << 2
		case 11025, 12000:
			flags |= 1 << 2
		default:
			flags |= 3 << 2
		}
	}
	if t.Channels == 2 {
		flags |= stereoBit
	}
	return flags
}

const (
	maxHeader      = 16 // the longest body header: ModEx, fourCC, composition time
	maxComposition = 1<<23 - 1
)

// AppendHeader appends the start of the packet's tag body, all that comes
// before its payload.
func (f Form) AppendHeader(dst []byte, p *media.Packet) ([]byte, error) {
	t := p.Track
	if err := f.Check(t.Codec); err != nil {
		return dst, err
	}
	switch t.Codec.Kind() {
	case media.Video:
		return f.appendVideoHeader(dst, p)
	case media.Audio:
		if f.enhanced(t) {
			dst = f.appendEx(dst, audioEnhanced<<4, packetCodedFrames, p)
			return append(dst, FourCC(t.Codec)...), nil
		}
		id, _ := f.legacyID(t)
		if dst = append(dst, audioFlags(id, t)); t.Codec == media.AAC {
			dst = append(dst, aacRaw)
		}
	}
	return dst, nil
}

func (f Form) appendVideoHeader(dst []byte, p *media.Packet) ([]byte, error) {
	frame := byte(frameInter << 4)
	if p.Key {
		frame = frameKey << 4
	}
	offset := f.offset(p)
	if offset < 0 || offset > maxComposition {
		return dst, fmt.Errorf("flv: composition time of %d ms does not fit", offset)
	}
	composition := [3]byte{byte(offset >> 16), byte(offset >> 8), byte(offset)}
	if !f.enhanced(p.Track) {
		id, _ := f.legacyID(p.Track)
		return append(append(dst, frame|id, packetCodedFrames), composition[:]...), nil
	}
	ordered := p.Track.Codec == media.H264 || p.Track.Codec == media.H265
	packet := byte(packetCodedFrames)
	if ordered && offset == 0 {
		packet = videoCodedFramesX
	}
	dst = append(f.appendEx(dst, exVideoBit|frame, packet, p), FourCC(p.Track.Codec)...)
	if packet == packetCodedFrames && ordered {
		dst = append(dst, composition[:]...)
	}
	return dst, nil
}

// appendEx appends the first byte of a tag with fourCC signalling, and the
// ModEx with the time below a millisecond where the form wants it.
func (f Form) appendEx(dst []byte, first, packet byte, p *media.Packet) []byte {
	nanos := 0
	if f.Nano {
		nanos = int(p.PTS - floorMilli(p.PTS))
	}
	if nanos == 0 {
		return append(dst, first|packet)
	}
	return append(dst, first|packetModEx, 3-1, byte(nanos>>16), byte(nanos>>8), byte(nanos), modExNano<<4|packet)
}

// floorMilli returns the whole milliseconds not after d.
func floorMilli(d time.Duration) time.Duration {
	t := d.Truncate(time.Millisecond)
	if t > d {
		t -= time.Millisecond
	}
	return t
}

// millis returns a time in milliseconds: the nearest ones, or where a ModEx adds
// the rest the ones before it.
func (f Form) millis(t *media.Track, d time.Duration) int64 {
	if f.Nano && f.enhanced(t) {
		return int64(floorMilli(d) / time.Millisecond)
	}
	return media.ToClock(d, 1000)
}

// offset returns the composition time in milliseconds.
func (f Form) offset(p *media.Packet) int64 {
	return f.millis(p.Track, p.PTS) - f.millis(p.Track, p.DTS)
}

// Timestamp returns the timestamp of the packet's tag in milliseconds, wrapped
// to 32 bits.
func (f Form) Timestamp(p *media.Packet) uint32 {
	return uint32(f.millis(p.Track, p.DTS)) //nolint:gosec // wraps, as the field does
}

// Tag returns the packet's whole tag, with its header and PreviousTagSize, in
// one allocation.
func (f Form) Tag(p *media.Packet) ([]byte, error) {
	tag, err := f.AppendPacket(make([]byte, 0, TagSize(maxHeader+len(p.Payload))), p)
	if err != nil {
		return nil, err
	}
	return tag, nil
}

// AppendPacket appends what Tag returns. On an error dst comes back as it was.
func (f Form) AppendPacket(dst []byte, p *media.Packet) ([]byte, error) {
	tag, err := f.AppendHeader(openTag(dst), p)
	if err == nil {
		tag, err = closeTag(append(tag, p.Payload...), len(dst), TypeOf(p.Kind()), f.Timestamp(p))
	}
	if err != nil {
		return dst, err
	}
	return tag, nil
}

// SequenceTag returns the whole tag that announces the track, nil for tracks
// that need none. The timestamp is in milliseconds.
func (f Form) SequenceTag(t *media.Track, timestamp uint32) ([]byte, error) {
	tag := openTag(make([]byte, 0, TagSize(maxHeader+len(t.Config))))
	tag, err := f.AppendSequenceHeader(tag, t)
	if err != nil || len(tag) == TagHeaderSize {
		return nil, err
	}
	return closeTag(tag, 0, TypeOf(t.Codec.Kind()), timestamp)
}

// openTag appends room for a tag's header, before its body.
func openTag(dst []byte) []byte { return append(dst, make([]byte, TagHeaderSize)...) }

// closeTag writes the header into the room left for it at the given place and
// appends PreviousTagSize.
func closeTag(tag []byte, at int, t TagType, timestamp uint32) ([]byte, error) {
	size := len(tag) - at - TagHeaderSize
	if size > MaxBody {
		return nil, fmt.Errorf("flv: tag body of %d bytes is over the limit of %d", size, MaxBody)
	}
	AppendTagHeader(tag[:at], t, timestamp, size)
	return binary.BigEndian.AppendUint32(tag, uint32(TagHeaderSize+size)), nil //nolint:gosec // see above
}
