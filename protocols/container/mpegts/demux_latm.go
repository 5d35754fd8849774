package mpegts

import (
	"errors"
	"io"

	"sluice/protocols/codec/aac"
	"sluice/protocols/container/rtp"
	"sluice/server/media"
)

// latmParser reads AAC in LATM with the sync layer of LOAS (ISO/IEC 14496-3
// 1.7.2): its elements are those that RTP carries by RFC 6416.
type latmParser struct {
	elements rtp.Depacketizer
	seen     *media.Track
	config   *aac.Config // of seen
}

const (
	loasSync   = 0x56
	loasHeader = 3
)

func newLATMParser() *latmParser {
	// The name and the clock are of the table: this can't fail.
	d, err := rtp.NewDepacketizer(rtp.Format{Name: "MP4A-LATM", Clock: ClockRate, Params: rtp.Params{"cpresent": "1"}}, rtp.DepacketizerConfig{})
	if err != nil {
		panic(err)
	}
	return &latmParser{elements: d}
}

func (*latmParser) sync(b []byte) int { return nextSync(b, loasSync) }

func (p *latmParser) parse(b []byte) (frame, error) {
	if len(b) < loasHeader {
		return frame{}, io.ErrUnexpectedEOF
	}
	if b[0] != loasSync || b[1]&0xe0 != 0xe0 {
		return frame{}, errors.New("no LOAS sync word")
	}
	b, err := whole(b, loasHeader+(int(b[1]&0x1f)<<8|int(b[2])))
	if err != nil {
		return frame{}, err
	}
	units, err := p.elements.Append(nil, rtp.Packet{Payload: b[loasHeader:], Marker: true}, false)
	switch {
	case errors.Is(err, rtp.ErrNoConfig):
		return frame{size: len(b)}, nil
	case err != nil:
		return frame{}, err
	case len(units) > 1:
		return frame{}, errors.New("several access units in an element")
	case len(units) == 0:
		return frame{size: len(b)}, nil
	}
	u := units[0]
	if u.Track != p.seen {
		if p.config, err = aac.ParseConfig(u.Track.Config); err != nil {
			return frame{}, err
		}
		p.seen = u.Track
	}
	samples := p.config.FrameLength
	if samples == 0 {
		samples = 1024
	}
	return frame{size: len(b), data: u.Payload, samples: samples, rate: p.config.SampleRate}, nil
}

func (p *latmParser) track(frame, *media.Track) (*media.Track, error) { return p.seen, nil }
