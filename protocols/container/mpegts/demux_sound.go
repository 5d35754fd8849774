package mpegts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/protocols/codec/aac"
	"sluice/protocols/codec/ac3"
	"sluice/protocols/codec/mpa"
	"sluice/protocols/codec/opus"
	"sluice/server/media"
)

// maxFrame bounds a frame of sound that goes on in the next PES packet.
const maxFrame = 1 << 14

// sounds is the sink of sound.
type sounds struct {
	d      *Demuxer
	kind   media.Codec
	parser soundParser
	track  *media.Track

	rest   []byte // the start of a frame that goes on in the next PES packet
	timed  bool   // there is a time to count from
	anchor time.Duration
	count  int64 // samples since the anchor
	rate   int   // that they have
	failed bool  // an error was told since the last good frame
}

// soundParser finds the frames of a codec.
type soundParser interface {
	// parse reads the frame at the start of b. io.ErrUnexpectedEOF says that b
	// must be longer; other errors, that no frame starts here.
	parse(b []byte) (frame, error)
	// track returns the track that the frame belongs to: present, where that
	// still describes it.
	track(f frame, present *media.Track) (*media.Track, error)
	// sync finds the place after the first byte where a frame may start.
	sync(b []byte) int
}

// frame is a frame of sound, or several that belong together.
type frame struct {
	size    int    // of all of it
	data    []byte // what a packet carries
	samples int    // per channel
	rate    int    // in Hz, of samples
	head    any    // the parser's own
}

func newSounds(d *Demuxer, c media.Codec, st stream) *sounds {
	s := &sounds{d: d, kind: c}
	switch {
	case c == media.AAC && st.kind == typeLATM:
		s.parser = newLATMParser()
	case c == media.AAC:
		s.parser = &adtsParser{}
	case c == media.MP3:
		s.parser = mpaParser{}
	case c == media.Opus:
		s.parser = newOpusParser(st.descriptors)
	default:
		s.parser = ac3Parser{enhanced: c == media.EAC3}
	}
	return s
}

func (s *sounds) codec() media.Codec    { return s.kind }
func (s *sounds) inForce() *media.Track { return s.track }
func (s *sounds) peek([]byte)           {}
func (s *sounds) flush()                {}

func (s *sounds) lose() { s.rest, s.timed = s.rest[:0], false }

func (s *sounds) push(h pesHeader, data []byte, _ bool) {
	carried := len(s.rest)
	b := data
	if carried > 0 {
		s.rest = append(s.rest, data...)
		b = s.rest
	}
	pts := time.Duration(0)
	if h.hasPTS {
		pts = s.d.clock.unwrap(h.pts)
	}
	stamped, found, at := !h.hasPTS, false, 0
	for at < len(b) {
		if !stamped && at >= carried {
			// The time is that of the first frame that begins in this packet.
			s.stamp(pts)
			stamped = true
		}
		f, err := s.parser.parse(b[at:])
		if errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			s.report(err)
			if found {
				s.timed = false // nobody knows how long this was
			}
			at += s.parser.sync(b[at:])
			continue
		}
		s.deliver(f)
		found = true
		at += f.size
	}
	left := b[at:]
	if len(left) > maxFrame {
		s.report(fmt.Errorf("%w: frame over %d bytes", ErrTooLarge, maxFrame))
		left = nil
	}
	s.rest = append(s.rest[:0], left...)
}

// stamp takes a time to count on from. Times come rounded to 90 kHz: one that is
// no more off than that keeps the count.
func (s *sounds) stamp(pts time.Duration) {
	const rounding = time.Second / ClockRate
	if s.timed {
		if off := pts - s.now(); off >= -rounding && off <= rounding && s.count < 1<<40 {
			return
		}
	}
	s.timed, s.anchor, s.count = true, pts, 0
}

// now returns the time of the next frame.
func (s *sounds) now() time.Duration {
	if s.count == 0 {
		return s.anchor
	}
	return s.anchor + media.FromClock(s.count, s.rate)
}

func (s *sounds) report(err error) {
	if !s.failed {
		s.failed = true
		s.d.fail(fmt.Errorf("mpegts: %s frame: %w", s.kind, err))
	}
}

func (s *sounds) deliver(f frame) {
	t, err := s.parser.track(f, s.track)
	if err != nil {
		s.report(err)
		s.timed = false
		return
	}
	if t == nil {
		return // not known yet
	}
	if t != s.track {
		s.track = t
		s.d.emit(Event{Track: t})
	}
	if !s.timed {
		return
	}
	at := s.now()
	if f.rate != s.rate && f.rate > 0 {
		s.anchor, s.count, s.rate = at, 0, f.rate
	}
	s.count += int64(f.samples)
	s.failed = false
	if len(f.data) == 0 {
		return
	}
	s.d.emit(Event{Packet: &media.Packet{Track: t, DTS: at, PTS: at, Payload: bytes.Clone(f.data)}})
}

// whole returns the first size bytes of b.
func whole(b []byte, size int) ([]byte, error) {
	if size > len(b) {
		return nil, io.ErrUnexpectedEOF
	}
	return b[:size], nil
}

// nextSync finds a byte after the first.
func nextSync(b []byte, sync byte) int {
	if i := bytes.IndexByte(b[1:], sync); i >= 0 {
		return 1 + i
	}
	return len(b)
}

// adtsParser reads AAC in ADTS.
type adtsParser struct {
	header aac.ADTS     // that made the track
	made   *media.Track // by header
}

func (*adtsParser) sync(b []byte) int { return nextSync(b, 0xff) }

func (a *adtsParser) parse(b []byte) (frame, error) {
	h, err := aac.ParseADTS(b)
	if err != nil {
		return frame{}, err
	}
	if b, err = whole(b, h.FrameSize); err != nil {
		return frame{}, err
	}
	f := frame{size: len(b), data: b[h.HeaderSize:], samples: 1024 * h.Blocks, rate: h.SampleRate, head: h}
	if h.Blocks > 1 {
		return f, errors.New("several raw data blocks in a frame")
	}
	return f, nil
}

func (a *adtsParser) track(f frame, present *media.Track) (*media.Track, error) {
	h, _ := f.head.(aac.ADTS)
	h.HeaderSize, h.FrameSize = 0, 0
	if present != nil && present == a.made && h == a.header && h.ChannelConfig != 0 {
		return present, nil
	}
	c := &aac.Config{ObjectType: h.ObjectType, SampleRate: h.SampleRate, ChannelConfig: h.ChannelConfig, FrameLength: 1024}
	if h.ChannelConfig == 0 {
		if c.Program = aac.ParseElement(f.data); c.Program == nil {
			if present != nil && present == a.made {
				return present, nil // it need not stand in every frame
			}
			return nil, errors.New("channel configuration 0 without a program config element")
		}
	}
	config, err := c.Append(nil)
	if err != nil {
		return nil, err
	}
	if present != nil && bytes.Equal(config, present.Config) {
		return present, nil
	}
	t, err := aac.Track(config)
	if err == nil {
		a.header, a.made = h, t
	}
	return t, err
}

// mpaParser reads MPEG audio. Its layer is told by the frames only.
type mpaParser struct{}

func (mpaParser) sync(b []byte) int { return nextSync(b, 0xff) }

func (mpaParser) parse(b []byte) (frame, error) {
	h, err := mpa.ParseHeader(b)
	if err != nil {
		return frame{}, err
	}
	if b, err = whole(b, h.Size); err != nil {
		return frame{}, err
	}
	return frame{size: h.Size, data: b, samples: h.Samples, rate: h.SampleRate, head: h}, nil
}

func (mpaParser) track(f frame, present *media.Track) (*media.Track, error) {
	if h, _ := f.head.(mpa.Header); !h.Of(present) {
		return h.Track(), nil
	}
	return present, nil
}

// sameOr keeps the present track where the new one says the same.
func sameOr(present *media.Track) func(*media.Track, error) (*media.Track, error) {
	return func(t *media.Track, err error) (*media.Track, error) {
		if err == nil && present.Same(t) {
			return present, nil
		}
		return t, err
	}
}

// ac3Parser reads AC-3 and E-AC-3.
type ac3Parser struct{ enhanced bool }

func (ac3Parser) sync(b []byte) int { return nextSync(b, 0x0b) }

func (p ac3Parser) parse(b []byte) (frame, error) {
	h, size, err := ac3.FrameSize(b)
	if err != nil {
		return frame{}, err
	}
	if b, err = whole(b, size); err != nil {
		return frame{}, err
	}
	if h.Enhanced != p.enhanced {
		return frame{}, errors.New("not the codec that the program map says")
	}
	return frame{size: size, data: b, samples: h.Samples, rate: h.SampleRate}, nil
}

func (ac3Parser) track(f frame, present *media.Track) (*media.Track, error) {
	return sameOr(present)(ac3.Track(f.data))
}

// opusParser reads Opus packets with their control headers.
type opusParser struct {
	made *media.Track
	err  error
}

func newOpusParser(loop []byte) *opusParser {
	code := byte(2)
	for tag, data := range descriptors(loop) {
		if tag == tagExtension && len(data) >= 2 && data[0] == extensionOpus {
			code = data[1]
		}
	}
	head := opusHead(code)
	if head == nil {
		return &opusParser{err: fmt.Errorf("channel configuration code %#02x", code)}
	}
	t, err := opus.Track(head.Append(nil))
	return &opusParser{t, err}
}

func (*opusParser) sync(b []byte) int { return nextSync(b, opusPrefix>>8) }

func (*opusParser) parse(b []byte) (frame, error) {
	header, size, err := parseOpusControl(b)
	if err != nil {
		return frame{}, err
	}
	if b, err = whole(b, header+size); err != nil {
		return frame{}, err
	}
	data := b[header:]
	samples, err := opus.Samples(data)
	if err != nil {
		return frame{}, err
	}
	return frame{size: len(b), data: data, samples: samples, rate: opus.ClockRate}, nil
}

func (p *opusParser) track(frame, *media.Track) (*media.Track, error) { return p.made, p.err }
