package httplive

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"sluice/protocols/internal/wsframe"
)

// player is the connection under one request.
type player struct {
	conn net.Conn
	// buffered holds what came with the request.
	buffered *bufio.Reader
	ws       *websocket.Conn // nil for plain HTTP
}

// hijack takes the connection: media is written to it without the copies of
// net/http.
func hijack(w http.ResponseWriter) (player, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		Fail(w, err)
		return player{}, fmt.Errorf("take the connection over: %w", err)
	}
	return player{conn: conn, buffered: rw.Reader}, nil
}

// upgrade makes the request a WebSocket; timeout is how long one write may take.
func upgrade(w http.ResponseWriter, r *http.Request, timeout time.Duration) (player, error) {
	for name := range w.Header() {
		w.Header().Del(name)
	}
	up := websocket.Upgrader{
		HandshakeTimeout: 10 * time.Second,
		CheckOrigin:      func(*http.Request) bool { return true }, // as CORS says: players may stand anywhere
	}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return player{}, fmt.Errorf("websocket: %w", err)
	}
	ws.SetReadLimit(4 << 10)
	p := player{conn: ws.NetConn(), ws: ws}
	ws.SetPingHandler(func(data string) error {
		// The deadline of the last write of media is long over while no publisher
		// is there. Frames are written whole, so this one falls between two of media.
		if err := p.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		_, err := p.conn.Write(wsframe.Frame(wsframe.Pong, []byte(data)))
		return err
	})
	ws.SetCloseHandler(func(int, string) error { return nil })
	return p, nil
}

// drain reads until the player leaves.
func (p player) drain() {
	if p.ws == nil {
		_, _ = io.Copy(io.Discard, p.buffered)
		return
	}
	for {
		if _, _, err := p.ws.NextReader(); err != nil {
			return
		}
	}
}

// refuse answers a player that gets nothing.
func (p player) refuse(reason error, m Media, timeout time.Duration) {
	if p.ws == nil {
		if p.conn.SetWriteDeadline(time.Now().Add(timeout)) == nil {
			_, _ = p.conn.Write(m.header(Status(reason)))
		}
		return
	}
	p.end(reason)
}

// end tells the player why, as far as its protocol can.
func (p player) end(reason error) {
	_ = p.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if p.ws != nil {
		const goingAway = "\x03\xe9" // 1001
		text := reason.Error()
		_, _ = p.conn.Write(wsframe.Frame(wsframe.Close, []byte(goingAway+text[:min(len(text), 120)])))
	}
}

func setNoDelay(conn net.Conn, on bool) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetNoDelay(on)
	}
}
