package e2e

import (
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
	publisher.kill()
	if p = browse(t).open("http://" + g.http + "/"); p != nil {
		p.until("the stream is gone from the list", "/Nobody is live/.test(document.getElementById('streams').textContent)")
	}
}
