package media

import "time"

// Packet is one access unit (a whole picture with all its slices) or one
// audio frame. It is immutable once written to a stream: one allocation at
// ingest, shared by all readers.
type Packet struct {
	// Track describes the elementary stream in force for this packet; never nil.
	Track *Track

	// DTS and PTS are the decoding and presentation times on the stream's own
	// time line, which starts near zero and, behind the hub, never runs
	// backwards. PTS >= DTS; they differ for pictures only.
	DTS, PTS time.Duration

	// Arrival is when the server had the whole packet.
	Arrival time.Time

	// Key marks a picture at which decoding can start, given Track.Config
	// (IDR, CRA, AV1 and VPx key frames). Every audio packet is a start, so
	// for audio it is left false and has no meaning.
	Key bool

	// Payload by codec:
	//   H264, H265  NAL units, each after its length in 4 bytes, big endian
	//               (ISO/IEC 14496-15); no start codes. Parameter sets may
	//               stand in it as the publisher sent them
	//   AV1         OBUs, each with its size field (low-overhead format, AV1
	//               5.2), without temporal delimiters
	//   VP8, VP9    one frame (VP9: one superframe)
	//   AAC         one raw_data_block, no ADTS
	//   Opus        one Opus packet
	//   MP3, MP2, AC3, EAC3, FLAC  one frame
	//   PCMA, PCMU, G722, L16  any number of samples
	//   Script      AMF0 name and value
	Payload []byte
}

// Kind returns the kind of the packet's track.
func (p *Packet) Kind() Kind { return p.Track.Codec.Kind() }
