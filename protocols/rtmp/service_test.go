package rtmp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/protocols/container/amf"
	"sluice/protocols/container/flv"
	"sluice/protocols/rtmp/message"
	"sluice/server/hub"
	"sluice/server/media"
)

// gateway is a service under test, with its hub.
type gateway struct {
	hub *hub.Hub
	*Service
	url, secure string // with the scheme, up to the path
}

func startGateway(t *testing.T, change func(*Config, *hub.Config, *hub.Options)) *gateway {
	t.Helper()
	cfg, hubCfg, options := DefaultConfig(), hub.DefaultConfig(), hub.Options{Log: testLog(t)}
	cfg.Listen, cfg.ListenTLS = "127.0.0.1:0", "127.0.0.1:0"
	if change != nil {
		change(&cfg, &hubCfg, &options)
	}
	if err := errors.Join(cfg.Validate(), hubCfg.Validate()); err != nil {
		t.Fatal(err)
	}
	h := hub.New(hubCfg, options)
	s, err := Start(cfg, &tls.Config{Certificates: []tls.Certificate{certificate(t)}}, h, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{hub: h, Service: s, url: "rtmp://" + s.Addrs()[0].String(), secure: "rtmps://" + s.Addrs()[1].String()}
	t.Cleanup(func() { g.stop(t) })
	return g
}

func (g *gateway) stop(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := g.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	g.hub.Close()
}

// eventually waits for a condition that nothing signals.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("timeout: %s", what)
		}
	}
}

func (g *gateway) waitViewers(t *testing.T, name string, n int) {
	t.Helper()
	eventually(t, "viewers of "+name, func() bool {
		s := g.hub.Find(name)
		return s != nil && len(s.Viewers()) == n
	})
}

func (g *gateway) waitPublisher(t *testing.T, name string, there bool) {
	t.Helper()
	eventually(t, "publisher of "+name, func() bool {
		s := g.hub.Find(name)
		return there == (s != nil && s.Publisher() != nil)
	})
}

// tagsOf reads an FLV file as messages.
func tagsOf(t *testing.T, file string) (list []message.Message) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r := flv.NewReader(f, flv.MaxBody)
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, message.Message{
			Type: message.Type(tag.Type), Timestamp: tag.Timestamp.Milliseconds(), Body: tag.Body,
		})
	}
}

// playRaw plays with what the player announces.
func playRaw(t *testing.T, g *gateway, name string, announce ...amf.Property) raw {
	t.Helper()
	c := dialRaw(t, strings.TrimPrefix(g.url, "rtmp://"))
	app := amf.Object{{Name: "app", Value: "live"}}
	if got := c.call(t, 0, "connect", append(app, announce...)); got.Name != "_result" {
		t.Fatalf("connect: %+v", got)
	}
	c.call(t, 0, "createStream", nil)
	c.say(t, 1, "play", name)
	c.expect(t, CodePlayStart)
	c.expectMedia()
	g.waitViewers(t, "live/"+name, 1)
	return c
}

// packets reads messages until it has n of media.
func (r raw) packets(t *testing.T, n int) (list []message.Message) {
	t.Helper()
	for len(list) < n {
		m, err := r.next()
		if err != nil {
			t.Fatalf("after %d messages: %v", len(list), err)
		}
		if m.Type == message.Audio || m.Type == message.Video {
			list = append(list, m)
		}
	}
	return list
}

func fake(c media.Codec) *media.Track {
	t := &media.Track{Codec: c, Config: []byte{1, 2, 3, 4}}
	switch c {
	case media.Opus, media.PCMA:
		t.Config, t.SampleRate, t.Channels = nil, 48000, 2
	case media.AAC:
		t.Config, t.SampleRate, t.Channels = []byte{0x11, 0x90}, 48000, 2
	}
	return t
}

// feed publishes n packets of each track directly into the hub.
func (g *gateway) feed(t *testing.T, name string, n int, tracks ...*media.Track) *hub.Publisher {
	t.Helper()
	pub, err := g.hub.Publish(t.Context(), hub.Session{Stream: name, Protocol: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pub.Close(nil) })
	kinds := []media.Kind{}
	for _, track := range tracks {
		kinds = append(kinds, track.Codec.Kind())
	}
	pub.Expect(kinds...)
	feedMore(t, pub, 0, n, tracks...)
	return pub
}

func feedMore(t *testing.T, pub *hub.Publisher, from, n int, tracks ...*media.Track) {
	t.Helper()
	for i := from; i < from+n; i++ {
		for _, track := range tracks {
			at := time.Duration(i) * 40 * time.Millisecond
			p := &media.Packet{Track: track, DTS: at, PTS: at, Key: i%5 == 0, Payload: fmt.Appendf(nil, "%05d", i)}
			if track.Codec.Kind() == media.Audio {
				p.Key = false
			}
			if err := pub.Write(p); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A stream without anything for a player is refused by name.
func TestNothingPlayable(t *testing.T) {
	g := startGateway(t, nil)
	player := playRaw(t, g, "one")
	g.feed(t, "live/one", 10, fake(media.AV1))
	var status *StatusError
	if err := player.ended(); !errors.As(err, &status) || !strings.Contains(status.Description, "AV1") {
		t.Errorf("the player hears %v", err)
	}
}

// Pictures come back with a key frame after pause and receiveVideo.
func TestPauseAndReceive(t *testing.T) {
	g := startGateway(t, nil)
	player := playRaw(t, g, "one")
	video, audio := fake(media.H264), fake(media.PCMA)
	pub := g.feed(t, "live/one", 3, audio, video)
	player.packets(t, 1+3)
	at := 3
	more := func() []message.Message {
		t.Helper()
		feedMore(t, pub, at, 6, audio, video) // sound rides with the picture behind it
		at += 6
		var list []message.Message
		for {
			m := player.packets(t, 1)[0]
			list = append(list, m)
			if strings.HasSuffix(string(m.Body), fmt.Sprintf("%05d", at-1)) {
				return list
			}
		}
	}
	count := func(list []message.Message) (video, audio int) {
		for _, m := range list {
			if m.Type == message.Video {
				video++
			} else {
				audio++
			}
		}
		return video, audio
	}
	player.say(t, 1, "receiveVideo", false)
	eventually(t, "no more video", func() bool { v, a := count(more()); return v == 0 && a > 0 })
	player.say(t, 1, "receiveVideo", true)
	player.say(t, 1, "receiveAudio", false)
	first := message.Message{}
	eventually(t, "only video", func() bool {
		list := more()
		v, a := count(list)
		for _, m := range list {
			if m.Type == message.Video && first.Body == nil {
				first = m
			}
		}
		return v > 0 && a == 0
	})
	if first.Body[0] != 0x17 {
		t.Errorf("video comes back with % x", first.Body)
	}
}

// The worst that came for lal: none of it ends the session, or disturbs others.
func TestMalformedMedia(t *testing.T) {
	g := startGateway(t, nil)
	tags := tagsOf(t, sample(t))
	ctx := testContext(t)
	player, err := testClient().Play(ctx, g.url+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	g.waitViewers(t, "live/one", 1)
	pub, err := testClient().Publish(ctx, g.url+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	bad := []message.Message{
		{Type: message.Video, Body: []byte{0x17}},
		{Type: message.Video, Body: []byte{0x17, 0}},
		{Type: message.Video, Body: []byte{0x27, 1, 0, 0, 0, 0, 0, 0, 99, 1}},
		{Type: message.Video, Body: []byte{0x90, 'h', 'v'}},
		{Type: message.Video, Body: []byte{0x22, 1}}, // Sorenson
		{Type: message.Audio, Body: []byte{0xaf}},
		{Type: message.Audio, Body: []byte{0xb2}}, // Speex
		{Type: message.Audio},
		{Type: message.DataAMF0, Body: []byte{2, 0}},
		{Type: message.DataAMF3, Body: []byte{0, 0x11, 0x0a}},
	}
	if err := pub.Write(append(bad, tags...)...); err != nil {
		t.Fatal(err)
	}
	for _, m := range tags {
		if m.Type == message.Video {
			if err := pub.Write(bad...); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	var d flv.Demuxer
	for range 20 {
		nextPicture(t, &d, player)
	}
	pub.Close()
}

func TestErrorsOfTheHub(t *testing.T) {
	g := startGateway(t, func(_ *Config, h *hub.Config, o *hub.Options) {
		h.ViewerWait = 0
		o.Authorize = func(_ context.Context, _ hub.Action, s hub.Session) error {
			if s.Token != "good" {
				return hub.ErrUnauthorized
			}
			return nil
		}
	})
	ctx, c := testContext(t), testClient()
	pub, err := c.Publish(ctx, g.url+"/live?token=good/one")
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	for _, x := range []struct {
		publish bool
		path    string
		code    string
	}{
		{true, "/live/one?token=good", CodePublishBadName},
		{true, "/live/../etc/passwd?token=good", CodePublishBadName},
		{true, "/live/..?token=good", CodePublishBadName},
		{true, "/live/two?token=bad", CodePublishDenied},
		{true, "/live/two", CodePublishDenied},
		{false, "/live/two", CodePlayFailed},
		{false, "/live/two?token=good", CodePlayStreamNotFound},
		{false, "/live/a b?token=good", CodePlayStreamNotFound},
	} {
		var status *StatusError
		if x.publish {
			_, err = c.Publish(ctx, g.url+x.path)
		} else {
			_, err = c.Play(ctx, g.url+x.path)
		}
		if !errors.As(err, &status) || status.Code != x.code {
			t.Errorf("%+v: %v", x, err)
		}
	}
	g.hub.Find("live/one").Publisher().Kick()
	<-pub.Done()
	var status *StatusError
	if !errors.As(pub.Err(), &status) || !strings.Contains(status.Description, "operator") {
		t.Errorf("kicked: %v", pub.Err())
	}
}

// A publisher that comes back goes unnoticed; one that stays away does not.
func TestPublisherComesBack(t *testing.T) {
	t.Parallel()
	g := startGateway(t, func(c *Config, _ *hub.Config, _ *hub.Options) { c.UnpublishNotify = time.Second / 2 })
	player := playRaw(t, g, "one")
	video := fake(media.H264)
	var last int64
	rising := func(n int) {
		t.Helper()
		for i, m := range player.packets(t, n) {
			if m.Timestamp < last {
				t.Fatalf("time falls from %d to %d", last, m.Timestamp)
			}
			if last = m.Timestamp; i < 2 && m.Body[0] != 0x17 {
				t.Errorf("message %d is no key frame: % x", i, m.Body)
			}
		}
	}
	pub := g.feed(t, "live/one", 5, video)
	rising(1 + 5)
	pub.Close(nil)
	pub = g.feed(t, "live/one", 5, video)
	rising(5)
	pub.Close(nil)
	player.expect(t, CodePlayUnpublishNotify)
	g.feed(t, "live/one", 5, video)
	player.expect(t, CodePlayPublishNotify)
	rising(5)
}

func TestPullAndPush(t *testing.T) {
	origin, edge, far := startGateway(t, nil), startGateway(t, nil), startGateway(t, nil)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var relays sync.WaitGroup
	relays.Go(func() {
		sess := hub.Session{Stream: "live/pulled", Protocol: "rtmp", Internal: true}
		if err := Pull(ctx, testClient(), origin.url+"/live/one", edge.hub, sess, testLog(t)); !errors.Is(err, context.Canceled) {
			t.Errorf("pull: %v", err)
		}
	})
	relays.Go(func() {
		sess := hub.Session{Stream: "live/pulled", Protocol: "rtmp", Internal: true}
		if err := Push(ctx, testClient(), far.secure+"/live/pushed", edge.hub, sess, testLog(t)); !errors.Is(err, context.Canceled) {
			t.Errorf("push: %v", err)
		}
	})
	origin.waitViewers(t, "live/one", 1)
	edge.waitViewers(t, "live/pulled", 1)
	player, err := testClient().Play(ctx, far.url+"/live/pushed")
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	far.waitViewers(t, "live/pushed", 1)
	pub, err := testClient().Publish(ctx, origin.url+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	tags := tagsOf(t, sample(t))
	if err := pub.Write(tags...); err != nil {
		t.Fatal(err)
	}
	// All at once is no live stream: the player may start at a later key frame.
	want := pictures(t, tags)
	var d flv.Demuxer
	got := nextPicture(t, &d, player)
	i := slices.IndexFunc(want, func(p *media.Packet) bool { return bytes.Equal(p.Payload, got.Payload) })
	if i < 0 || !got.Key {
		t.Fatal("the first picture is none of the publisher's key frames")
	}
	for _, want := range want[i+1:] {
		got := nextPicture(t, &d, player)
		if !bytes.Equal(got.Payload, want.Payload) || got.PTS-got.DTS != want.PTS-want.DTS {
			t.Fatal("a picture differs")
		}
	}
	cancel()
	relays.Wait()
}

func demux(t *testing.T, d *flv.Demuxer, m message.Message) *media.Packet {
	t.Helper()
	at := time.Duration(m.Timestamp) * time.Millisecond
	_, p, err := d.Demux(flv.Tag{Type: flv.TagType(m.Type), Timestamp: at, Body: m.Body})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pictures(t *testing.T, tags []message.Message) (list []*media.Packet) {
	t.Helper()
	var d flv.Demuxer
	for _, m := range tags {
		if p := demux(t, &d, m); p != nil && p.Kind() == media.Video {
			list = append(list, p)
		}
	}
	return list
}

func nextPicture(t *testing.T, d *flv.Demuxer, player *Player) *media.Packet {
	t.Helper()
	for {
		m, err := player.Read()
		if err != nil {
			t.Fatal(err)
		}
		if p := demux(t, d, m); p != nil && p.Kind() == media.Video {
			return p
		}
	}
}

// The metadata of the publisher reaches the player, with what is known better,
// in AMF0 whatever the publisher uses.
func TestMetadata(t *testing.T) {
	t.Parallel()
	tags := tagsOf(t, sample(t))
	fields := amf.Object{{Name: "title", Value: "mine"}, {Name: "width", Value: 1.0}}
	prefix, err := amf.Append0(nil, "@setDataFrame", "onMetaData")
	if err != nil {
		t.Fatal(err)
	}
	amf0, err0 := amf.Append0(slices.Clone(prefix), amf.ECMAArray(fields))
	amf3, err3 := amf.Append3(append(append([]byte{0}, prefix...), 0x11), fields)
	if err := errors.Join(err0, err3); err != nil {
		t.Fatal(err)
	}
	for _, meta := range []message.Message{
		{Type: message.DataAMF0, Body: amf0},
		{Type: message.DataAMF3, Body: amf3},
	} {
		t.Run(meta.Type.String(), func(t *testing.T) {
			g := startGateway(t, nil)
			player := playRaw(t, g, "one")
			pub, err := testClient().Publish(testContext(t), g.url+"/live/one")
			if err != nil {
				t.Fatal(err)
			}
			defer pub.Close()
			if err := pub.Write(append([]message.Message{meta}, tags[1:]...)...); err != nil {
				t.Fatal(err)
			}
			o := nextMetadata(t, player)
			if amf.Get[string](o, "title") != "mine" || amf.Get[float64](o, "width") != 320 {
				t.Errorf("metadata %+v", o)
			}
		})
	}
}

func nextMetadata(t *testing.T, player raw) amf.Object {
	t.Helper()
	for {
		m, err := player.next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Type != message.DataAMF0 {
			continue
		}
		d, err := message.ParseData(m)
		if err != nil || d.Name != "onMetaData" || len(d.Args) == 0 {
			t.Fatalf("%+v, %v", d, err)
		}
		return amf.Properties(d.Args[0])
	}
}

func TestStopAsksToReconnect(t *testing.T) {
	g := startGateway(t, nil)
	ctx := testContext(t)
	pub, err := testClient().Publish(ctx, g.url+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	player, err := testClient().Play(ctx, g.url+"/live/one")
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	var stopping sync.WaitGroup
	stopping.Go(func() { g.stop(t) })
	var again *ReconnectError
	if _, err := readAll(player); !errors.As(err, &again) {
		t.Errorf("player: %v", err)
	}
	<-pub.Done()
	if !errors.As(pub.Err(), &again) {
		t.Errorf("publisher: %v", pub.Err())
	}
	player.Close()
	pub.Close()
	stopping.Wait()
}
