package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// badPath is the way to a gateway of clients whose media goes through a relay: an
// HTTP proxy that changes the candidates of what passes.
type badPath struct {
	url string
	// relay is what the answers' only candidate names.
	relay atomic.Pointer[relay]
	// client, if set, stands in for the clients' own candidates. They are left out
	// otherwise, as checks of the gateway would find the way past the relay.
	client atomic.Pointer[netip.AddrPort]
}

func newBadPath(t *testing.T, g *gateway) *badPath {
	t.Helper()
	p := &badPath{}
	p.relay.Store(newRelay(t, g.webrtc, 1))
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: g.http})
			r.Out.Host = r.In.Host
			if described(r.Out.Header) {
				body, err := io.ReadAll(r.Out.Body)
				if err != nil {
					t.Errorf("proxy: %v", err)
				}
				client := ""
				if c := p.client.Load(); c != nil {
					client = hostCandidate(*c)
				}
				b := replaceCandidates(body, client)
				r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
			}
		},
		ModifyResponse: func(res *http.Response) error {
			if !described(res.Header) {
				return nil
			}
			body, err := io.ReadAll(res.Body)
			if err != nil {
				return err
			}
			b := replaceCandidates(body, hostCandidate(p.relay.Load().addr()))
			res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
			res.Header.Set("Content-Length", strconv.Itoa(len(b)))
			return nil
		},
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// set impairs the relay in use.
func (p *badPath) set(i impairment) { p.relay.Load().set(i) }

// described reports whether a body has candidates in it.
func described(h http.Header) bool {
	typ, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return typ == "application/sdp" || typ == "application/trickle-ice-sdpfrag"
}

func hostCandidate(a netip.AddrPort) string {
	return fmt.Sprintf("a=candidate:1 1 udp 2130706431 %s %d typ host", a.Addr(), a.Port())
}

// replaceCandidates puts one candidate, or none, in the place of all.
func replaceCandidates(description []byte, by string) []byte {
	var out []string
	for line := range strings.Lines(string(description)) {
		if strings.HasPrefix(line, "a=candidate:") {
			continue
		}
		out = append(out, strings.TrimRight(line, "\r\n"))
		if by != "" && strings.HasPrefix(line, "a=ice-pwd:") {
			out, by = append(out, by), ""
		}
	}
	return []byte(strings.Join(out, "\r\n") + "\r\n")
}

func TestReplaceCandidates(t *testing.T) {
	const answer = "v=0\r\nm=audio 9\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\na=candidate:1 1 udp 1 192.0.2.1 8000 typ host\r\n" +
		"a=candidate:2 1 tcp 1 192.0.2.1 8000 typ host tcptype passive\r\na=end-of-candidates\r\nm=video 9\r\na=ice-pwd:y\r\n"
	want := "v=0\r\nm=audio 9\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\na=candidate:1 1 udp 2130706431 127.0.0.1 7 typ host\r\n" +
		"a=end-of-candidates\r\nm=video 9\r\na=ice-pwd:y\r\n"
	if got := string(replaceCandidates([]byte(answer), hostCandidate(netip.MustParseAddrPort("127.0.0.1:7")))); got != want {
		t.Errorf("got %q", got)
	}
	if got := string(replaceCandidates([]byte(answer), "")); strings.Contains(got, "candidate:") {
		t.Errorf("got %q", got)
	}
}

// rtcSession is what the API says of a WebRTC session.
type rtcSession struct {
	ID        string `json:"id"`
	Stream    string `json:"stream"`
	Protocol  string `json:"protocol"`
	Transport struct {
		State, Local, Remote string
		Pairs                []struct {
			Remote   string
			State    string
			Sent     int `json:"requests_sent"`
			Received int `json:"responses_received"`
		} `json:"candidate_pairs"`
	} `json:"transport"`
	Tracks []struct {
		Kind        string
		Packets     int
		Resent      int
		Unanswered  int
		Lost        int
		KeyRequests int `json:"key_requests"`
	} `json:"tracks"`
}

// rtcSessions returns the WebRTC sessions of a stream, the oldest first.
func (g *gateway) rtcSessions(stream string) (list []rtcSession) {
	g.t.Helper()
	res, err := http.Get("http://" + g.api + "/api/v1/sessions")
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	var all struct{ WebRTC []rtcSession }
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		g.t.Fatal(err)
	}
	for _, s := range all.WebRTC {
		if s.Stream == stream {
			list = append(list, s)
		}
	}
	return list
}
