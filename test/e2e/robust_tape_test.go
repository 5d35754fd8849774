package e2e

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// tape keeps what a client sends through a relay to a server.
type tape struct {
	mu   sync.Mutex
	sent bytes.Buffer
}

func (t *tape) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent.Write(b)
}

// taped returns all that ffmpeg sends to publish a short stream by RTMP as
// live/name.
func taped(t *testing.T, g *gateway, name string) []byte {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var tape tape
	var relaying sync.WaitGroup
	relaying.Go(func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", g.rtmp)
		if err != nil {
			return
		}
		defer server.Close()
		relaying.Go(func() { _, _ = io.Copy(client, server) })
		_, _ = io.Copy(io.MultiWriter(server, &tape), client)
	})
	tiny := source{"tiny", strings.Fields("-map 0 -map 1 -vf scale=64:48 -c:v libx264 -preset ultrafast -tune zerolatency -g 3 -c:a aac -b:a 32k -ac 1")}
	ffmpeg(t, "-v", "error", "-i", tiny.make(t, "0.3"), "-c", "copy", "-f", "flv", "rtmp://"+l.Addr().String()+"/live/"+name)
	relaying.Wait()
	return tape.sent.Bytes()
}
