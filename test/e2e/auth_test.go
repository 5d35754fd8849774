package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestTokens publishes and plays with and without tokens, in each protocol's
// own way.
func TestTokens(t *testing.T) {
	g := start(t, "AUTH_PUBLISH_TOKENS=[pub]", "AUTH_PLAY_TOKENS=[eyes]")
	file := zerolatency.make(t, "12")
	for _, query := range []string{"", "?token=eyes", "?token=wrong"} {
		p := push(t, file, "rtmp://"+g.rtmp+"/live/locked"+query)
		<-p.done
		if p.cmd.ProcessState.Success() || g.stream("live/locked").Live {
			t.Errorf("RTMP publishes with %q", query)
		}
	}
	loop(t, file, "rtmp://"+g.rtmp+"/live/locked?token=pub")
	g.live("live/locked", 2)

	for _, p := range players[:4] {
		for query, ok := range map[string]bool{"": false, "?token=wrong": false, "?token=eyes": true, "?token=pub": true} {
			c := background(t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-i", p.url(g, "live/locked")+query, "-t", "1", "-c", "copy", "-f", "null", "-")
			<-c.done
			if c.cmd.ProcessState.Success() != ok {
				t.Errorf("%s with %q: %v\n%s", p.name, query, c.cmd.ProcessState, c.log)
			}
		}
	}
	ws := players[4].record(t, g, "live/locked", "?token=eyes")
	has(g, []*recording{ws}, false, 10)
	ws.stop()

	for _, c := range []struct {
		method, path, bearer string
		status               int
	}{
		{"GET", "/live/locked.flv", "", 401},
		{"GET", "/live/locked.flv", "eyes", 200},
		{"POST", "/live/locked/whep", "", 401},
		{"POST", "/live/locked/whep", "wrong", 401},
		{"POST", "/live/other/whip", "eyes", 401},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+g.http+c.path, strings.NewReader("v=0"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/sdp")
		if c.bearer != "" {
			req.Header.Set("Authorization", "Bearer "+c.bearer)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.status || c.status == 401 && res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s with %q: %s %v", c.method, c.path, c.bearer, res.Status, res.Header)
		}
	}
	if s := g.log.String(); strings.Contains(s, "token=") || strings.Contains(s, "eyes") {
		t.Error("the log has a token in it")
	}
}

// TestTokensInBrowser does the same by WHIP and WHEP and the pages.
func TestTokensInBrowser(t *testing.T) {
	g := start(t, "AUTH_PUBLISH_TOKENS=[pub]", "AUTH_PLAY_TOKENS=[eyes]")
	b := browse(t)
	p := b.open(b.blank)
	if _, err := try[string](p, "e2e.whip('http://"+g.http+"/live/locked/whip')"); err == nil || eval[int](p, "e2e.status") != 401 {
		t.Errorf("WHIP without a token: %v", err)
	}
	p.whip(g, "live/locked", "token: 'pub'")
	g.live("live/locked", 2)
	for _, query := range []string{"?token=eyes", "?token=pub"} {
		v := b.open(b.blank)
		v.run("e2e.whep('http://" + g.http + "/live/locked/whep" + query + "')")
		v.moves()
		v.close()
	}
	v := b.open(b.blank)
	v.whep(g, "live/locked", "token: 'eyes'")
	v.moves()

	page := b.open("http://" + g.http + "/live/locked?token=eyes")
	page.moves()
	page = b.open("http://" + g.http + "/live/locked")
	page.until("the page asks for a token", "/needs a token/.test(document.getElementById('title').textContent)")
}
