package flv

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"sluice/protocols/container/amf"
)

// KeyFrame is a place in a file where decoding can start.
type KeyFrame struct {
	Time     time.Duration // of the tag
	Position int64         // of the tag's first byte in the file
}

// Index is what the onMetaData of a finished file says beyond its tracks (E.5).
type Index struct {
	Duration time.Duration
	Size     int64      // of the file, in bytes
	Keys     []KeyFrame // the earliest first
}

// ErrNoRoom says that a metadata tag has less room than its index needs.
var ErrNoRoom = errors.New("flv: no room for the index")

// Reserve returns an onMetaData body as long as size bytes, so that it can be
// completed in its place. What follows the value is zeros, which readers skip.
func Reserve(metadata []byte, size int) ([]byte, error) {
	if len(metadata) > size || size > MaxBody {
		return nil, ErrNoRoom
	}
	return append(metadata[:len(metadata):len(metadata)], make([]byte, size-len(metadata))...), nil
}

// Complete returns an onMetaData body of the same length that also has the
// duration, the size and the index. Where the room is too small for all key
// frames it has every second one, every third, and so on. The times in the index
// are in seconds, as everybody writes them.
func Complete(metadata []byte, x Index) ([]byte, error) {
	base, err := amf.Decode0(metadata)
	if len(base) < 2 || !bytes.HasPrefix(metadata, []byte(scriptMeta)) {
		return nil, fmt.Errorf("flv: metadata: %w", errors.Join(io.ErrUnexpectedEOF, err))
	}
	fields := without(append(amf.Object(nil), amf.Properties(base[1])...), "duration", "filesize", "hasKeyframes", "keyframes")
	fields = append(fields,
		amf.Property{Name: "duration", Value: x.Duration.Seconds()},
		amf.Property{Name: "filesize", Value: float64(x.Size)},
		amf.Property{Name: "hasKeyframes", Value: len(x.Keys) > 0})
	bare, err := amf.Append0(nil, base[0], amf.ECMAArray(fields))
	if err != nil {
		return nil, fmt.Errorf("flv: metadata: %w", err)
	}
	const perKey, around = 2 * 9, 64 // two numbers; the names and ends of object and arrays
	step := 1
	if len(x.Keys) > 0 {
		room := (len(metadata) - len(bare) - around) / perKey
		if room < 1 {
			return nil, ErrNoRoom
		}
		step = (len(x.Keys) + room - 1) / room
	}
	var times, positions amf.Array
	for i := 0; i < len(x.Keys); i += step {
		times = append(times, x.Keys[i].Time.Round(time.Millisecond).Seconds())
		positions = append(positions, float64(x.Keys[i].Position))
	}
	if len(times) > 0 {
		fields = append(fields, amf.Property{Name: "keyframes", Value: amf.Object{
			{Name: "times", Value: times}, {Name: "filepositions", Value: positions},
		}})
	}
	full, err := amf.Append0(nil, base[0], amf.ECMAArray(fields))
	if err != nil {
		return nil, fmt.Errorf("flv: metadata: %w", err)
	}
	return Reserve(full, len(metadata))
}

// Inventory is what Survey finds in a file.
type Inventory struct {
	Index           // Size is where the last whole tag ends
	Metadata []byte // the body of the first tag, where that is onMetaData
	Tags     int    // of sound and picture, sequence headers left out
}

// Survey walks the tags of a file of size bytes, as far as they are whole, and
// returns where they end and the index of what is there. It is an error where
// the file does not start as FLV with metadata; that the file ends anywhere,
// or goes on with something else, is none. The duration is that to the end of
// the last picture, taken to last as long as the one before it.
func Survey(r io.ReaderAt, size int64) (Inventory, error) {
	s := surveyor{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10)}
	var head [fileHeader]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return Inventory{}, fmt.Errorf("flv: file header: %w", err)
	}
	_, at, err := parseHeader(head[:])
	if err != nil {
		return Inventory{}, err
	}
	if at != fileHeader {
		return Inventory{}, fmt.Errorf("flv: file header of %d bytes", at)
	}
	if _, err := s.r.Discard(prevTagSize); err != nil {
		return Inventory{}, fmt.Errorf("flv: file header: %w", err)
	}
	s.found.Size = HeaderSize
	for s.next() {
	}
	if s.found.Metadata == nil {
		return Inventory{}, errors.New("flv: the file does not start with metadata")
	}
	s.found.Duration = s.duration()
	return s.found, nil
}

type surveyor struct {
	r     *bufio.Reader
	found Inventory
	video lastTags
	audio lastTags
}

// lastTags are the times of a track's last two tags, in ms.
type lastTags struct {
	n          int
	last, step int64
}

func (l *lastTags) add(ms int64) {
	if l.n > 0 && ms > l.last {
		l.step = min(ms-l.last, 1000)
	}
	l.n++
	l.last = max(l.last, ms)
}

// next takes one tag; it reports false where there is no whole one.
func (s *surveyor) next() bool {
	var h [TagHeaderSize]byte
	if _, err := io.ReadFull(s.r, h[:]); err != nil {
		return false
	}
	size := int(h[1])<<16 | int(h[2])<<8 | int(h[3])
	kind := TagType(h[0])
	if kind != TagAudio && kind != TagVideo && kind != TagScript {
		return false
	}
	start, _ := s.r.Peek(min(size, maxHeader))
	first := s.found.Size == HeaderSize
	key, coded := classify(kind, start)
	var body []byte
	if first {
		if kind != TagScript {
			return false
		}
		body = make([]byte, min(size, maxMetadata))
		if n, err := io.ReadFull(s.r, body); err != nil || n != size || !bytes.HasPrefix(body, []byte(scriptMeta)) {
			return false
		}
	} else if _, err := s.r.Discard(size); err != nil {
		return false
	}
	var end [prevTagSize]byte
	if _, err := io.ReadFull(s.r, end[:]); err != nil || binary.BigEndian.Uint32(end[:]) != uint32(TagHeaderSize+size) { //nolint:gosec // 24 bits
		return false
	}
	ms := int64(uint32(h[7])<<24 | uint32(h[4])<<16 | uint32(h[5])<<8 | uint32(h[6]))
	if first {
		s.found.Metadata = body
	}
	if key {
		s.found.Keys = append(s.found.Keys, KeyFrame{Time: time.Duration(ms) * time.Millisecond, Position: s.found.Size})
	}
	if coded {
		s.found.Tags++
		if kind == TagVideo {
			s.video.add(ms)
		} else {
			s.audio.add(ms)
		}
	}
	s.found.Size += int64(TagSize(size))
	return true
}

// maxMetadata bounds the metadata that is read, in bytes.
const maxMetadata = 1 << 20

// classify says of the start of a tag's body whether it carries media, no
// configuration, and whether that is a key frame.
func classify(kind TagType, b []byte) (key, coded bool) {
	if len(b) < 2 {
		return false, false
	}
	switch kind {
	case TagAudio:
		switch b[0] >> 4 {
		case audioAAC:
			return false, b[1] != aacHeader
		case audioEnhanced:
			return false, b[0]&0xf != packetSequenceStart
		}
		return false, true
	case TagVideo:
		packet := b[1]
		if b[0]&exVideoBit != 0 {
			packet = b[0] & 0xf
		}
		coded = packet == packetCodedFrames || b[0]&exVideoBit != 0 && (packet == videoCodedFramesX || packet == packetModEx)
		return coded && b[0]>>4&7 == frameKey, coded
	}
	return false, false
}

func (s *surveyor) duration() time.Duration {
	ms := int64(0)
	for _, l := range []lastTags{s.video, s.audio} {
		if l.n > 0 {
			ms = max(ms, l.last+l.step)
		}
	}
	return time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}
