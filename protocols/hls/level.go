package hls

import (
	"slices"
	"time"

	"sluice/protocols/codec/aac"
	"sluice/server/media"
)

// maxLevel is by how much sound may end before the picture and be prolonged: more
// than that is not the interleaving of one publisher.
const maxLevel = time.Second

// level prolongs sound with silence where a segment ends before a break, until the
// picture ends. Chromium puts what comes after a break behind what ends last before
// it, so sound would have a hole, where it is longer than a frame; and a player that
// runs dry just before a hole stays there for good: it skips one when its time is
// past the end of what it has, and its time stands still
// (HlsRenditionImpl::CheckState). Where the picture ends first sound takes its time
// past that end.
func (x *transport) level() error {
	t := x.tracks.Audio
	if x.count == 0 || len(x.shown) < 2 || t == nil || t.Codec != media.AAC || x.newest[media.Audio] < x.begin {
		return nil
	}
	cfg, err := aac.ParseConfig(t.Config)
	if err != nil {
		return err
	}
	silence := cfg.Silence()
	frame := media.FromClock(int64(cfg.FrameLength), cfg.SampleRate)
	end := endOf(x.shown, x.frame[media.Video])
	at := x.newest[media.Audio] + frame
	if silence == nil || frame <= 0 || end-at > maxLevel {
		return nil
	}
	for ; at+frame/2 < end && err == nil; at += frame {
		x.newest[media.Audio], x.silent = at, at+frame
		x.buf, err = x.mux.AppendPacket(x.buf, &media.Packet{Track: t, DTS: at, PTS: at, Payload: silence})
	}
	return err
}

// covered reports whether p is sound in whose place there is silence already, before
// a break that p comes after: a publisher that comes back may have sound before its
// first picture.
func (x *transport) covered(p *media.Packet) bool {
	broken := x.broken || x.making != nil && x.making.discontinuity
	return broken && p.Kind() == media.Audio && p.DTS < x.silent
}

// early reports whether p is sound that is heard before the first picture after
// a break is seen: it would come upon what was heard before.
func (x *transport) early(p *media.Packet) bool {
	return p.Kind() == media.Audio && x.making.discontinuity && x.count > 0 && p.PTS < x.opens
}

// nearby is how many pictures, in decoding order, a picture may be away from the
// one that is shown after it.
const nearby = 5

// see notes a picture.
func (x *transport) see(pts time.Duration) {
	if len(x.shown) > 3*nearby {
		x.shown = slices.Delete(x.shown, 0, 1)
	}
	x.shown = append(x.shown, pts)
}

// endOf returns until when the last pictures are seen, whose PTS are in decoding
// order: each until the next one, and where there is none as long as the one that
// was decoded before it (EsAdapterVideo::GetNextFramePts). Where a publisher was cut
// off between reordered pictures that is longer than usual.
func endOf(pts []time.Duration, usual time.Duration) (end time.Duration) {
	lasts := usual
	for i, p := range pts {
		next := time.Duration(-1)
		for j := max(0, i-nearby); j < min(len(pts), i+nearby+1); j++ {
			if q := pts[j]; j != i && q >= p && (next < 0 || q < next) {
				next = q
			}
		}
		if next >= 0 {
			lasts = next - p
		}
		end = max(end, p+lasts)
	}
	return end
}
