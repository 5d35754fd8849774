package e2e

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

//go:embed testdata/impair.js
var impairScript string

// markedVideo is a test picture whose left tenth has one brightness from top to
// bottom, and another in each picture.
const markedVideo = "color=black:size=4x45:rate=30,format=gray,geq=lum='16+56*mod(N,4)',scale=64:360:flags=neighbor,format=yuv420p[mark];" +
	"testsrc2=size=576x360:rate=30,noise=alls=8:allf=t,format=yuv420p[rest];[mark][rest]hstack[v]"

// marked makes a file of such pictures in four slices each, with a tone.
func marked(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "marked.flv")
	ffmpeg(t, "-v", "error", "-f", "lavfi", "-i", testAudio, "-filter_complex", markedVideo, "-map", "[v]", "-map", "0", "-t", "20",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-x264-params", "slices=4:keyint=60:min-keyint=60",
		"-b:v", "1500k", "-maxrate", "1500k", "-bufsize", "500k", "-c:a", "aac", "-b:a", "64k", "-ac", "2", "-f", "flv", file)
	return file
}

// networks are the bad ones, each with what must hold there.
var networks = []struct {
	name string
	impairment
	repairs bool // packets are lost, so retransmissions must come
}{
	{"good network", impairment{}, false},
	{"1 % loss", impairment{loss: 0.01}, true},
	{"5 % loss", impairment{loss: 0.05}, true},
	{"10 % loss", impairment{loss: 0.10}, true},
	{"200 ms round trip", impairment{delay: 100 * time.Millisecond}, false},
	{"200 ms round trip, 5 % loss", impairment{loss: 0.05, delay: 100 * time.Millisecond}, true},
	{"reordering within 30 ms", impairment{reorder: 30 * time.Millisecond}, false},
	{"100 ms jitter", impairment{jitter: 100 * time.Millisecond}, false},
}

// Bounds of a spell on a bad network. Pictures come at 30 a second.
const (
	settling    = 500 * time.Millisecond
	spell       = 6 * time.Second
	minFPS      = 20
	maxFrozen   = 3.0 // seconds; the machine may be busy
	maxKeyAsked = 6   // PLIs
)

// inbound is what a viewer's page says of its picture.
type inbound struct {
	Now   float64 // s, of the page's clock
	State string
	Torn  int
	Shown int
	// Behind is by how many ms the picture is later than the one that came through
	// fastest was.
	Behind float64
	Video  struct {
		FramesDecoded, FramesDropped, FreezeCount, NackCount, PliCount int
		PacketsReceived, PacketsLost, RetransmittedPacketsReceived     int
		TotalFreezesDuration                                           float64
	}
	Audio struct{ ConcealedSamples, TotalSamplesReceived, RetransmittedPacketsReceived float64 }
}

func (p *tab) inbound() inbound {
	p.t.Helper()
	return eval[inbound](p, `(async () => {
		const s = await e2e.stats();
		return { now: performance.now() / 1000, state: s.state, torn: e2e.torn, shown: e2e.frames, behind: e2e.behind, video: s.invideo ?? {}, audio: s.inaudio ?? {} };
	})()`)
}

// lasts waits until so much of the page's time is over.
func (p *tab) lasts(d time.Duration) {
	p.t.Helper()
	p.run(fmt.Sprintf("new Promise((resolve) => setTimeout(resolve, %d))", d.Milliseconds()))
}

// viewer opens a page that watches a stream through the path; marked says that
// its pictures are to be checked for tears.
func (b *chromium) viewer(path *badPath, stream string, marked bool) *tab {
	b.t.Helper()
	p := b.open(b.blank)
	p.run(impairScript)
	p.run(fmt.Sprintf("e2e.watch(%v)", marked))
	p.run(fmt.Sprintf("e2e.whep('%s/%s/whep')", path.url, stream))
	p.until("pictures", "e2e.frames > 20")
	return p
}

// TestTears shows that a torn picture is seen as such.
func TestTears(t *testing.T) {
	p := browse(t).open("about:blank")
	p.run(impairScript)
	spread := func(paint string) float64 {
		return eval[float64](p, `(() => {
			const canvas = new OffscreenCanvas(640, 360), c = canvas.getContext('2d');
			const fill = (level, y, h) => { c.fillStyle = 'rgb(' + [level, level, level] + ')'; c.fillRect(0, y, 64, h); };
			`+paint+`
			return e2e.spread(canvas, 640, 360);
		})()`)
	}
	if s := spread("fill(72, 0, 360)"); s > 2 {
		t.Errorf("a whole picture has a spread of %v", s)
	}
	if s := spread("fill(72, 0, 360); fill(128, 180, 90)"); s < 40 {
		t.Errorf("a torn picture has a spread of %v", s)
	}
}

// TestWHEPOnBadNetworks: a viewer keeps playing whole pictures, and comes back from
// the dark.
func TestWHEPOnBadNetworks(t *testing.T) {
	file := marked(t)
	g := startWith(t, []string{"--demo"})
	push(t, file, "rtmp://"+g.rtmp+"/live/marked", "-stream_loop", "-1")
	g.live("live/marked", 2)
	path := newBadPath(t, g)
	b := browse(t)
	p, demo := b.viewer(path, "live/marked", true), b.viewer(path, "live/demo", false)

	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			path.set(n.impairment)
			p.lasts(settling) // what a change costs is no part of the spell
			before, demoBefore, own := p.inbound(), demo.inbound(), g.videoSent(t, "live/marked")
			p.lasts(spell)
			checkSpell(t, "marked", n.repairs, before, p.inbound())
			// Its pictures are small, few packets are lost.
			checkSpell(t, "demo", false, demoBefore, demo.inbound())
			now := g.videoSent(t, "live/marked")
			t.Logf("the gateway answered %d requests with packets and %d not", now.Resent-own.Resent, now.Unanswered-own.Unanswered)
			if n.repairs && now.Resent == own.Resent {
				t.Error("the gateway sent nothing again")
			}
		})
	}
	t.Run("five seconds of darkness", func(t *testing.T) {
		light, demoLight := p.inbound(), demo.inbound()
		path.set(impairment{dark: true})
		p.lasts(5 * time.Second)
		path.set(impairment{})
		recovers(t, "marked", p, light)
		recovers(t, "demo", demo, demoLight)
		before := p.inbound()
		p.lasts(3 * time.Second)
		checkSpell(t, "after the dark", false, before, p.inbound())
	})
	if n := len(g.rtcSessions("live/marked")); n != 1 {
		t.Errorf("%d sessions of one viewer", n)
	}
}

// videoSent is what the API says of the picture of a stream's first viewer.
func (g *gateway) videoSent(t *testing.T, stream string) (track struct{ Resent, Unanswered, KeyRequests int }) {
	t.Helper()
	for _, s := range g.rtcSessions(stream) {
		for _, k := range s.Tracks {
			if k.Kind == "video" {
				track.Resent, track.Unanswered, track.KeyRequests = k.Resent, k.Unanswered, k.KeyRequests
				return track
			}
		}
	}
	t.Errorf("the API has no picture of %s", stream)
	return track
}

// checkSpell judges and reports a spell between two looks at a page.
func checkSpell(t *testing.T, name string, repairs bool, a, b inbound) {
	t.Helper()
	seconds := b.Now - a.Now
	fps := float64(b.Video.FramesDecoded-a.Video.FramesDecoded) / seconds
	frozen := b.Video.TotalFreezesDuration - a.Video.TotalFreezesDuration
	nacks, plis := b.Video.NackCount-a.Video.NackCount, b.Video.PliCount-a.Video.PliCount
	repaired := b.Video.RetransmittedPacketsReceived - a.Video.RetransmittedPacketsReceived
	t.Logf("%s: %.1f fps, %d freezes of %.2f s in all, %d NACKs, %d packets repaired, %d lost on the way, %d PLIs, %d torn of %d, sound concealed %.1f %%",
		name, fps, b.Video.FreezeCount-a.Video.FreezeCount, frozen, nacks, repaired, b.Video.PacketsLost-a.Video.PacketsLost, plis,
		b.Torn-a.Torn, b.Shown-a.Shown,
		100*(b.Audio.ConcealedSamples-a.Audio.ConcealedSamples)/max(1, b.Audio.TotalSamplesReceived-a.Audio.TotalSamplesReceived))
	if fps < minFPS {
		t.Errorf("%s: only %.1f pictures a second", name, fps)
	}
	if frozen > maxFrozen {
		t.Errorf("%s: frozen for %.2f s of %.1f s", name, frozen, seconds)
	}
	if repairs && (nacks == 0 || repaired == 0) {
		t.Errorf("%s: %d NACKs and %d packets repaired: the loss has no effect", name, nacks, repaired)
	}
	if plis > maxKeyAsked {
		t.Errorf("%s: %d PLIs", name, plis)
	}
	if b.Torn > a.Torn {
		t.Errorf("%s: %d torn pictures", name, b.Torn-a.Torn)
	}
	if b.State != "connected" {
		t.Errorf("%s: the connection is %s", name, b.State)
	}
}

// maxRecovery is how long the picture may take to come back from the dark. It
// takes some 0.3 s where the machine has nothing else to do.
const maxRecovery = 10 * time.Second

// maxBehind is by how many ms a picture may be later than before the dark.
const maxBehind = 500

// recovers waits for the picture to move again, and to be no later than it was.
func recovers(t *testing.T, name string, p *tab, light inbound) {
	t.Helper()
	begin, before := time.Now(), p.inbound()
	p.until("pictures after the dark", fmt.Sprintf("e2e.frames > %d", before.Shown+5))
	moves := time.Since(begin)
	p.until("the newest picture", fmt.Sprintf("e2e.behind < %f", light.Behind+maxBehind))
	took, now := time.Since(begin), p.inbound()
	t.Logf("%s: pictures again after %v, the newest after %v; %d NACKs, %d PLIs", name, moves.Round(10*time.Millisecond),
		took.Round(10*time.Millisecond), now.Video.NackCount-before.Video.NackCount, now.Video.PliCount-before.Video.PliCount)
	if took > maxRecovery {
		t.Errorf("%s: recovery took %v", name, took)
	}
}
