// Package hub is the core: publishers write packets to streams, viewers read
// them, and neither knows the other's protocol.
//
// # Publishing
//
//	pub, err := h.Publish(ctx, hub.Session{Stream: "live/test", Protocol: "rtmp", Remote: addr})
//	pub.Expect(true, true)          // both picture and sound will come, if known
//	pub.Announce(videoTrack)        // as soon as a configuration is known
//	err = pub.Write(packet)         // takes ownership of the packet
//	pub.Close(nil)
//
// The first packets are held until the stream's tracks are known (all that
// Expect named, or picture and sound, or half a second has passed), so that
// every entry of the log carries the whole set. A publisher's context ends
// when it is kicked or taken over; context.Cause says why.
//
// # Viewing
//
//	v, err := h.Play(ctx, hub.Session{...}, hub.Accept(media.H264, media.AAC))
//	defer v.Close(nil)
//	sub := hub.Subscribe(v, format) // a wire format, encoded once for all
//	for {
//		if err := sub.Wait(); err != nil { return err }
//		n, skipped := sub.Read(batch)
//	}
//
// A viewer may come before the publisher and stays across its reconnects; the
// stream's time never runs backwards. It says which codecs it takes; where
// the stream's sound is in another one it reads a derived stream, transcoded
// once for all and only while somebody needs it. Tracks that can't be had in
// an accepted codec are left out; Viewer.Refused names them.
//
// # Wire logs
//
// A Format turns items into units of one wire format. The hub runs one
// encoder a stream and format, on first demand, into a log of its own; all
// viewers of that format read the same units. Formats that are streams of
// bytes use Chunk as their unit, and Delivery writes them to a connection:
// batches by reference, one writev each, and the Head where it has changed.
// Items is the format of viewers that want the packets themselves.
package hub
