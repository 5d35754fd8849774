package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

func (a actor) playRTMP(ctx context.Context, stream string, watched func()) error {
	return a.playFFmpeg(ctx, watched, "-i", "rtmp://"+a.g.rtmp+"/"+stream)
}

func playByRTSP(transport string) func(a actor, ctx context.Context, stream string, watched func()) error {
	return func(a actor, ctx context.Context, stream string, watched func()) error {
		return a.playFFmpeg(ctx, watched, "-rtsp_transport", transport, "-i", "rtsp://"+a.g.rtsp+"/"+stream)
	}
}

// playFFmpeg has ffmpeg read a stream. One that came when there was no sound yet
// tries again.
func (a actor) playFFmpeg(ctx context.Context, watched func(), input ...string) error {
	for {
		err := a.readFFmpeg(ctx, watched, input...)
		if err == nil || !strings.Contains(err.Error(), "matches no streams") || ctx.Err() != nil {
			return err
		}
	}
}

func (a actor) readFFmpeg(ctx context.Context, watched func(), input ...string) error {
	args := append([]string{"-hide_banner", "-nostdin", "-v", "warning"}, input...)
	cmd := exec.CommandContext(ctx, "ffmpeg", append(args, "-map", "0:v", "-map", "0:a", "-c", "copy", "-flush_packets", "1", "-f", "framecrc", "-")...)
	var said logBuffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = a.follow(crcBeats{bufio.NewScanner(out)}, watched)
	if a.crash() {
		_ = cmd.Process.Kill()
	} else {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	// ffmpeg itself puts right what it writes.
	if err == nil && strings.Contains(said.String(), "on-monoton") {
		err = errors.New("time runs back")
	}
	if err != nil {
		return fmt.Errorf("%w; ffmpeg said: %s", err, said.String())
	}
	return nil
}

// follow reads pictures and sound for some seconds. Pictures begin with a key
// frame, and time never runs backwards.
func (a actor) follow(b beats, watched func()) error {
	want := 60 + a.r.IntN(300)
	seen := map[string]int{}
	times := timeline{}
	for seen["video"] < want/3 || seen["audio"] < want/3 {
		q, err := b.next()
		if err == nil {
			err = times.pass(q)
		}
		if err != nil {
			return fmt.Errorf("after %v: %w", seen, err)
		}
		if q.track == "video" && seen["video"] == 0 && !q.key {
			return errors.New("the first picture is no key frame")
		}
		if seen[q.track] += q.packets; q.track == "video" {
			watched()
		}
	}
	return nil
}

// beatsIn reads a stream in the format of the extension.
func beatsIn(extension string, r io.Reader) (beats, error) {
	switch extension {
	case ".ts":
		return newTSBeats(r), nil
	case ".mp4":
		return newMP4Beats(r), nil
	}
	f, err := newFLVReader(r)
	return flvBeats{f}, err
}

func playByHTTP(extension string) func(a actor, ctx context.Context, stream string, watched func()) error {
	return func(a actor, ctx context.Context, stream string, watched func()) error {
		return a.followHTTP(ctx, "http://"+a.g.http+"/"+stream, extension, watched)
	}
}

func (a actor) followHTTP(ctx context.Context, url, extension string, watched func()) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+extension, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	b, err := beatsIn(extension, res.Body)
	if err != nil {
		return err
	}
	return a.follow(b, watched)
}

// playPushed plays what is pushed to the other server.
func (a actor) playPushed(ctx context.Context, _ string, watched func()) error {
	stream := []string{"push/rtmp0", "push/rtmp1", "push/tcp0", "push/udp0"}[a.r.IntN(4)]
	if err := a.followHTTP(ctx, "http://"+a.far.http+"/"+stream, ".flv", watched); err != nil {
		return fmt.Errorf("%s: %w", stream, err)
	}
	return nil
}

func playByWS(extension string) func(a actor, ctx context.Context, stream string, watched func()) error {
	return func(a actor, ctx context.Context, stream string, watched func()) error {
		ws, _, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+a.g.http+"/"+stream+extension, nil)
		if err != nil {
			return err
		}
		defer ws.Close()
		_ = ws.SetReadDeadline(time.Now().Add(2 * patience))
		b, err := beatsIn(extension, &frames{ws: ws})
		if err == nil {
			err = a.follow(b, watched)
		}
		if err == nil && !a.crash() {
			err = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience))
		}
		return err
	}
}

// frames reads the binary messages of a WebSocket as one stream of bytes.
type frames struct {
	ws      *websocket.Conn
	current io.Reader
}

func (f *frames) Read(b []byte) (int, error) {
	for {
		if f.current != nil {
			n, err := f.current.Read(b)
			if n > 0 || !errors.Is(err, io.EOF) {
				return n, err
			}
		}
		kind, message, err := f.ws.NextReader()
		if err != nil {
			return 0, err
		}
		if kind == websocket.BinaryMessage { // what players of MP4 are told is text
			f.current = message
		}
	}
}

func (a actor) playWHEP(ctx context.Context, stream string, watched func()) error {
	o, crash, err := a.socket()
	if err != nil {
		return err
	}
	v, err := watch(ctx, a.g.endpoint(stream, "whep"), o)
	if err != nil {
		_ = o.socket.Close()
		return err
	}
	want := 20 + a.r.IntN(100)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for v.of("video").pictures < want || v.of("audio").packets < want {
		if v.of("video").pictures > 0 {
			watched()
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
			err = fmt.Errorf("%d pictures and %d packets of sound: %w, %v", v.of("video").pictures, v.of("audio").packets, ctx.Err(), v.pc.ConnectionState())
		}
		break
	}
	if back := v.of("video").back + v.of("audio").back; err == nil && back > 0 {
		err = fmt.Errorf("time runs back %d times", back)
	}
	a.leave(v.pionPeer, o.socket, crash)
	return err
}
