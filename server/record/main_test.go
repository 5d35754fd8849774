package record

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sluice/protocols/container/flv"
	"sluice/server/hub"
	"sluice/server/media"
	"sluice/server/transcode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines collects what is logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// count is how many lines have all the parts.
func (l *lines) count(parts ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
			n++
		}
	}
	return n
}

// bench is a recorder with its hub, in a bubble of fake time.
type bench struct {
	t   *testing.T
	hub *hub.Hub
	svc *Service
	log *lines
	dir string
}

// run gives the test a recorder. wrap may be nil.
func run(t *testing.T, cfg Config, wrap func(string, file) file, test func(t *testing.T, b *bench)) {
	t.Helper()
	if cfg.Dir == DefaultConfig().Dir {
		cfg.Dir = t.TempDir()
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, log: &lines{}, dir: cfg.Dir}
		logger := slog.New(slog.NewTextHandler(b.log, nil))
		b.hub = hub.New(hub.DefaultConfig(), hub.Options{
			Log: logger, Transcoders: transcode.Table(transcode.DefaultConfig(), logger),
		})
		var err error
		if b.svc, err = start(cfg, b.hub, logger, &storage{dir: cfg.Dir, wrap: wrap}); err != nil {
			t.Fatal(err)
		}
		defer func() {
			b.stop()
			b.hub.Close()
			if t.Failed() {
				t.Logf("the log:\n%s", b.log.buf.String())
			}
		}()
		test(t, b)
	})
}

func (b *bench) stop() {
	if err := b.svc.Stop(b.t.Context()); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) publish(name string) *hub.Publisher {
	b.t.Helper()
	p, err := b.hub.Publish(b.t.Context(), hub.Session{Stream: name, Protocol: "test"})
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// play writes packets at their time, copied, since the hub keeps what it gets.
func (b *bench) play(p *hub.Publisher, packets []*media.Packet) {
	b.t.Helper()
	begin := time.Now()
	for _, pkt := range packets {
		q := *pkt
		time.Sleep(time.Until(begin.Add(q.DTS - packets[0].DTS)))
		if err := p.Write(&q); err != nil {
			b.t.Fatal(err)
		}
	}
}

func rules(formats ...Format) Config {
	cfg := DefaultConfig()
	cfg.Rules = []Rule{{Match: "live/*", Formats: formats}}
	return cfg
}

// The tracks of made-up packets. No decoder sees them.
var (
	h264Track = &media.Track{Codec: media.H264, Config: []byte{1, 0x42, 0, 0x1e, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0, 0x1e, 1, 0, 2, 0x68, 0xce}, Width: 640, Height: 360}
	h265Track = &media.Track{Codec: media.H265, Config: append([]byte{1}, make([]byte, 22)...), Width: 640, Height: 360}
	aacTrack  = &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2}
)

const frame = 40 * time.Millisecond

// made is so long a stream of pictures, a key frame a second, with sound where
// audio is not nil.
func made(from, length time.Duration, video, audio *media.Track) (list []*media.Packet) {
	for i := 0; time.Duration(i)*frame < length; i++ {
		at := from + time.Duration(i)*frame
		if video != nil {
			payload := append([]byte{0, 0, 0, 40, 0x65}, bytes.Repeat([]byte{byte(i)}, 39)...)
			list = append(list, &media.Packet{Track: video, DTS: at, PTS: at, Key: i%25 == 0, Payload: payload})
		}
		if audio != nil {
			list = append(list, &media.Packet{Track: audio, DTS: at, PTS: at, Payload: fmt.Appendf(nil, "sound %d", i)})
		}
	}
	return list
}

// tool runs a program and returns what it prints.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// encoded is so many seconds of a real stream, pictures with B-frames and sound,
// and the file that it is from.
func encoded(t *testing.T, seconds string) (name string, packets []*media.Packet) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "source.flv")
	tool(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", seconds, "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", name)
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, d := flv.NewReader(f, 1<<20), &flv.Demuxer{}
	for {
		tag, err := r.Next()
		if err != nil {
			return name, packets
		}
		_, p, err := d.Demux(tag)
		if err != nil {
			t.Fatal(err)
		}
		if p != nil && p.Kind() != media.Data {
			packets = append(packets, p)
		}
	}
}
