package webrtc

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"sluice/protocols/container/rtp"
	"sluice/protocols/container/rtp/jitter"
	sluice "sluice/server/media"
	"sluice/signaling/sdpfrag"
)

// networks are those of the acceptance list: with a round trip of 200 ms where
// there is delay at all.
var networks = []struct {
	name          string
	loss          float64
	delay, jitter time.Duration
}{
	{"1 % loss", 0.01, 0, 0},
	{"5 % loss, 200 ms round trip", 0.05, 100 * time.Millisecond, 0},
	{"10 % loss", 0.10, 20 * time.Millisecond, 0},
	{"1 % loss, 100 ms jitter, reordering", 0.01, 50 * time.Millisecond, 100 * time.Millisecond},
}

// assemble makes pictures of what a viewer got, as a player does that waits a
// second for what is missing. It returns their numbers.
func assemble(t *testing.T, packets []received) (numbers []int) {
	t.Helper()
	buffer := jitter.NewBuffer(jitter.Config{MaxPackets: 4096, MaxDelay: time.Second})
	parts, err := rtp.NewDepacketizer(rtp.Format{Name: "H264", Clock: 90000}, rtp.DepacketizerConfig{TrustMarker: true})
	if err != nil {
		t.Fatal(err)
	}
	var units []rtp.Unit
	drain := func(now time.Time) {
		for {
			p, lost, ok := buffer.Pop(now)
			if !ok {
				return
			}
			units, _ = parts.Append(units, p, lost)
		}
	}
	for _, p := range packets {
		buffer.Push(rtp.Packet{
			Payload: p.Payload, Timestamp: p.Timestamp, SSRC: p.SSRC, Sequence: p.SequenceNumber, Marker: p.Marker,
		}, p.at)
		drain(p.at)
	}
	for _, u := range units {
		numbers = append(numbers, int(binary.BigEndian.Uint32(slice(u.Payload)[8:])))
	}
	return numbers
}

// slice returns the last NAL unit of a payload.
func slice(payload []byte) (unit []byte) {
	for len(payload) > 4 {
		n := int(binary.BigEndian.Uint32(payload))
		unit, payload = payload[4:4+n], payload[4+n:]
	}
	return unit
}

// TestBadNetworks has viewers and publishers on bad networks, all at once as they
// mostly wait.
func TestBadNetworks(t *testing.T) {
	var wg sync.WaitGroup
	for _, c := range networks {
		wg.Go(func() {
			t.Run("viewer, "+c.name, func(t *testing.T) { badViewer(t, newNetem(t, c.loss, c.delay, c.jitter)) })
		})
		wg.Go(func() {
			t.Run("publisher, "+c.name, func(t *testing.T) { badPublisher(t, newNetem(t, c.loss, c.delay, c.jitter)) })
		})
	}
	wg.Go(func() { t.Run("blackout", blackout) })
	wg.Wait()
}

// badViewer: what is lost on the way to a viewer comes again.
func badViewer(t *testing.T, n *netem) {
	h, s := newBadService(t, n)
	src := newSource(t, h, "live/a", 60, 3000)
	src.cached(40)
	src.run()
	v := newViewer(t, nil)
	v.play(s, "live/a")
	waitFor(t, "200 pictures", func() bool { return v.times() > 200 })
	numbers := assemble(t, v.got(webrtc.RTPCodecTypeVideo))
	intact := map[int]bool{}
	for _, n := range numbers {
		intact[n] = true
	}
	// The newest may still be waiting for a packet.
	first, last := slices.Min(numbers), slices.Max(numbers)-40
	total, missing := last-first, 0
	for n := first; n < last; n++ {
		if !intact[n] {
			missing++
		}
	}
	if first%60 != 0 {
		t.Errorf("begins with picture %d, which is no key frame", first)
	}
	resent := s.Sessions()[0].Tracks[0].Resent
	t.Logf("%d of %d pictures missing, %d packets sent again", missing, total, resent)
	if missing > total/50 {
		t.Errorf("%d of %d pictures are missing", missing, total)
	}
	if resent == 0 {
		t.Error("nothing was lost: the test tests nothing")
	}
}

// badPublisher: what reaches the hub is never torn, and after a picture that is
// lost comes a key frame.
func badPublisher(t *testing.T, n *netem) {
	h, s := newBadService(t, n)
	w := watch(t, h, "live/a")
	p := newPublisher(t, nil, webrtc.MimeTypeH264)
	p.post(s.Publish, "live/a", p.offer())
	p.run()
	waitFor(t, "150 pictures", func() bool { return len(w.kind(sluice.Video)) > 150 })
	checkWhole(t, w.kind(sluice.Video))
	for _, track := range s.Sessions()[0].Tracks {
		t.Logf("%s: %d packets, %d recovered, %d lost, %d key requests", track.Kind, track.Packets, track.Resent, track.Lost, track.KeyRequests)
	}
}

// checkWhole checks numbered pictures of newPublisher.
func checkWhole(t *testing.T, pics []*sluice.Packet) {
	t.Helper()
	gaps, last := 0, -1
	for i, pic := range pics {
		unit := slice(pic.Payload)
		if len(unit) != 3000 || bytes.Count(unit[12:], []byte{0x55}) != len(unit)-12 {
			t.Fatalf("picture %d is torn: %d bytes", i, len(unit))
		}
		n := int(unit[10]&0x7f)<<7 | int(unit[11]&0x7f)
		if last >= 0 && n != last+1 {
			gaps++
			if !pic.Key {
				t.Errorf("picture %d follows %d and is no key frame", n, last)
			}
		}
		if i > 0 && pic.DTS < pics[i-1].DTS {
			t.Errorf("picture %d goes back in time", i)
		}
		last = n
	}
	t.Logf("%d pictures, %d gaps", len(pics), gaps)
	if gaps > len(pics)/20 {
		t.Errorf("%d gaps in %d pictures", gaps, len(pics))
	}
}

// blackout: five seconds without any packet end nobody's session.
func blackout(t *testing.T) {
	bad := newNetem(t, 0, 5*time.Millisecond, 0)
	h, s := newBadService(t, bad)
	w := watch(t, h, "live/in")
	p := newPublisher(t, nil, webrtc.MimeTypeH264)
	p.post(s.Publish, "live/in", p.offer())
	p.run()
	src := newSource(t, h, "live/out", 30, 3000)
	src.cached(10)
	src.run()
	v := newViewer(t, nil)
	v.play(s, "live/out")
	waitFor(t, "both ways", func() bool { return len(v.pictures()) > 20 && len(w.kind(sluice.Video)) > 20 })
	bad.blackout(true)
	time.AfterFunc(5*time.Second, func() { bad.blackout(false) })
	in, out := len(w.kind(sluice.Video)), src.count()
	waitFor(t, "the publisher's return", func() bool { return len(w.kind(sluice.Video)) > in+30 })
	waitFor(t, "the viewer's return", func() bool {
		numbers := assemble(t, v.got(webrtc.RTPCodecTypeVideo))
		return len(numbers) > 0 && numbers[len(numbers)-1] > out+160
	})
	checkWhole(t, w.kind(sluice.Video))
}

// TestRestartMovesTheSession: a client that changes its address goes on by an ICE
// restart.
func TestRestartMovesTheSession(t *testing.T) {
	h, s := newTestService(t, nil)
	src := newSource(t, h, "live/a", 30, 3000)
	src.cached(10)
	src.run()
	v := newViewer(t, nil)
	v.play(s, "live/a")
	waitFor(t, "pictures", func() bool { return len(v.pictures()) > 10 })
	before := s.Sessions()[0].Transport.Remote

	offer, err := v.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(v.pc)
	if err := v.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	frag, err := sdpfrag.FromSDP(v.pc.LocalDescription().SDP)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := v.session.Restart(t.Context(), frag)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := sdpfrag.ReplaceICE(v.answer, reply)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "another address", func() bool { return s.Sessions()[0].Transport.Remote != before })
	n := len(v.pictures())
	waitFor(t, "pictures after the restart", func() bool { return len(v.pictures()) > n+20 })
}
