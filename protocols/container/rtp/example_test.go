package rtp_test

import (
	"fmt"
	"time"

	"sluice/protocols/container/rtp"
	"sluice/protocols/container/rtp/jitter"
	"sluice/protocols/container/rtp/timing"
	"sluice/server/media"
)

// A receiver puts the parts in a row: a Buffer brings the packets into order, a
// Depacketizer makes access units of them, a Clock gives these their place on
// the sender's time line, DTS their decoding time.
func Example() {
	format := rtp.Format{Name: "VP8", Clock: 90000}
	depacketizer, err := rtp.NewDepacketizer(format, rtp.DepacketizerConfig{TrustMarker: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	buffer := jitter.NewBuffer(jitter.Config{MaxDelay: 100 * time.Millisecond})
	var session timing.Session // one for all tracks of the sender
	clock := session.Clock(format.Clock)
	dts := timing.NewDTS(0)
	var units []rtp.Unit
	waiting := true // for a key frame

	receive := func(wire []byte, now time.Time) {
		p, err := rtp.Parse(wire)
		if err != nil {
			return
		}
		buffer.Push(p, now)
		for p, lost, ok := buffer.Pop(now); ok; p, lost, ok = buffer.Pop(now) {
			if units, err = depacketizer.Append(units[:0], p, lost); err != nil {
				fmt.Println("ask for a key frame")
			}
			for _, u := range units {
				if waiting = (waiting || u.Lost) && !u.Key; waiting {
					continue
				}
				decode, show := dts.Next(clock.Time(u.Timestamp, now))
				packet := media.Packet{Track: u.Track, DTS: decode, PTS: show, Arrival: now, Key: u.Key, Payload: u.Payload}
				fmt.Println(packet.PTS, packet.Key, len(packet.Payload), packet.Track.Width)
			}
		}
	}

	// The packets of a key frame, a picture whose packet is lost, and one more.
	start := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	key := append([]byte{0x10, 0x30, 0xa2, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xf0, 0}, make([]byte, 100)...)
	for i, p := range []rtp.Packet{
		{Sequence: 1, Timestamp: 1000, Payload: key, Marker: true},
		{Sequence: 3, Timestamp: 7000, Payload: []byte{0x10, 0x31, 0, 0}, Marker: true},
		{Sequence: 4, Timestamp: 10000, Payload: key, Marker: true},
	} {
		receive(p.Append(nil), start.Add(time.Duration(i)*100*time.Millisecond))
	}
	// Output:
	// 0s true 110 320
	// ask for a key frame
	// 100ms true 110 320
}
