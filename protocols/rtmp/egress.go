package rtmp

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"sluice/protocols/container/flv"
	"sluice/protocols/rtmp/chunk"
	"sluice/protocols/rtmp/message"
	"sluice/server/hub"
	"sluice/server/media"
)

// HandlePlay sends a stream of the hub to a peer.
func (h *handler) HandlePlay(ctx context.Context, s *PlaySession) error {
	f := playForm(s.Request.Caps)
	v, err := h.hub.Play(ctx, session(s.Request), f.accept)
	if err != nil {
		return wireError(err, hub.ActionPlay)
	}
	err = s.Accept()
	if err == nil {
		err = s.SetNoDelay(h.cfg.NoDelay)
	}
	if err == nil {
		f.streamID, f.chunkSize = s.StreamID(), s.ChunkSize()
		err = deliver(v, f, playOutput{s}, h.cfg.UnpublishNotify, h.log)
	}
	v.Close(err)
	return wireError(err, hub.ActionPlay)
}

// pushGrace is how long a push waits for a publisher that has left.
const pushGrace = 10 * time.Second

// Push publishes a stream of the hub on another server, until the stream or
// the connection ends.
func Push(ctx context.Context, c *Client, url string, h *hub.Hub, sess hub.Session, log *slog.Logger) error {
	p, err := c.Publish(ctx, url)
	if err != nil {
		return err
	}
	defer p.Close()
	f := pushForm(p.Caps())
	f.streamID, f.chunkSize = p.StreamID(), p.ChunkSize()
	v, err := h.Play(ctx, sess, f.accept)
	if err != nil {
		return err
	}
	defer context.AfterFunc(p.Context(), func() { v.Close(p.Err()) })()
	err = deliver(v, f, pushOutput{p}, pushGrace, log)
	v.Close(err)
	return err
}

// form is how a peer wants its stream. All peers of a form share bytes.
type form struct {
	flv       flv.Form
	accept    hub.Codecs
	streamID  uint32
	chunkSize int
}

// legacy are the codecs that need no Enhanced RTMP.
var legacy = []media.Codec{media.H264, media.H265, media.AAC, media.MP3, media.PCMA, media.PCMU, media.Script}

// playForm is the form for a player: what it has not announced it does not
// get, but for HEVC by its number, which can't be announced.
func playForm(caps Capabilities) form {
	f := form{accept: hub.Accept(legacy...)}
	f.flv.Enhanced = caps.Enhanced()
	f.flv.LegacyHEVC = !caps.Takes(flv.FourCC(media.H265))
	f.flv.Nano = caps.Ex&(ExModEx|ExNanoOffset) == ExModEx|ExNanoOffset && caps.Takes("*")
	f.accept |= announced(caps, media.AV1, media.VP8, media.VP9, media.Opus, media.FLAC, media.AC3, media.EAC3)
	return f
}

// pushForm is the form for a server. Those that take HEVC, AV1 and VP9 often
// don't announce it: encoders just send it.
func pushForm(caps Capabilities) form {
	f := form{accept: hub.Accept(legacy...) | hub.Accept(media.AV1, media.VP9)}
	f.flv.Enhanced = true
	f.accept |= announced(caps, media.VP8, media.Opus, media.FLAC, media.AC3, media.EAC3)
	return f
}

func announced(caps Capabilities, codecs ...media.Codec) (set hub.Codecs) {
	for _, c := range codecs {
		if caps.Takes(flv.FourCC(c)) {
			set |= hub.Accept(c)
		}
	}
	return set
}

// unit is an entry of the wire log: the chunks of one message, or an event of
// the stream.
type unit struct {
	event hub.Event
	head  *hub.Head // metadata and sequence headers, which must come before
	data  []byte
	kind  media.Kind
	key   bool
}

func (f form) format() hub.Format[unit] {
	return hub.Format[unit]{
		Key:  fmt.Sprintf("rtmp %+v", f),
		New:  func() hub.Encoder[unit] { return &encoder{form: f} },
		Ride: true,
	}
}

// encoder turns a stream's packets into chunks. Each message has a whole
// header, so that its bytes mean the same to every player.
type encoder struct {
	form   form
	tracks *media.Tracks
	head   *hub.Head
	body   []byte // scratch
}

// Encode makes one unit of a packet or event.
func (e *encoder) Encode(item hub.Item, emit func(unit, int)) error {
	p := item.Packet
	if p == nil {
		emit(unit{event: item.Event}, 0)
		return nil
	}
	if item.Tracks != e.tracks {
		head, err := e.newHead(*item.Tracks, p)
		if err != nil {
			return err
		}
		e.tracks, e.head = item.Tracks, head
	}
	var err error
	if e.body, err = e.form.flv.AppendHeader(e.body[:0], p); err != nil {
		return err
	}
	e.body = append(e.body, p.Payload...)
	data, err := e.chunks(nil, flv.TypeOf(p.Kind()), e.form.flv.Timestamp(p), e.body)
	if err != nil {
		return err
	}
	emit(unit{head: e.head, data: data, kind: p.Kind(), key: p.Key}, len(data))
	return nil
}

// newHead returns the metadata and the sequence headers. The metadata has
// time 0, whenever it comes: ffmpeg makes a subtitle track of any other.
func (e *encoder) newHead(ts media.Tracks, p *media.Packet) (*hub.Head, error) {
	timestamp := e.form.flv.Timestamp(p)
	metadata, err := e.form.flv.Metadata(ts)
	if err != nil {
		return nil, err
	}
	b, err := e.chunks(nil, flv.TagScript, 0, metadata)
	for _, t := range ts.Media() {
		var body []byte
		if err == nil {
			body, err = e.form.flv.AppendSequenceHeader(nil, t)
		}
		if err == nil && len(body) > 0 {
			b, err = e.chunks(b, flv.TypeOf(t.Codec.Kind()), timestamp, body)
		}
	}
	return &hub.Head{Bytes: b}, err
}

// chunks appends the chunks of one message, with one allocation.
func (e *encoder) chunks(dst []byte, t flv.TagType, timestamp uint32, body []byte) ([]byte, error) {
	m := message.Message{
		Type: message.Type(t), StreamID: e.form.streamID, Timestamp: int64(timestamp), Body: body,
	}
	if dst == nil {
		dst = make([]byte, 0, chunk.Size(e.form.chunkSize, len(body)))
	}
	return chunk.Append(dst, e.form.chunkSize, chunk.StreamFor(m.Type), m)
}
