package webrtc

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"

	"sluice/protocols/container/rtp"
	sluice "sluice/server/media"
	"sluice/signaling/sdpfrag"
)

// conditions are those of the acceptance list.
var conditions = map[string]condition{
	"1 % loss":                            {loss: 0.01},
	"5 % loss, 200 ms round trip":         {loss: 0.05, delay: 100 * time.Millisecond},
	"10 % loss":                           {loss: 0.10, delay: 20 * time.Millisecond},
	"1 % loss, 100 ms jitter, reordering": {loss: 0.01, delay: 50 * time.Millisecond, jitter: 100 * time.Millisecond},
}

// assemble makes pictures of what a viewer got, as a player does that waits a
// second for what is missing. packets are in the order of their numbers. It
// returns the pictures' own numbers.
func assemble(t *testing.T, packets []received) (numbers []int) {
	t.Helper()
	deadline := make([]time.Time, len(packets))
	for i, p := range slices.Backward(packets) {
		deadline[i] = p.at.Add(time.Second)
		if i+1 < len(packets) && deadline[i+1].Before(deadline[i]) {
			deadline[i] = deadline[i+1]
		}
	}
	parts, err := rtp.NewDepacketizer(rtp.Format{Name: "H264", Clock: 90000}, rtp.DepacketizerConfig{TrustMarker: true})
	if err != nil {
		t.Fatal(err)
	}
	var units []rtp.Unit
	lost := false
	for i, p := range packets {
		lost = lost || i > 0 && p.SequenceNumber != packets[i-1].SequenceNumber+1
		if p.at.After(deadline[i]) {
			lost = true
			continue
		}
		units, _ = parts.Append(units, rtp.Packet{
			Payload: p.Payload, Timestamp: p.Timestamp, SSRC: p.SSRC, Sequence: p.SequenceNumber, Marker: p.Marker,
		}, lost)
		lost = false
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

// TestViewersOnBadNetworks: what is lost on the way to a viewer comes again.
func TestViewersOnBadNetworks(t *testing.T) {
	for name, c := range conditions {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { badViewer(t, newNetwork(t, c)) })
		})
	}
}

func badViewer(t *testing.T, n *network) {
	h, s := n.serve()
	src := newSource(t, h, "live/a", 60, 3000)
	src.cached(40)
	src.run()
	v := newViewer(t, n.client)
	v.play(s, "live/a")
	waitFor(t, "300 pictures", func() bool { return v.times() > 300 })
	numbers := assemble(t, v.ordered(webrtc.RTPCodecTypeVideo))
	intact := map[int]bool{}
	for _, n := range numbers {
		intact[n] = true
	}
	// A client can't ask for what came before the first packet that it saw, so the
	// count begins at the next whole group. The newest pictures may still be waiting
	// for a packet.
	first, last := (slices.Min(numbers)+59)/60*60, slices.Max(numbers)-40
	total, missing := last-first, 0
	for n := first; n < last; n++ {
		if !intact[n] {
			missing++
		}
	}
	resent := s.Sessions()[0].Tracks[0].Resent
	t.Logf("%d of %d pictures missing, %d packets sent again, RTT %v", missing, total, resent, s.Sessions()[0].Tracks[0].RTT)
	if missing > total/50 {
		t.Errorf("%d of %d pictures are missing", missing, total)
	}
	if resent == 0 {
		t.Error("nothing was lost: the test tests nothing")
	}
}

// TestPublishersOnBadNetworks: what reaches the hub is never torn, and after a
// picture that is lost comes a key frame.
func TestPublishersOnBadNetworks(t *testing.T) {
	for name, c := range conditions {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { badPublisher(t, newNetwork(t, c)) })
		})
	}
}

func badPublisher(t *testing.T, n *network) {
	h, s := n.serve()
	w := watch(t, h, "live/a")
	p := newPublisher(t, n.client, webrtc.MimeTypeH264)
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

// TestBlackout: five seconds without any packet end nobody's session.
func TestBlackout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { blackout(t, newNetwork(t, condition{delay: 5 * time.Millisecond})) })
}

func blackout(t *testing.T, n *network) {
	h, s := n.serve()
	w := watch(t, h, "live/in")
	p := newPublisher(t, n.client, webrtc.MimeTypeH264)
	p.post(s.Publish, "live/in", p.offer())
	p.run()
	src := newSource(t, h, "live/out", 30, 3000)
	src.cached(10)
	src.run()
	v := newViewer(t, n.client)
	v.play(s, "live/out")
	waitFor(t, "both ways", func() bool { return len(v.pictures()) > 20 && len(w.kind(sluice.Video)) > 20 })
	n.blackout(true)
	time.AfterFunc(5*time.Second, func() { n.blackout(false) })
	in, out := len(w.kind(sluice.Video)), src.count()
	waitFor(t, "the publisher's return", func() bool { return len(w.kind(sluice.Video)) > in+30 })
	waitFor(t, "the viewer's return", func() bool {
		numbers := assemble(t, v.ordered(webrtc.RTPCodecTypeVideo))
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
