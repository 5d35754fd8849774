package httplive

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"sluice/protocols/internal/wsframe"
	"sluice/server/bearer"
	"sluice/server/hub"
)

// Media is one kind of stream, at /app/stream plus a suffix.
type Media struct {
	// Name is what people call it ("FLV"). Sessions have it in lower case after
	// the way it goes: "http-flv", "ws-flv".
	Name        string
	Suffix      string // of the path: ".flv"
	ContentType string
	// Form reads from the request how its player wants the stream.
	Form func(r *http.Request) Form
}

// Form is how a player wants its stream. Players whose formats have one key
// share bytes.
type Form struct {
	Accept hub.Codecs
	Format hub.Format[hub.Chunk]
	// Front returns the Front of a new player's Delivery; nil where all players
	// get the same bytes.
	Front func() Front
	// Follows is that of the Delivery of players over HTTP, who hear of a media type
	// only before the first unit; nil where they can go on after any change.
	Follows func(old, next *hub.Head) bool
}

// Front is what a player gets in place of the start of a unit: see hub.Delivery.
type Front func(dst []byte, c hub.Chunk) (front []byte, n int)

// Session returns who asks, and for what; ws says that it is by a WebSocket.
func (m Media) Session(r *http.Request, ws bool) hub.Session {
	return hub.Session{
		Stream: strings.TrimSuffix(r.URL.Path, m.Suffix), Protocol: m.protocol(ws), Remote: r.RemoteAddr,
		UserAgent: r.UserAgent(), Token: bearer.Token(r), Query: r.URL.Query(),
	}
}

func (m Media) protocol(ws bool) string {
	if ws {
		return "ws-" + strings.ToLower(m.Name)
	}
	return "http-" + strings.ToLower(m.Name)
}

// framed returns the format with each of its units in a WebSocket frame.
func framed(f hub.Format[hub.Chunk]) hub.Format[hub.Chunk] {
	plain := f.New
	f.Key = "ws " + f.Key
	f.New = func() hub.Encoder[hub.Chunk] { return &framer{plain: plain()} }
	return f
}

// framer puts another encoder's units into frames.
type framer struct {
	plain    hub.Encoder[hub.Chunk]
	head     *hub.Head // of the last unit
	wrapping *hub.Head // the same in frames
}

// Encode frames what the plain encoder makes of the item.
func (f *framer) Encode(item hub.Item, emit func(hub.Chunk, int)) error {
	return f.plain.Encode(item, func(c hub.Chunk, _ int) {
		if c.Head != f.head {
			f.head, f.wrapping = c.Head, frameHead(c.Head)
		}
		c.Head, c.Data = f.wrapping, frameAll(c.Data)
		emit(c, len(c.Data))
	})
}

// framedFront is a Front for units in frames. What it gives must be as long as
// what it stands for.
func framedFront(plain Front) Front {
	return func(dst []byte, c hub.Chunk) ([]byte, int) {
		header := wsframe.HeaderSize(c.Data)
		dst = append(dst, c.Data[:header]...)
		c.Data = c.Data[header:]
		dst, n := plain(dst, c)
		return dst, header + n
	}
}

// frameHead returns the head in frames, its media type in one of text.
func frameHead(h *hub.Head) *hub.Head {
	wrapping := &hub.Head{Opening: frameAll(h.Opening), Resume: frameAll(h.Resume), Tracks: h.Tracks}
	if h.MediaType != "" {
		wrapping.Bytes = wsframe.Frame(wsframe.Text, []byte(h.MediaType))
	}
	wrapping.Bytes = append(wrapping.Bytes, frameAll(h.Bytes)...)
	return wrapping
}

// frameAll returns the bytes in one binary frame; nothing stays nothing.
func frameAll(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return wsframe.Frame(wsframe.Binary, b)
}

// accepted returns the response's header before a stream.
func (m Media) accepted(head *hub.Head) []byte {
	if head != nil && head.MediaType != "" {
		m.ContentType = head.MediaType
	}
	return m.header(http.StatusOK)
}

// header returns a response's header before a body that ends with the
// connection.
func (m Media) header(code int) []byte {
	header := http.Header{"Connection": {"close"}}
	m.setHeaders(header)
	res := http.Response{StatusCode: code, ProtoMajor: 1, ProtoMinor: 1, Header: header, ContentLength: -1, Close: true}
	var b bytes.Buffer
	if err := res.Write(&b); err != nil {
		panic(err) // a buffer takes all
	}
	return b.Bytes()
}

// Status maps the hub's errors to HTTP.
func Status(err error) int {
	switch {
	case errors.Is(err, hub.ErrBadName):
		return http.StatusBadRequest
	case errors.Is(err, hub.ErrUnauthorized):
		return http.StatusUnauthorized
	case errors.Is(err, hub.ErrNoPublisher):
		return http.StatusNotFound
	case errors.Is(err, hub.ErrLimit), errors.Is(err, hub.ErrShutdown):
		return http.StatusServiceUnavailable
	case errors.Is(err, hub.ErrKicked):
		return http.StatusForbidden
	case errors.Is(err, hub.ErrBusy), errors.Is(err, hub.ErrReplaced):
		return http.StatusConflict
	default:
		return http.StatusInternalServerError
	}
}
