package httpmp4

import (
	"bytes"
	"cmp"
	"time"

	"sluice/protocols/container/fmp4"
	"sluice/protocols/internal/httplive"
	"sluice/server/hub"
	"sluice/server/media"
)

// holdFor is how long after a picture sound waits for the next one.
const holdFor = 100 * time.Millisecond

// accepts returns the codecs that the protocol carries; the hub makes AAC of
// other sound, and of MP3, which browsers do not take in MP4.
func accepts() hub.Codecs { return hub.Accept(fmp4.Codecs()...) &^ hub.Accept(media.MP3) }

func format() hub.Format[hub.Chunk] {
	return hub.Format[hub.Chunk]{
		Key: "mp4",
		New: func() hub.Encoder[hub.Chunk] { return &encoder{} },
	}
}

// front returns what makes a player's times begin near 0.
func front() httplive.Front {
	var s fmp4.Shift
	return func(dst []byte, c hub.Chunk) ([]byte, int) { return s.Append(dst, c.Data, *c.Head.Tracks) }
}

// follows reports whether a player over HTTP, which may pass over all
// initialisation segments but the first, can go on: with pictures of the same
// codec, which bring their configuration, and with the same sound, which does not.
func follows(old, next *hub.Head) bool {
	a, b := old.Tracks, next.Tracks
	if a.Video != nil && b.Video != nil && a.Video.Codec != b.Video.Codec {
		return false
	}
	return (a.Video == nil) == (b.Video == nil) && a.Audio.Same(b.Audio)
}

// encoder turns a stream's packets into fragments.
type encoder struct {
	tracks    *media.Tracks
	head      *hub.Head
	durations fmp4.Durations
	video     *media.Track // of the head
	sequence  uint32
	// sets are the parameter sets of a picture that changed its form.
	sets []byte
	// held is sound that waits for the next picture; that one's sample comes
	// last.
	held      []fmp4.Sample
	begun     bool
	lastVideo time.Duration
	// lacking says that a track of the head has been missing since then.
	lacking bool
	since   time.Duration
}

// Encode makes one fragment of a picture and the sound held back for it, or of
// sound alone where no picture is near.
func (e *encoder) Encode(item hub.Item, emit func(hub.Chunk, int)) error {
	p := item.Packet
	if p == nil {
		return e.flush(emit)
	}
	if p.Kind() == media.Data {
		return nil
	}
	if err := e.follow(item.Tracks, p.DTS); err != nil {
		return err
	}
	if p.Key && len(e.sets) > 0 {
		p = withSets(p, e.sets)
	}
	if p.Kind() == media.Video || !e.begun {
		e.begun, e.lastVideo = true, p.DTS
	}
	e.held = append(e.held, e.durations.Sample(p))
	if p.Kind() == media.Audio && item.Tracks.Video != nil && p.DTS-e.lastVideo < holdFor {
		return nil
	}
	return e.flush(emit)
}

// lackFor is how long the head stays where a track of it is not there.
const lackFor = 3 * time.Second

// follow goes over to a set of tracks. Where a publisher that comes back has one
// track before the other the head stays meanwhile: players can go on.
func (e *encoder) follow(ts *media.Tracks, now time.Duration) error {
	if ts != e.tracks {
		e.tracks = ts
		if e.lacking = e.head != nil && lacks(*ts, *e.head.Tracks); !e.lacking {
			return e.configure(*ts)
		}
		e.since = now
	}
	if !e.lacking || now-e.since < lackFor {
		return nil
	}
	e.lacking = false
	return e.configure(*ts)
}

// lacks reports whether a is b without one of its tracks.
func lacks(a, b media.Tracks) bool {
	return a.Video == nil && a.Audio.Same(b.Audio) && b.Video != nil || a.Audio == nil && a.Video.Same(b.Video) && b.Audio != nil
}

// flush makes a fragment of what is held.
func (e *encoder) flush(emit func(hub.Chunk, int)) error {
	if len(e.held) == 0 {
		return nil
	}
	e.sequence++
	data, err := fmp4.AppendFragment(nil, e.sequence, e.held)
	if err != nil {
		return err
	}
	clear(e.held)
	e.held = e.held[:0]
	emit(hub.Chunk{Head: e.head, Data: data}, len(data))
	return nil
}

// configure makes the head of a set of tracks. A publisher that comes back with
// the same tracks changes nothing. Sound that is held goes on under the new head
// unless it was in another form, of which at most one picture's worth is lost.
func (e *encoder) configure(ts media.Tracks) error {
	start, err := fmp4.Init(ts)
	if err != nil {
		return err
	}
	if len(e.held) > 0 && e.held[0].Packet.Track != ts.Audio {
		clear(e.held)
		e.held = e.held[:0]
	}
	if e.head != nil && bytes.Equal(e.head.Bytes, start) {
		return nil
	}
	if e.head != nil && e.video != nil && ts.Video != nil && !e.video.Same(ts.Video) {
		// Players that are no Media Source, ffmpeg among them, pass over all
		// initialisation segments but the first; what they do take is
		// parameter sets within the pictures.
		e.sets = parameterSets(ts.Video)
	}
	e.video = cmp.Or(ts.Video, e.video)
	e.head = &hub.Head{Bytes: start, Tracks: &ts}
	if e.head.MediaType, err = fmp4.ContentType(ts); err != nil {
		e.head.MediaType = "video/mp4" // the tracks may play for all that
	}
	return nil
}
