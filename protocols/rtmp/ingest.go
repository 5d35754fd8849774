package rtmp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"sluice/protocols/container/amf"
	"sluice/protocols/container/flv"
	"sluice/protocols/rtmp/message"
	"sluice/server/hub"
	"sluice/server/media"
)

// HandlePublish puts what a peer publishes into the hub.
func (h *handler) HandlePublish(ctx context.Context, s *PublishSession) error {
	pub, err := h.hub.Publish(ctx, session(s.Request))
	if err != nil {
		return wireError(err, hub.ActionPublish)
	}
	err = ingest(pub, s, h.log)
	return wireError(err, hub.ActionPublish)
}

// Pull plays a stream of another server into the hub, until it ends. The
// publisher begins with the first message that comes.
func Pull(ctx context.Context, c *Client, url string, h *hub.Hub, sess hub.Session, log *slog.Logger) error {
	player, err := c.Play(ctx, url)
	if err != nil {
		return err
	}
	defer player.Close()
	first, err := player.Read()
	if err != nil {
		return err
	}
	pub, err := h.Publish(ctx, sess)
	if err != nil {
		return err
	}
	return ingest(pub, &begun{Player: player, first: &first}, log)
}

// begun is a player whose first message has been read.
type begun struct {
	*Player
	first *message.Message
}

func (b *begun) Read() (message.Message, error) {
	if m := b.first; m != nil {
		b.first = nil
		return *m, nil
	}
	return b.Player.Read()
}

// source is what media messages come from.
type source interface {
	Read() (message.Message, error)
	End(err error) // makes Read return err
	Received() int64
}

// ingest publishes what comes from src until one of them ends, closes the
// publisher and returns why.
func ingest(pub *hub.Publisher, src source, log *slog.Logger) (err error) {
	stop := context.AfterFunc(pub.Context(), func() { src.End(context.Cause(pub.Context())) })
	defer func() {
		stop()
		if errors.Is(err, io.EOF) {
			pub.Close(nil)
			return
		}
		pub.Close(err)
	}()
	in := &intake{pub: pub, log: log.With("stream", pub.Stream().Name(), "session", pub.ID())}
	defer in.report()
	counted := src.Received()
	for {
		m, err := src.Read()
		if err != nil {
			return err
		}
		n := src.Received()
		pub.Sent(int(n - counted))
		counted = n
		if err := in.take(m); err != nil {
			return err
		}
	}
}

// intake turns the messages of one publisher into packets.
type intake struct {
	pub   *hub.Publisher
	log   *slog.Logger
	demux flv.Demuxer
	// torn is set while pictures are dropped up to the next key frame,
	// because one was malformed.
	torn      bool
	malformed int
	refused   map[string]bool // codecs, by name
	extra     int             // tracks of a multitrack stream that are known
}

// take takes one message. The error is the publisher's end; what is wrong
// with the message costs that message only.
func (in *intake) take(m message.Message) error {
	tag := flv.Tag{Timestamp: time.Duration(m.Timestamp) * time.Millisecond, Body: m.Body}
	switch m.Type {
	case message.Audio:
		tag.Type = flv.TagAudio
	case message.Video:
		tag.Type = flv.TagVideo
	case message.DataAMF3:
		d, err := message.ParseData(m)
		if err == nil {
			tag.Body, err = d.Body()
		}
		if err != nil {
			in.drop(m, err)
			return nil
		}
		fallthrough
	case message.DataAMF0:
		tag.Type = flv.TagScript
	default:
		return nil
	}
	track, packet, err := in.demux.Demux(tag)
	if err != nil {
		in.drop(m, err)
		return nil
	}
	if extra := in.demux.Extra(); len(extra) > in.extra {
		in.log.Warn("tracks left out: only the default track of each kind is taken", "tracks", extra[in.extra:])
		in.extra = len(extra)
	}
	if track != nil {
		in.announce(track)
	}
	if packet == nil {
		return nil
	}
	if packet.Kind() == media.Video {
		if in.torn = in.torn && !packet.Key; in.torn {
			return nil
		}
	}
	return in.pub.Write(packet)
}

// announce gives a track to the hub. The metadata tells what else will come.
func (in *intake) announce(t *media.Track) {
	if t.Codec == media.Script {
		if kinds := kindsNamed(t); len(kinds) > 0 {
			in.pub.Expect(kinds...)
		}
	}
	in.pub.Announce(t)
}

// kindsNamed returns the kinds of media that a publisher's metadata names.
func kindsNamed(t *media.Track) (kinds []media.Kind) {
	values, _ := amf.Decode0(t.Config)
	for _, v := range values {
		o := amf.Properties(v)
		if _, ok := o.Get("videocodecid"); ok {
			kinds = append(kinds, media.Video)
		}
		if _, ok := o.Get("audiocodecid"); ok {
			kinds = append(kinds, media.Audio)
		}
	}
	return kinds
}

// maxRefused is how many codecs of one publisher are refused by name. Any four
// bytes name a codec in Enhanced RTMP, so that a peer can name them without end.
const maxRefused = 8

// drop notes a message that is not good for anything. The log has one line
// for each codec, and one for the first malformed message.
func (in *intake) drop(m message.Message, err error) {
	var codec *flv.CodecError
	if errors.As(err, &codec) {
		if !in.refused[codec.Name] && len(in.refused) < maxRefused {
			if in.refused == nil {
				in.refused = make(map[string]bool)
			}
			in.refused[codec.Name] = true
			in.log.Warn("track refused", "codec", codec.Name, "reason", err)
		}
		return
	}
	in.torn = in.torn || m.Type == message.Video
	if in.malformed++; in.malformed == 1 {
		in.log.Warn("malformed message dropped", "type", m.Type, "error", err)
	}
}

func (in *intake) report() {
	if in.malformed > 1 {
		in.log.Warn("malformed messages dropped", "count", in.malformed)
	}
}
