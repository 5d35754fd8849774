package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recordFor plays a stream by RTMP or FLV into a file for some seconds.
func recordFor(t *testing.T, url string, seconds int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "recorded.flv")
	ffmpeg(t, "-v", "error", "-i", url, "-t", strconv.Itoa(seconds), "-c", "copy", "-f", "flv", file)
	return file
}

// track is one stream of a file as ffprobe sees it.
type fileTrack struct {
	codec           string
	start, end      float64 // presentation times, s
	packets, height int
}

// tracksOf returns the tracks of a file by kind: "video", "audio".
func tracksOf(t *testing.T, file string) map[string]fileTrack {
	t.Helper()
	out := map[string]fileTrack{}
	names := output(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_type,codec_name", "-of", "csv=p=0", file)
	for _, line := range strings.Fields(string(names)) {
		f := strings.Split(line, ",")
		out[f[1]] = fileTrack{codec: f[0], start: math.Inf(1)}
	}
	lines := output(t, "ffprobe", "-v", "error", "-show_entries", "packet=codec_type,pts_time", "-of", "csv=p=0", file)
	for _, line := range strings.Fields(string(lines)) {
		f := strings.Split(line, ",")
		tr, ok := out[f[0]]
		pts, err := strconv.ParseFloat(f[1], 64)
		if !ok || err != nil {
			continue
		}
		tr.packets++
		tr.start, tr.end = min(tr.start, pts), max(tr.end, pts)
		out[f[0]] = tr
	}
	return out
}

// checkH264AAC wants H.264 and AAC that begin and end together, and decode
// without a complaint. A browser that is short of time skips pictures, also the
// last ones.
func checkH264AAC(t *testing.T, what, file string, seconds float64) {
	t.Helper()
	decodes(t, file)
	tr := tracksOf(t, file)
	v, a := tr["video"], tr["audio"]
	t.Logf("%s: video %+v, audio %+v", what, v, a)
	if v.codec != "h264" || a.codec != "aac" || len(tr) != 2 {
		t.Errorf("%s: tracks %+v, want h264 and aac", what, tr)
	}
	if math.Abs(v.start-a.start) > 0.1 || math.Abs(v.end-a.end) > 0.4 {
		t.Errorf("%s: picture %.3f-%.3f s, sound %.3f-%.3f s", what, v.start, v.end, a.start, a.end)
	}
	if v.end-v.start < seconds-1 || float64(a.packets) < 0.95*(a.end-a.start)*48000/1024 {
		t.Errorf("%s: %d packets of sound in %.1f s", what, a.packets, v.end-v.start)
	}
}

// pcm decodes the sound of a file to mono at 48 kHz.
func pcm(t *testing.T, file string) (samples []float64) {
	t.Helper()
	b := ffmpeg(t, "-v", "error", "-i", file, "-vn", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", "48000", "-f", "s16le", "-")
	for ; len(b) >= 2; b = b[2:] {
		samples = append(samples, float64(int16(binary.LittleEndian.Uint16(b)))/32768)
	}
	return samples
}

// onsets are the times (s) at which a sound begins after at least 100 ms of
// silence.
func onsets(samples []float64, level float64) (at []float64) {
	loud := math.MinInt / 2
	for i, x := range samples {
		if math.Abs(x) < level {
			continue
		}
		if i-loud > 4800 {
			at = append(at, float64(i)/48000)
		}
		loud = i
	}
	return at
}

// pitch is the frequency of a tone by its rising zero crossings.
func pitch(samples []float64) float64 {
	first, last, n := -1, 0, 0
	for i := 1; i < len(samples); i++ {
		if samples[i-1] < 0 && samples[i] >= 0 {
			if first < 0 {
				first = i
			}
			last = i
			n++
		}
	}
	if n < 2 {
		return 0
	}
	return float64(n-1) * 48000 / float64(last-first)
}

// TestChromiumToRTMP publishes the browser's camera and its beep from our page,
// and ffmpeg records H.264 and AAC in time by RTMP and by FLV.
func TestChromiumToRTMP(t *testing.T) {
	g := start(t)
	p := browse(t).open("http://" + g.http + "/live/cam/publish")
	p.until("the page has a camera", "!document.getElementById('start').disabled")
	p.run(`(() => {
		const { form } = document.forms;
		document.querySelector('[name=height]').value = '360';
		const codec = document.querySelector('[name=codec]');
		codec.value = 'H264';
		for (const s of document.querySelectorAll('[name=height], [name=codec]')) s.dispatchEvent(new Event('change', { bubbles: true }));
		if (codec.value !== 'H264') throw new Error('the page does not offer H264');
	})()`)
	p.until("the camera is 360 pixels high", "document.getElementById('preview').videoHeight === 360 && !document.getElementById('start').disabled")
	p.click("#start")
	g.live("live/cam", 2)
	p.until("the page says that it is live", "document.getElementById('status').textContent === 'Live'")
	for _, url := range []string{"rtmp://" + g.rtmp + "/live/cam", "http://" + g.http + "/live/cam.flv"} {
		file := recordFor(t, url, 8)
		checkH264AAC(t, url, file, 8)
		if n := len(onsets(pcm(t, file), 0.05)); n < 4 {
			t.Errorf("%s: %d beeps in 8 s", url, n)
		}
	}
	p.until("the page shows figures", "document.querySelector('#stats [data-stat=codec]').textContent === 'H264 + opus' || document.querySelector('#stats [data-stat=codec]').textContent")
	t.Logf("the page's figures: %s", eval[string](p, "document.getElementById('stats').innerText.replaceAll('\\n', ' ')"))
	p.click("#start") // Stop
	g.until("the publisher is gone", func() bool { return !g.stream("live/cam").Live })
}

// synthetic is a MediaStream whose picture flashes and whose sound beeps at
// 1000 Hz once a second, for 100 ms.
const synthetic = `(() => {
	const canvas = document.createElement('canvas');
	canvas.width = 640; canvas.height = 360;
	const c = canvas.getContext('2d'), ac = new AudioContext(), out = ac.createMediaStreamDestination();
	const osc = new OscillatorNode(ac, { frequency: 1000 }), gain = new GainNode(ac, { gain: 0 });
	osc.connect(gain).connect(out); osc.start();
	let next = Math.ceil(ac.currentTime) + 1;
	setInterval(() => {
		for (; next < ac.currentTime + 2; next++) {
			gain.gain.setValueAtTime(0.8, next);
			gain.gain.setValueAtTime(0, next + 0.1);
		}
		c.fillStyle = ac.currentTime % 1 < 0.1 && ac.currentTime > 1 ? 'white' : 'black';
		c.fillRect(0, 0, 640, 360);
		c.fillStyle = 'gray';
		c.fillRect(ac.currentTime * 100 % 600, 300, 40, 40);
	}, 10);
	return new MediaStream([...canvas.captureStream(30).getTracks(), ...out.stream.getTracks()]);
})()`

// flashes are the times (s) at which the picture of a file turns white.
func flashes(t *testing.T, file string) (at []float64) {
	t.Helper()
	lines := ffmpeg(t, "-v", "error", "-copyts", "-i", file, "-an", "-vf", "scale=16:9,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-", "-f", "null", "-")
	var now float64
	white := true
	for _, line := range strings.Split(string(lines), "\n") {
		if _, pts, ok := strings.Cut(line, "pts_time:"); ok {
			now, _ = strconv.ParseFloat(strings.Fields(pts)[0], 64)
		}
		if _, v, ok := strings.Cut(line, "YAVG="); ok {
			y, _ := strconv.ParseFloat(v, 64)
			if y > 128 && !white {
				at = append(at, now)
			}
			white = y > 128
		}
	}
	return at
}

// TestChromiumToRTMPLipSync publishes flashes and beeps and measures how far
// they are apart in the recording.
func TestChromiumToRTMPLipSync(t *testing.T) {
	g := start(t)
	b := browse(t)
	p := b.open(b.blank)
	p.whip(g, "live/sync", "stream: "+synthetic)
	g.live("live/sync", 2)
	p.until("the connection is warm", "(await e2e.stats()).outvideo?.framesSent > 100")
	file := recordFor(t, "rtmp://"+g.rtmp+"/live/sync", 10)
	checkH264AAC(t, "recording", file, 10)
	beeps := onsets(pcm(t, file), 0.2)
	var apart []float64
	for _, f := range flashes(t, file) {
		for _, b := range beeps {
			if d := (b - f) * 1000; math.Abs(d) < 400 {
				apart = append(apart, d)
			}
		}
	}
	t.Logf("sound after picture, ms: %.0f", apart)
	if len(apart) < 5 {
		t.Fatalf("%d pairs of flashes and beeps", len(apart))
	}
	slices.Sort(apart)
	// The canvas is caught up to 33 ms late, which is the browser's own doing.
	if m := apart[len(apart)/2]; math.Abs(m) > 100 {
		t.Errorf("sound is %.0f ms after the picture", m)
	}
}

// toneAndCamera publishes the fake camera with a tone of 660 Hz.
const toneAndCamera = `(async () => {
	const ac = new AudioContext(), osc = new OscillatorNode(ac, { frequency: 660 }), out = ac.createMediaStreamDestination();
	osc.connect(out); osc.start();
	const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 180, frameRate: 30 } });
	return new MediaStream([...camera.getTracks(), ...out.stream.getTracks()]);
})()`

// TestChromiumToChromium carries every codec that browsers send from WHIP to
// WHEP. VP8 can't go to RTMP players without Enhanced RTMP: there the sound
// plays alone, and the log says why.
func TestChromiumToChromium(t *testing.T) {
	g := start(t)
	b := browse(t)
	for _, codec := range []string{"H264", "VP8", "VP9", "AV1"} {
		t.Run(codec, func(t *testing.T) {
			g, b := g.in(t), b.in(t)
			name := "live/" + strings.ToLower(codec)
			publisher := b.open(b.blank)
			defer publisher.close()
			publisher.whip(g, name, fmt.Sprintf("video: '%s', stream: %s", codec, toneAndCamera))
			g.live(name, 2)
			viewer := b.open(b.blank)
			defer viewer.close()
			viewer.whep(g, name, "")
			viewer.moves()
			viewer.hears(660)
			st := viewer.stats()
			t.Logf("first picture %.0f ms after the offer; %+v", st.FirstFrame, st.InVideo)
			if st.InVideo.Codec != codec || st.InAudio.Codec != "opus" {
				t.Errorf("got %s and %s", st.InVideo.Codec, st.InAudio.Codec)
			}
			if st.FirstFrame > prompt {
				t.Errorf("the first picture came %.0f ms after the offer", st.FirstFrame)
			}
			if codec != "VP8" {
				return
			}
			file := recordFor(t, "rtmp://"+g.rtmp+"/"+name, 4)
			decodes(t, file)
			if tr := tracksOf(t, file); len(tr) != 1 || tr["audio"].codec != "aac" {
				t.Errorf("RTMP has %+v, want AAC alone", tr)
			}
			if hz := pitch(pcm(t, file)[48000:]); math.Abs(hz-660) > 5 {
				t.Errorf("RTMP sounds at %.1f Hz", hz)
			}
			g.until("the log names the codec that RTMP can't carry", func() bool {
				return strings.Contains(g.log.String(), `msg="track not sent" stream=`+name) && strings.Contains(g.log.String(), "VP8")
			})
			// FLV over HTTP has no negotiation: the picture is there by its FourCC.
			flv := players[4].record(t, g, name, "")
			has(g, []*recording{flv}, true, 60)
			flv.stop()
		})
	}
}

// TestBrowserGone ends a publisher's browser without a word: the stream ends
// within 10 s, or somewhat more where the machine is busy.
func TestBrowserGone(t *testing.T) {
	g := start(t)
	b := browse(t)
	p := b.open(b.blank)
	p.whip(g, "live/gone", "")
	g.live("live/gone", 2)
	since := time.Now()
	b.crash()
	g.until("the stream has ended", func() bool { return !g.stream("live/gone").Live })
	t.Logf("gone after %v", time.Since(since))
	if d := time.Since(since); d > 30*time.Second {
		t.Errorf("gone after %v only", d)
	}
}
