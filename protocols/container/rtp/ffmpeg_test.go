//go:build linux

package rtp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sluice/protocols/codec/nal"
	"sluice/protocols/container/rtp"
	"sluice/protocols/container/rtp/jitter"
	"sluice/protocols/container/rtp/timing"
	"sluice/server/media"
)

// clip is a short stream that ffmpeg encodes, and sends by RTP as it is.
type clip struct {
	name   string
	file   string   // its extension chooses the container
	encode []string // ffmpeg's arguments between the test source and the file
	send   []string // further ones for its RTP output
	raw    string   // muxer of the bare samples, for sound without frames
	codec  media.Codec
}

var (
	picture = []string{"-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-t", "1.2", "-g", "10"}
	sound   = []string{"-f", "lavfi", "-i", "sine=f=440:r=48000", "-t", "1.2"}
)

var clips = []clip{
	{
		name: "H264, four slices", file: "mp4", codec: media.H264,
		encode: args(picture, "-c:v libx264 -preset ultrafast -tune zerolatency -x264-params slices=4"),
	},
	{
		name: "H264, B-frames", file: "mp4", codec: media.H264,
		encode: args(picture, "-c:v libx264 -preset fast -bf 3 -b_strategy 0 -b-pyramid normal"),
	},
	{
		name: "H264, one NAL unit per packet", file: "mp4", codec: media.H264,
		encode: args(picture, "-c:v libx264 -preset ultrafast -x264-params slice-max-size=1000"), send: args(nil, "-rtpflags h264_mode0"),
	},
	{name: "H265", file: "mp4", codec: media.H265, encode: args(picture, "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=2")},
	{name: "VP8", file: "webm", codec: media.VP8, encode: args(picture, "-c:v libvpx -deadline realtime -auto-alt-ref 0")},
	{name: "VP9", file: "webm", codec: media.VP9, encode: args(picture, "-c:v libvpx-vp9 -deadline realtime -cpu-used 8"), send: args(nil, "-strict experimental")},
	{name: "Opus", file: "webm", codec: media.Opus, encode: args(sound, "-c:a libopus -b:a 96k -ac 2")},
	{name: "AAC", file: "mp4", codec: media.AAC, encode: args(sound, "-c:a aac -b:a 128k -ac 2")},
	{name: "AAC by LATM", file: "mp4", codec: media.AAC, encode: args(sound, "-c:a aac -b:a 128k -ac 2"), send: args(nil, "-rtpflags latm")},
	{name: "MP3", file: "mp3", codec: media.MP3, encode: args(sound, "-c:a libmp3lame -b:a 128k -ac 2 -write_xing 0 -id3v2_version 0")},
	{name: "MP2", file: "mp2", codec: media.MP2, encode: args(sound, "-c:a mp2 -b:a 192k -ac 2")},
	{name: "PCMA", file: "wav", codec: media.PCMA, encode: args(sound, "-c:a pcm_alaw -ar 8000 -ac 1"), raw: "alaw"},
	{name: "PCMU", file: "wav", codec: media.PCMU, encode: args(sound, "-c:a pcm_mulaw -ar 8000 -ac 1"), raw: "mulaw"},
	{name: "G722", file: "wav", codec: media.G722, encode: args(sound, "-c:a g722 -ar 16000 -ac 1"), raw: "g722"},
	{name: "L16", file: "aiff", codec: media.L16, encode: args(sound, "-c:a pcm_s16be -ar 44100 -ac 2"), raw: "s16be"},
}

func args(head []string, tail string) []string {
	return append(append([]string{}, head...), strings.Fields(tail)...)
}

// ffmpeg runs ffmpeg and returns what it writes to its standard output.
func ffmpeg(ctx context.Context, arguments ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "ffmpeg", append([]string{"-hide_banner", "-nostdin", "-v", "error", "-y"}, arguments...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg (Debian: apt-get install ffmpeg): %w\n%s", err, stderr.Bytes())
	}
	return out, nil
}

func run(t *testing.T, arguments ...string) []byte {
	t.Helper()
	out, err := ffmpeg(t.Context(), arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// frame is a frame as ffmpeg sees it in a file.
type frame struct {
	dts, pts time.Duration
	hash     string
}

// framesOf lists the frames of a file.
func framesOf(t *testing.T, file string) (frames []frame) {
	t.Helper()
	var num, den int64 = 1, 1
	lines := bufio.NewScanner(bytes.NewReader(run(t, "-i", file, "-c", "copy", "-f", "framemd5", "-")))
	for lines.Scan() {
		if base, ok := strings.CutPrefix(lines.Text(), "#tb 0: "); ok {
			if _, err := fmt.Sscanf(base, "%d/%d", &num, &den); err != nil {
				t.Fatal(err)
			}
		}
		f := strings.Split(strings.ReplaceAll(lines.Text(), " ", ""), ",")
		if len(f) < 6 || strings.HasPrefix(f[0], "#") {
			continue
		}
		dts, _ := strconv.ParseInt(f[1], 10, 64)
		pts, _ := strconv.ParseInt(f[2], 10, 64)
		unit := func(v int64) time.Duration { return time.Duration(v * num * int64(time.Second) / den) }
		frames = append(frames, frame{unit(dts), unit(pts), f[5]})
	}
	if len(frames) == 0 {
		t.Fatalf("no frames in %s", file)
	}
	return frames
}

// TestFromFFmpeg takes RTP that ffmpeg sends and compares what comes out with
// the frames that ffmpeg read, by hash and time.
func TestFromFFmpeg(t *testing.T) {
	for _, c := range clips {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "clip."+c.file)
			run(t, append(append([]string{}, c.encode...), file)...)
			format, units := receive(t, c, file)
			if format.Codec() != c.codec && c.codec != media.MP2 { // which only its frames tell
				t.Fatalf("ffmpeg announces %+v", format)
			}
			if c.raw != "" {
				compareSamples(t, units, run(t, "-i", file, "-c", "copy", "-f", c.raw, "-"))
				return
			}
			compareFrames(t, format, units, framesOf(t, file))
		})
	}
}

// receive has ffmpeg send a file, and returns what it announces and the units
// that come.
func receive(t *testing.T, c clip, file string) (rtp.Format, []rtp.Unit) {
	t.Helper()
	conn, _ := listen(t)
	sdp := filepath.Join(t.TempDir(), "clip.sdp")
	arguments := append([]string{"-i", file, "-c", "copy"}, c.send...)
	run(t, append(arguments, "-sdp_file", sdp, "-f", "rtp", "rtp://"+conn.LocalAddr().String()+"?pkt_size=1200")...)
	format := formatOf(t, sdp)
	d, err := rtp.NewDepacketizer(format, rtp.DepacketizerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	buffer := jitter.NewBuffer(jitter.Config{})
	var units []rtp.Unit
	b := make([]byte, 2048)
	for {
		// ffmpeg is done: all of it is in the socket's buffer.
		if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(b)
		if err != nil {
			break
		}
		p, err := rtp.Parse(bytes.Clone(b[:n]))
		if err != nil {
			t.Fatal(err)
		}
		if p.PayloadType >= 72 && p.PayloadType <= 76 {
			continue // RTCP, RFC 5761 4
		}
		now := time.Now()
		buffer.Push(p, now)
		for p, lost, ok := buffer.Pop(now); ok; p, lost, ok = buffer.Pop(now) {
			if units, err = d.Append(units, p, lost); err != nil {
				t.Fatal(err)
			}
		}
	}
	return format, d.Flush(units)
}

// listen opens UDP sockets for RTP, which holds a whole clip, and for RTCP on the
// port above it.
func listen(t *testing.T) (media, control *net.UDPConn) {
	t.Helper()
	for range 100 {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		port := conn.LocalAddr().(*net.UDPAddr).Port
		if port%2 == 1 {
			continue
		}
		rtcp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1})
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = rtcp.Close() })
		if err := conn.SetReadBuffer(4 << 20); err != nil {
			t.Fatal(err)
		}
		return conn, rtcp
	}
	t.Fatal("no pair of ports is free")
	return nil, nil
}

// formatOf reads the first format of an SDP.
func formatOf(t *testing.T, file string) rtp.Format {
	t.Helper()
	sdp, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var f rtp.Format
	for line := range strings.Lines(string(sdp)) {
		line = strings.TrimSpace(line)
		if words := strings.Fields(line); strings.HasPrefix(line, "m=") {
			pt, _ := strconv.Atoi(words[3])
			f, _ = rtp.StaticFormat(uint8(pt))
		}
		if _, value, ok := strings.Cut(line, " "); ok && strings.HasPrefix(line, "a=rtpmap:") {
			parts := strings.Split(value, "/")
			f.Name = parts[0]
			f.Clock, _ = strconv.Atoi(parts[1])
			if len(parts) > 2 {
				f.Channels, _ = strconv.Atoi(parts[2])
			}
		} else if ok && strings.HasPrefix(line, "a=fmtp:") {
			f.Params = rtp.ParseParams(value)
		}
	}
	return f
}

func compareSamples(t *testing.T, units []rtp.Unit, want []byte) {
	t.Helper()
	var all []byte
	for _, u := range units {
		all = append(all, u.Payload...)
	}
	if !bytes.Equal(all, want) || len(want) == 0 {
		t.Errorf("%d bytes came, %d were sent", len(all), len(want))
	}
}

func compareFrames(t *testing.T, format rtp.Format, units []rtp.Unit, want []frame) {
	t.Helper()
	// ffmpeg gathers several frames of AAC and MPEG audio in a packet, and forgets
	// the last ones at the end.
	gathers := slices.Contains([]media.Codec{media.AAC, media.MP3, media.MP2}, units[0].Track.Codec)
	if missing := len(want) - len(units); missing != 0 && (missing < 0 || missing > 4 || !gathers) {
		t.Fatalf("%d units of %d frames", len(units), len(want))
	}
	depth := timing.ReorderDepth(units[0].Track)
	dts := timing.NewDTS(depth)
	unwrap := timing.Unwrapper{}
	first := unwrap.Unwrap(units[0].Timestamp)
	for i, u := range units {
		if hash := md5.Sum(u.Payload); hex.EncodeToString(hash[:]) != want[i].hash {
			t.Fatalf("frame %d differs", i)
		}
		if u.Track != units[0].Track || u.Lost || u.Key != (i%10 == 0 && u.Track.Codec.Kind() == media.Video) {
			t.Errorf("frame %d: track %+v, key %v, lost %v", i, u.Track, u.Key, u.Lost)
		}
		pts := media.FromClock(unwrap.Unwrap(u.Timestamp)-first, format.Clock)
		decoded, shown := dts.Next(pts)
		if off := pts - (want[i].pts - want[0].pts); off > 2*time.Millisecond || off < -2*time.Millisecond || shown != pts {
			t.Errorf("frame %d: PTS %v is off by %v", i, pts, off)
		}
		off := decoded - (want[i].dts - want[0].pts)
		if i >= depth && (off > 2*time.Millisecond || off < -2*time.Millisecond) && u.Track.Codec.Kind() == media.Video {
			t.Errorf("frame %d: DTS %v is off by %v", i, decoded, off)
		}
	}
}

// TestToFFmpeg sends by RTP what came from ffmpeg, and has ffmpeg read it.
func TestToFFmpeg(t *testing.T) {
	for _, c := range clips {
		if c.raw != "" || len(c.send) > 0 && c.codec != media.VP9 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "clip."+c.file)
			run(t, append(append([]string{}, c.encode...), file)...)
			_, units := receive(t, c, file)
			out, muxer := filepath.Join(t.TempDir(), "out"), "framemd5"
			switch c.codec {
			case media.H264:
				muxer = "h264"
			case media.H265:
				muxer = "hevc"
			}
			// ffmpeg knows the end of a frame by the next.
			count := len(units) - 2
			play(t, units, "-frames", strconv.Itoa(count), "-copyinkf", "-c", "copy", "-f", muxer, out)
			got, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			var want []byte
			for _, u := range units[:count] {
				if muxer == "framemd5" {
					hash := md5.Sum(u.Payload)
					want = hex.AppendEncode(want, hash[:])
				} else {
					want = append(want, u.Payload...)
				}
			}
			if muxer == "framemd5" {
				got = hashesOf(got)
			} else {
				got = nal.FromAnnexB(got)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("ffmpeg got %d bytes, want %d", len(got), len(want))
			}
		})
	}
}

// hashesOf returns the hashes of a framemd5 file.
func hashesOf(framemd5 []byte) (hashes []byte) {
	for line := range bytes.Lines(framemd5) {
		if i := bytes.LastIndexByte(line, ','); i >= 0 && line[0] != '#' {
			hashes = append(hashes, bytes.TrimSpace(line[i+1:])...)
		}
	}
	return hashes
}

// play sends units by RTP to an ffmpeg with the given output, and waits for it.
func play(t *testing.T, units []rtp.Unit, output ...string) {
	t.Helper()
	track := units[0].Track
	format, err := rtp.FormatOf(track)
	if err != nil {
		t.Fatal(err)
	}
	conn, rtcp := listen(t)
	port := conn.LocalAddr().(*net.UDPAddr).Port
	_, _ = conn.Close(), rtcp.Close()
	sdp := filepath.Join(t.TempDir(), "play.sdp")
	pt := 96
	if format.Name == "MPA" {
		pt = 14
	}
	text := fmt.Sprintf("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=%v %d RTP/AVP %d\r\na=rtpmap:%[3]d %s/%d/%d\r\na=fmtp:%[3]d %[7]v\r\n",
		track.Codec.Kind(), port, pt, format.Name, format.Clock, max(format.Channels, 1), format.Params)
	if err := os.WriteFile(sdp, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := ffmpeg(t.Context(), append([]string{
			"-protocol_whitelist", "file,udp,rtp", "-buffer_size", "4000000", "-analyzeduration", "1", "-fpsprobesize", "0", "-i", sdp,
		}, output...)...)
		done <- err
	}()
	waitForPort(t, port)
	send(t, units, port, uint8(pt))
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("ffmpeg waits for more")
	}
}

// waitForPort waits until a process has a UDP socket on the port.
func waitForPort(t *testing.T, port int) {
	t.Helper()
	want := fmt.Appendf(nil, ":%04X ", port)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if sockets, err := os.ReadFile("/proc/net/udp"); err == nil && bytes.Contains(sockets, want) {
			return
		}
	}
	t.Fatal("ffmpeg does not listen")
}

// send packetizes units and sends them.
func send(t *testing.T, units []rtp.Unit, port int, payloadType uint8) {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	z, err := rtp.NewPacketizer(units[0].Track.Codec, rtp.PacketizerConfig{NoLayerIndices: true})
	if err != nil {
		t.Fatal(err)
	}
	p := rtp.Packet{PayloadType: payloadType, SSRC: 0x1234, Sequence: 65530}
	for _, u := range units {
		payloads, err := z.Append(nil, &media.Packet{Track: u.Track, Key: u.Key, Payload: u.Payload})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range payloads {
			p.Payload, p.Marker, p.Timestamp = l.Data, l.Marker, u.Timestamp+l.Ticks
			if _, err := conn.Write(p.Append(nil)); err != nil {
				return // ffmpeg has what it wants
			}
			p.Sequence++
		}
	}
}
