package transcode

import (
	"slices"
	"time"

	"sluice/server/media"
)

const (
	// Concealment is heard in full for fadeFrom, then fades, and is silent
	// from fadeTo on.
	fadeFrom = 40 * time.Millisecond
	fadeTo   = 120 * time.Millisecond
	// blendOver is the length of the cross-fade where sound has been cut.
	blendOver = 5 * time.Millisecond
)

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
