package flv

import (
	"fmt"
	"io"
	"slices"

	"sluice/server/media"
)

// The packet types of Enhanced RTMP (ExVideoTagHeader, ExAudioTagHeader). Those
// without a kind in their name are common to both.
const (
	packetSequenceStart       = 0
	packetCodedFrames         = 1
	packetSequenceEnd         = 2
	videoCodedFramesX         = 3
	videoMetadata             = 4
	videoMPEG2TS              = 5
	videoMultitrack           = 6
	audioMultichannel         = 4
	audioMultitrack           = 5
	packetModEx               = 7
	modExNano                 = 0
	oneTrack                  = 0
	manyTracks                = 1
	manyTracksManyCodecs      = 2
	maxModEx                  = 8 // bounds the walk; one type is defined
	nanosInMilli              = 1e6
	frameKey                  = 1
	frameInter                = 2
	frameGeneratedKey         = 4
	frameCommand              = 5
	exVideoBit           byte = 0x80
)

// exTag is the default track's part of a tag with fourCC signalling.
type exTag struct {
	packet byte   // packet type
	nanos  uint32 // added to the tag's time
	fourCC string
	data   []byte
	found  bool // false: the tag has only other tracks
}

// ExtraTrack is a track of a multitrack stream that is left out: only the
// default one, number 0, is used.
type ExtraTrack struct {
	Kind  media.Kind
	ID    uint8
	Codec string // its fourCC
}

// cutter takes fields off the start of a body.
type cutter struct {
	b   []byte
	err error
}

func (c *cutter) take(n int) []byte {
	if c.err != nil || n > len(c.b) {
		c.err = io.ErrUnexpectedEOF
		return make([]byte, n)
	}
	field := c.b[:n:n]
	c.b = c.b[n:]
	return field
}

func (c *cutter) uint(n int) int {
	if c.err != nil || n > len(c.b) {
		c.err = io.ErrUnexpectedEOF
		return 0
	}
	v := 0
	for _, b := range c.b[:n] {
		v = v<<8 | int(b)
	}
	c.b = c.b[n:]
	return v
}

// parseEx reads a tag's fourCC signalling from the packet type on; body starts
// after the first byte.
func (d *Demuxer) parseEx(kind media.Kind, packet byte, body []byte) (exTag, error) {
	c := &cutter{b: body}
	t := exTag{packet: packet}
	for i := 0; t.packet == packetModEx; i++ {
		if i == maxModEx {
			return t, fmt.Errorf("flv: over %d ModEx in one tag", maxModEx)
		}
		t.parseModEx(c)
	}
	multitrack := byte(audioMultitrack)
	if kind == media.Video {
		multitrack = videoMultitrack
	}
	if t.packet == multitrack {
		if err := d.parseMultitrack(c, kind, multitrack, &t); err != nil {
			return t, err
		}
	} else {
		t.fourCC, t.found = string(c.take(4)), true
		t.data = c.b
	}
	if c.err != nil {
		return t, fmt.Errorf("flv: enhanced %s header: %w", kind, c.err)
	}
	return t, nil
}

// parseModEx reads one ModEx, and the packet type that follows it.
func (t *exTag) parseModEx(c *cutter) {
	size := c.uint(1) + 1
	if size == 256 {
		size = c.uint(2) + 1
	}
	if size > len(c.b) {
		c.err = io.ErrUnexpectedEOF
		t.packet = 0
		return
	}
	data := c.take(size)
	next := byte(c.uint(1))
	if next>>4 == modExNano && size >= 3 {
		t.nanos = min(uint32(data[0])<<16|uint32(data[1])<<8|uint32(data[2]), nanosInMilli-1)
	}
	t.packet = next & 0xf
}

// parseMultitrack finds the default track and notes the others.
func (d *Demuxer) parseMultitrack(c *cutter, kind media.Kind, multitrack byte, t *exTag) error {
	mode := byte(c.uint(1))
	t.packet = mode & 0xf
	if mode >>= 4; mode > manyTracksManyCodecs || t.packet == multitrack || t.packet == packetModEx {
		return fmt.Errorf("flv: multitrack of type %d with packet type %d", mode, t.packet)
	}
	fourCC := ""
	if mode != manyTracksManyCodecs {
		fourCC = string(c.take(4))
	}
	for {
		if mode == manyTracksManyCodecs {
			fourCC = string(c.take(4))
		}
		id := uint8(c.uint(1))
		size := len(c.b)
		if mode != oneTrack {
			size = c.uint(3)
		}
		if c.err != nil || size > len(c.b) {
			c.err = io.ErrUnexpectedEOF
			return c.err
		}
		data := c.take(size)
		if id == 0 {
			t.fourCC, t.data, t.found = fourCC, data, true
		} else {
			d.noteExtra(ExtraTrack{kind, id, fourCC})
		}
		if len(c.b) == 0 {
			return nil
		}
	}
}

// noteExtra keeps one entry per kind and id.
func (d *Demuxer) noteExtra(x ExtraTrack) {
	same := func(o ExtraTrack) bool { return o.Kind == x.Kind && o.ID == x.ID }
	if !slices.ContainsFunc(d.extra, same) {
		d.extra = append(d.extra, x)
	}
}
