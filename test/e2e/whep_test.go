package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// prompt is how soon a picture is on a viewer's screen, in ms after the offer.
// The aim is far lower; this bound leaves room for a busy machine.
const prompt = 5000

// loop publishes a file over and over.
func loop(t *testing.T, file, url string) *process {
	t.Helper()
	return push(t, file, url, "-stream_loop", "-1")
}

// TestRTMPToChromium is the main job: what ffmpeg publishes by RTMP, a browser
// shows and sounds, on our page and by any WHEP client.
func TestRTMPToChromium(t *testing.T) {
	g := start(t)
	b := browse(t)
	for i, s := range []source{zerolatency, bframes, audioOnly, videoOnly} {
		t.Run(s.name, func(t *testing.T) {
			g, b := g.in(t), b.in(t)
			name := fmt.Sprintf("live/s%d", i)
			tracks := strings.Count(strings.Join(s.args, " "), "-map")
			loop(t, s.make(t, "12"), "rtmp://"+g.rtmp+"/"+name)
			g.live(name, tracks)
			for what, open := range map[string]func() *tab{
				"page": func() *tab {
					p := b.open("http://" + g.http + "/" + name)
					p.until("a picture or sound is there", "document.getElementById('stage').classList.contains('playing')")
					if s.name != videoOnly.name {
						p.until("the page offers sound", "!document.getElementById('sound').hidden")
						p.click("#sound")
						p.until("the sound is on", "!document.getElementById('video').muted")
					}
					return p
				},
				"raw": func() *tab {
					p := b.open(b.blank)
					p.whep(g, name, "")
					return p
				},
			} {
				p := open()
				if s.name != videoOnly.name {
					p.hears(880)
				}
				if s.name != audioOnly.name {
					p.moves()
				}
				st := p.stats()
				t.Logf("%s: first picture %.0f ms after the offer; %+v %+v", what, st.FirstFrame, st.InVideo, st.InAudio)
				if s.name != audioOnly.name && (st.FirstFrame <= 0 || st.FirstFrame > prompt) {
					t.Errorf("%s: the first picture came %.0f ms after the offer", what, st.FirstFrame)
				}
				if s.name != audioOnly.name {
					p.smooth()
				}
				p.close()
			}
			g.until("the viewers are gone", func() bool { return len(g.stream(name).Viewers) == 0 })
		})
	}
}

// smooth wants that a browser goes on to decode without asking for key frames.
func (p *tab) smooth() {
	p.t.Helper()
	before := p.stats().InVideo
	p.until("60 more pictures are decoded", fmt.Sprintf("(await e2e.stats()).invideo.framesDecoded > %d", before.FramesDecoded+60))
	after := p.stats().InVideo
	if pli, dropped := after.PliCount-before.PliCount, after.FramesDropped-before.FramesDropped; pli > 1 || dropped > 15 {
		p.t.Errorf("of %d pictures %d were dropped, and the browser asked %d times for a key frame", after.FramesDecoded-before.FramesDecoded, dropped, pli)
	}
}

// TestDemo plays the built-in stream: a moving picture with a tone of 440 Hz.
func TestDemo(t *testing.T) {
	g := startWith(t, []string{"--demo"})
	g.live("live/demo", 2)
	p := browse(t).open("http://" + g.http + "/live/demo")
	p.moves()
	p.hears(440)
	t.Logf("first picture %.0f ms after the offer", p.stats().FirstFrame)
}

// TestWatchPageWaits opens the page before there is a stream, and stays while
// the publisher crashes and comes back.
func TestWatchPageWaits(t *testing.T) {
	g := start(t)
	file := zerolatency.make(t, "12")
	p := browse(t).open("http://" + g.http + "/live/late")
	p.until("the page says that nobody publishes", "/not live yet|Waiting for/.test(document.getElementById('title').textContent)")
	first := loop(t, file, "rtmp://"+g.rtmp+"/live/late")
	p.moves()
	p.hears(880)
	first.kill()
	p.until("the page says that the stream has stopped", "!document.getElementById('message').hidden")
	loop(t, file, "rtmp://"+g.rtmp+"/live/late")
	p.until("the message goes away", "document.getElementById('message').hidden")
	p.moves()
	p.hears(880)
}

// flash makes a file whose picture flashes and whose sound beeps at each full
// second, for 100 ms.
func flash(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "flash.flv")
	ffmpeg(t, "-v", "error",
		"-f", "lavfi", "-i", "color=black:size=320x180:rate=60,drawbox=color=white:t=fill:enable='lt(mod(t,1),0.1)'",
		"-f", "lavfi", "-i", "aevalsrc='if(lt(mod(t,1),0.1),0.8*sin(2*PI*1000*t),0)':s=48000:d=20",
		"-t", "20", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "128k", "-ac", "2", "-f", "flv", file)
	return file
}

// TestLipSync measures, in the browser, when flashes are shown and when the
// beeps that belong to them are heard. The browser moves picture and sound
// together within some seconds, by the sender reports; its own estimate of how
// far they are apart shows when. What is seen and heard has to agree with that
// estimate, so that the reports speak of the same media time: the way from the
// connection to the page's ear takes up to some 50 ms more than the one to its
// eye.
func TestLipSync(t *testing.T) {
	g := start(t)
	loop(t, flash(t), "rtmp://"+g.rtmp+"/live/flash")
	g.live("live/flash", 2)
	b := browse(t)
	p := b.open(b.blank)
	p.run("e2e.observe()")
	p.whep(g, "live/flash", "")
	p.run(`(() => {
		window.apart = [];
		setInterval(async () => {
			const { invideo: v, inaudio: a } = await e2e.stats();
			if (v?.estimatedPlayoutTimestamp && a?.estimatedPlayoutTimestamp) apart.push(v.estimatedPlayoutTimestamp - a.estimatedPlayoutTimestamp);
		}, 1000);
	})()`)
	p.until("picture and sound are within 40 ms", "apart.length > 7 && apart.slice(-7).map(Math.abs).sort((x, y) => x - y)[3] <= 40")
	p.run("e2e.flashes.length = 0")
	p.until("flashes and beeps", "e2e.flashes.length > 6")
	offsets, apart := eval[[]float64](p, "e2e.offsets()"), eval[[]float64](p, "apart")
	t.Logf("sound after picture, ms: seen and heard %.0f, by the browser's estimate %.0f", offsets, apart)
	slices.Sort(offsets)
	if len(offsets) < 4 {
		t.Fatalf("%d beeps belong to flashes", len(offsets))
	}
	if d := offsets[len(offsets)/2] - apart[len(apart)-1]; d < -40 || d > 90 {
		t.Errorf("what is seen and heard is %.0f ms off the sender reports", d)
	}
}
