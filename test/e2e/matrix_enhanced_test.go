package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ffmpeg 5.1 knows neither H265 nor Opus in FLV and RTMP. What is here publishes
// and plays them by Enhanced RTMP (Veovera, v2), and writes what it gets into a
// Matroska file.

// fourCCs of Enhanced RTMP, by ffprobe's names.
var fourCCs = map[string]string{"hevc": "hvc1", "opus": "Opus", "h264": "avc1", "aac": "mp4a"}

// classic reports whether ffmpeg 5.1 can publish and play the codecs by RTMP.
func classic(codecs ...string) bool {
	for _, c := range codecs {
		if c == "hevc" || c == "opus" {
			return false
		}
	}
	return true
}

// publishEnhanced publishes a script by RTMP until kill is called, which ends the
// connection as a crash does.
func publishEnhanced(t *testing.T, g *gateway, app, name string, s script) (kill func()) {
	t.Helper()
	r, err := dialRTMP(g.rtmp, false)
	if err != nil {
		t.Fatal(err)
	}
	r.publish(app, name)
	g.until("the publisher is accepted", func() bool { return r.says("NetStream.Publish.Start") })
	r.send(setChunkSize(1 << 20))
	for _, kind := range []string{"video", "audio"} {
		if c := s.config[kind]; c != nil {
			r.send(message(s.tag(unit{kind: kind, data: c, key: true}, true)))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var playing sync.WaitGroup
	playing.Go(func() { s.play(ctx, func(u unit) { r.send(message(s.tag(u, false))) }) })
	kill = sync.OnceFunc(func() {
		r.Close()
		cancel()
		playing.Wait()
	})
	t.Cleanup(kill)
	return kill
}

// message encodes a tag in one chunk.
func message(f flvTag) []byte {
	return append(chunkHeader(4, f.kind, 1, f.ms, len(f.body)), f.body...)
}

// tag is a unit, or a configuration, as RTMP and FLV have it.
func (s script) tag(u unit, config bool) flvTag {
	first := s.units[0].dts
	f := flvTag{kind: rtmpAudio, ms: uint32((u.dts - first).Milliseconds())}
	if config {
		f.ms = 0
	}
	codec := s.codec[u.kind]
	cts := (u.pts - u.dts).Milliseconds()
	switch {
	case codec == "h264":
		f.kind, f.body = rtmpVideo, []byte{0x27, 1, byte(cts >> 16), byte(cts >> 8), byte(cts)}
		if u.key {
			f.body[0] = 0x17
		}
		if config {
			f.body[1] = 0
		}
	case codec == "aac":
		f.body = []byte{0xaf, 1}
		if config {
			f.body[1] = 0
		}
	case codec == "pcm_alaw":
		f.body = []byte{0x72}
	case codec == "pcm_mulaw":
		f.body = []byte{0x82}
	case u.kind == "audio":
		f.body = append([]byte{0x91}, fourCCs[codec]...)
		if config {
			f.body[0] = 0x90
		}
	default:
		f.kind, f.body = rtmpVideo, append([]byte{0xa1}, fourCCs[codec]...)
		if u.key {
			f.body[0] = 0x91
		}
		if config {
			f.body[0] = 0x90
		} else {
			f.body = append(f.body, byte(cts>>16), byte(cts>>8), byte(cts))
		}
	}
	f.body = append(f.body, u.data...)
	return f
}

// parseTag is what a tag of either form carries; ok is false for metadata and for
// what is neither picture nor sound.
func parseTag(f flvTag) (codec string, u unit, config, ok bool) {
	u.dts = time.Duration(f.ms) * time.Millisecond
	u.pts = u.dts
	b := f.body
	if len(b) < 2 || f.kind == flvScript {
		return "", u, false, false
	}
	u.kind = "audio"
	if f.kind == rtmpVideo {
		u.kind = "video"
		u.key = b[0]>>4&7 == 1
	}
	cts := func(at int) {
		u.pts += time.Duration(int32(uint32(b[at])<<24|uint32(b[at+1])<<16|uint32(b[at+2])<<8)>>8) * time.Millisecond
		u.data = b[at+3:]
	}
	enhanced := f.kind == rtmpVideo && b[0]&0x80 != 0 || f.kind == rtmpAudio && b[0]>>4 == 9
	if enhanced && len(b) >= 8 {
		for name, four := range fourCCs {
			if string(b[1:5]) == four {
				codec = name
			}
		}
		u.data = b[5:]
		switch packet := b[0] & 15; {
		case packet == 0:
			return codec, u, true, codec != ""
		case packet == 1 && f.kind == rtmpVideo:
			cts(5)
		case packet == 1, packet == 3:
		default:
			return "", u, false, false
		}
		return codec, u, false, codec != ""
	}
	switch {
	case f.kind == rtmpVideo && b[0]&15 == 7 && len(b) > 5:
		cts(2)
		return "h264", u, b[1] == 0, b[1] < 2
	case f.kind == rtmpAudio && b[0]>>4 == 10:
		u.data = b[2:]
		return "aac", u, b[1] == 0, true
	case f.kind == rtmpAudio && b[0]>>4 == 7:
		u.data = b[1:]
		return "pcm_alaw", u, false, true
	case f.kind == rtmpAudio && b[0]>>4 == 8:
		u.data = b[1:]
		return "pcm_mulaw", u, false, true
	}
	return "", u, false, false
}

// tagRecorder keeps the tags of a connection until it is stopped.
type tagRecorder struct {
	mu       sync.Mutex
	tags     []flvTag
	pictures atomic.Int64
	ended    chan struct{}
	err      error
}

// recordTags reads tags until next fails; hangUp makes it fail.
func recordTags(t *testing.T, m *want, next func() (flvTag, error), hangUp func()) *capture {
	k := &tagRecorder{ended: make(chan struct{})}
	go func() {
		defer close(k.ended)
		for {
			f, err := next()
			if err != nil {
				k.err = err
				return
			}
			k.mu.Lock()
			k.tags = append(k.tags, f)
			k.mu.Unlock()
			if _, _, config, ok := parseTag(f); ok && !config && f.kind == rtmpVideo {
				k.pictures.Add(1)
			}
		}
	}()
	stop := sync.OnceFunc(func() {
		hangUp()
		<-k.ended
	})
	t.Cleanup(stop)
	r := &capture{file: filepath.Join(t.TempDir(), "recorded.mkv"), pictures: func() int { return int(k.pictures.Load()) }}
	r.done = func() bool {
		select {
		case <-k.ended:
			return true
		default:
			return false
		}
	}
	var problems string
	r.said = func() string { return problems }
	r.stop = func() {
		stop()
		b, faults := tagsToMKV(k.tags, m)
		problems = faults
		if err := os.WriteFile(r.file, b, 0o600); err != nil {
			t.Error(err)
		}
	}
	return r
}

// tagsToMKV writes the tags' media. Matroska has no decoding times: that they
// rise is checked here.
func tagsToMKV(tags []flvTag, w *want) (file []byte, faults string) {
	tracks := map[string]*mkvTrack{}
	last := map[string]time.Duration{}
	for _, f := range tags {
		codec, u, config, ok := parseTag(f)
		if !ok {
			continue
		}
		tr := tracks[u.kind]
		if tr == nil {
			tr = &mkvTrack{codec: codec}
			tracks[u.kind] = tr
			last[u.kind] = -1
		}
		if codec != tr.codec {
			faults += fmt.Sprintf("%s after %s\n", codec, tr.codec)
		}
		if config {
			tr.private = u.data
			continue
		}
		if u.dts <= last[u.kind] {
			faults += fmt.Sprintf("%s: DTS %v after %v\n", u.kind, u.dts, last[u.kind])
		}
		last[u.kind] = u.dts
		tr.blocks = append(tr.blocks, mkvBlock{u.pts, u.key || u.kind == "audio", u.data})
	}
	var list []*mkvTrack
	for _, kind := range []string{"video", "audio"} {
		if tr := tracks[kind]; tr != nil {
			list = append(list, tr)
		}
	}
	return mkv(list), faults
}

// playFLVTags records a FLV stream over HTTP.
func playFLVTags(t *testing.T, url string, w want) *capture {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f, end, err := playFLV(ctx, url)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	return recordTags(t, &w, f.next, func() { cancel(); _ = end() })
}

// playRTMPTags records by RTMP, as a player that takes H265 and Opus.
func playRTMPTags(t *testing.T, g *gateway, app, name string, w want) *capture {
	t.Helper()
	conn, err := dial(g.rtmp, false)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	if err := shakeRTMP(conn); err != nil {
		t.Fatal(err)
	}
	connect := command(0, "connect", 1, map[string]any{"app": app, "tcUrl": "rtmp://localhost/" + app, "fourCcList": []string{"hvc1", "Opus"}})
	for _, m := range [][]byte{connect, command(0, "createStream", 2, nil), command(1, "play", 3, nil, name)} {
		if _, err := conn.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	in := &chunkReader{r: conn, size: 128, streams: map[uint32]*chunkStream{}}
	return recordTags(t, &w, in.next, func() { conn.Close() })
}

// chunkStream is where a message of one chunk stream stands.
type chunkStream struct {
	flvTag
	length int
	delta  uint32
	got    []byte
}

// chunkReader reads RTMP messages.
type chunkReader struct {
	r       io.Reader
	size    int
	streams map[uint32]*chunkStream
}

// next returns the next message of sound or pictures.
func (c *chunkReader) next() (flvTag, error) {
	for {
		f, whole, err := c.chunk()
		if err != nil {
			return f, err
		}
		switch {
		case !whole:
		case f.kind == rtmpSetChunkSize && len(f.body) >= 4:
			c.size = int(binary.BigEndian.Uint32(f.body))
		case f.kind == rtmpAudio || f.kind == rtmpVideo:
			return f, nil
		}
	}
}

// chunk reads one chunk, and reports whether a message is whole with it.
func (c *chunkReader) chunk() (f flvTag, whole bool, err error) {
	read := func(n int) []byte {
		b := make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(c.r, b)
		}
		return b
	}
	first := read(1)[0]
	id := uint32(first & 63)
	switch id {
	case 0:
		id = 64 + uint32(read(1)[0])
	case 1:
		b := read(2)
		id = 64 + uint32(b[0]) + uint32(b[1])<<8
	}
	s := c.streams[id]
	if s == nil {
		s = &chunkStream{}
		c.streams[id] = s
	}
	format := first >> 6
	head := read([4]int{11, 7, 3, 0}[format])
	stamp := s.delta
	if format < 3 {
		stamp = uint32(head[0])<<16 | uint32(head[1])<<8 | uint32(head[2])
	}
	if format < 2 {
		s.length = int(head[3])<<16 | int(head[4])<<8 | int(head[5])
		s.kind = head[6]
	}
	if stamp == 0xffffff {
		stamp = binary.BigEndian.Uint32(read(4))
	}
	if len(s.got) == 0 {
		if format == 0 {
			s.ms = stamp
		} else {
			s.ms += stamp
		}
		if format < 3 {
			s.delta = stamp
		}
	}
	s.got = append(s.got, read(min(c.size, s.length-len(s.got)))...)
	if err != nil || len(s.got) < s.length {
		return f, false, err
	}
	f = flvTag{kind: s.kind, ms: s.ms, body: s.got}
	s.got = nil
	return f, true, nil
}

// httpGet is for players that take bytes as they come.
func httpGet(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	return res.Body, nil
}
