package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/media"
	cdppage "github.com/chromedp/cdproto/page"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed testdata/harness.js
var harness string

// chromium is a headless browser with a fake camera and microphone that need
// no consent.
type chromium struct {
	t   *testing.T
	ctx context.Context
	log *logBuffer
	// blank is the URL of a page with a <video> and nothing else, of an origin
	// that is not the gateway's.
	blank string
}

// browse starts a Chromium that ends with the test.
func browse(t *testing.T, flags ...chromedp.ExecAllocatorOption) *chromium {
	t.Helper()
	b := &chromium{t: t, log: &logBuffer{}}
	opts := append(chromedp.DefaultExecAllocatorOptions[:len(chromedp.DefaultExecAllocatorOptions):len(chromedp.DefaultExecAllocatorOptions)],
		chromedp.ExecPath("/usr/bin/chromium"),
		chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("allow-loopback-in-peer-connection", true), chromedp.IgnoreCertErrors,
		chromedp.UserDataDir(t.TempDir()))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(opts, flags...)...)
	ctx, _ := chromedp.NewContext(alloc)
	b.ctx = ctx
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><video autoplay muted playsinline></video>`))
	}))
	b.blank = server.URL
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		stop()
		server.Close()
		if t.Failed() {
			t.Logf("the pages said:\n%s", b.log.String())
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return b
}

// crash ends the browser without a word to anybody.
func (b *chromium) crash() {
	b.t.Helper()
	process := chromedp.FromContext(b.ctx).Browser.Process()
	if process == nil || process.Kill() != nil {
		b.t.Fatal("the browser can't be killed")
	}
}

// in is the browser as a subtest of the one that started it sees it.
func (b *chromium) in(t *testing.T) *chromium {
	sub := *b
	sub.t = t
	return &sub
}

// tab is one page.
type tab struct {
	t     *testing.T
	ctx   context.Context
	close func()
}

// open loads a page in a window of its own. Its console and its exceptions are
// in the test's output if it fails.
func (b *chromium) open(url string) *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	p := &tab{t: b.t, ctx: ctx, close: cancel}
	b.t.Cleanup(cancel)
	err := chromedp.Listen(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventConsoleAPICalled:
			for _, a := range ev.Args {
				fmt.Fprintf(b.log, "%s: %s %s\n", url, a.Value, a.Description)
			}
		case *runtime.EventExceptionThrown:
			fmt.Fprintf(b.log, "%s: %s %+v\n", url, ev.ExceptionDetails.Text, ev.ExceptionDetails.Exception)
		case *media.EventPlayerErrorsRaised:
			cause, _ := json.Marshal(ev.Errors) // what the video element keeps to itself
			fmt.Fprintf(b.log, "%s: player: %s\n", url, cause)
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	inject := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: harness})
		if err == nil {
			_, err = cdp.Call(ctx, t, media.Enable, cdp.Empty{})
		}
		return err
	})
	if err := p.do(inject, chromedp.Navigate(url)); err != nil {
		b.t.Fatalf("%s: %v", url, err)
	}
	return p
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, actions...)
}

// try evaluates a JavaScript expression; a promise is waited for.
func try[T any](p *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// eval evaluates a JavaScript expression that may not fail.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := try[T](p, expression)
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// run evaluates an expression for its effect.
func (p *tab) run(expression string) {
	p.t.Helper()
	eval[chromedp.Void](p, expression)
}

// until waits for an expression to be true.
func (p *tab) until(what, expression string) {
	p.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !eval[bool](p, "(async () => !!("+expression+"))()") {
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatalf("waited in vain: %s; %+v", what, p.stats())
		}
	}
}

// click presses what the selector finds, as a user does.
func (p *tab) click(selector string) {
	p.t.Helper()
	if err := p.do(chromedp.Click(chromedp.CSS(selector))); err != nil {
		p.t.Fatalf("click on %s: %v", selector, err)
	}
}

// rtcTrack is what getStats says of one track.
type rtcTrack struct {
	Codec                                                 string
	FrameWidth, FrameHeight                               int
	FramesDecoded, FramesDropped, FramesSent, FreezeCount int
	KeyFramesDecoded, KeyFramesEncoded                    int
	PacketsReceived, PacketsSent, PacketsLost             int
	NackCount, PliCount                                   int
	JitterBufferDelay, JitterBufferEmittedCount           float64
	EstimatedPlayoutTimestamp                             float64
	ConcealedSamples, TotalSamplesReceived                float64
}

// rtcStats is what a page's newest peer connection says.
type rtcStats struct {
	State      string
	Posted     float64 // when the page sent its offer, ms of its clock; 0 for never
	FirstFrame float64 // ms from the offer to the first picture shown; 0 for none
	Frames     int     // pictures shown
	InVideo    *rtcTrack
	InAudio    *rtcTrack
	OutVideo   *rtcTrack
	OutAudio   *rtcTrack
}

func (p *tab) stats() rtcStats {
	p.t.Helper()
	return eval[rtcStats](p, "e2e.stats()")
}

// tone is what a page hears.
type tone struct {
	Hz float64
	DB float64
}

// hears waits until the loudest frequency is hz, give or take 4 Hz.
func (p *tab) hears(hz float64) {
	p.t.Helper()
	p.until(fmt.Sprintf("%v Hz are heard", hz),
		fmt.Sprintf("(() => { const h = e2e.heard(); return h.db > -60 && Math.abs(h.hz - %v) < 4 })()", hz))
}

// moves waits for pictures that are shown and change.
func (p *tab) moves() {
	p.t.Helper()
	shown := p.stats().Frames
	p.until("pictures are shown", fmt.Sprintf("e2e.frames > %d", shown+15))
	p.until("the picture moves", "await e2e.motion() > 1")
}

// whep plays a stream in a blank page and returns the session's URL.
// options is a JavaScript object: see testdata/harness.js.
func (p *tab) whep(g *gateway, name, options string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf("e2e.whep('http://%s/%s/whep', %s)", g.http, name, object(options)))
}

// whip publishes the fake camera and its beep from a blank page.
func (p *tab) whip(g *gateway, name, options string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf("e2e.whip('http://%s/%s/whip', %s)", g.http, name, object(options)))
}

func object(options string) string { return "{" + strings.Trim(options, "{}") + "}" }

// TestHarness shows that the browser's eyes and ears are not deceived: a still
// picture does not move, and a tone is heard at its frequency.
func TestHarness(t *testing.T) {
	p := browse(t).open("about:blank")
	p.run(`(() => {
		document.body.innerHTML = '<video autoplay muted></video>';
		const canvas = document.createElement('canvas'), c = canvas.getContext('2d');
		window.paint = () => { c.fillStyle = '#123456'; c.fillRect(0, 0, 300, 150); c.fillStyle = 'white'; c.fillRect(window.x = (window.x ?? 0) + 10, 0, 50, 50); };
		paint();
		document.querySelector('video').srcObject = canvas.captureStream();
	})()`)
	p.until("the video has a picture", "document.querySelector('video').videoWidth && e2e.pixels()[0]")
	if m := eval[float64](p, "e2e.motion()"); m != 0 {
		t.Errorf("a still picture moves by %v", m)
	}
	p.run("setInterval(paint, 50)")
	p.until("the picture moves", "await e2e.motion() > 1")

	p.run(`(async () => {
		const ac = new AudioContext(), osc = new OscillatorNode(ac, {frequency: 700}), out = ac.createMediaStreamDestination();
		osc.connect(out); osc.start();
		const a = new RTCPeerConnection(), b = new RTCPeerConnection();
		a.onicecandidate = (e) => b.addIceCandidate(e.candidate); b.onicecandidate = (e) => a.addIceCandidate(e.candidate);
		b.ontrack = ({streams}) => { const el = new Audio(); el.muted = true; el.srcObject = streams[0]; el.play() };
		a.addTrack(out.stream.getTracks()[0], out.stream);
		await a.setLocalDescription(); await b.setRemoteDescription(a.localDescription);
		await b.setLocalDescription(); await a.setRemoteDescription(b.localDescription);
	})()`)
	p.hears(700)
	if h := eval[tone](p, "e2e.heard()"); math.Abs(h.Hz-700) > 1 {
		t.Errorf("700 Hz are heard as %+v", h)
	}
}
