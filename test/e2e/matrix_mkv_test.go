package e2e

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// mkvTrack is a track of a Matroska file (RFC 9559), by which a test hands media
// with their times to ffmpeg.
type mkvTrack struct {
	codec          string // as ffprobe names it
	private        []byte // avcC, hvcC, AudioSpecificConfig, OpusHead
	channels, rate int
	blocks         []mkvBlock // in decoding order
}

type mkvBlock struct {
	pts  time.Duration
	key  bool
	data []byte
}

var mkvCodecs = map[string]string{
	"h264": "V_MPEG4/ISO/AVC", "hevc": "V_MPEGH/ISO/HEVC", "aac": "A_AAC", "opus": "A_OPUS", "pcm_alaw": "A_MS/ACM", "pcm_mulaw": "A_MS/ACM",
}

// waveFormats are tags of WAVEFORMATEX.
var waveFormats = map[string]uint16{"pcm_alaw": 6, "pcm_mulaw": 7}

// mkvTick is the unit of the file's times.
const mkvTick = 10 * time.Microsecond

// mkv writes a file. Blocks of all tracks are mixed by their times.
func mkv(tracks []*mkvTrack) []byte {
	var entries []byte
	type placed struct {
		mkvBlock
		track int
		at    time.Duration // when it is decoded, about
	}
	var all []placed
	for i, tr := range tracks {
		entries = append(entries, ebml(0xAE, tr.entry(i+1))...)
		var at time.Duration
		for _, b := range tr.blocks {
			at = max(at, b.pts-200*time.Millisecond)
			all = append(all, placed{b, i + 1, at})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	out := ebml(0x1A45DFA3, ebml(0x4282, []byte("matroska")))
	out = append(out, 0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // a segment without end
	out = append(out, ebml(0x1549A966, ebml(0x2AD7B1, ebmlUint(uint64(mkvTick.Nanoseconds()))))...)
	out = append(out, ebml(0x1654AE6B, entries)...)
	for _, p := range all {
		flags := byte(0)
		if p.key {
			flags = 0x80
		}
		block := append([]byte{0x80 | byte(p.track), 0, 0, flags}, p.data...)
		cluster := append(ebml(0xE7, ebmlUint(uint64(max(0, p.pts.Round(mkvTick)/mkvTick)))), ebml(0xA3, block)...)
		out = append(out, ebml(0x1F43B675, cluster)...)
	}
	return out
}

func (tr *mkvTrack) entry(number int) []byte {
	e := bytes.Join([][]byte{ebml(0xD7, []byte{byte(number)}), ebml(0x73C5, []byte{byte(number)}), ebml(0x86, []byte(mkvCodecs[tr.codec]))}, nil)
	private := tr.private
	if tr.codec == "h264" || tr.codec == "hevc" {
		e = append(e, ebml(0x83, []byte{1})...)
		e = append(e, ebml(0xE0, append(ebml(0xB0, ebmlUint(320)), ebml(0xBA, ebmlUint(180))...))...)
	} else {
		channels, rate := max(1, tr.channels), tr.rate
		if format := waveFormats[tr.codec]; format != 0 {
			rate = 8000
			private = binary.LittleEndian.AppendUint16(nil, format)
			private = binary.LittleEndian.AppendUint16(private, uint16(channels))
			private = binary.LittleEndian.AppendUint32(private, uint32(rate))
			private = binary.LittleEndian.AppendUint32(private, uint32(rate*channels))
			private = binary.LittleEndian.AppendUint16(private, uint16(channels))
			private = append(private, 8, 0, 0, 0)
		}
		if tr.codec == "opus" {
			channels, rate = 2, 48000
		}
		e = append(e, ebml(0x83, []byte{2})...)
		audio := ebml(0x9F, []byte{byte(channels)})
		if rate > 0 {
			audio = append(audio, ebml(0xB5, binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(rate))))...)
		}
		e = append(e, ebml(0xE1, audio)...)
	}
	if len(private) > 0 {
		e = append(e, ebml(0x63A2, private)...)
	}
	return e
}

// ebml is an element with its id and length.
func ebml(id uint32, body []byte) []byte {
	b := bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, id), "\x00")
	b = binary.BigEndian.AppendUint64(b, 1<<56|uint64(len(body)))
	return append(b, body...)
}

func ebmlUint(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
