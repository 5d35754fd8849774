package rtmp

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/protocols/container/flv"
	"sluice/protocols/rtmp/message"
	"sluice/server/hub"
	"sluice/server/media"
)

// start runs ffmpeg in the background; it is killed with the test.
func start(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(testContext(t), "ffmpeg", append([]string{"-hide_banner", "-nostdin", "-loglevel", "error"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// play runs ffmpeg as a player until it ends by itself, and returns its packets.
func (g *gateway) play(t *testing.T, name string) <-chan []string {
	played := make(chan []string, 1)
	go func() {
		out, log, err := ffmpeg(testContext(t), "-rw_timeout", "20000000", "-i", g.url+"/"+name, "-c", "copy", "-f", "framehash", "-hash", "md5", "-")
		if err != nil {
			t.Errorf("player: %v\n%s", err, log)
		}
		played <- packets(out)
	}()
	return played
}

func soonUnpublished(c *Config, _ *hub.Config, _ *hub.Options) { c.UnpublishNotify = 0 }

// What ffmpeg publishes comes out at an ffmpeg that plays, bit by bit, for
// picture and sound together and alone.
func TestThroughTheHub(t *testing.T) {
	file := sample(t)
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"both", []string{"-c", "copy"}, 75 + 130},
		{"sound only", []string{"-c", "copy", "-vn"}, 130},
		{"picture only", []string{"-c", "copy", "-an"}, 75},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, soonUnpublished)
			played := g.play(t, "live/one")
			g.waitViewers(t, "live/one", 1)
			want := packets(mustFFmpeg(t, slices.Concat([]string{"-i", file}, c.args, []string{"-f", "framehash", "-hash", "md5", "-"})...))
			mustFFmpeg(t, slices.Concat([]string{"-re", "-i", file}, c.args, []string{"-f", "flv", g.url + "/live/one"})...)
			got := <-played
			if len(want) < c.want {
				t.Fatalf("the sample has %d packets", len(want))
			}
			// Sound before the first key frame is not sent: of each kind the
			// player has all, but for a few at the start.
			for _, kind := range []string{"0 ", "1 "} {
				of := func(list []string) []string {
					return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !strings.HasPrefix(s, kind) })
				}
				want, got := of(want), of(got)
				missing := len(want) - len(got)
				if missing < 0 || missing > 8 || !slices.Equal(want[missing:], got) {
					t.Errorf("kind %s: %d packets published, %d played; they differ", kind, len(want), len(got))
				}
			}
		})
	}
}

// livePublisher runs ffmpeg that publishes a picture with B-frames and a tone
// in real time, with a key frame every two seconds.
func livePublisher(t *testing.T, url string) *exec.Cmd {
	return start(t, "-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv", url)
}

// A player that comes late starts at once, on a key frame, with what it needs
// before.
func TestLateJoin(t *testing.T) {
	t.Parallel()
	g := startGateway(t, nil)
	livePublisher(t, g.url+"/live/one")
	g.waitPublisher(t, "live/one", true)
	for range 4 {
		from := time.Now()
		player, err := testClient().Play(testContext(t), g.url+"/live/one")
		if err != nil {
			t.Fatal(err)
		}
		var d flv.Demuxer
		first := nextPicture(t, &d, player)
		if !first.Key || first.Track.Width != 320 {
			t.Errorf("the first picture: key %v, width %d", first.Key, first.Track.Width)
		}
		t.Logf("first picture after %v", time.Since(from))
		last := first
		for range 30 {
			p := nextPicture(t, &d, player)
			if p.DTS <= last.DTS || p.PTS < p.DTS {
				t.Errorf("DTS %v behind %v, PTS %v", p.DTS, last.DTS, p.PTS)
			}
			last = p
		}
		player.Close()
	}
}

// A publisher that is killed and comes back: the same player goes on, its time
// rising, its picture clean: ffmpeg decodes all of it.
func TestPublisherIsKilled(t *testing.T) {
	t.Parallel()
	g := startGateway(t, nil)
	client := testClient()
	client.Caps = Capabilities{} // what this ffmpeg understands
	player, err := client.Play(testContext(t), g.url+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	var d flv.Demuxer
	var flvFile bytes.Buffer
	flvFile.Write(flv.Header{Audio: true, Video: true}.Append(nil))
	last := time.Duration(-1)
	for range 3 {
		pub := livePublisher(t, g.url+"/live/one")
		begun := false // the sequence header has come; before it are the old one's last pictures
		for seen := 0; seen < 40; {
			m, err := player.Read()
			if err != nil {
				t.Fatal(err)
			}
			flvFile.Write(flv.AppendTag(nil, flv.TagType(m.Type), uint32(m.Timestamp), m.Body))
			begun = begun || m.Type == message.Video && m.Body[1] == 0
			p := demux(t, &d, m)
			if p == nil || p.Kind() != media.Video {
				continue
			}
			if p.DTS <= last {
				t.Errorf("DTS %v behind %v", p.DTS, last)
			}
			last = p.DTS
			if !begun {
				continue
			}
			if seen == 0 && !p.Key {
				t.Error("a publisher's first picture is no key frame")
			}
			seen++
		}
		if err := pub.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		g.waitPublisher(t, "live/one", false)
	}
	cmd := exec.CommandContext(testContext(t), "ffmpeg", "-hide_banner", "-loglevel", "error", "-xerror", "-err_detect", "explode", "-i", "-", "-f", "null", "-")
	cmd.Stdin = &flvFile
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("decoding: %v\n%s", err, out)
	}
}

// Everything bad at once on the listener, while a stream goes on: it arrives
// whole.
func TestOthersPlayOn(t *testing.T) {
	t.Parallel()
	file := sample(t)
	g := startGateway(t, soonUnpublished)
	played := g.play(t, "live/one")
	g.waitViewers(t, "live/one", 1)
	addr := strings.TrimPrefix(g.url, "rtmp://")
	for i := range 20 {
		c := dialRaw(t, addr)
		if i%2 == 0 {
			continue // it stays, and says nothing
		}
		c.connectRaw(t)
		c.call(t, 0, "createStream", nil)
		c.say(t, 1, "publish", fmt.Sprintf("bad%d", i))
		c.expect(t, CodePublishStart)
		c.send(t,
			message.Message{Type: message.Video, StreamID: 1, Body: bytes.Repeat([]byte{0x17}, 1+i)},
			message.Message{Type: message.Audio, StreamID: 1, Body: []byte{0xaf}},
		)
		// A message of 8 MiB that never comes, then nothing.
		if _, err := io.WriteString(c.net, "\x02\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00\x00\xff\xff\xff"+
			"\x06\x00\x00\x00\x7f\xff\xff\x09\x01\x00\x00\x00\x17"); err != nil {
			t.Fatal(err)
		}
	}
	mustFFmpeg(t, "-re", "-i", file, "-c", "copy", "-f", "flv", g.url+"/live/one")
	if got := <-played; len(got) < 195 {
		t.Errorf("%d packets", len(got))
	}
}

// ffmpeg publishes by RTMPS and plays by RTMPS, from another path than the
// first publisher's.
func TestSecurePlay(t *testing.T) {
	t.Parallel()
	g := startGateway(t, nil)
	livePublisher(t, g.secure+"/live/one")
	g.waitPublisher(t, "live/one", true)
	cmd := exec.CommandContext(testContext(t), "ffprobe", "-v", "error", "-rw_timeout", "20000000",
		"-show_entries", "stream=codec_name", "-of", "csv=p=0", g.secure+"/live/one")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var codecs []string
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		codecs = append(codecs, s.Text())
	}
	slices.Sort(codecs)
	if !slices.Equal(codecs, []string{"aac", "h264"}) {
		t.Errorf("ffprobe sees %v", codecs)
	}
}
