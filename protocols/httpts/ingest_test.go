package httpts

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/protocols/container/mpegts"
	"sluice/server/media"
)

// upload is a publisher that sends a transport stream as a request's body.
type upload struct {
	body     *io.PipeWriter
	mux      *mpegts.Muxer
	next     int
	response chan int // its status; 0 when the connection broke
}

func (r *rig) upload(t *testing.T, method, path string, header http.Header) *upload {
	t.Helper()
	body, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range header {
		req.Header[name] = v
	}
	u := &upload{body: w, mux: mpegts.NewMuxer(mpegts.MuxerConfig{}), response: make(chan int, 1)}
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			u.response <- 0
			return
		}
		res.Body.Close()
		u.response <- res.StatusCode
	}()
	t.Cleanup(func() { w.Close() })
	return u
}

// write sends n packets of each track.
func (u *upload) write(t *testing.T, n int, tracks ...*media.Track) {
	t.Helper()
	ts := media.Tracks{}
	for _, track := range tracks {
		ts = ts.With(track)
	}
	u.mux.SetTracks(ts)
	for range n {
		at := time.Duration(u.next) * frameTime
		for _, track := range tracks {
			p := &media.Packet{Track: track, DTS: at, PTS: at, Payload: sound(track.Codec, u.next)}
			if track.Codec.Kind() == media.Video {
				p.Key, p.Payload = u.next%10 == 0, picture(u.next)
			}
			b, err := u.mux.AppendPacket(nil, p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := u.body.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		u.next++
	}
}

// TestPublish sends a stream by each method; a player gets it from its key frame.
func TestPublish(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		t.Run(method, func(t *testing.T) {
			r := newRig(t)
			u := r.upload(t, method, "/live/a.ts", nil)
			u.write(t, 15, avc, mp3)
			player := r.play(t, "")
			player.expect(8)
			u.body.Close()
			if got := <-u.response; got != http.StatusNoContent {
				t.Errorf("ends with %d", got)
			}
			if s := r.hub.Find("live/a"); s.Publisher() != nil {
				t.Error("the publisher is still there")
			}
		})
	}
}

func TestPublishRefused(t *testing.T) {
	r := newRig(t)
	r.publish(t, avc)
	for _, c := range []struct {
		name, path string
		header     http.Header
		want       int
	}{
		{"a second publisher", "/live/a.ts", nil, http.StatusConflict},
		{"a bad name", "/live/..%2f.ts", nil, http.StatusBadRequest},
		{"a page", "/live/b.ts", http.Header{"Origin": {"http://evil.example"}}, http.StatusForbidden},
	} {
		if got := <-r.upload(t, http.MethodPost, c.path, c.header).response; got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestPublisherIsKicked: it ends though it sends nothing.
func TestPublisherIsKicked(t *testing.T) {
	r := newRig(t)
	u := r.upload(t, http.MethodPost, "/live/a.ts", nil)
	u.write(t, 15, avc)
	player := r.play(t, "")
	player.expect(4)
	r.hub.Find("live/a").Publisher().Kick()
	if got := <-u.response; got != http.StatusForbidden && got != 0 {
		t.Errorf("ends with %d", got)
	}
}

// TestGarbageIsPublished: it is no stream, and harms nobody.
func TestGarbageIsPublished(t *testing.T) {
	r := newRig(t)
	res, err := http.Post(r.URL+"/live/a.ts", "video/mp2t", strings.NewReader(strings.Repeat("no transport stream ", 50000)))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		t.Errorf("%s", res.Status)
	}
	r.publish(t, avc)
	r.write(15, avc)
	r.play(t, "").expect(4)
}
