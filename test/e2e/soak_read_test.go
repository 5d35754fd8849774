package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/asticode/go-astits"
)

// beat is what a reader finds: packets of a track, and the time at which they
// begin.
type beat struct {
	track   string // "video" or "audio"
	at      int64  // decoding time, in ticks of the track's own
	packets int
	key     bool // a picture that needs no other; of MP4 every fragment is taken for one
}

// beats reads a stream in some format.
type beats interface {
	next() (beat, error)
}

// timeline is how far each track has come.
type timeline map[string]int64

// pass notes a time, which must not be before the last.
func (l timeline) pass(b beat) error {
	if last, ok := l[b.track]; ok && b.at < last {
		return fmt.Errorf("the time of %s runs back from %d to %d", b.track, last, b.at)
	}
	l[b.track] = b.at
	return nil
}

// flvBeats reads FLV.
type flvBeats struct{ *flvReader }

func (f flvBeats) next() (beat, error) {
	for {
		tag, err := f.flvReader.next()
		if err != nil {
			return beat{}, err
		}
		switch {
		case tag.config():
		case tag.kind == rtmpVideo:
			return beat{"video", int64(tag.ms), 1, tag.key()}, nil
		case tag.kind == rtmpAudio:
			return beat{"audio", int64(tag.ms), 1, false}, nil
		}
	}
}

// tsBeats reads MPEG-TS.
type tsBeats struct{ d *astits.Demuxer }

func newTSBeats(r io.Reader) tsBeats {
	return tsBeats{astits.NewDemuxer(context.Background(), r, astits.DemuxerOptPacketSize(188))}
}

func (s tsBeats) next() (beat, error) {
	for {
		d, err := s.d.NextData()
		if errors.Is(err, astits.ErrNoMorePackets) {
			return beat{}, io.EOF
		}
		if err != nil {
			return beat{}, err
		}
		if d.PES == nil || d.PES.Header.OptionalHeader == nil || d.PES.Header.OptionalHeader.PTS == nil {
			continue
		}
		at := d.PES.Header.OptionalHeader.PTS
		if dts := d.PES.Header.OptionalHeader.DTS; dts != nil {
			at = dts
		}
		b := beat{track: "audio", at: at.Base, packets: 1}
		if d.PES.Header.IsVideoStream() {
			b.track = "video"
			b.key = d.FirstPacket.AdaptationField != nil && d.FirstPacket.AdaptationField.RandomAccessIndicator
		}
		return b, nil
	}
}

// mp4Beats reads fragmented MP4.
type mp4Beats struct {
	r      *bufio.Reader
	tracks map[uint32]string // by id
	found  []beat
}

func newMP4Beats(r io.Reader) *mp4Beats {
	return &mp4Beats{r: bufio.NewReader(r), tracks: map[uint32]string{}}
}

// maxBox is more than any header of a fragment has.
const maxBox = 1 << 20

func (m *mp4Beats) next() (beat, error) {
	for len(m.found) == 0 {
		var h [8]byte
		if _, err := io.ReadFull(m.r, h[:]); err != nil {
			return beat{}, err
		}
		size := int(binary.BigEndian.Uint32(h[:])) - len(h)
		switch kind := string(h[4:]); kind {
		case "moov", "moof":
			if size < 0 || size > maxBox {
				return beat{}, fmt.Errorf("%s of %d bytes", kind, size)
			}
			b := make([]byte, size)
			if _, err := io.ReadFull(m.r, b); err != nil {
				return beat{}, err
			}
			if kind == "moov" {
				m.header(b)
			} else if err := m.fragment(b); err != nil {
				return beat{}, err
			}
		default:
			if _, err := m.r.Discard(max(size, 0)); err != nil {
				return beat{}, err
			}
		}
	}
	b := m.found[0]
	m.found = m.found[1:]
	return b, nil
}

// header learns the tracks.
func (m *mp4Beats) header(moov []byte) {
	clear(m.tracks)
	for kind, trak := range boxes(moov) {
		if kind != "trak" {
			continue
		}
		var id uint32
		for kind, b := range boxes(trak) {
			switch {
			case kind == "tkhd" && len(b) >= 24 && b[0] == 1:
				id = binary.BigEndian.Uint32(b[20:])
			case kind == "tkhd" && len(b) >= 16:
				id = binary.BigEndian.Uint32(b[12:])
			}
			if kind != "mdia" {
				continue
			}
			for kind, b := range boxes(b) {
				if kind == "hdlr" && len(b) >= 12 {
					m.tracks[id] = map[string]string{"vide": "video", "soun": "audio"}[string(b[8:12])]
				}
			}
		}
	}
}

func (m *mp4Beats) fragment(moof []byte) error {
	for kind, traf := range boxes(moof) {
		if kind != "traf" {
			continue
		}
		f := beat{key: true}
		for kind, b := range boxes(traf) {
			switch {
			case kind == "tfhd" && len(b) >= 8:
				f.track = m.tracks[binary.BigEndian.Uint32(b[4:])]
			case kind == "tfdt" && len(b) >= 12 && b[0] == 1:
				f.at = int64(binary.BigEndian.Uint64(b[4:]))
			case kind == "tfdt" && len(b) >= 8:
				f.at = int64(binary.BigEndian.Uint32(b[4:]))
			case kind == "trun" && len(b) >= 8:
				f.packets += int(binary.BigEndian.Uint32(b[4:]))
			}
		}
		if f.track == "" {
			return errors.New("a fragment of a track that the header does not have")
		}
		m.found = append(m.found, f)
	}
	return nil
}

// boxes are those of a container box, with what is in them.
func boxes(b []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for len(b) >= 8 {
			n := int(binary.BigEndian.Uint32(b))
			if n < 8 || n > len(b) || !yield(string(b[4:8]), b[8:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// crcBeats reads what ffmpeg's framecrc writes; pictures are the first stream.
type crcBeats struct{ *bufio.Scanner }

func (c crcBeats) next() (beat, error) {
	for c.Scan() {
		f := strings.Split(c.Text(), ",")
		if len(f) < 6 || strings.HasPrefix(f[0], "#") {
			continue
		}
		at, err := strconv.ParseInt(strings.TrimSpace(f[1]), 10, 64)
		return beat{map[string]string{"0": "video", "1": "audio"}[f[0]], at, 1, true}, err
	}
	return beat{}, errors.Join(c.Err(), io.ErrUnexpectedEOF)
}

// readAll passes all of a file.
func (l timeline) readAll(b beats) (packets int, err error) {
	for {
		q, err := b.next()
		if errors.Is(err, io.EOF) {
			return packets, nil
		}
		if err == nil {
			err = l.pass(q)
		}
		if err != nil {
			return packets, err
		}
		packets += q.packets
	}
}

// beatsOf reads a piece of HLS.
func beatsOf(b []byte, head *mp4Beats) beats {
	if len(b) > 0 && b[0] == 'G' {
		return newTSBeats(bytes.NewReader(b))
	}
	return &mp4Beats{r: bufio.NewReader(bytes.NewReader(b)), tracks: head.tracks}
}
