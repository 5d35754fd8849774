package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"sluice/protocols/container/rtp"
	"sluice/protocols/rtsp/sdp"
	"sluice/protocols/rtsp/wire"
	"sluice/server/auth"
	"sluice/server/hub"
	"sluice/server/media"
)

const tcp01 = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"

// TestStatus asks for what can't be had, each on a connection of its own.
func TestStatus(t *testing.T) {
	f := startService(t, auth.Config{})
	f.publishTCP(t, "live/on").run(t)
	waitTracks(t, f.hub, "live/on", 2)
	on := f.url("live/on")
	setup := func(c *rawClient) { c.do(wire.OK, wire.Setup, on+"/trackID=0", nil, tcp01) }
	onvif := sdp.Media{
		Type: "application", Protocol: "RTP/AVP", Control: "streamid=2",
		Formats: []sdp.Format{{PayloadType: 107, Format: rtp.Format{Name: "vnd.onvif.metadata", Clock: 90000}}},
	}
	// A publisher leaves after its connection: cases that follow each other name streams of their own.
	announce := func(stream string) func(*rawClient) {
		return func(c *rawClient) {
			c.do(wire.OK, wire.Announce, f.url(stream), describe(testVideo, testAudio), "Content-Type: application/sdp")
		}
	}
	for _, c := range []struct {
		name    string
		before  func(*rawClient)
		method  wire.Method
		url     string
		body    string
		headers []string
		want    wire.Status
		header  string // that the answer has, "Name: part of its value"
	}{
		{"options", nil, wire.Options, on, "", nil, 200, "Public: GET_PARAMETER"},
		{"options of the server", nil, wire.Options, "*", "", nil, 200, "Public: ANNOUNCE"},
		{"keep-alive", nil, wire.GetParameter, on, "", nil, 200, ""},
		{"keep-alive in a session", setup, wire.SetParameter, on, "", nil, 200, "Session: ;timeout=60"},
		{"unknown parameter", setup, wire.GetParameter, on, "packets_received\r\n", nil, 451, ""},
		{"unknown method", nil, "FROBNICATE", on, "", nil, 501, ""},
		{"method of servers", nil, wire.Redirect, on, "", nil, 405, ""},
		{"extension", nil, wire.Describe, on, "", []string{"Require: www.onvif.org/ver20/backchannel"}, 551, "Unsupported: www.onvif.org/ver20/backchannel"},
		{"not acceptable", nil, wire.Describe, on, "", []string{"Accept: application/mheg"}, 406, ""},
		{"acceptable among others", nil, wire.Describe, on, "", []string{"Accept: application/mheg, application/SDP;q=0.5"}, 200, "Content-Base: rtsp://"},
		{"bad name", nil, wire.Describe, f.url("live/%2e%2e/x"), "", nil, 400, ""},
		{"describe in a session", setup, wire.Describe, on, "", nil, 455, "Allow: SETUP, PLAY"},
		{"announce in a session", setup, wire.Announce, f.url("live/x"), "v=0", nil, 455, "Allow: "},
		{"wrong session", setup, wire.Play, on, "", []string{"Session: 123"}, 454, ""},
		{"session where there is none", nil, wire.Play, on, "", []string{"Session: 123"}, 454, ""},
		{"play before setup", nil, wire.Play, on, "", nil, 455, "Allow: SETUP"},
		{"pause before setup", nil, wire.Pause, on, "", nil, 455, "Allow: DESCRIBE"},
		{"record before setup", announce("live/a"), wire.Record, f.url("live/a"), "", nil, 455, "Allow: SETUP"},
		{"pause before record", announce("live/b"), wire.Pause, f.url("live/b"), "", nil, 455, "Allow: SETUP"},
		{"teardown before setup", nil, wire.Teardown, on, "", nil, 455, ""},
		{"record what is played", setup, wire.Record, on, "", nil, 455, ""},
		{"setup of the aggregate", nil, wire.Setup, on, "", []string{tcp01}, 459, ""},
		{"setup of no track", nil, wire.Setup, on + "/trackID=5", "", []string{tcp01}, 404, ""},
		{"setup of no media", announce("live/c"), wire.Setup, f.url("live/c") + "/streamid=7", "", []string{tcp01 + ";mode=record"}, 404, ""},
		{"no transport", nil, wire.Setup, on + "/trackID=0", "", nil, 400, ""},
		{"multicast", nil, wire.Setup, on + "/trackID=0", "", []string{"Transport: RTP/AVP;multicast;port=5000-5001"}, 461, ""},
		{"secure profile", nil, wire.Setup, on + "/trackID=0", "", []string{"Transport: RTP/SAVP;unicast;client_port=5000-5001"}, 461, ""},
		{"UDP without ports", nil, wire.Setup, on + "/trackID=0", "", []string{"Transport: RTP/AVP;unicast"}, 461, ""},
		{
			"several transports", nil, wire.Setup, on + "/trackID=0", "",
			[]string{"Transport: RTP/SAVP;unicast,RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=4-5,RTP/AVP;unicast;client_port=5000-5001"},
			200, "Transport: interleaved=4-5",
		},
		{"no channels", nil, wire.Setup, on + "/trackID=1", "", []string{"Transport: RTP/AVP/TCP"}, 200, "Transport: interleaved=0-1"},
		{"the same channels again", setup, wire.Setup, on + "/trackID=1", "", []string{tcp01}, 200, "Transport: interleaved=2-3"},
		{"mixed transports", setup, wire.Setup, on + "/trackID=1", "", []string{"Transport: RTP/AVP;unicast;client_port=5000-5001"}, 461, ""},
		{"wrong mode", nil, wire.Setup, on + "/trackID=0", "", []string{tcp01 + ";mode=record"}, 461, ""},
		{"another stream", setup, wire.Setup, f.url("live/off") + "/trackID=1", "", []string{"Transport: RTP/AVP/TCP"}, 455, ""},
		{"a text", nil, wire.Announce, f.url("live/x"), "hello", []string{"Content-Type: text/plain"}, 415, ""},
		{"no media", nil, wire.Announce, f.url("live/x"), "v=0\r\n", []string{"Content-Type: application/sdp"}, 400, ""},
		{"unknown codecs only", nil, wire.Announce, f.url("live/x"), "m=video 0 RTP/AVP 96\r\na=rtpmap:96 WMV9/90000\r\n", []string{"Content-Type: application/sdp; charset=utf-8"}, 415, ""},
		{"record of nothing that is taken", func(c *rawClient) {
			c.do(wire.OK, wire.Announce, f.url("live/d"), describe(testAudio, onvif), "Content-Type: application/sdp")
			c.do(wire.OK, wire.Setup, f.url("live/d")+"/streamid=2", nil, tcp01+";mode=record")
		}, wire.Record, f.url("live/d"), "", nil, 415, "Session: ;timeout"},
		{"a second publisher", nil, wire.Announce, on, string(describe(testAudio)), []string{"Content-Type: application/sdp"}, 403, ""},
		{"describe after no transport was found", func(c *rawClient) {
			c.do(wire.UnsupportedTransport, wire.Setup, on+"/trackID=0", nil, "Transport: RTP/AVP;multicast")
		}, wire.Describe, on, "", nil, 200, ""},
		{"one track of two", func(c *rawClient) {
			setup(c)
			c.do(wire.OK, wire.Setup, on+"/trackID=1", nil, "Transport: RTP/AVP/TCP;interleaved=2-3")
		}, wire.Play, on + "/trackID=1", "", nil, 460, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := f.dial(t)
			if c.before != nil {
				c.before(client)
			}
			res := client.do(c.want, c.method, c.url, []byte(c.body), c.headers...)
			if name, part, ok := strings.Cut(c.header, ": "); ok && !strings.Contains(res.Header.Get(name), part) {
				t.Errorf("%s: %q, want %q in it", name, res.Header.Get(name), part)
			}
		})
	}
}

func TestNoPublisher(t *testing.T) {
	f := startService(t, auth.Config{}, func(c *Config) { c.DescribeWait = 50 * time.Millisecond })
	f.dial(t).do(wire.NotFound, wire.Describe, f.url("live/off"), nil)
}

// waitStream waits until a stream is as it should be.
func waitStream(t testing.TB, h *hub.Hub, name, what string, ok func(*hub.Stream) bool) {
	t.Helper()
	w := time.NewTicker(5 * time.Millisecond)
	defer w.Stop()
	deadline := time.After(testPatience)
	for {
		if s := h.Find(name); s != nil && ok(s) {
			return
		}
		select {
		case <-w.C:
		case <-deadline:
			t.Fatalf("%s has not come up with %s", name, what)
		}
	}
}

// waitTracks waits until a stream has so many tracks.
func waitTracks(t testing.TB, h *hub.Hub, name string, n int) {
	t.Helper()
	waitStream(t, h, name, "its tracks", func(s *hub.Stream) bool {
		ts, ok := s.Tracks()
		return ok && len(ts.Media()) == n
	})
}

// waitViewers waits until a stream has so many viewers.
func waitViewers(t testing.TB, h *hub.Hub, name string, n int) {
	t.Helper()
	waitStream(t, h, name, "its viewers", func(s *hub.Stream) bool { return len(s.Viewers()) == n })
}

// TestBroken sends what is no RTSP: the answer says so and the connection ends,
// and others go on.
func TestBroken(t *testing.T) {
	f := startService(t, auth.Config{})
	for _, c := range []struct{ name, text, want string }{
		{"version", "OPTIONS * RTSP/3.0\r\nCSeq: 9\r\n\r\n", "RTSP/1.0 505 "},
		{"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "RTSP/1.0 400 "},
		{"http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "RTSP/1.0 400 "},
		{"huge body", "ANNOUNCE rtsp://x/live/a RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 999999999\r\n\r\n", "RTSP/1.0 413 "},
		{"long line", "OPTIONS rtsp://x/" + strings.Repeat("a", 1<<15) + " RTSP/1.0\r\n", "RTSP/1.0 414 "},
		{"many fields", "OPTIONS * RTSP/1.0\r\n" + strings.Repeat("X: y\r\n", 1000), "RTSP/1.0 413 "},
		{"no CSeq", "OPTIONS * RTSP/1.0\r\n\r\n", "RTSP/1.0 400 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := f.dial(t)
			if _, err := io.WriteString(client.conn, c.text); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, len(c.want))
			if _, err := io.ReadFull(client.conn, b); err != nil || string(b) != c.want {
				t.Fatalf("%q, %v", b, err)
			}
		})
	}
	f.dial(t).do(wire.OK, wire.Options, "*", nil)
}

// TestPipelined sends requests without waiting for answers, with frames that
// belong to nothing between them.
func TestPipelined(t *testing.T) {
	f := startService(t, auth.Config{})
	c := f.dial(t)
	for range 3 {
		c.send(wire.Options, "*", nil)
		if _, err := c.conn.Write(wire.AppendFrame(nil, 77, []byte("what is this"))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		if res := c.answer(); res.Status != wire.OK || res.CSeq() != string(rune('1'+i)) {
			t.Errorf("answer %d: %d, CSeq %s", i, res.Status, res.CSeq())
		}
	}
}

// TestLeaveEarly: one that leaves while it waits for a publisher is not waited
// for, and one that stays waits for as long as it should, though that is longer
// than it may take for its own next step.
func TestLeaveEarly(t *testing.T) {
	f := startService(t, auth.Config{}, func(c *Config) { c.SetupTimeout, c.DescribeWait = time.Second, testPatience })
	ask := func() *rawClient {
		c := f.dial(t)
		c.send(wire.Describe, f.url("live/late"), nil)
		return c
	}
	gone, stays, ahead := ask(), ask(), ask()
	ahead.send(wire.Options, "*", nil)
	waitViewers(t, f.hub, "live/late", 3)
	gone.conn.Close()
	waitViewers(t, f.hub, "live/late", 2)
	<-time.After(1200 * time.Millisecond)
	pub := f.publishHub(t, "live/late", testTracks().Media()...)
	live(t, pub)
	for _, c := range []*rawClient{stays, ahead} {
		if res := c.answer(); res.Status != wire.OK || res.CSeq() != "1" {
			t.Errorf("%d %s", res.Status, res.Reason)
		}
	}
	if res := ahead.answer(); res.Status != wire.OK || res.CSeq() != "2" {
		t.Errorf("what was sent ahead: %d %s", res.Status, res.Reason)
	}
	stays.do(wire.OK, wire.Setup, f.url("live/late")+"/trackID=0", nil, tcp01)
	stays.do(wire.OK, wire.Play, f.url("live/late"), nil)
	stays.packet()
}

// TestSlow: who does not come to the point is sent away, and so is a publisher
// that falls silent.
func TestSlow(t *testing.T) {
	f := startService(t, auth.Config{}, func(c *Config) {
		c.SetupTimeout, c.SessionTimeout = 300*time.Millisecond, time.Second
	})
	idle := f.dial(t)
	idle.ended()
	dribble := f.dial(t)
	if _, err := io.WriteString(dribble.conn, "OPTIONS * RTS"); err != nil {
		t.Fatal(err)
	}
	dribble.ended()
	c := f.dial(t)
	c.send(wire.Announce, f.url("live/silent"), describe(testAudio))
	if res := c.answer(); res.Status != wire.OK {
		t.Fatal(res.Status)
	}
	c.ended() // announced, and no more
	if s := f.hub.Find("live/silent"); s != nil && s.Publisher() != nil {
		t.Error("the publisher is still there")
	}
}

func TestTooManyConnections(t *testing.T) {
	f := startService(t, auth.Config{}, func(c *Config) { c.MaxConnections = 2 })
	a, b := f.dial(t), f.dial(t)
	a.do(wire.OK, wire.Options, "*", nil)
	b.do(wire.OK, wire.Options, "*", nil)
	refused := f.dial(t)
	if _, err := refused.frame(); err == nil {
		t.Error("a third connection is served")
	}
	if n := f.Connections(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// TestPlayTCP plays what another peer publishes, and sees the order of things.
func TestPlayTCP(t *testing.T) {
	f := startService(t, auth.Config{})
	pub := f.publishTCP(t, "live/test")
	stop := pub.run(t)
	c := f.dial(t)
	res := c.do(wire.OK, wire.Describe, f.url("live/test?x=1"), nil)
	desc, err := sdp.Parse(res.Body)
	if err != nil || len(desc.Media) != 2 || desc.Media[0].Formats[0].Name != "VP8" || desc.Media[1].Formats[0].PayloadType != 8 {
		t.Fatalf("%v: %s", err, res.Body)
	}
	base := res.Header.Get(wire.HeaderContentBase)
	for i := range desc.Media {
		// As clients do: the control attribute goes behind the query.
		res = c.do(wire.OK, wire.Setup, desc.URL(base, i), nil, "Transport: RTP/AVP/TCP;unicast;interleaved="+[]string{"0-1", "2-3"}[i])
		if tr, err := wire.ParseTransports(res.Header.Get(wire.HeaderTransport)); err != nil || !tr[0].HasSSRC || tr[0].Lower != wire.TCP {
			t.Errorf("Transport: %q", res.Header.Get(wire.HeaderTransport))
		}
	}
	res = c.do(wire.OK, wire.Play, base, nil)
	if r := res.Header.Get(wire.HeaderRange); r != "npt=now-" {
		t.Errorf("Range: %q", r)
	}
	info := wire.ParseRTPInfo(res.Header.Get(wire.HeaderRTPInfo))
	if len(info) != 2 || !info[0].HasSeq || !info[0].HasTime || !strings.HasSuffix(info[0].URL, "/trackID=0") {
		t.Fatalf("RTP-Info: %q", res.Header.Get(wire.HeaderRTPInfo))
	}

	// Sender reports of both tracks come first, for one instant.
	var ntp [2]uint64
	for i := range 2 {
		fr, err := c.frame()
		if err != nil || fr.channel != uint8(2*i+1) {
			t.Fatalf("channel %d, %v", fr.channel, err)
		}
		list, err := rtcp.Unmarshal(fr.data)
		if err != nil {
			t.Fatal(err)
		}
		sr, ok := list[0].(*rtcp.SenderReport)
		if !ok || sr.RTPTime != info[i].Time {
			t.Fatalf("%v, RTP-Info has %d", list[0], info[i].Time)
		}
		ntp[i] = sr.NTPTime
	}
	if ntp[0] != ntp[1] || ntp[0] == 0 {
		t.Errorf("NTP times %d and %d", ntp[0], ntp[1])
	}
	next := [2]uint16{info[0].Seq, info[1].Seq}
	var got [2]int
	for got[0] < 30 {
		p, channel := c.packet()
		lane := channel / 2
		if p.Sequence != next[lane] {
			t.Fatalf("track %d: packet %d, want %d", lane, p.Sequence, next[lane])
		}
		if lane == 0 && got[0] == 0 && p.Payload[1]&1 != 0 {
			t.Error("the first picture is no key frame")
		}
		next[lane]++
		got[lane]++
	}
	if got[1] < 2*got[0]-15 {
		t.Errorf("%d pictures and %d sounds", got[0], got[1])
	}

	// The publisher leaves; the player's operator ends it with a word.
	stop()
	pub.do(wire.OK, wire.Teardown, f.url("live/test"), nil)
	for _, v := range f.hub.Find("live/test").Viewers() {
		v.Kick()
	}
	for {
		list := c.control(1)
		if bye, ok := list[len(list)-1].(*rtcp.Goodbye); ok && len(bye.Sources) == 1 {
			break
		}
	}
	c.ended()
}

// TestTLS plays over RTSPS, where UDP is refused: media would travel in the
// clear.
func TestTLS(t *testing.T) {
	f := startService(t, auth.Config{}, func(c *Config) { c.ListenTLS = "127.0.0.1:0" })
	f.publishTCP(t, "live/test").run(t)
	nc, err := tls.Dial("tcp", f.Addrs()[1].String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	c := newRawClient(t, nc)
	url := "rtsps://" + f.Addrs()[1].String() + "/live/test"
	c.do(wire.OK, wire.Describe, url, nil)
	c.do(wire.UnsupportedTransport, wire.Setup, url+"/trackID=0", nil, "Transport: RTP/AVP;unicast;client_port=5000-5001")
	c.do(wire.OK, wire.Setup, url+"/trackID=0", nil, "Transport: RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=0-1")
	c.do(wire.OK, wire.Play, url, nil)
	c.packet()
	if v := f.hub.Find("live/test").Viewers(); len(v) != 1 || v[0].Protocol != "rtsps" {
		t.Errorf("%v", v)
	}
}

// TestReports: publishers get receiver reports.
func TestReports(t *testing.T) {
	f := startService(t, auth.Config{})
	pub := f.publishTCP(t, "live/test")
	pub.step()
	rr, ok := pub.control(3)[0].(*rtcp.ReceiverReport)
	if !ok || len(rr.Reports) != 1 || rr.Reports[0].SSRC != 2 {
		t.Errorf("%v", rr)
	}
}

// TestPublisherPauses: a publisher may pause, as GStreamer's does before it
// leaves, and go on in the same session.
func TestPublisherPauses(t *testing.T) {
	f := startService(t, auth.Config{})
	s := f.publishTCP(t, "live/test")
	stop := s.run(t)
	c, _ := f.playTCP(t, "live/test")
	stop()
	s.do(wire.OK, wire.Pause, f.url("live/test"), nil)
	s.do(wire.OK, wire.GetParameter, f.url("live/test"), nil)
	s.do(wire.OK, wire.Record, f.url("live/test"), nil)
	const small = 100 // no picture before was
	for range 2 {     // the first is complete when the second begins
		picture := rtp.Packet{
			Sequence: s.seq[0], Timestamp: s.start[0] + uint32(s.n*1800), SSRC: 1, PayloadType: 96, Marker: true,
			Payload: append([]byte{0x10}, vp8Picture(false, small)...),
		}
		s.send(0, picture.Append(nil))
		s.seq[0]++
		s.n += 2
	}
	for p, channel := c.packet(); channel != 0 || len(p.Payload) > 2*small; p, channel = c.packet() {
	}
	s.do(wire.OK, wire.Pause, f.url("live/test"), nil)
	s.do(wire.OK, wire.Teardown, f.url("live/test"), nil)
}

// TestPause pauses and goes on: at a key frame, and with nothing twice.
func TestPause(t *testing.T) {
	f := startService(t, auth.Config{})
	f.publishTCP(t, "live/test").run(t)
	c, _ := f.playTCP(t, "live/test")
	var last uint16
	for i := range 25 {
		p, channel := c.packet()
		if channel == 0 {
			last = p.Sequence
		}
		if i == 24 {
			c.do(wire.OK, wire.Pause, f.url("live/test"), nil)
		}
	}
	for _, fr := range c.frames { // those that were on their way
		if fr.channel == 0 {
			last++
		}
	}
	c.frames = nil
	c.do(wire.OK, wire.GetParameter, f.url("live/test"), nil)
	if len(c.frames) > 0 {
		t.Errorf("%d frames while paused", len(c.frames))
	}
	c.do(wire.OK, wire.Play, f.url("live/test"), nil)
	for {
		p, channel := c.packet()
		if channel != 0 {
			continue
		}
		if int16(p.Sequence-last) <= 0 || p.Payload[1]&1 != 0 {
			t.Errorf("goes on with packet %d after %d, key frame: %v", p.Sequence, last, p.Payload[1]&1 == 0)
		}
		break
	}
	c.do(wire.OK, wire.Play, f.url("live/test"), nil) // again: nothing changes
	c.packet()

	// One track ends, the other goes on.
	c.do(wire.OK, wire.Teardown, f.url("live/test")+"/trackID=0", nil)
	c.frames = nil
	for range 20 {
		if _, channel := c.packet(); channel != 2 {
			t.Fatalf("a packet on channel %d", channel)
		}
	}
	c.do(wire.OK, wire.Teardown, f.url("live/test"), nil)
	c.session = ""
	c.do(wire.OK, wire.Describe, f.url("live/test"), nil) // the connection is good for more
}

// TestOneTrack sets up the sound only, on a channel of its own choice.
func TestOneTrack(t *testing.T) {
	f := startService(t, auth.Config{})
	f.publishTCP(t, "live/test").run(t)
	c := f.dial(t)
	c.do(wire.OK, wire.Setup, f.url("live/test")+"/trackID=1", nil, "Transport: RTP/AVP/TCP;unicast;interleaved=8-11")
	c.do(wire.OK, wire.Play, f.url("live/test"), nil)
	if _, ok := c.control(11)[0].(*rtcp.SenderReport); !ok {
		t.Error("no sender report on channel 11")
	}
	var next uint16
	for i := range 20 {
		p, channel := c.packet()
		if channel != 8 || p.PayloadType != 8 || i > 0 && p.Sequence != next {
			t.Fatalf("packet %d of type %d on channel %d", p.Sequence, p.PayloadType, channel)
		}
		next = p.Sequence + 1
	}
}

// TestPublisherComesBack: a player stays, its numbers and times go on.
func TestPublisherComesBack(t *testing.T) {
	f := startService(t, auth.Config{})
	var c *rawClient
	var next [2]uint16
	var times [2]uint32
	for round := range 3 {
		pub := f.publishTCP(t, "live/test")
		stop := pub.run(t)
		if c == nil {
			c, _ = f.playTCP(t, "live/test")
		}
		for i := 0; i < 40; i++ {
			p, channel := c.packet()
			lane := channel / 2
			if round > 0 || i > 4 {
				if p.Sequence != next[lane] || int32(p.Timestamp-times[lane]) < 0 {
					t.Fatalf("round %d, track %d: packet %d at %d after %d at %d", round, lane, p.Sequence, p.Timestamp, next[lane]-1, times[lane])
				}
			}
			next[lane], times[lane] = p.Sequence+1, p.Timestamp
		}
		stop()
		pub.conn.Close()
		s := f.hub.Find("live/test")
		for s.Publisher() != nil {
			<-time.After(time.Millisecond)
		}
		for len(c.frames) > 0 {
			p, channel := c.packet()
			next[channel/2], times[channel/2] = p.Sequence+1, p.Timestamp
		}
	}
}

// TestShutdown ends what goes on.
func TestShutdown(t *testing.T) {
	f := startService(t, auth.Config{})
	pub := f.publishTCP(t, "live/test")
	stop := pub.run(t)
	c, _ := f.playTCP(t, "live/test")
	c.packet()
	stop()
	ctx, cancel := context.WithTimeout(t.Context(), testPatience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.Stop(ctx) }()
	c.ended()
	c.conn.Close()
	pub.ended()
	pub.conn.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", f.addr); err == nil {
		t.Error("the listener is open")
	} else if errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// FuzzServer feeds a connection with anything.
func FuzzServer(f *testing.F) {
	for _, s := range []string{
		"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
		"DESCRIBE rtsp://x/live/on RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n" +
			"SETUP rtsp://x/live/on/trackID=1 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n" +
			"PLAY rtsp://x/live/on RTSP/1.0\r\nCSeq: 3\r\n\r\n$\x01\x00\x04abcd" +
			"PAUSE rtsp://x/live/on RTSP/1.0\r\nCSeq: 4\r\n\r\nTEARDOWN rtsp://x/live/on RTSP/1.0\r\nCSeq: 5\r\n\r\n",
		"ANNOUNCE rtsp://x/live/new RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: 20\r\n\r\nm=audio 0 RTP/AVP 8\n" +
			"SETUP rtsp://x/live/new RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;mode=record\r\n\r\n" +
			"RECORD rtsp://x/live/new RTSP/1.0\r\nCSeq: 3\r\n\r\n$\x00\x00\x10\x80\x08\x00\x01\x00\x00\x00\x00\x00\x00\x00\x07abcd$\x01\x00\x04abcd",
	} {
		f.Add([]byte(s))
	}
	cfg := DefaultConfig()
	cfg.DescribeWait = time.Millisecond
	h := hub.New(hub.DefaultConfig(), hub.Options{})
	f.Cleanup(h.Close)
	ts := media.Tracks{Audio: testTracks().Audio}
	pub, err := h.Publish(context.Background(), hub.Session{Stream: "live/on"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { pub.Close(nil) })
	pub.Expect(media.Audio)
	write(f, pub, ts, 0, 10)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &Server{Handler: &handler{cfg: cfg, hub: h, log: slog.New(slog.DiscardHandler)}, Options: cfg.options()}
		s.Options.FirstPort = 0
		near, far := net.Pipe()
		s.accept(far)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(io.Discard, near)
		}()
		_, _ = near.Write(b)
		near.Close()
		<-done
		ctx, cancel := context.WithTimeout(t.Context(), testPatience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("the connection does not end: %v", err)
		}
	})
}
