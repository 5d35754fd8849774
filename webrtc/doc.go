// Package webrtc is the engine behind WHIP and WHEP: it answers offers, publishes
// to the hub what browsers send, and sends to viewers what the hub has.
//
//	s, err := webrtc.Open(cfg, h, log)   // implements signaling.Engine
//	defer s.Close()
//
// # Layers
//
//	negotiate   offers and answers; pure
//	icemux      one UDP and one TCP port for all sessions; trains of packets
//	transport   ICE, DTLS and SRTP of one session
//	repeat      H264 pictures that take the place of B pictures; pure
//	webrtc      sessions, ingest and egress
//
// # Egress
//
// Each stream is cut into RTP payloads once, in the wire log "rtp". For a viewer
// there is left: twelve bytes of header, one cipher pass into the train, and one
// system call a picture. No packet is kept for a viewer: a NACK is answered from
// the stream's history, by the offset between the viewer's sequence numbers and
// the stream's.
//
// A viewer starts at the cached group of pictures, the key frame first. What lies
// before the live edge is sent as fast as the pacer lets it, with its timestamps
// squeezed into the time that this takes, so that the player shows the newest
// picture at once and is never behind. Sound starts at the live edge.
//
// # B pictures
//
// WebRTC decoders show pictures in the order in which they come, and Chromium's
// fails at others. Of a stream with B pictures those that no other refers to are left
// out, with all timestamps as they were: 10 of 30 a second stay with two B pictures
// between P pictures, and they are perfect. In the place of those that others refer
// to (x264's b-pyramid, its default) goes a repeat of the picture before, see package
// repeat: decoders stay in step, though what P pictures take from the missing one
// shows until the next key frame. The log says so once, and the sessions' statistics
// count both. Publishers for the web should send no B pictures (x264: bframes=0 or
// tune=zerolatency). b_frames: keep sends all, for players other than browsers.
//
// # Ingest
//
// Packets pass a jitter buffer that asks again for what is missing, until its
// bound in ms. A picture that is lost stays out, with all that follow up to the
// next key frame, which is asked for.
package webrtc
