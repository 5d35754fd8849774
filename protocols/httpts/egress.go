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
	head   *hub.Head
	left   bool // the publisher has left since the last packet
}

// Encode makes one chunk of a packet. The tables are the chunk's head: a player
// that begins or goes on here gets them once.
func (e *encoder) Encode(item hub.Item, emit func(hub.Chunk, int)) error {
	p := item.Packet
	if p == nil {
		e.left = e.left || item.Event == hub.EventUnpublish
		return nil
	}
	if item.Tracks != e.tracks {
		if err := e.mux.SetTracks(*item.Tracks); err != nil {
			return err
		}
		e.tracks = item.Tracks
	}
	if e.left {
		e.mux.Discontinuity()
		e.left = false
	}
	if len(p.Payload) == 0 {
		return nil
	}
	if e.mux.TablesDue(p) {
		e.head = &hub.Head{Resume: e.mux.AppendBreak(nil), Bytes: e.mux.AppendTables(nil)}
	}
	data, err := e.mux.AppendPacket(nil, p)
	if err != nil || len(data) == 0 {
		return err
	}
	emit(hub.Chunk{Head: e.head, Data: data, Kind: p.Kind()}, len(data))
	return nil
}
