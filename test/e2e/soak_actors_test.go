package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// soakStreams are published by RTMP and by WHIP.
var soakStreams = [...]string{"live/soak-rtmp0", "live/soak-rtmp1", "live/soak-whip0", "live/soak-whip1"}

// actor is one who comes, stays a little and goes, over and over.
type actor struct {
	*soak
	r *rand.Rand
}

// run has everybody come and go for so long, and waits until all have gone.
func (s *soak) run(ctx context.Context, length time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var running sync.WaitGroup
	publishing, unpublish := context.WithCancel(context.WithoutCancel(ctx))
	var publishers sync.WaitGroup
	begin := func(ctx context.Context, wg *sync.WaitGroup, id int, session func(a actor, ctx context.Context)) {
		wg.Go(func() {
			a := actor{s, rand.New(rand.NewPCG(uint64(id), uint64(length)))}
			for ctx.Err() == nil {
				session(a, ctx)
				a.pause(ctx, time.Second)
			}
		})
	}
	for i, name := range soakStreams {
		session := actor.publishRTMP
		if i >= 2 {
			session = actor.publishWHIP
		}
		begin(publishing, &publishers, i, func(a actor, ctx context.Context) { session(a, ctx, name) })
	}
	views := []struct {
		kind string
		view func(a actor, ctx context.Context, stream string, watched func()) error
	}{
		{"play rtmp", actor.playRTMP}, {"play http-flv", actor.playFLV}, {"play ws-flv", actor.playWS}, {"play whep", actor.playWHEP},
	}
	for i := range 3 * len(views) {
		v := views[i%len(views)]
		begin(ctx, &running, 100+i, func(a actor, ctx context.Context) {
			// A viewer that has begun gets its media, whatever the time.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			began := time.Now()
			first := time.Duration(0)
			err := v.view(a, ctx, soakStreams[a.r.IntN(len(soakStreams))], func() { first = time.Since(began) })
			if err == nil && first == 0 {
				err = errors.New("got no media")
			}
			a.note(v.kind, first, err)
		})
	}
	running.Wait()
	unpublish()
	publishers.Wait()
}

// pause waits for some random time, or the end of ctx.
func (a actor) pause(ctx context.Context, most time.Duration) {
	select {
	case <-time.After(time.Duration(a.r.Int64N(int64(most)))):
	case <-ctx.Done():
	}
}

// crash reports whether this session is to end without a word.
func (a actor) crash() bool { return a.r.IntN(2) == 0 }

func (a actor) publishRTMP(ctx context.Context, stream string) {
	cmd := exec.Command("ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", a.media.file,
		"-c", "copy", "-f", "flv", "rtmp://"+a.g.rtmp+"/"+stream)
	if err := cmd.Start(); err != nil {
		a.note("publish rtmp", 0, err)
		return
	}
	began := time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	stay, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-ended
		cancel()
	}()
	a.pause(stay, 3*time.Second)
	a.pause(stay, 6*time.Second)
	var err error
	if stay.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("ffmpeg ended after %v", time.Since(began))
	}
	a.note("publish rtmp", 0, err)
	if a.crash() {
		_ = cmd.Process.Kill()
	} else {
		_ = cmd.Process.Signal(os.Interrupt)
	}
	<-ended
}

func (a actor) publishWHIP(ctx context.Context, stream string) {
	o, crash, err := a.socket()
	if err != nil {
		a.note("publish whip", 0, err)
		return
	}
	began := time.Now()
	p, err := publishWHIP(context.WithoutCancel(ctx), a.g.endpoint(stream, "whip"), o)
	a.note("publish whip", time.Since(began), err)
	if err != nil {
		_ = o.socket.Close()
		return
	}
	stay, cancel := context.WithTimeout(ctx, 2*time.Second+time.Duration(a.r.Int64N(int64(6*time.Second))))
	p.send(stay, a.media)
	cancel()
	a.leave(p.pionPeer, o.socket, crash)
}

// socket makes the socket of a session, and says whether it is to crash.
func (a actor) socket() (pionOptions, bool, error) {
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	return pionOptions{socket: socket}, a.crash(), err
}

// leave ends a session in order, or has its socket vanish.
func (a actor) leave(p *pionPeer, socket net.PacketConn, crash bool) {
	if crash {
		_ = socket.Close()
		_ = p.pc.Close()
		return
	}
	// A publisher that took over has ended the session before.
	_ = p.hangUp()
	_ = socket.Close()
}

func (a actor) playRTMP(ctx context.Context, stream string, watched func()) error {
	cmd := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-i", "rtmp://"+a.g.rtmp+"/"+stream,
		"-map", "0:v", "-map", "0:a", "-c", "copy", "-flush_packets", "1", "-f", "framecrc", "-")
	var said logBuffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	want := 60 + a.r.IntN(200)
	lines := 0
	for s := bufio.NewScanner(out); lines < want && s.Scan(); lines++ {
		if lines == 20 { // past the header
			watched()
		}
	}
	if a.crash() {
		_ = cmd.Process.Kill()
	} else {
		_ = cmd.Process.Signal(os.Interrupt)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	if lines < want {
		return fmt.Errorf("%s: %d packets: %s", stream, lines, said.String())
	}
	return nil
}

func (a actor) playFLV(ctx context.Context, stream string, watched func()) error {
	f, end, err := playFLV(ctx, "http://"+a.g.http+"/"+stream+".flv")
	if err != nil {
		return err
	}
	err = a.watchFLV(f, watched)
	_ = end()
	return err
}

func (a actor) playWS(ctx context.Context, stream string, watched func()) error {
	ws, _, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+a.g.http+"/"+stream+".flv", nil)
	if err != nil {
		return err
	}
	defer ws.Close()
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	f, err := newFLVReader(&frames{ws: ws})
	if err == nil {
		err = a.watchFLV(f, watched)
	}
	if err == nil && !a.crash() {
		err = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience))
	}
	return err
}

// watchFLV reads pictures and sound for some seconds. Pictures begin with a
// key frame.
func (a actor) watchFLV(f *flvReader, watched func()) error {
	want := 60 + a.r.IntN(200)
	seen := map[byte]int{}
	for seen[rtmpVideo] < want/3 || seen[rtmpAudio] < want/3 {
		tag, err := f.next()
		if err != nil {
			return fmt.Errorf("after %d pictures and %d of sound: %w", seen[rtmpVideo], seen[rtmpAudio], err)
		}
		if tag.config() {
			continue
		}
		if tag.kind == rtmpVideo && seen[rtmpVideo] == 0 && !tag.key() {
			return errors.New("the first picture is no key frame")
		}
		if seen[tag.kind]++; seen[rtmpVideo] == 1 && tag.kind == rtmpVideo {
			watched()
		}
	}
	return nil
}

// frames reads the messages of a WebSocket as one stream of bytes.
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
		var err error
		if _, f.current, err = f.ws.NextReader(); err != nil {
			return 0, err
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
	want := 20 + a.r.IntN(60)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	seen := false
	for v.of("video").pictures < want || v.of("audio").packets < want {
		if !seen && v.of("video").pictures > 0 {
			seen = true
			watched()
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
			err = fmt.Errorf("%s: %d pictures and %d packets of sound: %w, %v", stream, v.of("video").pictures, v.of("audio").packets, ctx.Err(), v.pc.ConnectionState())
		}
		break
	}
	a.leave(v.pionPeer, o.socket, crash)
	return err
}

// streams returns all that the API lists.
func (g *gateway) streams() (list []stream) {
	g.t.Helper()
	res, err := http.Get("http://" + g.api + "/api/v1/streams")
	if err != nil {
		g.t.Error(err)
		return nil
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		g.t.Error(err)
	}
	return list
}
