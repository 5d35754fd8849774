package flv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/protocols/codec/av1"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// Demuxer turns the tags of one stream into packets. The zero value is ready.
type Demuxer struct {
	video, audio, data elementary
	extra              []ExtraTrack

	// shift is taken off the decoding times of pictures whose composition time
	// is negative, so that PTS is not before DTS.
	shift time.Duration
}

// maxAhead bounds a negative composition time; real ones are a few frames.
const maxAhead = 10 * time.Second

// Demux takes a tag. It returns a track when the tag changes the track of its
// kind, and a packet when it carries one; often one of the two, sometimes
// both, sometimes neither. Packets for which no track is known yet are left
// out, as are empty bodies, ends of sequence and tags of unknown type. An error
// says that the tag is malformed, or with *CodecError that its codec is not
// carried; the Demuxer is still good for the next tag. The packet's payload
// aliases the tag's body, and Arrival is left to the caller.
func (d *Demuxer) Demux(t Tag) (*media.Track, *media.Packet, error) {
	if len(t.Body) == 0 {
		return nil, nil, nil
	}
	switch t.Type {
	case TagVideo:
		return d.demuxVideo(t)
	case TagAudio:
		return d.demuxAudio(t)
	case TagScript:
		return d.demuxScript(t)
	}
	return nil, nil, nil
}

// Tracks returns the tracks known so far.
func (d *Demuxer) Tracks() media.Tracks {
	return media.Tracks{Video: d.video.track, Audio: d.audio.track, Data: d.data.track}
}

// Extra returns the tracks of a multitrack stream that were met and left out,
// each once. It only grows.
func (d *Demuxer) Extra() []ExtraTrack { return d.extra }

func (d *Demuxer) demuxVideo(t Tag) (*media.Track, *media.Packet, error) {
	first := t.Body[0]
	frame, low := first>>4&7, first&0xf
	if frame == frameCommand {
		// A seek command, or metadata: neither is passed on.
		return nil, nil, nil
	}
	p := picture{time: t.Timestamp, key: frame == frameKey || frame == frameGeneratedKey}
	if first&exVideoBit != 0 {
		ex, err := d.parseEx(media.Video, low, t.Body[1:])
		if err != nil || !ex.found {
			return nil, nil, err
		}
		return d.demuxExVideo(ex, p)
	}
	switch low {
	case videoAVC:
		p.codec = media.H264
	case videoHEVC:
		p.codec = media.H265
	default:
		return nil, nil, unsupported(media.Video, legacyName(&legacyVideo, low))
	}
	if len(t.Body) < 2 {
		return nil, nil, fmt.Errorf("flv: video tag: %w", io.ErrUnexpectedEOF)
	}
	packet := t.Body[1]
	if packet == packetSequenceEnd {
		return nil, nil, nil
	}
	if len(t.Body) < 5 {
		return nil, nil, fmt.Errorf("flv: video tag: %w", io.ErrUnexpectedEOF)
	}
	p.payload = t.Body[5:]
	switch packet {
	case packetSequenceStart:
		track, err := d.video.configure(p.codec, p.payload)
		return track, nil, err
	case packetCodedFrames:
		p.offset = compositionTime(t.Body[2:5])
		return d.picture(p)
	}
	return nil, nil, fmt.Errorf("flv: video tag of packet type %d", packet)
}

// demuxExVideo takes the default track's part of a video tag (ExVideoTagBody).
func (d *Demuxer) demuxExVideo(ex exTag, p picture) (*media.Track, *media.Packet, error) {
	switch ex.packet {
	case packetSequenceEnd, videoMetadata:
		return nil, nil, nil
	}
	p.codec, p.payload = CodecOf(ex.fourCC), ex.data
	if p.codec.Kind() != media.Video {
		return nil, nil, unsupported(media.Video, ex.fourCC)
	}
	p.time += time.Duration(ex.nanos)
	switch ex.packet {
	case packetSequenceStart:
		track, err := d.video.configure(p.codec, p.payload)
		return track, nil, err
	case videoMPEG2TS:
		track, err := d.video.configureTS(p.codec, p.payload)
		return track, nil, err
	case packetCodedFrames:
		if p.codec == media.H264 || p.codec == media.H265 {
			if len(p.payload) < 3 {
				return nil, nil, fmt.Errorf("flv: video tag: %w", io.ErrUnexpectedEOF)
			}
			p.offset, p.payload = compositionTime(p.payload), p.payload[3:]
		}
		return d.picture(p)
	case videoCodedFramesX:
		return d.picture(p)
	}
	return nil, nil, fmt.Errorf("flv: video tag of enhanced packet type %d", ex.packet)
}

// compositionTime reads the signed 24-bit number of milliseconds.
func compositionTime(b []byte) time.Duration {
	v := int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 8 //nolint:gosec // the field is signed
	return time.Duration(v) * time.Millisecond
}

// picture is a video tag's frame on its way to a packet.
type picture struct {
	codec        media.Codec
	key          bool
	time, offset time.Duration
	payload      []byte
}

// picture makes the packet of a frame, and the track where the frame tells it.
func (d *Demuxer) picture(p picture) (track *media.Track, pkt *media.Packet, err error) {
	if len(p.payload) == 0 {
		return nil, nil, nil
	}
	if p.offset < -maxAhead {
		return nil, nil, fmt.Errorf("flv: composition time of %v", p.offset)
	}
	v := &d.video
	switch p.codec {
	case media.H264, media.H265:
		size := nal.LengthSize
		if v.is(p.codec) {
			size = v.lengthSize
		}
		p.payload, err = nal.Resize(p.payload, size)
	case media.AV1:
		p.payload, err = av1.Normalize(p.payload)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("flv: %s frame: %w", p.codec, err)
	}
	if len(p.payload) == 0 {
		return nil, nil, nil // nothing but a temporal delimiter
	}
	if p.key {
		track = v.learn(p.codec, p.payload)
	}
	if !v.is(p.codec) {
		return nil, nil, nil
	}
	d.shift = max(d.shift, -p.offset)
	dts := p.time - d.shift
	return track, &media.Packet{Track: v.track, DTS: dts, PTS: p.time + p.offset, Key: p.key, Payload: p.payload}, nil
}

// scriptString and scriptPrefix start script data: an AMF0 string marker and
// the name's length (E.4.4.1). RTMP clients put @setDataFrame before the
// metadata they publish.
const (
	scriptMeta   = "\x02\x00\x0aonMetaData"
	scriptPrefix = "\x02\x00\x0d@setDataFrame"
)

// demuxScript keeps the metadata as a track, and passes other script data on.
func (d *Demuxer) demuxScript(t Tag) (*media.Track, *media.Packet, error) {
	body := bytes.TrimPrefix(t.Body, []byte(scriptPrefix))
	if len(body) == 0 {
		return nil, nil, nil
	}
	if len(body) < 3 || body[0] != scriptMeta[0] || int(body[1])<<8|int(body[2]) > len(body)-3 {
		return nil, nil, errors.New("flv: script data does not start with a name")
	}
	var changed *media.Track
	if bytes.HasPrefix(body, []byte(scriptMeta)) {
		if d.data.track == nil || !bytes.Equal(d.data.track.Config, body) {
			d.data.track = &media.Track{Codec: media.Script, Config: bytes.Clone(body)}
			changed = d.data.track
		}
		return changed, nil, nil
	}
	if d.data.track == nil {
		d.data.track = &media.Track{Codec: media.Script}
		changed = d.data.track
	}
	return changed, &media.Packet{Track: d.data.track, DTS: t.Timestamp, PTS: t.Timestamp, Payload: body}, nil
}
