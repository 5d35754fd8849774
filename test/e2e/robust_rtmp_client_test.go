package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"time"
)

// RTMP message types.
const (
	rtmpSetChunkSize = 1
	rtmpUserControl  = 4
	rtmpAudio        = 8
	rtmpVideo        = 9
	rtmpCommand      = 20
)

// handshakeSize is what an RTMP client sends before its first chunk.
const handshakeSize = 1 + 2*1536

// rawRTMP is an RTMP client that sends whatever a test wants.
type rawRTMP struct {
	net.Conn
	mu    sync.Mutex
	heard bytes.Buffer
	ended chan struct{} // the server has closed the connection
}

// dialRTMP connects and performs the simple handshake.
func dialRTMP(addr string, secure bool) (*rawRTMP, error) {
	conn, err := dial(addr, secure)
	if err != nil {
		return nil, err
	}
	if err := shakeRTMP(conn); err != nil {
		conn.Close()
		return nil, err
	}
	r := &rawRTMP{Conn: conn, ended: make(chan struct{})}
	go r.listen()
	return r, nil
}

// shakeRTMP performs the simple handshake.
func shakeRTMP(conn net.Conn) error {
	hello := make([]byte, 1+1536)
	_, _ = rand.Read(hello[9:])
	hello[0] = 3
	answer := make([]byte, handshakeSize)
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err := conn.Write(hello)
	if err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	if err == nil {
		_, err = conn.Write(answer[1 : 1+1536])
	}
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	return nil
}

func dial(addr string, secure bool) (net.Conn, error) {
	if secure {
		// The server signs its certificate itself.
		return tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, &tls.Config{InsecureSkipVerify: true})
	}
	return net.DialTimeout("tcp", addr, patience)
}

// listen keeps what the server says, the first MiB of it.
func (r *rawRTMP) listen() {
	defer close(r.ended)
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		r.mu.Lock()
		if r.heard.Len() < 1<<20 {
			r.heard.Write(buf[:n])
		}
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// says reports whether the server has said text by now.
func (r *rawRTMP) says(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Contains(r.heard.Bytes(), []byte(text))
}

// stopped reports whether the server has ended the connection.
func (r *rawRTMP) stopped() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// send writes messages; the server may have hung up by then.
func (r *rawRTMP) send(messages ...[]byte) {
	_, _ = r.Write(bytes.Join(messages, nil))
}

// start sends what comes before publish or play: message stream 1 is there then.
func (r *rawRTMP) start(app string) {
	r.send(
		command(0, "connect", 1, map[string]any{"app": app, "tcUrl": "rtmp://localhost/" + app}),
		command(0, "createStream", 2, nil))
}

// publish sends all that it takes to publish app/name.
func (r *rawRTMP) publish(app, name string) {
	r.start(app)
	r.send(command(1, "publish", 3, nil, name, "live"))
}

// command encodes a command message.
func command(streamID uint32, name string, transaction float64, args ...any) []byte {
	body := amf(amf(nil, name), transaction)
	for _, a := range args {
		body = amf(body, a)
	}
	return chunks(3, rtmpCommand, streamID, 0, body)
}

// chunks encodes a message in chunks of 128 bytes.
func chunks(chunkStream uint32, messageType byte, streamID, timestamp uint32, body []byte) []byte {
	b := chunkHeader(chunkStream, messageType, streamID, timestamp, len(body))
	for len(body) > 128 {
		b = append(append(b, body[:128]...), 0xc0|byte(chunkStream))
		body = body[128:]
	}
	return append(b, body...)
}

// chunkHeader encodes the header of a type 0 chunk for a message of the given
// length, which may be a lie.
func chunkHeader(chunkStream uint32, messageType byte, streamID, timestamp uint32, length int) []byte {
	var b []byte
	switch {
	case chunkStream < 64:
		b = []byte{byte(chunkStream)}
	case chunkStream < 64+256:
		b = []byte{0, byte(chunkStream - 64)}
	default:
		b = []byte{1, byte(chunkStream - 64), byte((chunkStream - 64) >> 8)}
	}
	b = append(b, byte(timestamp>>16), byte(timestamp>>8), byte(timestamp))
	b = append(b, byte(length>>16), byte(length>>8), byte(length), messageType)
	return binary.LittleEndian.AppendUint32(b, streamID)
}

// setChunkSize encodes the message of that name.
func setChunkSize(n uint32) []byte {
	return chunks(2, rtmpSetChunkSize, 0, 0, binary.BigEndian.AppendUint32(nil, n))
}

// amf appends a value in AMF0.
func amf(b []byte, v any) []byte {
	text := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	switch v := v.(type) {
	case nil:
		return append(b, 5)
	case string:
		return text(append(b, 2), v)
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 0), math.Float64bits(v))
	case []string:
		b = binary.BigEndian.AppendUint32(append(b, 10), uint32(len(v)))
		for _, s := range v {
			b = amf(b, s)
		}
		return b
	case map[string]any:
		b = append(b, 3)
		for key, value := range v {
			b = amf(text(b, key), value)
		}
		return append(b, 0, 0, 9)
	}
	panic(fmt.Sprintf("amf: %T", v))
}
