package rtsp

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"sluice/protocols/container/rtp"
	"sluice/protocols/internal/wsframe"
	"sluice/protocols/rtsp/wire"
	"sluice/server/hub"
	"sluice/server/media"
)

// maxPayload is the largest RTP payload to players, in bytes: with all headers
// it leaves room for a tunnel in an Ethernet frame.
const maxPayload = 1400

// playable are the codecs that have an RTP payload format.
var playable = hub.Accept(media.H264, media.H265, media.AV1, media.VP8, media.VP9,
	media.AAC, media.Opus, media.PCMA, media.PCMU, media.G722, media.L16, media.MP3, media.MP2, media.AC3)

// wireFormat is the wire format of RTSP players. Those over WebSocket have a
// log of their own, in which each packet is a message.
func wireFormat(log *slog.Logger, websocket bool) hub.Format[*unit] {
	key := "rtsp"
	if websocket {
		key = "rtsp-websocket"
	}
	return hub.Format[*unit]{Key: key, Ride: true, New: func() hub.Encoder[*unit] {
		return &encoder{log: log, websocket: websocket, cutters: make(map[media.Codec]rtp.Packetizer)}
	}}
}

// encoder cuts a stream's packets into RTP packets, once for all players: they
// see the same SSRCs, sequence numbers and timestamps.
type encoder struct {
	log       *slog.Logger
	websocket bool
	cutters   map[media.Codec]rtp.Packetizer
	tracks    *media.Tracks
	desc      *description
	known     [2]*outTrack // the newest of each lane
	epoch     time.Time    // wall-clock time of stream time 0
	next      [2]uint64    // numbers of packets
	last      [2]steady
	payloads  []rtp.Payload // scratch
	failed    bool          // of a packet that can't be cut
}

// unitOverhead is what a unit costs beside its bytes, for the log's account.
const unitOverhead = 128

// Encode makes one unit of a packet.
func (e *encoder) Encode(item hub.Item, emit func(*unit, int)) error {
	p := item.Packet
	if p == nil {
		e.failed = false
		return nil
	}
	lane := laneOf(p.Kind())
	if lane < 0 {
		return nil
	}
	if e.epoch.IsZero() {
		e.begin(p)
	}
	if item.Tracks != e.tracks {
		e.tracks, e.desc = item.Tracks, e.describe(*item.Tracks)
	}
	t := e.desc.tracks[lane]
	if t == nil {
		return nil
	}
	var err error
	if e.payloads, err = e.cutters[t.codec].Append(e.payloads[:0], p); err != nil {
		if !e.failed {
			e.failed = true
			e.log.Warn("rtsp: a packet can't be sent to players, it is left out", "codec", t.codec, "error", err)
		}
		return nil
	}
	if len(e.payloads) == 0 {
		return nil
	}
	u := &unit{
		desc: e.desc, track: t, lane: lane, first: e.next, dts: p.DTS, pts: p.PTS, epoch: e.epoch,
		key: lane == sound || p.Key,
	}
	u.build(e.payloads, e.timestamp(t, p), e.websocket)
	e.next[lane] += uint64(len(e.payloads))
	clear(e.payloads)
	emit(u, len(u.data)+unitOverhead)
	return nil
}

// begin notes what all sender reports of this log are computed from. The
// estimate stays as it is, so that reports never move a track.
func (e *encoder) begin(p *media.Packet) {
	e.epoch = p.Arrival.Add(-p.DTS)
	e.next = [2]uint64{rand.Uint64N(1 << 15), rand.Uint64N(1 << 15)}
}

// timestamp returns the packet's RTP timestamp. Sound of a publisher that
// counts in milliseconds gets an even pace again.
func (e *encoder) timestamp(t *outTrack, p *media.Packet) uint32 {
	at := media.ToClock(p.PTS, t.clock)
	if t.kind == media.Audio {
		at = e.last[sound].next(t, p, at)
	}
	return t.offset + uint32(at)
}

// describe returns the description for new tracks. A track whose SDP stays
// true, but for parameter sets that come in band too, stays the same.
func (e *encoder) describe(ts media.Tracks) *description {
	d := &description{}
	for lane, t := range [...]*media.Track{ts.Video, ts.Audio} {
		if t == nil {
			continue
		}
		format, err := rtp.FormatOf(t)
		if err == nil && e.cutters[t.Codec] == nil {
			e.cutters[t.Codec], err = rtp.NewPacketizer(t.Codec, rtp.PacketizerConfig{
				MaxPayload: maxPayload, InsertConfig: true, NoLayerIndices: true,
			})
		}
		if err != nil {
			e.log.Warn("rtsp: track can't be sent", "codec", t.Codec, "error", err)
			continue
		}
		d.formats[lane] = format
		// A publisher that comes back may have its sound some time before its
		// pictures: what is missing for a while is not changed.
		if e.known[lane].serves(t, format) {
			d.tracks[lane] = e.known[lane]
			continue
		}
		d.tracks[lane] = newOutTrack(t, format, lane)
		if lane == sound && ts.Video != nil {
			// Clients set the tracks up in the order of the SDP, and so they
			// number the channels.
			d.tracks[lane].channel = 2
		}
		e.known[lane], e.last[lane] = d.tracks[lane], steady{}
	}
	return d
}

// unit is one picture or audio frame in RTP packets, each with the header of
// its interleaved frame. It is shared by all players and never written to.
type unit struct {
	desc  *description
	track *outTrack // the one of desc that the packets belong to
	lane  int
	key   bool // a player may begin at it
	dts   time.Duration
	pts   time.Duration
	epoch time.Time // wall-clock time of stream time 0
	// first are the numbers at which the packets of both lanes stand before it.
	// Their low 16 bits are sequence numbers, which wrap while a player pauses
	// or is slow.
	first [2]uint64
	time  uint32 // RTP timestamp of the first packet

	data      []byte
	ends      []int32 // of the packets in data
	websocket bool    // each packet in data is a message
	media     uint32  // bytes of payload
}

// build makes the packets.
func (u *unit) build(payloads []rtp.Payload, timestamp uint32, websocket bool) {
	size := 0
	for _, p := range payloads {
		size += wsframe.MaxShortHeader + wire.FrameHeaderSize + rtp.HeaderSize + len(p.Data)
	}
	u.websocket = websocket
	u.data, u.ends, u.time = make([]byte, 0, size), make([]int32, 0, len(payloads)), timestamp+payloads[0].Ticks
	for i := range payloads {
		pl := &payloads[i]
		packet := rtp.HeaderSize + len(pl.Data)
		if websocket {
			u.data = wsframe.AppendHeader(u.data, wsframe.Binary, wire.FrameHeaderSize+packet)
		}
		u.data = wire.AppendFrameHeader(u.data, u.track.channel, packet)
		h := rtp.Packet{
			Timestamp: timestamp + pl.Ticks, SSRC: u.track.ssrc, Sequence: uint16(u.first[u.lane] + uint64(i)),
			PayloadType: u.track.payloadType, Marker: pl.Marker,
		}
		u.data = append(h.AppendHeader(u.data), pl.Data...)
		u.ends = append(u.ends, int32(len(u.data)))
		u.media += uint32(len(pl.Data))
	}
}

// packets yields the RTP packets.
func (u *unit) packets(yield func([]byte) bool) {
	from := 0
	for _, end := range u.ends {
		if !yield(u.data[u.frame(from)+wire.FrameHeaderSize : end : end]) {
			return
		}
		from = int(end)
	}
}

// frame returns where the interleaved frame is whose part of data begins at at.
func (u *unit) frame(at int) int {
	if !u.websocket {
		return at
	}
	return at + messageHead(u.data[at:])
}

// appendOn appends the unit's bytes for a player that chose another channel.
func (u *unit) appendOn(dst []byte, channel uint8) []byte {
	from := len(dst)
	dst = append(dst, u.data...)
	at := 0
	for _, end := range u.ends {
		dst[from+u.frame(at)+1] = channel
		at = int(end)
	}
	return dst
}
