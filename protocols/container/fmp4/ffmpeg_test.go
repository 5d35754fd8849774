package fmp4

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/server/media"
)

// runTool runs a tool of ffmpeg and returns what it prints; a warning fails the test.
func runTool(t *testing.T, tool string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("%s is missing: install the package ffmpeg (%v)", tool, err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-v", "warning"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, stderr.Bytes())
	}
	if stderr.Len() > 0 && !strings.Contains(strings.Join(args, " "), "lavfi") {
		t.Errorf("%s %v warns:\n%s", tool, args, stderr.Bytes())
	}
	return string(out)
}

// sources are what ffmpeg writes that this package reads and writes again.
var sources = []struct {
	name, codecs string
	options      []string
}{
	{"H264 with B-frames, AAC", "avc1.4d400c,mp4a.40.2", []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "3", "-g", "15", "-level", "1.2", "-c:a", "aac", "-ac", "2"}},
	{"H264 with slices, MP3", "avc1.42c00c,mp4a.40.34", []string{"-c:v", "libx264", "-profile:v", "baseline", "-tune", "zerolatency", "-g", "15", "-level", "1.2", "-c:a", "libmp3lame"}},
	{"H265, Opus", "hvc1.1.6.L60.90,opus", []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "keyint=15:log-level=none", "-tag:v", "hvc1", "-c:a", "libopus", "-ar", "48000"}},
	{"AV1, FLAC", "av01.0.00M.08,fLaC", []string{"-c:v", "libsvtav1", "-preset", "12", "-g", "15", "-c:a", "flac", "-strict", "-2"}},
	{"VP9, AC-3", "vp09.00.11.08,ac-3", []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "15", "-c:a", "ac3"}},
	{"E-AC-3", "ec-3", []string{"-vn", "-c:a", "eac3"}},
	{"MP3 at 22050 Hz", "mp4a.40.34", []string{"-vn", "-c:a", "libmp3lame", "-ar", "22050"}},
	{"AAC mono at 96 kHz", "mp4a.40.2", []string{"-vn", "-c:a", "aac", "-ar", "96000", "-ac", "1"}},
	{"AAC 5.1", "mp4a.40.2", []string{"-vn", "-c:a", "aac", "-ac", "6"}},
	{"Opus 5.1", "opus", []string{"-vn", "-c:a", "libopus", "-ar", "48000", "-ac", "6"}},
	{"FLAC at 96 kHz in 24 bits", "fLaC", []string{"-vn", "-c:a", "flac", "-strict", "-2", "-ar", "96000", "-sample_fmt", "s32"}},
}

// record makes a file of two seconds with the given options.
func record(t *testing.T, name string, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args := []string{"-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-f", "lavfi", "-i", "sine=f=440:r=44100", "-t", "2"}
	runTool(t, "ffmpeg", append(append(args, options...), path)...)
	return path
}

// TestFFmpeg reads ffmpeg's files and writes them again, live and as records:
// ffmpeg decodes them to the same frames at the same times.
func TestFFmpeg(t *testing.T) {
	for i, c := range sources {
		t.Run(c.name, func(t *testing.T) {
			// ffmpeg writes data offsets from the start of the file in the
			// first form, from moof in the second.
			flags := [...]string{"frag_keyframe+delay_moov", "cmaf+delay_moov"}[i%2]
			source := record(t, "source.mp4", append(c.options, "-movflags", flags, "-frag_duration", "500000", "-use_editlist", "0")...)
			tracks, packets := scanFile(t, source)
			if s, err := ContentType(tracks); err != nil || !strings.Contains(s, `"`+c.codecs+`"`) {
				t.Errorf("content type %s, %v, want %s", s, err, c.codecs)
			}
			want := decode(t, source, tracks)
			for name, write := range map[string]func(*testing.T, media.Tracks, []*media.Packet) []byte{"live.mp4": writeLive, "record.mp4": writeRecord} {
				result := filepath.Join(t.TempDir(), name)
				if err := os.WriteFile(result, write(t, tracks, packets), 0o600); err != nil {
					t.Fatal(err)
				}
				got := decode(t, result, tracks)
				if len(want) < 18 || len(got) != len(want) {
					t.Errorf("%s: %d frames, want %d", name, len(got), len(want))
				}
				for i := range min(len(got), len(want)) {
					if got[i] != want[i] {
						t.Errorf("%s: frame %d is %s, want %s", name, i, got[i], want[i])
						break
					}
				}
				if name == "record.mp4" {
					checkSeek(t, result)
				}
			}
		})
	}
}

// decode returns the times and hashes of a file's frames, pictures first.
func decode(t *testing.T, file string, ts media.Tracks) (list []string) {
	t.Helper()
	for _, track := range ts.Media() {
		kind := track.Codec.Kind().String()[:1]
		list = append(list, frames(runTool(t, "ffmpeg", "-i", file, "-copyts", "-map", "0:"+kind, "-f", "framehash", "-"))...)
	}
	return list
}

// checkSeek demands that a record says how long it is and that ffmpeg finds its
// way in it.
func checkSeek(t *testing.T, file string) {
	t.Helper()
	printed := strings.TrimSpace(runTool(t, "ffprobe", "-show_entries", "format=duration", "-of", "csv=p=0", file))
	if d, err := time.ParseDuration(printed + "s"); err != nil || d < 1900*time.Millisecond || d > 2150*time.Millisecond {
		t.Errorf("the record lasts %s", printed)
	}
	rest := frames(runTool(t, "ffmpeg", "-ss", "1.5", "-i", file, "-map", "0:0", "-f", "framehash", "-"))
	if len(rest) == 0 || len(rest) > 60 {
		t.Errorf("%d frames after 1.5 s of 2", len(rest))
	}
}

// TestSeekOverHTTP: ffmpeg's demuxer, which browsers have too, finds the middle of
// a file by its segment index, in a few requests for little of it.
func TestSeekOverHTTP(t *testing.T) {
	ts, packets := scanFile(t, record(t, "short.mp4", append(sources[0].options, "-movflags", "frag_keyframe+delay_moov", "-use_editlist", "0")...))
	start := packets[0].DTS
	var long []*media.Packet
	for i := range 100 {
		for _, p := range packets {
			if p.DTS-start < 2*time.Second {
				q := *p
				q.DTS, q.PTS = p.DTS+time.Duration(i)*2*time.Second, p.PTS+time.Duration(i)*2*time.Second
				long = append(long, &q)
			}
		}
	}
	file := writeRecord(t, ts, long)
	var sent atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(counted{w, &sent}, r, "file.mp4", time.Time{}, bytes.NewReader(file))
	}))
	// What a response has in the kernel when its client leaves is little.
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if err := c.(*net.TCPConn).SetWriteBuffer(32 << 10); err != nil {
			t.Error(err)
		}
		return ctx
	}
	server.Start()
	defer server.Close()
	out := runTool(t, "ffprobe", "-read_intervals", "100%+#1", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", server.URL)
	at, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
	if err != nil || at < 96 || at > 100.1 {
		t.Errorf("a seek to 100 s finds %q", out)
	}
	if n := sent.Load(); n > int64(len(file))/2 {
		t.Errorf("%d bytes of %d are sent", n, len(file))
	}
}

// counted counts what is written.
type counted struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// writeLive makes a fragment of each packet, as live players get them.
func writeLive(t *testing.T, ts media.Tracks, packets []*media.Packet) []byte {
	t.Helper()
	out, err := Init(ts)
	if err != nil {
		t.Fatal(err)
	}
	var d Durations
	for i, p := range packets {
		if out, err = AppendFragment(out, uint32(i+1), []Sample{d.Sample(p)}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// writeRecord makes a fragment of each group of pictures, of 20 samples without
// any, with duration and index.
func writeRecord(t *testing.T, ts media.Tracks, packets []*media.Packet) []byte {
	t.Helper()
	out, err := FileInit(ts, 32<<10)
	if err != nil {
		t.Fatal(err)
	}
	var pacer Pacer
	var samples []Sample
	var index Index
	sequence := uint32(0)
	write := func() {
		sequence++
		index.Add(int64(len(out)), samples)
		if out, err = AppendFragment(out, sequence, samples); err != nil {
			t.Fatal(err)
		}
		samples = samples[:0]
	}
	for _, p := range packets {
		s, ok := pacer.Push(p)
		if !ok {
			continue
		}
		if k := s.Packet; len(samples) >= 20 && ts.Video == nil || len(samples) > 0 && k.Kind() == media.Video && k.Key {
			write()
		}
		samples = append(samples, s)
	}
	samples = append(samples, pacer.Flush()...)
	write()
	if err := index.Complete(out, int64(len(out))); err != nil {
		t.Fatal(err)
	}
	return index.Append(out)
}

// scanFile returns a file's tracks and packets.
func scanFile(t *testing.T, path string) (media.Tracks, []*media.Packet) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewScanner(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var packets []*media.Packet
	for {
		f, _, err := s.Next()
		if errors.Is(err, io.EOF) {
			return s.Movie().Tracks(), packets
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range f.Samples {
			sample.Packet.Payload = bytes.Clone(sample.Packet.Payload)
			packets = append(packets, sample.Packet)
		}
	}
}

// frames returns the presentation times and hashes of a framehash listing.
func frames(list string) (frames []string) {
	base := 0.0
	for line := range strings.Lines(list) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && name == "#tb 0" {
			num, den, _ := strings.Cut(value, "/")
			n, _ := strconv.ParseFloat(num, 64)
			d, _ := strconv.ParseFloat(den, 64)
			base = n / d
		}
		if fields := strings.Split(line, ","); len(fields) == 6 {
			pts, _ := strconv.ParseFloat(strings.TrimSpace(fields[2]), 64)
			frames = append(frames, fmt.Sprintf("%.3f %s", pts*base, strings.TrimSpace(fields[5])))
		}
	}
	return frames
}
