package media

import "bytes"

// Track describes one elementary stream. It is immutable once a packet refers
// to it: a change of configuration is a new *Track, and readers compare
// pointers to notice it.
type Track struct {
	Codec Codec

	// Config is the decoder configuration, in the form that ISO BMFF and FLV
	// store:
	//   H264    AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1)
	//   H265    HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1)
	//   AV1     AV1CodecConfigurationRecord (AV1-ISOBMFF 2.3)
	//   VP9     VPCodecConfigurationRecord without the FullBox header, or nil
	//   AAC     AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1)
	//   Opus    identification header "OpusHead..." (RFC 7845 5.1), or nil
	//   FLAC    STREAMINFO metadata block (RFC 9639 8.2)
	//   Script  the stream's onMetaData value: AMF0 name and value
	// It is nil for codecs that need none. Together with a key packet it is
	// all that a decoder needs.
	Config []byte

	// Width and Height are the picture's size in pixels, 0 when unknown.
	Width, Height int

	// SampleRate is in Hz and Channels counts loudspeakers; both are 0 when
	// unknown and for pictures.
	SampleRate, Channels int
}

// Same reports whether a decoder set up for t needs no change for o.
func (t *Track) Same(o *Track) bool {
	if t == nil || o == nil {
		return t == o
	}
	return t.Codec == o.Codec && t.Width == o.Width && t.Height == o.Height &&
		t.SampleRate == o.SampleRate && t.Channels == o.Channels &&
		bytes.Equal(t.Config, o.Config)
}

// Tracks is the set of tracks in force, at most one of each kind. The zero
// value has none.
type Tracks struct {
	Video, Audio, Data *Track
}

// Get returns the track of kind k, or nil.
func (ts Tracks) Get(k Kind) *Track {
	switch k {
	case Video:
		return ts.Video
	case Audio:
		return ts.Audio
	case Data:
		return ts.Data
	default:
		return nil
	}
}

// With returns the set with t in its kind's place.
func (ts Tracks) With(t *Track) Tracks {
	switch t.Codec.Kind() {
	case Video:
		ts.Video = t
	case Audio:
		ts.Audio = t
	case Data:
		ts.Data = t
	}
	return ts
}

// Without returns the set with no track of kind k.
func (ts Tracks) Without(k Kind) Tracks {
	switch k {
	case Video:
		ts.Video = nil
	case Audio:
		ts.Audio = nil
	case Data:
		ts.Data = nil
	}
	return ts
}

// Media returns the picture and sound tracks present, picture first.
func (ts Tracks) Media() []*Track {
	var list []*Track
	for _, t := range []*Track{ts.Video, ts.Audio} {
		if t != nil {
			list = append(list, t)
		}
	}
	return list
}
