package httpts

import (
	"sluice/protocols/container/mpegts"
	"sluice/server/hub"
	"sluice/server/media"
)

// accepts returns the codecs that a transport stream carries to a player.
func accepts(opus bool) hub.Codecs {
	var list []media.Codec
	for _, c := range mpegts.Codecs() {
		if c != media.Opus || opus {
			list = append(list, c)
		}
	}
	return hub.Accept(list...)
}

// format is the same for all players; those that take other codecs have logs of
// their own.
func format() hub.Format[hub.Chunk] {
	return hub.Format[hub.Chunk]{
		Key:  "mpegts",
		New:  func() hub.Encoder[hub.Chunk] { return &encoder{mux: mpegts.NewMuxer(mpegts.MuxerConfig{})} },
		Ride: true,
	}
}

// encoder turns a stream's packets into transport packets.
type encoder struct {
	mux    *mpegts.Muxer
	tracks *media.Tracks
	shown  media.Tracks // those of tracks that can be written
	head   *hub.Head
	broken bool // the packets to come are another publisher's
}

// Encode makes one chunk of a packet. The tables are the chunk's head: a player
// that begins or goes on here gets them once.
func (e *encoder) Encode(item hub.Item, emit func(hub.Chunk, int)) error {
	p := item.Packet
	if p == nil {
		e.broken = e.head != nil
		return nil
	}
	if item.Tracks != e.tracks {
		if err := e.setTracks(*item.Tracks); err != nil {
			return err
		}
		e.tracks = item.Tracks
	}
	if e.broken {
		e.mux.Discontinuity()
		e.broken = false
	}
	if len(p.Payload) == 0 || p.Track != e.shown.Get(p.Kind()) {
		return nil
	}
	if e.mux.TablesDue(p) {
		e.head = &hub.Head{Resume: e.mux.AppendBreak(nil), Bytes: e.mux.AppendTables(nil)}
	}
	data, err := e.mux.AppendPacket(nil, p)
	if err != nil || len(data) == 0 {
		return err
	}
	emit(hub.Chunk{Head: e.head, Data: data}, len(data))
	return nil
}

// setTracks takes the tracks into force. Sound in a form of its codec that a
// transport stream has no room for, as AAC with frames of 960 samples, is left out,
// so that the picture plays.
func (e *encoder) setTracks(ts media.Tracks) error {
	err := e.mux.SetTracks(ts)
	if err != nil && ts.Video != nil && ts.Audio != nil {
		ts = ts.Without(media.Audio)
		err = e.mux.SetTracks(ts)
	}
	e.shown = ts
	return err
}
