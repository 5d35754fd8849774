package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A capture is a player at work.
type capture struct {
	file     string
	pictures func() int    // how many have come
	stop     func()        // ends it; the file is whole then
	said     func() string // its complaints
	done     func() bool   // it has ended
	after    bool          // it is whole when the publisher has gone
	take     func() take   // what was recorded, where that is no file
}

// An outlet is one way to play a stream.
type outlet struct {
	name string
	// passes are the codecs that go out as they are; any other sound goes out as
	// sound. A picture that is not listed is left out.
	passes []string
	sound  string
	drops  bool    // B pictures are left out for this player
	settle float64 // see want
	padded bool    // see want
	record func(t *testing.T, g *gateway, stream string, w want) *capture
}

// want says how a medium comes out.
func (o outlet) want(m medium) want {
	w := want{bframes: m.bframes, drops: o.drops && m.bframes > 0, settle: o.settle, padded: o.padded, runs: 2, audio: o.sound}
	for _, c := range o.passes {
		if c == m.video {
			w.video = c
		}
		if c == m.audio {
			w.audio, w.passed = c, true
		}
	}
	return w
}

// progress is a line of ffmpeg's -progress.
var progress = regexp.MustCompile(`(?m)^[a-z_0-9]+=.*\n?`)

// harmless is what ffmpeg 5.1 says of every HLS stream whose header comes again
// after a discontinuity, when it writes two key frames in a row into a file, and
// when it tries another port because one is taken.
var harmless = regexp.MustCompile(`(?m)^.*(Found duplicated MOOV Atom. Skipped it|Multiple keyframes with same PTS|bind failed: Address already in use)(\n +Last message repeated \d+ times)?\n?`)

// playRTSP plays with ffmpeg, which decodes at once. It finds no
// decoding times in RTP, without which it can't write B pictures into a file. When
// it decodes, it needs none.
func playRTSP(transport string) func(*testing.T, *gateway, string, want) *capture {
	return func(t *testing.T, g *gateway, stream string, w want) *capture {
		t.Helper()
		dir := t.TempDir()
		tracks, err := describe(t.Context(), g.rtsp, stream)
		if err != nil {
			t.Error(err)
		}
		if tracks["audio"].codec == "mpa" && strings.HasPrefix(w.audio, "mp") {
			tracks["audio"] = fileStream{codec: w.audio} // MPA says no layer
		}
		args := []string{"-rtsp_transport", transport, "-copyts", "-i", "rtsp://" + g.rtsp + "/" + stream}
		args = append(append(args, decodeInto(dir)...), copyInto(dir, "audio")...)
		c := captureFFmpeg(t, args...)
		c.take = func() take {
			k := take{tracks: tracks, packets: map[string][]filePacket{"audio": copied(dir, "audio")}}
			k.decoded(dir)
			return k
		}
		return c
	}
}

// rtpmap is a codec in an SDP.
var rtpmap = regexp.MustCompile(`(?m)^m=(\w+)|^a=rtpmap:\d+ ([^/]+)/`)

// describe asks for the description of a stream and returns its tracks.
func describe(ctx context.Context, addr, stream string) (map[string]fileStream, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "DESCRIBE rtsp://%s/%s RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n", addr, stream)
	in := bufio.NewReader(conn)
	head, err := textproto.NewReader(in).ReadLine()
	if err != nil || !strings.HasPrefix(head, "RTSP/1.0 200") {
		return nil, fmt.Errorf("DESCRIBE: %q %w", head, err)
	}
	fields, err := textproto.NewReader(in).ReadMIMEHeader()
	if err != nil {
		return nil, err
	}
	n, _ := strconv.Atoi(fields.Get("Content-Length"))
	sdp := make([]byte, min(n, 1<<16))
	if _, err := io.ReadFull(in, sdp); err != nil {
		return nil, err
	}
	tracks := map[string]fileStream{}
	kind := ""
	names := map[string]string{"H264": "h264", "H265": "hevc", "MPEG4-GENERIC": "aac", "OPUS": "opus", "PCMA": "pcm_alaw", "PCMU": "pcm_mulaw", "MPA": "mpa"}
	for _, m := range rtpmap.FindAllStringSubmatch(string(sdp), -1) {
		if m[1] != "" {
			kind = m[1]
			continue
		}
		tracks[kind] = fileStream{codec: names[strings.ToUpper(m[2])]}
	}
	return tracks, nil
}

// playFFmpeg plays with ffmpeg, which writes every packet as it is, with the time
// that the stream gives it.
func playFFmpeg(url func(g *gateway, stream string) string, options ...string) func(*testing.T, *gateway, string, want) *capture {
	return func(t *testing.T, g *gateway, stream string, w want) *capture {
		t.Helper()
		file := filepath.Join(t.TempDir(), "recorded.nut")
		args := append(options[:len(options):len(options)], "-copyts", "-i", url(g, stream), "-map", "0:v?", "-map", "0:a?", "-c", "copy", "-copyinkf")
		if w.audio == "aac" {
			args = append(args, "-bsf:a", "aac_adtstoasc")
		}
		c := captureFFmpeg(t, append(args, "-f", "nut", file)...)
		c.file = file
		return c
	}
}

// captureFFmpeg runs ffmpeg and follows what it says.
func captureFFmpeg(t *testing.T, args ...string) *capture {
	t.Helper()
	ff := background(t, "ffmpeg", append([]string{"-hide_banner", "-nostdin", "-v", "warning", "-progress", "pipe:1", "-stats_period", "0.2"}, args...)...)
	done := func() bool {
		select {
		case <-ff.done:
			return true
		default:
			return false
		}
	}
	return &capture{
		done: done,
		said: func() string { return harmless.ReplaceAllString(progress.ReplaceAllString(ff.log.String(), ""), "") },
		pictures: func() int {
			text := ff.log.String()
			i := strings.LastIndex(text, "frame=")
			if i < 0 {
				return 0
			}
			line, _, _ := strings.Cut(text[i+len("frame="):], "\n")
			n, _ := strconv.Atoi(strings.TrimSpace(line))
			return n
		},
		stop: func() {
			_ = ff.cmd.Process.Signal(os.Interrupt)
			select {
			case <-ff.done:
			case <-time.After(5 * time.Second):
				ff.kill()
			}
		},
	}
}

// playWebSocket writes the bytes that come over a WebSocket into a file, which
// ffmpeg reads as it is; text messages are none of them. share is how many
// messages come for each picture.
func playWebSocket(suffix string, share int) func(*testing.T, *gateway, string, want) *capture {
	return func(t *testing.T, g *gateway, stream string, w want) *capture {
		t.Helper()
		ws, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+g.http+"/"+stream+suffix, nil)
		if err != nil {
			t.Fatal(err)
		}
		suffix, _, _ := strings.Cut(suffix, "?")
		file := filepath.Join(t.TempDir(), "websocket"+suffix)
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		var messages atomic.Int64
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer f.Close()
			for {
				kind, message, err := ws.ReadMessage()
				if err != nil {
					return
				}
				if kind == websocket.BinaryMessage {
					messages.Add(1)
					_, _ = f.Write(message)
				}
			}
		}()
		stop := sync.OnceFunc(func() {
			ws.Close()
			<-ended
		})
		t.Cleanup(stop)
		var faults string
		c := &capture{
			file: file, said: func() string { return faults },
			pictures: func() int { return int(messages.Load()) / share },
			done: func() bool {
				select {
				case <-ended:
					return true
				default:
					return false
				}
			},
		}
		c.stop = func() {
			stop()
			c.file, faults = readable(t, file, w)
		}
		return c
	}
}

// readable is a file that ffmpeg 5.1 reads: FLV with what it does not know there
// becomes Matroska.
func readable(t *testing.T, file string, w want) (same, faults string) {
	t.Helper()
	if filepath.Ext(file) != ".flv" || classic(w.video, w.audio) {
		return file, ""
	}
	b, faults := tagsToMKV(readFLV(t, file), &w)
	file = strings.TrimSuffix(file, ".flv") + ".mkv"
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Error(err)
	}
	return file, faults
}

// playRecord takes the server's own record of the stream.
func playRecord(dir, ext string) func(*testing.T, *gateway, string, want) *capture {
	return func(t *testing.T, g *gateway, stream string, w want) *capture {
		file := filepath.Join(dir, stream+ext)
		c := &capture{file: file, after: true, pictures: func() int { return math.MaxInt / 2 }, done: func() bool { return true }}
		var faults string
		c.said = func() string { return faults }
		c.stop = func() {
			g.in(t).until("the record is finished", func() bool {
				_, err := os.Stat(file)
				return err == nil
			})
			c.file, faults = readable(t, file, w)
		}
		return c
	}
}
