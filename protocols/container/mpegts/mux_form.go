package mpegts

import (
	"fmt"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/h264"
	"sluice/protocols/codec/h265"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// form is how a track's packets are written.
type form struct {
	track *media.Track
	place int  // the codec's, in forms
	kind  byte // stream_type
	id    byte // stream_id
	pid   uint16

	delimiter []byte // an access unit delimiter, after its start code
	sets      []byte // the parameter sets as a byte stream
	aac       *aac.Config
	program   []byte // the PCE that each AAC frame must start with
}

// Access unit delimiters that allow all slice types (H.264 7.3.2.4, H.265
// 7.3.2.5).
var (
	delimiterH264 = []byte{0, 0, 0, 1, byte(h264.TypeAUD), 0xf0}
	delimiterH265 = []byte{0, 0, 0, 1, byte(h265.TypeAUD) << 1, 1, 0x50}
)

// newForm returns the form of a track; nil has the zero form.
func newForm(t *media.Track) (f form, err error) {
	if t == nil {
		return f, nil
	}
	f = form{track: t, place: place(t.Codec)}
	if f.place < 0 {
		return form{}, &CodecError{t.Codec.Kind(), t.Codec.String()}
	}
	f.kind, f.id, f.pid = streamType(t), forms[f.place].id, firstPID+uint16(f.place) //nolint:gosec // a few
	switch t.Codec {
	case media.H264:
		f.delimiter = delimiterH264
		f.sets, err = setsH264(t.Config)
	case media.H265:
		f.delimiter = delimiterH265
		f.sets, err = setsH265(t.Config)
	case media.AAC:
		err = f.configureAAC()
	}
	if err != nil {
		return form{}, fmt.Errorf("mpegts: %s track: %w", t.Codec, err)
	}
	return f, nil
}

// setsH264 returns the parameter sets of a record as a byte stream; a track
// without a record has none.
func setsH264(config []byte) (dst []byte, err error) {
	if len(config) == 0 {
		return nil, nil
	}
	c, err := h264.ParseConfig(config)
	if err != nil {
		return nil, err
	}
	dst = appendUnits(dst, c.SPS)
	if c.High != nil {
		dst = appendUnits(dst, c.High.SPSExt)
	}
	return appendUnits(dst, c.PPS), nil
}

// setsH265 is setsH264 for H265.
func setsH265(config []byte) (dst []byte, err error) {
	if len(config) == 0 {
		return nil, nil
	}
	c, err := h265.ParseConfig(config)
	if err != nil {
		return nil, err
	}
	for _, t := range []h265.Type{h265.TypeVPS, h265.TypeSPS, h265.TypePPS} {
		dst = appendUnits(dst, c.Units(t))
	}
	return dst, nil
}

func appendUnits(dst []byte, units [][]byte) []byte {
	for _, u := range units {
		dst = append(append(dst, startCode...), u...)
	}
	return dst
}

var startCode = []byte{0, 0, 0, 1}

// configureAAC makes ready for ADTS headers.
func (f *form) configureAAC() (err error) {
	if f.aac, err = aac.ParseConfig(f.track.Config); err != nil {
		return err
	}
	if f.aac.Program != nil {
		f.program = f.aac.Program.AppendElement(nil)
	}
	_, err = aac.AppendADTS(nil, f.aac, 0)
	return err
}

// measure appends to head what comes before the packet's data, and returns the
// size of the data as it is written, 0 where there is none.
func (f *form) measure(head []byte, p *media.Packet) (_ []byte, size int, err error) {
	size = len(p.Payload)
	switch p.Track.Codec {
	case media.H264, media.H265:
		return f.measurePicture(head, p)
	case media.AAC:
		if size > 0 {
			head, err = aac.AppendADTS(head, f.aac, len(f.program)+size)
			head = append(head, f.program...)
		}
	case media.Opus:
		if size > 0 {
			head = appendOpusControl(head, size)
		}
	}
	return head, size, err
}

// measurePicture puts the delimiter and, before a key frame that does not bring
// all kinds of them, the parameter sets into head. A delimiter that the picture
// brings stands there in place of ours.
func (f *form) measurePicture(head []byte, p *media.Packet) (_ []byte, size int, err error) {
	var seen setKinds
	own := false
	for u := range nal.Units(p.Payload) {
		if size == 0 && !own && delimits(p.Track.Codec, u) {
			head = append(append(head, startCode...), u...)
			own = true
			continue
		}
		size += len(startCode) + len(u)
		if p.Key {
			seen |= setKindOf(p.Track.Codec, u)
		}
	}
	if size == 0 {
		return head[:0], 0, nil
	}
	if !own {
		head = append(head, f.delimiter...)
	}
	if p.Key && seen != allSets(p.Track.Codec) {
		head = append(head, f.sets...)
	}
	return head, size, nil
}

// writePayload writes the packet's data; of a picture, what measurePicture has
// not taken.
func (f *form) writePayload(w *writer, payload []byte) {
	if f.delimiter == nil {
		w.write(payload)
		return
	}
	first := true
	for u := range nal.Units(payload) {
		if !first || !delimits(f.track.Codec, u) {
			w.write(startCode)
			w.write(u)
		}
		first = false
	}
}

// delimits reports whether the unit is an access unit delimiter.
func delimits(c media.Codec, unit []byte) bool {
	if c == media.H264 {
		return h264.TypeOf(unit) == h264.TypeAUD
	}
	return h265.TypeOf(unit) == h265.TypeAUD
}

// setKinds is a set of kinds of parameter sets.
type setKinds uint8

const (
	setVPS setKinds = 1 << iota
	setSPS
	setPPS
)

// setKindOf returns the kind of parameter set that the unit is, or none.
func setKindOf(c media.Codec, unit []byte) setKinds {
	if c == media.H264 {
		switch h264.TypeOf(unit) {
		case h264.TypeSPS:
			return setSPS
		case h264.TypePPS:
			return setPPS
		}
		return 0
	}
	switch h265.TypeOf(unit) {
	case h265.TypeVPS:
		return setVPS
	case h265.TypeSPS:
		return setSPS
	case h265.TypePPS:
		return setPPS
	}
	return 0
}

// allSets returns the kinds that a key frame needs.
func allSets(c media.Codec) setKinds {
	if c == media.H264 {
		return setSPS | setPPS
	}
	return setVPS | setSPS | setPPS
}
