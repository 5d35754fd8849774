package rtmp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/rtmp/message"
)

// samples are messages of all kinds, odd ones among them.
func samples() []message.Message {
	meta, _ := message.Data{Name: "onMetaData", Args: []any{}}.Body()
	return []message.Message{
		{Type: message.DataAMF0, Body: meta},
		{Type: message.Video, Timestamp: 0, Body: []byte{0x17}}, // one byte only
		{Type: message.Audio, Timestamp: 0, Body: nil},
		{Type: message.Video, Timestamp: 40, Body: bytes.Repeat([]byte("v"), 300_000)},
		{Type: message.Audio, Timestamp: 63, Body: bytes.Repeat([]byte("a"), 400)},
		{Type: message.Audio, Timestamp: 60, Body: []byte("earlier")},
		{Type: message.Video, Timestamp: 0xffffff, Body: []byte("v")},
		{Type: message.Video, Timestamp: 1<<31 - 1, Body: []byte("v")},
		{Type: message.Video, Timestamp: 3 << 30, Body: []byte("v")},
		{Type: message.Video, Timestamp: 1<<32 - 1, Body: bytes.Repeat([]byte("v"), 100_000)},
		{Type: message.Video, Timestamp: 1<<32 + 10, Body: []byte("wrapped")},
	}
}

// expected is samples as a player gets it.
func expected(id uint32) []message.Message {
	list := samples()
	for i := range list {
		list[i].StreamID = id
	}
	return list
}

func sameMessages(t *testing.T, want, got []message.Message) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); diff != "" {
		if len(diff) > 2000 {
			diff = diff[:2000]
		}
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestPublishAndPlay(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	for name, base := range map[string]string{"rtmp": "rtmp://" + s.addr, "rtmps": "rtmps://" + s.tlsAddr} {
		t.Run(name, func(t *testing.T) {
			ctx, c := testContext(t), testClient()
			player, err := c.Play(ctx, base+"/live/one")
			if err != nil {
				t.Fatal(err)
			}
			defer player.Close()
			r.waitPlayers(t, "live/one", 1)
			pub, err := c.Publish(ctx, base+"/live/one?token=x")
			if err != nil {
				t.Fatal(err)
			}
			if err := pub.Write(samples()...); err != nil {
				t.Fatal(err)
			}
			pub.Close()
			got, err := readAll(player)
			if err != nil {
				t.Fatal(err)
			}
			sameMessages(t, expected(1), got)
			if !player.Caps().Takes("hvc1") || player.Caps().Ex&ExReconnect == 0 {
				t.Errorf("the server announces %+v", player.Caps())
			}
		})
	}
	for _, req := range r.requests() {
		if !req.Caps.Enhanced() || req.Remote == nil || !strings.HasPrefix(req.TCURL, "rtmp") {
			t.Errorf("request %+v", req.ConnectInfo)
		}
	}
}

// What an attacker or a broken encoder does ends its own session only.
func TestMediaBeforePublish(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	ctx := testContext(t)
	pub, err := testClient().Publish(ctx, "rtmp://"+s.addr+"/live/good")
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	for _, typ := range []message.Type{message.Audio, message.Video} {
		bad := dialRaw(t, s.addr)
		bad.connectRaw(t)
		bad.send(t, message.Message{Type: typ, StreamID: 1, Body: []byte{0x17}})
		if err := bad.ended(); err == nil || !strings.Contains(err.Error(), "not published") {
			t.Errorf("%v: the peer hears %v", typ, err)
		}
	}
	if err := pub.Write(samples()...); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	ctx, c := testContext(t), testClient()
	r.publish = func(*PublishSession) error {
		return &StatusError{CodePublishBadName, "somebody publishes already"}
	}
	r.connect = func(i *ConnectInfo) error {
		if i.App == "closed" {
			return errors.New("closed today")
		}
		return nil
	}
	var status *StatusError
	_, err := c.Publish(ctx, "rtmp://"+s.addr+"/live/one")
	if !errors.As(err, &status) || *status != (StatusError{CodePublishBadName, "somebody publishes already"}) {
		t.Errorf("publish: %v", err)
	}
	_, err = c.Play(ctx, "rtmp://"+s.addr+"/live/none")
	if !errors.As(err, &status) || status.Code != CodePlayStreamNotFound {
		t.Errorf("play: %v", err)
	}
	var reject *RejectError
	_, err = c.Play(ctx, "rtmp://"+s.addr+"/closed/one")
	if !errors.As(err, &reject) || reject.Description != "closed today" {
		t.Errorf("connect: %v", err)
	}
}

func TestRedirects(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	ctx, c := testContext(t), testClient()
	r.connect = func(i *ConnectInfo) error {
		switch i.App {
		case "old":
			return &RejectError{Redirect: "rtmps://" + s.tlsAddr + "/new"}
		case "round":
			return &RejectError{Redirect: "rtmp://" + s.addr + "/round"}
		}
		return nil
	}
	p, err := c.Play(ctx, "rtmp://"+s.addr+"/old/one?k=v")
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if got := r.requests()[0]; got.Path != "new/one" || got.Query.Get("k") != "v" || !got.TLS {
		t.Errorf("redirected to %q, %v", got.Path, got.Query)
	}
	if _, err := c.Play(ctx, "rtmp://"+s.addr+"/round/one"); err == nil || !strings.Contains(err.Error(), "gave up") {
		t.Errorf("redirects in a circle: %v", err)
	}
}

func TestAdobeAuth(t *testing.T) {
	r := newRelay()
	r.connect = adobeServer("user", "pass word+&=")
	s := startServer(t, r)
	ctx, c := testContext(t), testClient()
	p, err := c.Play(ctx, "rtmp://user:pass%20word+&=@"+s.addr+"/live/one?k=v")
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if got := r.requests()[0]; got.Path != "live/one" || got.Query.Get("k") != "v" {
		t.Errorf("path %q, query %v", got.Path, got.Query)
	}
	for _, url := range []string{"rtmp://user:wrong@", "rtmp://other:x@", "rtmp://"} {
		if _, err := c.Play(ctx, url+s.addr+"/live/one"); !errors.Is(err, errCredentials) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// adobeServer is the server's side of Adobe's authentication.
func adobeServer(user, password string) func(*ConnectInfo) error {
	const salt, challenge, opaque = "c2FsdA==", "Y2hhbA==", "b3BhcXVl"
	const intro = "[ AccessManager.Reject ] : [ authmod=adobe ] : "
	return func(i *ConnectInfo) error {
		_, query := splitQuery(i.App)
		p := authParams(query)
		switch {
		case p["authmod"] != "adobe":
			return &RejectError{Description: "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : "}
		case p["response"] == "" && p["user"] == user:
			return &RejectError{Description: intro + "?reason=needauth&user=" + user +
				"&salt=" + salt + "&challenge=" + challenge + "&opaque=" + opaque}
		case p["user"] == user && p["response"] == adobeResponse(user, salt, password, opaque, challenge, p["challenge"]):
			return nil
		}
		return &RejectError{Description: intro + "?reason=authfailed&opaque=" + opaque}
	}
}

// Known values keep both sides of the test from being wrong together; ffmpeg
// is the other witness.
func TestAdobeResponse(t *testing.T) {
	secret := md5Base64("usersaltpass") // base64(md5("usersaltpass"))
	if secret != "D/gO1WGxSUEeNGgoaUUg/Q==" {
		t.Fatalf("secret %q", secret)
	}
	if got, want := adobeResponse("user", "salt", "pass", "", "chal", "ours"), md5Base64(secret+"chalours"); got != want {
		t.Errorf("without opaque: %q, want %q", got, want)
	}
}

func TestPublisherHearsTheServer(t *testing.T) {
	r := newRelay()
	var session *PublishSession
	r.publish = func(s *PublishSession) error { session = s; return nil }
	s := startServer(t, r)
	pub, err := testClient().Publish(testContext(t), "rtmp://"+s.addr+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	r.waitLive(t, "live/one", 1)
	session.End(&StatusError{CodePublishDenied, "kicked"})
	<-pub.Done()
	var status *StatusError
	if err := pub.Write(samples()...); !errors.As(err, &status) || status.Description != "kicked" {
		t.Errorf("write after the end: %v", err)
	}
}

func TestPlayerControls(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	p, err := testClient().Play(testContext(t), "rtmp://"+s.addr+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	session := r.player(t, "live/one")
	if got := session.Wants(); got != (Wants{Audio: true, Video: true}) {
		t.Errorf("at first: %+v", got)
	}
	for _, step := range []struct {
		do   func() error
		want Wants
	}{
		{func() error { return p.Pause(true) }, Wants{true, true, true}},
		{func() error { return p.Pause(false) }, Wants{true, true, false}},
		{func() error { return p.Receive(false, true) }, Wants{false, true, false}},
		{func() error { return p.Receive(true, false) }, Wants{true, false, false}},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		for session.Wants() != step.want {
			<-session.Changed()
		}
	}
	// The answers don't disturb who reads.
	if err := session.Write(message.Message{Type: message.Audio, Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	for {
		m, err := p.Read()
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == message.Audio {
			break
		}
	}
	p.Close()
	<-session.done
}

func TestShutdownAsksToReconnect(t *testing.T) {
	r := newRelay()
	s := startServer(t, r)
	ctx, c := testContext(t), testClient()
	pub, err := c.Publish(ctx, "rtmp://"+s.addr+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	p, err := c.Play(ctx, "rtmp://"+s.addr+"/live/two")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	old := dialRaw(t, s.addr) // announces nothing
	old.connectRaw(t)
	done := make(chan error)
	go func() { done <- s.Shutdown(ctx) }()
	var again *ReconnectError
	<-pub.Done()
	if err := pub.Err(); !errors.As(err, &again) {
		t.Errorf("publisher: %v", err)
	}
	if _, err := readAll(p); !errors.As(err, &again) {
		t.Errorf("player: %v", err)
	}
	if err := old.ended(); errors.As(err, &again) {
		t.Errorf("a peer without Enhanced RTMP: %v", err)
	}
	pub.Close()
	p.Close()
	old.close(io.EOF)
	if err := <-done; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections after the shutdown", n)
	}
}
