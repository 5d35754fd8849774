package httpflv

import (
	"fmt"
	"net/http"
	"strings"

	"sluice/protocols/container/flv"
	"sluice/server/hub"
	"sluice/server/media"
)

// form is how one player wants its stream. All players of a form share bytes.
type form struct {
	flv  flv.Form
	asks hub.Codecs // of those in onDemand
	g711 bool
}

// onDemand are the codecs that only players get that ask for them: those that
// don't know their fourCCs show nothing at all, not even the picture.
var onDemand = map[string]hub.Codecs{
	"opus": hub.Accept(media.Opus),
	"vp8":  hub.Accept(media.VP8),
	"flac": hub.Accept(media.FLAC),
	"ac3":  hub.Accept(media.AC3, media.EAC3),
}

func formOf(r *http.Request) form {
	q := r.URL.Query()
	f := form{
		flv:  flv.Form{Enhanced: true, LegacyHEVC: q.Get("hevc") == "12"},
		g711: !strings.HasPrefix(r.UserAgent(), "Mozilla/"), // as every browser's begins
	}
	if q.Has("g711") {
		f.g711 = q.Get("g711") == "1"
	}
	for name, codecs := range onDemand {
		if q.Get(name) == "1" {
			f.asks |= codecs
		}
	}
	return f
}

// accepts returns the codecs that FLV carries to this player.
func (f form) accepts() hub.Codecs {
	set := f.asks | hub.Accept(media.H264, media.H265, media.AV1, media.VP9, media.AAC, media.MP3, media.Script)
	if f.g711 {
		set |= hub.Accept(media.PCMA, media.PCMU)
	}
	return set
}

func (f form) format() hub.Format[hub.Chunk] {
	return hub.Format[hub.Chunk]{
		Key:  fmt.Sprintf("flv %+v", f),
		New:  func() hub.Encoder[hub.Chunk] { return &encoder{form: f} },
		Ride: true,
	}
}

// encoder turns a stream's packets into FLV tags.
type encoder struct {
	form   form
	tracks *media.Tracks
	head   *hub.Head
}

// Encode makes one chunk of a packet.
func (e *encoder) Encode(item hub.Item, emit func(hub.Chunk, int)) error {
	p := item.Packet
	if p == nil {
		return nil
	}
	if item.Tracks != e.tracks {
		head, err := e.newHead(*item.Tracks, e.form.flv.Timestamp(p))
		if err != nil {
			return err
		}
		e.tracks, e.head = item.Tracks, head
	}
	data, err := e.form.flv.Tag(p)
	if err != nil {
		return err
	}
	emit(hub.Chunk{Head: e.head, Data: data}, len(data))
	return nil
}

// newHead returns the file header, the metadata and the sequence headers.
func (e *encoder) newHead(ts media.Tracks, timestamp uint32) (*hub.Head, error) {
	metadata, err := e.form.flv.Metadata(ts)
	if err != nil {
		return nil, err
	}
	h := &hub.Head{
		Opening: flv.Header{Audio: ts.Audio != nil, Video: ts.Video != nil}.Append(nil),
		// ffmpeg takes metadata at any other time than 0 for subtitles.
		Bytes: flv.AppendTag(nil, flv.TagScript, 0, metadata),
	}
	for _, t := range ts.Media() {
		tag, err := e.form.flv.SequenceTag(t, timestamp)
		if err != nil {
			return nil, err
		}
		h.Bytes = append(h.Bytes, tag...)
	}
	return h, nil
}
