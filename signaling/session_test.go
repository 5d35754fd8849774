package signaling

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sluice/signaling/sdpfrag"
)

// Fragments that belong to whip-obs-30.2's credentials.
const (
	trickleFrag = "a=ice-ufrag:nxcM\r\na=ice-pwd:ezjAjgSSLLvbRhUA1zc6Se\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
		"a=candidate:1 1 udp 2122260223 192.0.2.7 61764 typ host\r\n" +
		"a=candidate:2 1 ssltcp 2122260223 192.0.2.7 443 typ host\r\n" +
		"a=candidate:3 1 udp 2122260223 unresolvable.example 5 typ host\r\n"
	restartFrag = "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
		"a=candidate:1 1 udp 2122260223 192.0.2.8 61764 typ host\r\n"
)

func TestTrickle(t *testing.T) {
	b := newBed(t, nil)
	session, etag := b.publish()
	res := b.patch(session, trickleFrag, "If-Match", etag)
	wantStatus(t, res, http.StatusNoContent)
	if res.Header.Get("ETag") != "" || text(t, res) != "" {
		t.Error("a 204 to a trickle has no ETag and no body")
	}
	got := b.engine.last().trickled
	if len(got) != 1 || len(got[0].Candidates) != 1 || got[0].Candidates[0].Address != "192.0.2.7" {
		t.Errorf("engine got %+v", got)
	}
	// Only candidates that nobody can use: fine, and nothing for the engine.
	wantStatus(t, b.patch(session, "m=audio 9 X 0\r\na=candidate:2 2 udp 1 192.0.2.7 4 typ host\r\n", "If-Match", etag), 204)
	if n := len(b.engine.last().trickled); n != 1 {
		t.Errorf("%d calls", n)
	}
	wantStatus(t, b.patch(session, "m=audio 9 X 0\r\na=end-of-candidates\r\n", "If-Match", etag), 204)
	if got := b.engine.last().trickled; len(got) != 2 || !got[1].End {
		t.Errorf("engine got %+v", got)
	}
}

func TestPatchPreconditions(t *testing.T) {
	b := newBed(t, nil)
	session, etag := b.publish()
	for _, tc := range []struct {
		match  []string
		status int
	}{
		{nil, 428},
		{[]string{`"other"`}, 412},
		{[]string{`W/` + etag}, 412},
		{[]string{``}, 412},
		{[]string{etag}, 204},
		{[]string{strings.Trim(etag, `"`)}, 204},
		{[]string{`"a", ` + etag}, 204},
		{[]string{`"a"`, etag}, 204},
		{[]string{"*"}, 204},
		{[]string{`"*"`}, 204},
	} {
		var header []string
		for _, m := range tc.match {
			header = append(header, "If-Match", m)
		}
		res := b.patch(session, trickleFrag, header...)
		if res.StatusCode != tc.status {
			t.Errorf("If-Match %q: %d, want %d", tc.match, res.StatusCode, tc.status)
		}
	}
}

func TestPatchErrors(t *testing.T) {
	b := newBed(t, nil)
	session, etag := b.publish()
	wantStatus(t, b.do("PATCH", session, trickleFrag, "If-Match", etag, "Content-Type", "application/sdp"), 415)
	wantHeader(t, b.do("PATCH", session, trickleFrag, "If-Match", etag), "Accept-Patch", sdpfrag.MediaType)
	wantStatus(t, b.patch(session, "hello", "If-Match", etag), 400)
	wantStatus(t, b.patch(session, strings.Repeat("a=x\n", 1<<15), "If-Match", etag), 413)
	wantStatus(t, b.patch(strings.Replace(session, "whip", "whep", 1), trickleFrag, "If-Match", etag), 404)
	wantStatus(t, b.patch(strings.Replace(session, "/x/", "/y/", 1), trickleFrag, "If-Match", etag), 404)
	last := b.engine.last()
	last.err = &Error{Code: CodeUnsupported, Detail: "no trickle here"}
	wantStatus(t, b.patch(session, trickleFrag, "If-Match", etag), 422)
	last.err = &Error{Code: CodeSessionEnded, Detail: "over"}
	wantStatus(t, b.patch(session, trickleFrag, "If-Match", etag), 404)
}

func TestRestart(t *testing.T) {
	b := newBed(t, nil)
	session, etag := b.publish()
	res := b.patch(session, restartFrag, "If-Match", `"*"`)
	wantStatus(t, res, http.StatusOK)
	wantHeader(t, res, "Content-Type", sdpfrag.MediaType)
	renewed := res.Header.Get("ETag")
	if renewed == etag || len(renewed) < 12 {
		t.Errorf("ETag %q after %q", renewed, etag)
	}
	own, err := sdpfrag.Parse([]byte(text(t, res)))
	if err != nil {
		t.Fatal(err)
	}
	if own.Ufrag != "server1" || own.MID != "0" || own.Media != "audio 9 UDP/TLS/RTP/SAVPF 111" || !own.End ||
		len(own.Options) != 1 || own.Options[0] != "trickle" || len(own.Candidates) != 2 || own.Candidates[0].Transport != "udp" {
		t.Errorf("server's fragment %+v", own)
	}
	if got := b.engine.last().restart; len(got) != 1 || got[0].Ufrag != "ysXw" || len(got[0].Candidates) != 1 {
		t.Errorf("engine got %+v", got)
	}
	// A candidate of the old ICE session, overtaken by the restart.
	wantStatus(t, b.patch(session, trickleFrag, "If-Match", etag), 412)
	wantStatus(t, b.patch(session, trickleFrag, "If-Match", "*"), 412)
	// The new one goes on.
	wantStatus(t, b.patch(session, restartFrag, "If-Match", renewed), 204)
	if len(b.engine.last().restart) != 1 {
		t.Error("the same credentials are no further restart")
	}
}

// TestRestartFails keeps the old ICE session and its ETag.
func TestRestartFails(t *testing.T) {
	b := newBed(t, nil)
	session, etag := b.publish()
	b.engine.last().err = errors.New("pion says no")
	wantStatus(t, b.patch(session, restartFrag, "If-Match", "*"), 500)
	b.engine.last().err = nil
	wantStatus(t, b.patch(session, trickleFrag, "If-Match", etag), 204)
	wantStatus(t, b.patch(session, restartFrag, "If-Match", "*"), 200)
}

// TestPatchInParallel sends overlapping requests: each gets a status of its own and
// the engine sees one at a time (the race detector watches).
func TestPatchInParallel(t *testing.T) {
	b := newBed(t, nil)
	session, etag := b.publish()
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			frag, match := trickleFrag, etag
			if i%5 == 0 {
				frag, match = strings.ReplaceAll(restartFrag, "ysXw", "ysX"+string(rune('a'+i))), "*"
			}
			switch res := b.patch(session, frag, "If-Match", match); res.StatusCode {
			case http.StatusOK, http.StatusNoContent, http.StatusPreconditionFailed:
			default:
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
	wg.Wait()
}

func TestDelete(t *testing.T) {
	b := newBed(t, nil)
	session, _ := b.publish()
	wantStatus(t, b.do("DELETE", session, "", "If-Match", `"outdated"`), 200)
	if b.engine.last().ctx.Err() == nil {
		t.Error("the engine's session lives on")
	}
	// OBS closes its peer connection before it sends DELETE, and wants a 200.
	wantStatus(t, b.do("DELETE", session, ""), 200)
	wantStatus(t, b.patch(session, trickleFrag, "If-Match", "*"), 404)
}

// TestSessionEnds forgets a session that the engine ended.
func TestSessionEnds(t *testing.T) {
	b := newBed(t, nil)
	session, _ := b.publish()
	wantStatus(t, b.do("GET", session, ""), 204)
	b.engine.last().cancel(errors.New("consent lost"))
	wantStatus(t, b.do("GET", session, ""), 404)
	b.server.Close()
	if b.server.Sessions() != 0 {
		t.Error("sessions left")
	}
}
