package transcode

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sluice/server/media"
	"sluice/server/transcode/resample"
)

// Stats counts what was not plain sailing.
type Stats struct {
	Packets   int // taken
	Bad       int // that did not decode
	Gaps      int // filled with concealment and silence
	Surplus   int // packets left out because time stood still
	Leaps     int // new time lines
	Concealed time.Duration
}

// Pipeline transcodes the sound of one stream. One goroutine at a time may use
// it.
type Pipeline struct {
	log   *slog.Logger
	src   *media.Track
	out   *media.Track
	stats Stats

	dec   decoder
	mixer mixer
	rs    *resample.Resampler
	enc   encoder

	clock   clock
	drift   drift
	last    time.Duration // length of the last packet
	lost    int           // samples per channel since the last packet
	arrival time.Time     // of the packet being processed
	cut     bool          // the next packet begins a new time line

	// Scratch, used again and again.
	pcm    []float32 // as decoded
	mixed  []float32 // in the output's channels
	fifo   []float32 // at the output's rate too, less than a frame
	tail   []float32 // what would have come next, where sound was cut
	packet []byte
}

// New returns a pipeline from a track to a codec. The output has as many
// channels as the source, but at most two. The error wraps ErrUnsupported or
// the codec's own.
func New(src *media.Track, to media.Codec, cfg Config, log *slog.Logger) (*Pipeline, error) {
	p := &Pipeline{log: log}
	d, err := newDecoder(src, log)
	if err != nil {
		return nil, err
	}
	p.enc, p.out, err = cfg.newEncoder(to, min(2, len(d.layout())))
	if err != nil {
		return nil, err
	}
	p.clock.rate = p.out.SampleRate
	return p, p.attach(src, d)
}

// Track returns the output's track. It never changes.
func (p *Pipeline) Track() *media.Track { return p.out }

// Stats returns the counters.
func (p *Pipeline) Stats() Stats { return p.stats }

// Close ends the pipeline. Sound that has not been emitted is dropped.
func (p *Pipeline) Close() {
	if s := p.stats; s.Bad+s.Gaps+s.Surplus+s.Leaps > 0 {
		p.log.Info("transcoded with losses", "from", p.src.Codec, "to", p.out.Codec, "packets", s.Packets,
			"bad", s.Bad, "gaps", s.Gaps, "concealed", s.Concealed, "surplus", s.Surplus, "leaps", s.Leaps)
	}
}

// attach makes d, the decoder of src, the pipeline's input.
func (p *Pipeline) attach(src *media.Track, d decoder) error {
	rs, err := resample.New(d.rate(), p.out.SampleRate, p.out.Channels)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	p.src, p.dec, p.rs = src, d, rs
	p.mixer = newMixer(d.layout(), p.out.Channels)
	p.tail, p.lost = p.tail[:0], 0
	return nil
}

// Process takes one packet and calls emit for each packet that it completes.
// A packet with another track than the one before reconfigures the pipeline;
// only an error of that, or of the encoder, is returned. What is wrong with a
// packet is concealed.
func (p *Pipeline) Process(in *media.Packet, emit func(*media.Packet)) error {
	if in.Track != p.src {
		if err := p.retrack(in.Track); err != nil {
			return err
		}
	}
	p.arrival = in.Arrival
	if p.stats.Packets++; p.stats.Packets == 1 {
		p.clock.begin(in.PTS)
	}
	verdict, early := p.drift.judge(p.lead(in), p.last), 0
	if p.cut {
		verdict, early = p.join(p.lead(in), verdict)
	}
	switch verdict {
	case missing:
		p.stats.Gaps++
		if err := p.conceal(p.samples(p.lead(in)), in.Payload, emit); err != nil {
			return err
		}
	case leap:
		if err := p.leap(in, emit); err != nil {
			return err
		}
	}
	bad := p.decode(in.Payload)
	if verdict == surplus {
		p.stats.Surplus++
		if len(p.tail) == 0 {
			p.keepTail(p.mixed)
		}
		return nil
	}
	p.mixed = p.mixed[min(early*p.out.Channels, len(p.mixed)):]
	p.rs.Stretch(p.drift.observe(p.lead(in)+media.FromClock(int64(early), p.dec.rate()), p.last))
	if bad != nil {
		if p.stats.Bad++; p.stats.Bad == 1 {
			p.log.Warn("sound packets that don't decode are concealed", "codec", p.src.Codec, "error", bad)
		}
		return p.conceal(p.samples(p.last), nil, emit)
	}
	p.lost = 0
	p.blend(p.mixed)
	return p.feed(p.mixed, emit)
}

// Cut has the next packet begin where its time says, however little that is from
// where the sound so far ends.
func (p *Pipeline) Cut() { p.cut = true }

// join is judge for what follows a cut: a gap is filled, however short, and what
// begins too early loses that much, early samples of its last packet too.
func (p *Pipeline) join(lead time.Duration, judged verdict) (v verdict, early int) {
	p.drift = drift{}
	switch {
	case judged == leap:
		v = leap
	case lead > 0:
		v = missing
	case -lead >= p.last:
		return surplus, 0 // and go on
	default:
		early = p.samples(-lead)
	}
	p.cut = false
	return v, early
}

// retrack changes the source. Its codec may change too.
func (p *Pipeline) retrack(t *media.Track) error {
	if t.Same(p.src) {
		p.src = t
		return nil
	}
	d, err := newDecoder(t, p.log)
	if err != nil {
		return err
	}
	return p.attach(t, d)
}

// errEmpty says that a packet has no sound.
var errEmpty = errors.New("transcode: empty packet")

// decode decodes to p.mixed.
func (p *Pipeline) decode(payload []byte) (err error) {
	p.pcm, err = p.dec.decode(payload, p.pcm[:0])
	p.mixed = p.mixer.mix(p.pcm, p.mixed[:0])
	if err == nil && len(p.mixed) == 0 {
		err = errEmpty
	}
	if err == nil {
		p.last = media.FromClock(int64(len(p.mixed)/p.out.Channels), p.dec.rate())
	}
	return err
}

// lead returns how much later the packet is stamped than the samples before
// it say.
func (p *Pipeline) lead(in *media.Packet) time.Duration {
	held := time.Duration(p.rs.Lead() / float64(p.dec.rate()) * float64(time.Second))
	return in.PTS - p.clock.next() - held
}

// samples returns d in samples at the source's rate.
func (p *Pipeline) samples(d time.Duration) int { return int(media.ToClock(d, p.dec.rate())) }

// leap goes over to a new time line: the sound so far fades away, and what
// follows begins at the packet's time.
func (p *Pipeline) leap(in *media.Packet, emit func(*media.Packet)) error {
	p.stats.Leaps++
	if err := p.conceal(p.samples(fadeTo), nil, emit); err != nil {
		return err
	}
	p.clock.shift(p.lead(in), in.PTS)
	p.drift = drift{}
	return nil
}

// feed resamples and encodes.
func (p *Pipeline) feed(pcm []float32, emit func(*media.Packet)) error {
	before := len(p.fifo)
	p.fifo = p.rs.Process(pcm, p.fifo)
	p.clock.made += int64((len(p.fifo) - before) / p.out.Channels)
	size := p.enc.FrameSize() * p.out.Channels
	at := 0
	for ; len(p.fifo)-at >= size; at += size {
		if err := p.encode(p.fifo[at:at+size], emit); err != nil {
			return err
		}
	}
	p.fifo = p.fifo[:copy(p.fifo, p.fifo[at:])]
	return nil
}

// encode encodes one frame and emits it, unless it is only what an encoder
// puts out before the sound.
func (p *Pipeline) encode(pcm []float32, emit func(*media.Packet)) error {
	var err error
	if p.packet, err = p.enc.Encode(pcm, p.packet[:0]); err != nil {
		return fmt.Errorf("transcode to %v: %w", p.out.Codec, err)
	}
	if at, ok := p.clock.stamp(p.enc.FrameSize(), p.enc.Delay()); ok {
		emit(&media.Packet{Track: p.out, DTS: at, PTS: at, Arrival: p.arrival, Payload: bytes.Clone(p.packet)})
	}
	return nil
}
