package e2e

import (
	"slices"
	"testing"
)

// TestIndexPage lists what is live, keeps the list fresh, and leads to the
// stream.
func TestIndexPage(t *testing.T) {
	g := start(t)
	p := browse(t).open("http://" + g.http + "/")
	p.until("nobody is live", "/Nobody is live/.test(document.getElementById('streams').textContent)")
	publisher := loop(t, zerolatency.make(t, "5"), "rtmp://"+g.rtmp+"/live/listed")
	p.until("the stream is listed", "/live\\/listed.*H264 \\+ AAC by rtmp.*0 viewers/s.test(document.getElementById('streams').textContent)")
	p.click("a.watch")
	p.until("the watch page is there", "location.pathname === '/live/listed' && document.readyState === 'complete'")
	p.moves()
	p.click("#share")
	p.until("the addresses for other players are shown",
		"!document.getElementById('links').hidden && document.getElementById('links').innerText.includes('rtmp://"+g.rtmp+"/live/listed')")
	got := eval[[]string](p, "[...document.querySelectorAll('#links dd')].map((e) => e.textContent)")
	want := []string{
		"rtmp://" + g.rtmp + "/live/listed", "rtsp://" + g.rtsp + "/live/listed",
		"http://" + g.http + "/live/listed.m3u8", "http://" + g.http + "/hls/live/listed.m3u8",
		"http://" + g.http + "/live/listed.flv", "http://" + g.http + "/live/listed.ts", "http://" + g.http + "/live/listed.mp4",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page says %v, not %v", got, want)
	}
	for _, url := range got {
		ffmpeg(t, "-v", "error", "-i", url, "-map", "0", "-c", "copy", "-t", "1", "-f", "null", "-")
	}
	publisher.kill()
	if p = browse(t).open("http://" + g.http + "/"); p != nil {
		p.until("the stream is gone from the list", "/Nobody is live/.test(document.getElementById('streams').textContent)")
	}
}
