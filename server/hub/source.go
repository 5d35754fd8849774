package hub

import (
	"context"
	"sync"

	"sluice/server/media"
	"sluice/server/ring"
)

// source is a log of items with the wire logs that are made of it. A stream
// has one, and so has each derived stream.
type source struct {
	hub    *Hub
	target media.Codec // CodecUnknown for the stream itself
	log    *ring.Log[Item]

	mu    sync.Mutex
	wires map[wireKey]*wire
}

type wireKey struct {
	format string
	accept Codecs
}

// wire is one encoder and its log.
type wire struct {
	log    any // *ring.Log[U]
	refs   int
	cancel context.CancelFunc
}

func newSource(h *Hub, target media.Codec, limits ring.Limits) *source {
	limits.Whole = true
	return &source{hub: h, target: target, log: ring.New[Item](limits), wires: make(map[wireKey]*wire)}
}

// Encoder turns a stream's items into units of one wire format. It is used by
// one goroutine.
type Encoder[U any] interface {
	// Encode calls emit for each unit made of it, with the unit's size in
	// bytes. Units of a key frame's item begin at a unit that viewers may
	// start at. Packets of codecs that the viewers don't take are not given.
	// item.Tracks has the tracks that are. An error ends the format's log
	// and with it the sessions that read it.
	Encode(item Item, emit func(unit U, size int)) error
}

// Format is a wire format. Two formats with the same key must make the same
// units.
type Format[U any] struct {
	Key string
	New func() Encoder[U]
	// Early begins with all that is held of the stream, rather than with the newest
	// group of pictures, where the format is new; its log holds two groups at
	// least.
	Early bool
	// Ride lets sound ride with the next picture, so that a viewer's system
	// calls follow the pictures. It delays sound by up to one picture.
	Ride bool
}

// openWire returns the log of a format, with one reference taken, and starts
// its encoder if there is none.
func openWire[U any](src *source, accept Codecs, f Format[U]) *ring.Log[U] {
	key := wireKey{f.Key, accept}
	src.mu.Lock()
	defer src.mu.Unlock()
	if w, ok := src.wires[key]; ok {
		w.refs++
		return w.log.(*ring.Log[U])
	}
	ctx, cancel := context.WithCancel(context.Background())
	limits := src.hub.Config().limits()
	limits.Whole = f.Early
	w := &encoding[U]{src: src, accept: accept, enc: f.New(), ride: f.Ride, log: ring.New[U](limits)}
	src.wires[key] = &wire{log: w.log, refs: 1, cancel: cancel}
	in := src.log.Join(0)
	if f.Early {
		in = src.log.JoinOldest(0)
	}
	src.hub.running.Go(func() { w.log.Close(w.run(ctx, in)) })
	return w.log
}

// closeWire gives the reference back; the last one stops the encoder.
func closeWire[U any](src *source, accept Codecs, f Format[U], log *ring.Log[U]) {
	key := wireKey{f.Key, accept}
	src.mu.Lock()
	defer src.mu.Unlock()
	w := src.wires[key]
	if w == nil || w.log != any(log) {
		return // moved: retire has taken it out
	}
	if w.refs--; w.refs == 0 {
		w.cancel()
		delete(src.wires, key)
	}
}

// retire takes a log that has ended out of the table, so that the next viewer
// gets a new one.
func (src *source) retire(log any) {
	src.mu.Lock()
	defer src.mu.Unlock()
	for key, w := range src.wires {
		if w.log == log {
			w.cancel()
			delete(src.wires, key)
		}
	}
}
