package transcode

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sluice/server/media"
	"sluice/server/transcode/resample"
)

const (
	// Concealment is heard in full for fadeFrom, then fades, and is silent
	// from fadeTo on.
	fadeFrom = 40 * time.Millisecond
	fadeTo   = 120 * time.Millisecond
	// blendOver is the length of the cross-fade where sound has been cut.
	blendOver = 5 * time.Millisecond
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
	cfg   Config
	log   *slog.Logger
	src   *media.Track
	out   *media.Track
	stats Stats

	dec   decoder
	mixer mixer
	rs    *resample.Resampler
	enc   encoder

	// Time. Output sample n, counted before the encoder, is heard at base plus
	// n over the rate.
	base        time.Duration
	made, coded int64 // output samples resampled, and encoded
	begun       bool
	floor       time.Duration // no packet before it
	drift       drift
	last        time.Duration // length of the last packet
	lost        int           // samples per channel since the last packet
	arrival     time.Time     // of the packet being processed
	pcm, mixed  []float32     // at the source's rate; used again and again
	fifo        []float32     // at the output's rate
	tail        []float32     // sound to blend into what comes next
	packet      []byte
}

// New returns a pipeline from a track to a codec. The output has as many
// channels as the source, but at most two. The error wraps ErrUnsupported or
// the codec's own.
func New(src *media.Track, to media.Codec, cfg Config, log *slog.Logger) (*Pipeline, error) {
	p := &Pipeline{cfg: cfg, log: log}
	d, err := newDecoder(src, log)
	if err != nil {
		return nil, err
	}
	p.enc, p.out, err = cfg.newEncoder(to, min(2, len(d.layout())))
	if err != nil {
		return nil, err
	}
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
	p.stats.Packets++
	p.arrival = in.Arrival
	if !p.begun {
		p.begun, p.base, p.floor = true, in.PTS, in.PTS
	}
	verdict := p.drift.judge(p.lead(in), p.last)
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
	ok := p.decode(in.Payload)
	if verdict == surplus {
		p.stats.Surplus++
		if len(p.tail) == 0 {
			p.keepTail(p.mixed)
		}
		return nil
	}
	p.rs.Stretch(p.drift.observe(p.lead(in), p.last))
	if !ok {
		p.stats.Bad++
		return p.conceal(p.samples(p.last), nil, emit)
	}
	p.lost = 0
	p.blend(p.mixed)
	return p.feed(p.mixed, emit)
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

// decode decodes to p.mixed. It reports false for a packet that can't be
// decoded or has no sound.
func (p *Pipeline) decode(payload []byte) bool {
	var err error
	p.pcm, err = p.dec.decode(payload, p.pcm[:0])
	p.mixed = p.mixer.mix(p.pcm, p.mixed[:0])
	if err != nil || len(p.mixed) == 0 {
		return false
	}
	p.last = media.FromClock(int64(len(p.mixed)/p.out.Channels), p.dec.rate())
	return true
}

// lead returns how much later the packet is stamped than the samples before
// it say.
func (p *Pipeline) lead(in *media.Packet) time.Duration {
	held := time.Duration(p.rs.Lead() / float64(p.dec.rate()) * float64(time.Second))
	return in.PTS - p.base - media.FromClock(p.made, p.out.SampleRate) - held
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
	p.base += p.lead(in)
	p.floor = in.PTS
	p.drift = drift{}
	return nil
}

// conceal fills n samples, at the source's rate.
func (p *Pipeline) conceal(n int, next []byte, emit func(*media.Packet)) error {
	// Timestamps that are rounded or jitter do not tell the loss to the sample.
	grain := p.dec.grain()
	whole := (n + grain/2) / grain * grain
	if d := n - whole; whole > 0 && max(d, -d) <= p.samples(blendOver) {
		n = whole
	}
	p.stats.Concealed += media.FromClock(int64(n), p.dec.rate())
	if heard := min(n, p.samples(fadeTo)-p.lost); heard > 0 {
		if heard < n {
			next = nil
		}
		p.pcm = p.dec.conceal(heard, next, p.pcm[:0])
		p.mixed = p.mixer.mix(p.pcm, p.mixed[:0])
		p.fade(p.mixed)
		p.blend(p.mixed)
		cut := min(heard*p.out.Channels, len(p.mixed))
		p.keepTail(p.mixed[cut:])
		if err := p.feed(p.mixed[:cut], emit); err != nil {
			return err
		}
		p.lost += heard
		n -= heard
	}
	for n > 0 {
		part := min(n, p.samples(fadeTo))
		p.mixed = slices.Grow(p.mixed[:0], part*p.out.Channels)[:part*p.out.Channels]
		clear(p.mixed)
		p.keepTail(p.mixed)
		if err := p.feed(p.mixed, emit); err != nil {
			return err
		}
		p.lost += part
		n -= part
	}
	return nil
}

// fade turns concealment down that begins p.lost samples after the loss.
func (p *Pipeline) fade(pcm []float32) {
	from, to := p.samples(fadeFrom), p.samples(fadeTo)
	for i := range pcm {
		if over := p.lost + i/p.out.Channels - from; over > 0 {
			pcm[i] *= max(0, 1-float32(over)/float32(to-from))
		}
	}
}

// keepTail keeps what would have come next.
func (p *Pipeline) keepTail(pcm []float32) {
	n := min(len(pcm), p.samples(blendOver)*p.out.Channels)
	p.tail = append(p.tail[:0], pcm[:n]...)
}

// blend fades from the tail to pcm.
func (p *Pipeline) blend(pcm []float32) {
	n := min(len(p.tail), len(pcm))
	for i := range n {
		w := float32(i/p.out.Channels) / float32(n/p.out.Channels)
		pcm[i] = p.tail[i]*(1-w) + pcm[i]*w
	}
	p.tail = p.tail[:0]
}

// feed resamples and encodes.
func (p *Pipeline) feed(pcm []float32, emit func(*media.Packet)) error {
	before := len(p.fifo)
	p.fifo = p.rs.Process(pcm, p.fifo)
	p.made += int64((len(p.fifo) - before) / p.out.Channels)
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
	at := p.base + media.FromClock(p.coded-int64(p.enc.Delay()), p.out.SampleRate)
	p.coded += int64(p.enc.FrameSize())
	if at >= p.floor {
		emit(&media.Packet{Track: p.out, DTS: at, PTS: at, Arrival: p.arrival, Payload: bytes.Clone(p.packet)})
	}
	return nil
}
