package hls

import (
	"errors"
	"strconv"
	"time"

	"sluice/protocols/container/m3u8"
	"sluice/protocols/container/mpegts"
	"sluice/server/media"
)

// transport makes the MPEG-TS playlists of one stream: the live one, and where
// it is wanted the record of all. It is fed by one goroutine.
type transport struct {
	timing
	life string
	*shelf
	record *record // nil where there is none
	store  store

	mux    *mpegts.Muxer
	tracks media.Tracks
	clock  wall
	cutter cutter

	buf    []byte // of the segment in the making
	making *segment
	tail   *segment         // done, and not listed yet
	begin  time.Duration    // DTS of its first packet
	newest [3]time.Duration // DTS of the newest packet, by media.Kind
	silent time.Duration    // end of the last silence put in
	shown  []time.Duration  // PTS of the last pictures
	opens  time.Duration    // PTS of the segment's first picture
	frame  [3]time.Duration // how long the one before it lasted
	count  int              // pictures in the segment
	rate   float64          // pictures per second
	broken bool             // the next segment begins with a discontinuity
	torn   bool             // the record lacks what comes before its next segment
	scene  scene
}

// store keeps segments and playlists on disk; all its methods may be slow.
type store interface {
	// segment writes a segment and returns where it is.
	segment(name string, data []byte) (path string, err error)
	playlist(name string, pieces ...[]byte) error
	remove(name string)
}

func newTransport(life string, t timing, l shelfLimits, r *record, st store) *transport {
	x := &transport{
		timing: t, life: life, record: r, store: st, mux: mpegts.NewMuxer(mpegts.MuxerConfig{}),
		cutter: cutter{wanted: t.segment, longest: t.longest},
	}
	x.shelf = newShelf(l, 0, 0)
	x.scene.init()
	return x
}

// packet takes the next packet, with the tracks in force.
func (x *transport) packet(ts *media.Tracks, p *media.Packet) error {
	if p.Kind() == media.Data {
		return nil
	}
	var failed error // to store what is done; what comes is another matter
	if ts.Video != x.tracks.Video || ts.Audio != x.tracks.Audio {
		failed = x.retrack(*ts)
	}
	x.clock.set(p)
	x.now, x.away = p.Arrival, false
	if gap := p.DTS - max(x.newest[media.Video], x.newest[media.Audio]); x.making != nil && x.cutter.hole(p.DTS-x.begin, gap, x.frame[p.Kind()]) {
		failed = errors.Join(failed, x.interrupt())
	} else if x.ends(p) {
		failed = errors.Join(failed, x.finish(p.DTS, false))
	}
	if x.covered(p) || x.making != nil && x.early(p) {
		return failed
	}
	if x.making == nil {
		x.start(p)
	}
	k := p.Kind()
	x.frame[k], x.newest[k] = p.DTS-x.newest[k], p.DTS
	if k == media.Video {
		if x.count == 0 {
			x.making.independent, x.opens = p.Key, p.PTS
		}
		x.count++
		x.see(p.PTS)
	}
	var err error
	x.buf, err = x.mux.AppendPacket(x.buf, p)
	return errors.Join(failed, err)
}

// ends reports whether the segment in the making ends before p.
func (x *transport) ends(p *media.Packet) bool {
	lead := media.Audio
	if x.tracks.Video != nil {
		lead = media.Video
	}
	if p.Kind() != lead {
		return x.making != nil && x.cutter.stalled(p.DTS-x.begin, p.DTS-x.newest[lead], longGap)
	}
	frame := max(0, p.DTS-x.newest[lead])
	if x.making == nil {
		x.cutter.cuts(p, p.DTS, frame) // it learns where key frames are
		return false
	}
	return x.cutter.cuts(p, x.begin, frame)
}

// start begins a segment at p.
func (x *transport) start(p *media.Packet) {
	x.making = &segment{time: x.clock.time(p.PTS), discontinuity: x.broken, independent: true}
	x.broken, x.begin, x.count = false, p.DTS, 0
	if x.making.discontinuity {
		x.shown = x.shown[:0]
	}
	x.buf = x.mux.AppendTables(x.buf[:0])
}

// shortTail is less than what a break may leave as a segment of its own. Chromium
// takes the last segment of a list for the one that comes after it if it is
// shorter (FindSegmentIndexByPdt), plays it again, and fails.
const shortTail = time.Second

// finish ends the segment in the making, at the given time. Before a break a short
// one is listed together with the one after it only.
func (x *transport) finish(at time.Duration, broken bool) error {
	seg := x.making
	if seg == nil {
		return nil
	}
	x.making = nil
	seg.duration = max(0, min(at-x.begin, x.cutter.limit()))
	seg.data = append([]byte(nil), x.buf...)
	seg.size = len(seg.data)
	if x.rate == 0 {
		x.rate = frameRate(x.count, seg.duration)
	}
	err := x.release()
	if x.tail = seg; broken && seg.duration < shortTail && len(x.listed) > 0 {
		return err
	}
	return errors.Join(err, x.release())
}

// release lists the segment that was held back.
func (x *transport) release() error {
	seg := x.tail
	if seg == nil {
		return nil
	}
	x.tail = nil
	seg.name = x.life + "-" + strconv.FormatUint(x.next(), 10) + ".ts"
	x.cutter.settle(seg.duration)
	x.target, x.control = x.cutter.target, m3u8.Control{HoldBack: 3 * x.cutter.target}
	x.close(seg)
	x.publish()
	x.present()
	return x.save(seg)
}

// save puts the segment into the record and on disk. Where the disk takes none
// the live playlist goes on, and the record has a gap.
func (x *transport) save(seg *segment) error {
	path := ""
	if x.store != nil {
		var err error
		if path, err = x.store.segment(seg.name, seg.data); err != nil {
			x.torn = true
			return err
		}
	}
	if r := x.record; r != nil {
		kept := *seg
		kept.path = path
		if path != "" {
			kept.data = nil // the live playlist has the bytes as long as it lists them
		}
		kept.discontinuity = kept.discontinuity || x.torn && len(r.list) > 0
		x.torn = false
		r.target = x.target
		r.add(&kept)
		r.publish()
	}
	return x.write()
}

// write puts the playlists on disk.
func (x *transport) write() error {
	if x.store == nil || len(x.listed) == 0 {
		return nil
	}
	if err := x.store.playlist(diskPlaylist, x.snap.Load().text(false, false)); err != nil {
		return err
	}
	if x.record == nil {
		return nil
	}
	r := x.record.snap.Load()
	if r == nil {
		return nil
	}
	return x.store.playlist(recordPlaylist, r.pieces()...)
}

// retrack takes new tracks. Where they replace others the next segment begins
// with a discontinuity.
func (x *transport) retrack(ts media.Tracks) error {
	ts.Data = nil
	var failed error
	if x.tracks != (media.Tracks{}) {
		failed = x.interrupt()
	}
	x.tracks = ts
	return errors.Join(failed, x.mux.SetTracks(ts))
}

// interrupt ends the segment in the making; what comes does not follow it.
func (x *transport) interrupt() error {
	x.clock = wall{}
	x.cutter.forget()
	if x.making == nil {
		return nil
	}
	err := x.level()
	at := x.begin
	for k := range x.newest {
		at = max(at, x.newest[k]+min(x.frame[k], time.Second))
	}
	x.broken = true
	x.mux.Discontinuity()
	return errors.Join(err, x.finish(at, true))
}

// leave says that the publisher has left, and may come back.
func (x *transport) leave() error {
	err := x.interrupt()
	x.away = true
	x.publish()
	return err
}

// end says that nothing more will come.
func (x *transport) end() error {
	err := errors.Join(x.interrupt(), x.release())
	x.ended = true
	x.publish()
	if x.record != nil {
		x.record.ended = true
		x.record.publish()
	}
	if err == nil {
		err = x.write()
	}
	x.scene.end()
	return err
}

// present tells players which playlists there are.
func (x *transport) present() {
	x.scene.set(view{
		playlists: map[string]*shelf{livePlaylist: x.shelf}, lead: x.shelf, record: x.record,
		tracks: x.tracks, frameRate: x.rate,
	})
}
