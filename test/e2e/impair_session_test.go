package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// maxGone is how long a session may outlive its peer: some 8 s, but the machine
// may be busy.
const maxGone = 20 * time.Second

// TestRestartMovesSessions: by an ICE restart a viewer and a publisher go on over
// another way when theirs is gone.
func TestRestartMovesSessions(t *testing.T) {
	file := marked(t)
	g := start(t)
	push(t, file, "rtmp://"+g.rtmp+"/live/marked", "-stream_loop", "-1")
	g.live("live/marked", 2)
	path := newBadPath(t, g)
	b := browse(t, camera(t))
	viewer := b.viewer(path, "live/marked", true)
	publisher := b.publisher(path, "live/cam")
	g.live("live/cam", 2)
	rec := record(t, "rtmp://"+g.rtmp+"/live/cam")
	g.until("the recording runs", func() bool { return rec.frames() > 20 })
	type seen struct{ id, remote string }
	of := func(stream string) seen {
		list := g.rtcSessions(stream)
		if len(list) != 1 {
			t.Fatalf("%d sessions of %s", len(list), stream)
		}
		return seen{list[0].ID, list[0].Transport.Remote}
	}
	viewed, published := of("live/marked"), of("live/cam")

	path.relay.Swap(newRelay(t, g.webrtc, 2)).close()
	shown, frames := viewer.inbound().Shown, rec.frames()
	begin := time.Now()
	viewer.run("e2e.restart()")
	publisher.run("e2e.restart()")
	viewer.until("the viewer's picture goes on", fmt.Sprintf("e2e.frames > %d", shown+15))
	t.Logf("15 pictures were shown %v after the old way had died", time.Since(begin).Round(10*time.Millisecond))
	g.until("the publisher's picture goes on", func() bool { return rec.frames() > frames+15 })
	t.Logf("15 pictures were recorded %v after the old way had died", time.Since(begin).Round(10*time.Millisecond))

	// Longer than a session lives whose peer is silent.
	before := viewer.inbound()
	viewer.lasts(10 * time.Second)
	checkSpell(t, "the viewer after the restart", false, before, viewer.inbound())
	for stream, was := range map[string]seen{"live/marked": viewed, "live/cam": published} {
		now := of(stream)
		if now.id != was.id {
			t.Errorf("%s: a new session", stream)
		}
		if now.remote == was.remote {
			t.Errorf("%s: the API still has the old address %s", stream, now.remote)
		}
	}
	rec.finish()
	checkWhole(t, rec.file)
}

// publisher opens a page that publishes the fake camera through the path.
func (b *chromium) publisher(path *badPath, stream string) *tab {
	b.t.Helper()
	p := b.open(b.blank)
	p.run(impairScript)
	p.run(fmt.Sprintf("e2e.whip('%s/%s/whip')", path.url, stream))
	p.until("the browser trusts the way", "(await e2e.stats()).outvideo.framesPerSecond > 25")
	return p
}

// TestDeadBrowser: a browser that is gone without a word is soon gone from the API
// too, and its stream with it.
func TestDeadBrowser(t *testing.T) {
	deaths := map[string]func(t *testing.T, path *badPath, b *chromium){
		"its network is gone": func(_ *testing.T, path *badPath, _ *chromium) { path.set(impairment{dark: true}) },
		"it is killed": func(t *testing.T, _ *badPath, b *chromium) {
			if err := chromedp.FromContext(b.ctx).Browser.Process().Kill(); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, die := range deaths {
		t.Run(name, func(t *testing.T) {
			g := startWith(t, []string{"--demo"})
			path := newBadPath(t, g)
			b := browse(t)
			p := b.open(b.blank)
			p.run(fmt.Sprintf("e2e.whip('%s/live/cam/whip')", path.url))
			q := b.open(b.blank)
			q.run(fmt.Sprintf("e2e.whep('%s/live/demo/whep')", path.url))
			g.live("live/cam", 2)
			q.until("pictures", "e2e.frames > 20")

			begin := time.Now()
			die(t, path, b)
			for stream, what := range map[string]string{"live/cam": "the publisher", "live/demo": "the viewer"} {
				g.until(what+" is gone", func() bool { return len(g.rtcSessions(stream)) == 0 })
				took := time.Since(begin)
				t.Logf("%s was gone after %v", what, took.Round(10*time.Millisecond))
				if took > maxGone {
					t.Errorf("%s was gone after %v only", what, took)
				}
			}
			if g.stream("live/cam").Live {
				t.Error("the stream is still live")
			}
			if v := g.stream("live/demo").Viewers; len(v) != 0 {
				t.Errorf("the API still has the viewer: %+v", v)
			}
		})
	}
}

// TestUnreachable: of a session that does not connect the API and the log say
// which candidates were tried.
func TestUnreachable(t *testing.T) {
	g := startWith(t, []string{"--demo"}, "WEBRTC_CONNECT_TIMEOUT=4s")
	path := newBadPath(t, g)
	path.set(impairment{dark: true})
	// Where the clients are said to be, nobody answers.
	hole := newRelay(t, g.webrtc, 3).addr()
	path.client.Store(&hole)
	b := browse(t)
	p := b.open(b.blank)
	p.run(fmt.Sprintf("e2e.whip('%s/live/cam/whip')", path.url))
	q := b.open(b.blank)
	q.run(fmt.Sprintf("e2e.whep('%s/live/demo/whep')", path.url))
	for _, stream := range []string{"live/cam", "live/demo"} {
		g.until("the API says what "+stream+" tries", func() bool { return triedOnly(g, stream, hole) })
	}
	begin := time.Now()
	for _, stream := range []string{"live/cam", "live/demo"} {
		g.until("the session of "+stream+" ends", func() bool { return len(g.rtcSessions(stream)) == 0 })
	}
	if took := time.Since(begin); took > maxGone {
		t.Errorf("they ended after %v only", took)
	}
	for _, who := range []string{"publisher", "viewer"} {
		line := lineWith(g.log.String(), "the "+who+" could not connect")
		if !strings.Contains(line, hole.String()) || !strings.Contains(line, "typ host") {
			t.Errorf("the log does not say which candidate of the %s was tried", who)
		}
	}
	t.Logf("the log: %s", lineWith(g.log.String(), "could not connect"))
}

// triedOnly reports whether the API has a session that connects in vain to one
// address.
func triedOnly(g *gateway, stream string, addr netip.AddrPort) bool {
	for _, s := range g.rtcSessions(stream) {
		for _, p := range s.Transport.Pairs {
			if strings.Contains(p.Remote, addr.String()) && p.Sent > 0 && p.Received == 0 {
				return s.Transport.State == "connecting"
			}
		}
	}
	return false
}

// lineWith returns the first line of text that has the words.
func lineWith(text, words string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, words) {
			return line
		}
	}
	return ""
}
