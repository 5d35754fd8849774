package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// act is what one who comes, stays a little and goes does.
type act struct {
	kind string
	do   func(a actor, ctx context.Context, stream string) error
}

// view is a viewer that calls watched once it has media.
type view struct {
	kind string
	do   func(a actor, ctx context.Context, stream string, watched func()) error
}

var (
	// soakPublishers publish a stream each.
	soakPublishers = []struct {
		stream  string
		publish func(a actor, ctx context.Context, stream string)
	}{
		{"live/rtmp0", actor.publishRTMP},
		{"live/rtmp1", actor.publishRTMP},
		{"live/whip0", actor.publishWHIP},
		{"live/tcp0", publishByRTSP("tcp")},
		{"live/udp0", publishByRTSP("udp")},
		{"live/ts0", actor.publishTS},
		{"big/rtmp", actor.publishBig},
		{soakOrigin, actor.publishOrigin},
	}
	// soakStreams are watched. The last two are pulled.
	soakStreams = []string{"live/rtmp0", "live/rtmp1", "live/whip0", "live/tcp0", "live/udp0", "live/ts0", "live/pull0", "live/pull1"}
	soakViews   = []view{
		{"play rtmp", actor.playRTMP},
		{"play rtsp tcp", playByRTSP("tcp")},
		{"play rtsp udp", playByRTSP("udp")},
		{"play http-flv", playByHTTP(".flv")},
		{"play ws-flv", playByWS(".flv")},
		{"play http-ts", playByHTTP(".ts")},
		{"play ws-ts", playByWS(".ts")},
		{"play http-mp4", playByHTTP(".mp4")},
		{"play ws-mp4", playByWS(".mp4")},
		{"play hls", actor.playHLS},
		{"play ll-hls", actor.playLLHLS},
		{"play whep", actor.playWHEP},
		{"play what is pushed", actor.playPushed},
	}
	// soakActs are those who are up to something else.
	soakActs = []act{
		{"stall", actor.stall},
		{"stall", actor.stall},
		{"vanish", actor.vanish},
		{"wrong input", actor.throwGarbage},
		{"record by request", actor.record},
	}
)

// viewersEach is how many of each kind watch at a time.
const viewersEach = 2

// actor is one who comes, stays a little and goes, over and over.
type actor struct {
	*soak
	r *rand.Rand
}

// run has everybody come and go for so long, and waits until all have gone.
func (s *soak) run(ctx context.Context, length time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var running, publishers sync.WaitGroup
	publishing, unpublish := context.WithCancel(context.WithoutCancel(ctx))
	id := uint64(0)
	begin := func(ctx context.Context, wg *sync.WaitGroup, session func(a actor, ctx context.Context)) {
		a := actor{s, rand.New(rand.NewPCG(id, uint64(length)))}
		id++
		wg.Go(func() {
			for ctx.Err() == nil {
				session(a, ctx)
				a.pause(ctx, time.Second)
			}
		})
	}
	for _, p := range soakPublishers {
		begin(publishing, &publishers, func(a actor, ctx context.Context) { p.publish(a, ctx, p.stream) })
	}
	for range viewersEach {
		for _, v := range soakViews {
			begin(ctx, &running, func(a actor, ctx context.Context) { a.watch(ctx, v) })
		}
	}
	for _, v := range soakActs {
		begin(ctx, &running, func(a actor, ctx context.Context) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*patience)
			defer cancel()
			a.note(v.kind, 0, v.do(a, ctx, soakStreams[a.r.IntN(len(soakStreams))]))
		})
	}
	running.Wait()
	unpublish()
	publishers.Wait()
}

// watch is the session of a viewer. One that has begun gets its media, whatever
// the time.
func (a actor) watch(ctx context.Context, v view) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*patience)
	defer cancel()
	stream := soakStreams[a.r.IntN(len(soakStreams))]
	began := time.Now()
	first := time.Duration(0)
	err := v.do(a, ctx, stream, func() {
		if first == 0 {
			first = time.Since(began)
		}
	})
	if err == nil && first == 0 {
		err = errors.New("got no media")
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", stream, err)
	}
	a.note(v.kind, first, err)
}

// pause waits for some random time, or the end of ctx.
func (a actor) pause(ctx context.Context, most time.Duration) {
	wait(ctx, time.Duration(a.r.Int64N(int64(most))))
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// crash reports whether this session is to end without a word.
func (a actor) crash() bool { return a.r.IntN(2) == 0 }

func (a actor) publishRTMP(ctx context.Context, stream string) {
	a.publish(ctx, "publish rtmp", a.media.file, "-f", "flv", "rtmp://"+a.g.rtmp+"/"+stream)
}

// publishBig publishes what soon fills the buffers of who does not read.
func (a actor) publishBig(ctx context.Context, stream string) {
	a.publish(ctx, "publish rtmp", a.big, "-f", "flv", "rtmp://"+a.g.rtmp+"/"+stream)
}

// publishOrigin publishes to the server that is pulled from.
func (a actor) publishOrigin(ctx context.Context, stream string) {
	a.publish(ctx, "publish rtmp", a.media.file, "-f", "flv", "rtmp://"+a.far.rtmp+"/"+stream)
}

func publishByRTSP(transport string) func(a actor, ctx context.Context, stream string) {
	return func(a actor, ctx context.Context, stream string) {
		a.publish(ctx, "publish rtsp "+transport, a.media.file, "-f", "rtsp", "-rtsp_transport", transport, "rtsp://"+a.g.rtsp+"/"+stream)
	}
}

func (a actor) publishTS(ctx context.Context, stream string) {
	a.publish(ctx, "publish http-ts", a.media.file, "-f", "mpegts", "-method", "POST", "http://"+a.g.http+"/"+stream+".ts")
}

// publish has ffmpeg send a file over and over, in real time, for some seconds.
func (a actor) publish(ctx context.Context, kind, file string, to ...string) {
	var said logBuffer
	cmd := exec.Command("ffmpeg", append([]string{"-hide_banner", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", file, "-c", "copy"}, to...)...)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		a.note(kind, 0, err)
		return
	}
	began := time.Now()
	ended := make(chan struct{})
	stay, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(ended)
		defer cancel()
		_ = cmd.Wait()
	}()
	a.pause(stay, 3*time.Second)
	if a.r.IntN(4) == 0 { // it freezes, and then sends what it has missed
		_ = cmd.Process.Signal(syscall.SIGSTOP)
		a.pause(stay, 5*time.Second)
		_ = cmd.Process.Signal(syscall.SIGCONT)
	}
	a.pause(stay, 12*time.Second)
	var err error
	if stay.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%s: ffmpeg ended after %v: %s", to[len(to)-1], time.Since(began), said.String())
	}
	a.note(kind, 0, err)
	if a.crash() {
		_ = cmd.Process.Kill()
	} else {
		_ = cmd.Process.Signal(syscall.SIGTERM) // an interrupt is ignored until ffmpeg is ready for it, where the shell says so
	}
	select {
	case <-ended:
	case <-time.After(patience): // it waits for an answer, for example
		_ = cmd.Process.Kill()
		<-ended
		a.note(kind, 0, errors.New("ffmpeg does not end"))
	}
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
	stay, cancel := context.WithTimeout(ctx, 2*time.Second+time.Duration(a.r.Int64N(int64(8*time.Second))))
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
