package rtsp

import (
	"bufio"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"sluice/protocols/rtsp/wire"
	"sluice/server/bearer"
)

// Suffix ends the path of a stream's WebSocket.
const Suffix = ".rtsp"

// Subprotocol is what clients of RTSP over WebSocket ask for.
const Subprotocol = "rtsp"

// tunnelBuffer is how much of a WebSocket is read at a time, in bytes.
const tunnelBuffer = 4 << 10

// Match reports whether a request is for RTSP over WebSocket.
func (s *Server) Match(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, Suffix) }

// ServeHTTP serves RTSP over WebSocket: what a connection of RTSP carries, in
// both directions, in binary messages. Each message to the client is one
// response or one interleaved frame; the client may cut its own as it likes.
// The path names the stream for requests whose URL names none, and brings the
// token for those that lack one.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "RTSP at this address is spoken over WebSocket, with subprotocol "+Subprotocol, http.StatusUpgradeRequired)
		return
	}
	up := websocket.Upgrader{
		HandshakeTimeout: s.Options.SetupTimeout,
		CheckOrigin:      func(*http.Request) bool { return true }, // as for the other players of web pages
	}
	var header http.Header
	if offered := websocket.Subprotocols(r); len(offered) > 0 {
		chosen := offered[0]
		if slices.Contains(offered, Subprotocol) {
			chosen = Subprotocol
		}
		header = http.Header{"Sec-Websocket-Protocol": {chosen}}
	}
	ws, err := up.Upgrade(w, r, header)
	if err != nil {
		return // it has been answered
	}
	c := newServerConn(s, ws.NetConn())
	c.websocket = true
	c.tunnel = &Target{Path: strings.Trim(strings.TrimSuffix(r.URL.Path, Suffix), "/"), Query: tunnelQuery(r)}
	c.reader = wire.NewReader(&messageReader{r: bufio.NewReaderSize(&c.conn, tunnelBuffer), answer: c.writeMessage})
	if !s.add(c) {
		c.close(ErrServerClosed)
		return
	}
	defer s.conns.Remove(c)
	_ = ws.NetConn().SetDeadline(time.Time{}) // net/http's own
	s.serve(c)
}

// tunnelQuery returns the parameters of a WebSocket's URL. Web pages give the
// token there, others as the header of HTTP.
func tunnelQuery(r *http.Request) url.Values {
	q := r.URL.Query()
	if token := bearer.Token(r); token != "" {
		q.Set("token", token)
	}
	return q
}
