package prototest

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"sluice/server/media"
)

// Player is one player of a stream, by the protocol's own client.
type Player interface {
	// Next returns the next packet, of any kind, with the track in force. It
	// reads from the connection only when it is called (but for buffers of a
	// bounded size). The error is why the player has ended.
	Next() (*media.Packet, error)
	// Close ends the player, and with it a Next that waits.
	Close()
}

// rules are what a view may take for right.
type rules struct {
	clock  time.Duration // the coarsest tick of the wire
	inBand bool
	ownDTS bool
	sound  *media.Track // what sound comes as, whatever it was; nil as it was
	jumps  bool         // packets may be missing, up to a key frame
	// lives says that each publisher has a time line of its own, as before the
	// hub has put them in a row, and that the last of a publisher's packets may
	// be lost with it.
	lives bool
}

// view is a player with what it has seen so far.
type view struct {
	t       *testing.T
	from    *station
	rules   rules
	player  Player
	packets chan *media.Packet
	err     error // once packets is closed
	reading sync.WaitGroup

	last   map[media.Kind]int // number
	count  map[media.Kind]int
	dts    map[media.Kind]time.Duration
	offset time.Duration // from the publisher's time to the player's
	life   int           // the publisher for which that is so
	tracks media.Tracks  // of the last packets
}

// watching is a player that may still wait for its stream.
type watching struct {
	t      *testing.T
	from   *station
	rules  rules
	opened chan struct{}
	player Player
	err    error
}

// watch opens a player. Where it is served before there is a stream, its
// request waits.
func watch(s *station, r rules, play func(context.Context, string) (Player, error)) *watching {
	w := &watching{t: s.t, from: s, rules: r, opened: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(w.opened)
		w.player, w.err = play(ctx, streamName)
	}()
	s.t.Cleanup(func() {
		cancel()
		<-w.opened
		if w.player != nil {
			w.player.Close()
		}
	})
	return w
}

// open waits until the player has its stream; nothing is read yet.
func (w *watching) open() Player {
	w.t.Helper()
	select {
	case <-w.opened:
	case <-time.After(patience):
		w.t.Fatal("waited in vain: for the stream to open")
	}
	if w.err != nil {
		w.t.Fatalf("play: %v", w.err)
	}
	return w.player
}

// read begins to read.
func (w *watching) read() *view {
	w.t.Helper()
	v := &view{
		t: w.t, from: w.from, rules: w.rules, player: w.open(), packets: make(chan *media.Packet, 1<<14),
		last: make(map[media.Kind]int), count: make(map[media.Kind]int), dts: make(map[media.Kind]time.Duration),
	}
	v.reading.Go(func() {
		defer close(v.packets)
		for {
			p, err := v.player.Next()
			if err != nil {
				v.err = err
				return
			}
			v.packets <- p
		}
	})
	v.t.Cleanup(v.close)
	return v
}

// close ends the player and its reader.
func (v *view) close() {
	v.player.Close()
	for range v.packets { // so that the reader is not held up
	}
	v.reading.Wait()
}

// next takes the next packet and checks it.
func (v *view) next() *media.Packet {
	v.t.Helper()
	for {
		select {
		case p, ok := <-v.packets:
			if !ok {
				v.t.Fatalf("the player has ended after %v: %v", v.last, v.err)
			}
			if p.Kind() == media.Data {
				continue
			}
			v.check(p)
			return p
		case <-time.After(patience):
			v.t.Fatalf("waited in vain: for a packet after %v", v.last)
		}
	}
}

// until reads up to packet n of a kind.
func (v *view) until(k media.Kind, n int) {
	v.t.Helper()
	for {
		if last, ok := v.last[k]; ok && last >= n {
			return
		}
		v.next()
	}
}

// ended reads to the end and returns why it is.
func (v *view) ended() error {
	v.t.Helper()
	for {
		select {
		case _, ok := <-v.packets:
			if !ok {
				return v.err
			}
		case <-time.After(patience):
			v.t.Fatal("waited in vain: for the player's end")
		}
	}
}

// check compares a packet with what was published.
func (v *view) check(p *media.Packet) {
	v.t.Helper()
	k, n := p.Kind(), numberOf(p.Payload)
	sent := v.from.sent[k]
	if n < 0 || n >= len(sent) || sent[n] == nil {
		v.t.Fatalf("%v: packet number %d was never sent: % .40x", k, n, p.Payload)
	}
	want := sent[n]
	v.order(p, n)
	payload := p.Payload
	if v.rules.inBand && k == media.Video {
		payload = withoutSets(payload)
	}
	if !bytes.Equal(payload, want.Payload) {
		v.t.Fatalf("%v %d differs: %d bytes % .40x, want %d bytes % .40x", k, n, len(payload), payload, len(want.Payload), want.Payload)
	}
	if k == media.Video && p.Key != want.Key {
		v.t.Errorf("picture %d: key %v", n, p.Key)
	}
	v.times(p, n, want)
	v.tracks = v.tracks.With(p.Track)
	v.form(p.Track, n, want.Track)
	v.last[k] = n
	v.count[k]++
}

// order checks that nothing is missing before a packet.
func (v *view) order(p *media.Packet, n int) {
	v.t.Helper()
	k := p.Kind()
	last, begun := v.last[k]
	if !begun {
		if k == media.Video && !p.Key {
			v.t.Fatalf("begins with picture %d, which is no key frame", n)
		}
		return
	}
	if n <= last {
		v.t.Fatalf("%v %d after %d", k, n, last)
	}
	for i := last + 1; i < n; i++ {
		q := v.from.sent[k][i]
		if q == nil || v.rules.lives && v.from.life[q] != v.from.life[v.from.sent[k][n]] && n-last <= groupSize {
			continue // left out, or the end of another life
		}
		if !v.rules.jumps || k == media.Video && !p.Key {
			v.t.Fatalf("%v %d after %d: some are missing", k, n, last)
		}
	}
}

// times checks a packet's times against the hub's: a wire may begin where it
// likes, but keeps the distances.
func (v *view) times(p *media.Packet, n int, want *media.Packet) {
	v.t.Helper()
	if life := v.from.life[want]; v.life == 0 || v.rules.lives && v.life != life {
		v.life, v.offset = life, p.PTS-want.PTS
	}
	k, slack := p.Kind(), v.rules.clock
	near := func(what string, got, want time.Duration) {
		v.t.Helper()
		if d := got - want; d > slack || d < -slack {
			v.t.Errorf("%v %d: %s is %v, want %v", k, n, what, got, want)
		}
	}
	near("PTS", p.PTS-v.offset, want.PTS)
	if !v.rules.ownDTS {
		near("DTS", p.DTS-v.offset, want.DTS)
		near("CTS", p.PTS-p.DTS, want.PTS-want.DTS)
	}
	if last, begun := v.dts[k]; begun && p.DTS < last || p.DTS > p.PTS {
		v.t.Errorf("%v %d: DTS %v after %v, PTS %v", k, n, p.DTS, last, p.PTS)
	}
	v.dts[k] = p.DTS
}

// form checks the track of a packet.
func (v *view) form(got *media.Track, n int, want *media.Track) {
	v.t.Helper()
	if v.rules.sound != nil && want.Codec.Kind() == media.Audio {
		want = v.rules.sound
	}
	same := got.Codec == want.Codec
	if same && got.Codec == media.H264 {
		same = got.Width == want.Width && got.Height == want.Height && bytes.Equal(got.Config, want.Config)
	} else if same {
		same = got.SampleRate == want.SampleRate && got.Channels == want.Channels &&
			(want.Config == nil || bytes.Equal(got.Config, want.Config))
	}
	if !same {
		v.t.Fatalf("%v %d has the track %+v, want %+v", want.Codec.Kind(), n, got, want)
	}
}
