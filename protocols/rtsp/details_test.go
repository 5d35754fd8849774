package rtsp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

	"sluice/protocols/container/rtp"
	"sluice/protocols/rtsp/wire"
	"sluice/server/auth"
)

// TestPublisherDetails: what became of the packets of a publisher over UDP, and
// over TCP, where an earlier number is no order but a jump.
func TestPublisherDetails(t *testing.T) {
	sequence := []uint16{1, 2, 4, 3, 3, 8, 5} // 6 comes too late, 7 never
	for _, c := range []struct {
		name    string
		ordered bool
		want    TrackDetails
	}{
		{"UDP", false, TrackDetails{Packets: 8, Lost: 2, Reordered: 2, Late: 1, Duplicate: 1, Loss: 0.125}},
		{"TCP", true, TrackDetails{Packets: 8, Lost: 5, Loss: 0.125}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.ordered, testAudio)
			for _, n := range append(sequence, 6) {
				if n == 6 {
					r.now = r.now.Add(time.Second) // it was given up
					if _, err := r.in.Tick(r.now); err != nil {
						t.Fatal(err)
					}
				}
				r.rtp(0, rtp.Packet{Sequence: n, SSRC: 9, PayloadType: 8, Timestamp: uint32(n) * 160, Payload: make([]byte, 160)})
			}
			r.in.unknown = 3
			got := r.in.details()
			c.want.Kind, c.want.Codec, c.want.SSRC = "audio", "PCMA", 9
			if got.Tracks[0].Jitter <= 0 {
				t.Error("no jitter")
			}
			got.Tracks[0].Jitter = 0
			if d := cmp.Diff(&Details{Transport: c.name, Tracks: []TrackDetails{c.want}, Ignored: 3}, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestDetails: the hub has the figures of the sessions, those of players by their
// reports.
func TestDetails(t *testing.T) {
	f := startService(t, auth.Config{})
	pub := f.publishTCP(t, "live/test")
	pub.run(t)
	c, _ := f.playTCP(t, "live/test")
	sr := c.control(3)[0].(*rtcp.SenderReport)
	for channel := uint8(0); channel != 2; {
		_, channel = c.packet()
	}
	report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 77, Reports: []rtcp.ReceptionReport{
		{SSRC: sr.SSRC + 1, TotalLost: 9},
		{SSRC: sr.SSRC, FractionLost: 64, TotalLost: 0xfffffe, Jitter: 80, LastSenderReport: uint32(sr.NTPTime >> 16)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{report, {1, 2, 3}} {
		if _, err := c.conn.Write(wire.AppendFrame(nil, 3, b)); err != nil {
			t.Fatal(err)
		}
	}
	c.do(wire.OK, wire.GetParameter, f.url("live/test"), nil) // both have been read then
	viewer, ok := f.hub.Find("live/test").Viewers()[0].Info().Details.(*Details)
	if !ok || viewer.Transport != "TCP" || len(viewer.Tracks) != 2 {
		t.Fatalf("the player's details: %+v", viewer)
	}
	got := viewer.Tracks[sound]
	if got.Packets == 0 || got.RTT <= 0 || got.RTT > testPatience {
		t.Errorf("%d packets, RTT %v", got.Packets, got.RTT)
	}
	got.Packets, got.RTT = 0, 0
	want := TrackDetails{Kind: "audio", Codec: "PCMA", SSRC: sr.SSRC, Lost: -2, Loss: 0.25, Jitter: 10 * time.Millisecond}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	publisher, ok := f.hub.Find("live/test").Publisher().Info().Details.(*Details)
	if !ok || publisher.Transport != "TCP" || len(publisher.Tracks) != 2 || publisher.Tracks[0].Codec != "VP8" {
		t.Errorf("the publisher's details: %+v", publisher)
	}
}
