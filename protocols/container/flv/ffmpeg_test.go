package flv

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"sluice/server/media"
)

// run runs a tool of ffmpeg and returns what it prints.
func run(t *testing.T, tool string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Fatalf("%s is missing: install the package ffmpeg (%v)", tool, err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-v", "error"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, stderr.Bytes())
	}
	return out
}

// record makes an FLV file of two seconds with the given codec options.
func record(t *testing.T, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source.flv")
	args := []string{"-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-f", "lavfi", "-i", "sine=f=440:r=44100", "-t", "2"}
	run(t, "ffmpeg", append(append(args, options...), "-flvflags", "no_duration_filesize", path)...)
	return path
}

// probed is a packet as ffprobe sees it.
type probed struct {
	Kind  string `json:"codec_type"`
	PTS   string `json:"pts_time"`
	DTS   string `json:"dts_time"`
	Size  string `json:"size"`
	Flags string `json:"flags"`
}

func probe(t *testing.T, path string) []probed {
	t.Helper()
	var list struct{ Packets []probed }
	if err := json.Unmarshal(run(t, "ffprobe", "-show_packets", "-of", "json", path), &list); err != nil {
		t.Fatal(err)
	}
	return list.Packets
}

func seconds(t *testing.T, s string) time.Duration {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(f*1000+0.5) * time.Millisecond
}

// recordings are what ffmpeg writes that this package reads.
var recordings = []struct {
	name         string
	options      []string
	video, audio media.Codec
}{
	{"H264 with B-frames and AAC", []string{"-c:v", "libx264", "-bf", "3", "-g", "15", "-c:a", "aac", "-ac", "2"}, media.H264, media.AAC},
	{"H264 with slices", []string{"-c:v", "libx264", "-tune", "zerolatency", "-g", "15", "-an"}, media.H264, media.CodecUnknown},
	{"MP3", []string{"-vn", "-c:a", "libmp3lame"}, media.CodecUnknown, media.MP3},
	{"A-law", []string{"-vn", "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"}, media.CodecUnknown, media.PCMA},
	{"mu-law", []string{"-vn", "-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"}, media.CodecUnknown, media.PCMU},
}

// TestFFmpeg reads ffmpeg's files, finds the packets that ffprobe finds, and
// writes them again as the same bytes.
func TestFFmpeg(t *testing.T) {
	for _, c := range recordings {
		t.Run(c.name, func(t *testing.T) {
			path := record(t, c.options...)
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := probe(t, path)
			got, tags := demuxTags(t, file)
			if len(got) != len(want) {
				t.Fatalf("%d packets, ffprobe finds %d", len(got), len(want))
			}
			kinds := media.Tracks{}
			for i, p := range got {
				w := want[i]
				if p.Kind().String() != w.Kind || strconv.Itoa(len(p.Payload)) != w.Size ||
					p.DTS != seconds(t, w.DTS) || p.PTS != seconds(t, w.PTS) ||
					p.Kind() == media.Video && p.Key != (w.Flags[0] == 'K') {
					t.Errorf("packet %d: %s, %d bytes, DTS %v, PTS %v, key %v; ffprobe: %+v", i, p.Kind(), len(p.Payload), p.DTS, p.PTS, p.Key, w)
				}
				kinds = kinds.With(p.Track)
				tag, err := Form{}.Tag(p)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(tag, tags[i]) {
					t.Fatalf("packet %d is written as %x, was %x", i, tag[:20], tags[i][:20])
				}
			}
			checkCodecs(t, kinds, c.video, c.audio)
		})
	}
}

func checkCodecs(t *testing.T, ts media.Tracks, video, audio media.Codec) {
	t.Helper()
	for kind, want := range map[media.Kind]media.Codec{media.Video: video, media.Audio: audio} {
		track := ts.Get(kind)
		switch {
		case track == nil:
			if want != media.CodecUnknown {
				t.Errorf("no %s track", kind)
			}
		case track.Codec != want:
			t.Errorf("%s track is %s, want %s", kind, track.Codec, want)
		case kind == media.Video && (track.Width != 320 || track.Height != 180):
			t.Errorf("picture of %dx%d", track.Width, track.Height)
		case kind == media.Audio && (track.SampleRate == 0 || track.Channels == 0):
			t.Errorf("sound of %d Hz, %d channels", track.SampleRate, track.Channels)
		}
	}
}

// demuxTags returns the packets of a file, and for each the bytes of its tag.
func demuxTags(t *testing.T, file []byte) (packets []*media.Packet, tags [][]byte) {
	t.Helper()
	r, d, offset := NewReader(bytes.NewReader(file), MaxBody), Demuxer{}, HeaderSize
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return packets, tags
		}
		if err != nil {
			t.Fatal(err)
		}
		size := TagSize(len(tag.Body))
		_, p, err := d.Demux(tag)
		if err != nil {
			t.Fatal(err)
		}
		if p != nil {
			packets, tags = append(packets, p), append(tags, file[offset:offset+size])
		}
		offset += size
	}
}

// TestFFmpegReads writes a file of our own and lets ffmpeg decode it to the
// same pictures and sound as the source.
func TestFFmpegReads(t *testing.T) {
	path := record(t, "-c:v", "libx264", "-bf", "2", "-c:a", "aac")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	packets, _ := demuxTags(t, file)
	out := Header{Audio: true, Video: true}.Append(nil)
	announced := media.Tracks{}
	for _, p := range packets {
		if announced.Get(p.Kind()) != p.Track {
			announced = announced.With(p.Track)
			head, err := Form{}.SequenceTag(p.Track, Form{}.Timestamp(p))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, head...)
		}
		tag, err := Form{}.Tag(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, tag...)
	}
	mine := filepath.Join(t.TempDir(), "mine.flv")
	if err := os.WriteFile(mine, out, 0o600); err != nil {
		t.Fatal(err)
	}
	sums := []string{"-map", "0:v", "-map", "0:a", "-f", "framemd5", "-"}
	want := run(t, "ffmpeg", append([]string{"-i", path}, sums...)...)
	got := run(t, "ffmpeg", append([]string{"-i", mine}, sums...)...)
	if !bytes.Equal(got, want) {
		t.Error("ffmpeg decodes something else from what was written")
	}
}
