package e2e

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// small is a picture that costs little, with sound.
var small = source{"small", strings.Fields("-map 0 -map 1 -vf scale=160:90 -c:v libx264 -preset ultrafast -tune zerolatency " +
	"-x264-params slices=1:sliced-threads=0:keyint=30:min-keyint=30 -pix_fmt yuv420p -c:a aac -b:a 64k -ac 2")}

// hasher is an ffmpeg that plays a stream and hashes each packet as it comes.
type hasher struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	log  logBuffer
	done chan struct{}

	mu     sync.Mutex
	hashes map[string][]string // by stream index: pictures and sound
	last   time.Time
	gap    time.Duration
}

func hash(t *testing.T, url string) *hasher {
	t.Helper()
	h := &hasher{t: t, name: url, done: make(chan struct{}), hashes: map[string][]string{}}
	h.cmd = exec.Command("ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-i", url,
		"-map", "0:v", "-map", "0:a", "-c", "copy", "-flush_packets", "1", "-f", "framemd5", "-")
	h.cmd.Stderr = &h.log
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go h.read(out)
	t.Cleanup(func() {
		_ = h.cmd.Process.Kill()
		<-h.done
	})
	return h
}

func (h *hasher) read(out io.Reader) {
	defer close(h.done)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		f := strings.Split(lines.Text(), ",")
		if len(f) < 6 || strings.HasPrefix(f[0], "#") {
			continue
		}
		now := time.Now()
		h.mu.Lock()
		h.hashes[strings.TrimSpace(f[0])] = append(h.hashes[strings.TrimSpace(f[0])], strings.TrimSpace(f[5]))
		if !h.last.IsZero() {
			h.gap = max(h.gap, now.Sub(h.last))
		}
		h.last = now
		h.mu.Unlock()
	}
	_ = h.cmd.Wait()
}

// count returns how many packets have come.
func (h *hasher) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.hashes["0"]) + len(h.hashes["1"])
}

// finish ends the player and expects an unbroken part of what was published.
func (h *hasher) finish(video, audio []string) {
	h.t.Helper()
	_ = h.cmd.Process.Signal(os.Interrupt)
	<-h.done
	h.mu.Lock()
	defer h.mu.Unlock()
	for index, whole := range map[string][]string{"0": video, "1": audio} {
		got := h.hashes[index]
		if len(got) == 0 || !inside(got, whole) {
			h.t.Errorf("%s: the %d packets of track %s are no unbroken part of what was published", h.name, len(got), index)
		}
	}
	h.t.Logf("%s: %d pictures, %d of sound, longest silence %v", h.name, len(h.hashes["0"]), len(h.hashes["1"]), h.gap.Round(time.Millisecond))
	if s := h.log.String(); s != "" {
		h.t.Logf("%s: ffmpeg said: %s", h.name, s)
	}
}

// bystanders are a publisher and players that have nothing to do with an
// attack and must not notice it.
type bystanders struct {
	g            *gateway
	pub          *process
	video, audio []string
	players      []*hasher
	whep         *pionViewer
}

const calm = "live/calm"

// bystand starts them.
func bystand(t *testing.T, g *gateway) *bystanders {
	t.Helper()
	const rounds = 20
	file := small.make(t, "60")
	b := &bystanders{
		g: g, video: slices.Repeat(packets(t, "v", "-i", file), rounds), audio: slices.Repeat(packets(t, "a", "-i", file), rounds),
		pub: push(t, file, "rtmp://"+g.rtmp+"/"+calm, "-stream_loop", strconv.Itoa(rounds)),
	}
	g.live(calm, 2)
	for _, url := range []string{"rtmp://" + g.rtmp + "/" + calm, "http://" + g.http + "/" + calm + ".flv"} {
		b.players = append(b.players, hash(t, url))
	}
	var err error
	if b.whep, err = watch(t.Context(), "http://"+g.http+"/"+calm+"/whep", pionOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.whep.pc.Close() })
	b.playOn()
	return b
}

// playOn waits until everybody has got more, and expects that nobody was
// jumped over.
func (b *bystanders) playOn() {
	b.g.t.Helper()
	b.g.alive()
	var before []int
	for _, p := range b.players {
		before = append(before, p.count())
	}
	pictures, sound := b.whep.of("video").pictures, b.whep.of("audio").packets
	b.g.until("all players play on", func() bool {
		for i, p := range b.players {
			if p.count() < before[i]+50 {
				return false
			}
		}
		return b.whep.of("video").pictures > pictures+20 && b.whep.of("audio").packets > sound+20
	})
	for _, v := range b.g.stream(calm).Viewers {
		if v.Jumps > 0 {
			b.g.t.Errorf("a player by %s fell behind and jumped %d times", v.Protocol, v.Jumps)
		}
	}
}

// finish ends the players and checks all they got.
func (b *bystanders) finish() {
	b.g.t.Helper()
	for _, p := range b.players {
		p.finish(b.video, b.audio)
	}
	for _, kind := range []string{"video", "audio"} {
		s := b.whep.of(kind)
		b.g.t.Logf("whep: %s: %d packets, %d lost, longest silence %v", kind, s.packets, s.lost(), s.gap.Round(time.Millisecond))
		// A machine that stands still under the siege loses a few datagrams.
		if s.lost() > s.packets/500 {
			b.g.t.Errorf("whep: %d packets of %s never came", s.lost(), kind)
		}
	}
	if err := b.whep.hangUp(); err != nil {
		b.g.t.Error(err)
	}
}
