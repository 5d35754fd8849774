package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A unit is one picture or one packet of sound. Pictures are NAL units after their
// lengths in 4 bytes.
type unit struct {
	kind               string // video or audio
	pts, dts, duration time.Duration
	key                bool
	data               []byte
}

// A script is the media of a file, for publishers that no version of ffmpeg that
// we have can play: Enhanced RTMP and WHIP.
type script struct {
	units  []unit            // in the order of their decoding times
	config map[string][]byte // by kind: avcC, hvcC, OpusHead, AudioSpecificConfig
	codec  map[string]string
}

var hexDump = regexp.MustCompile(`[0-9a-f]{8}: ((?:[0-9a-f]{2,4} )+)`)

// readScript reads an MP4 or MOV file, in which packets lie as they are.
func readScript(t *testing.T, file string) script {
	t.Helper()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := script{config: map[string][]byte{}, codec: map[string]string{}}
	kinds := map[string]string{}
	text := output(t, "ffprobe", "-v", "error", "-show_entries", "stream=index,codec_type,codec_name,extradata", "-show_data", "-of", "flat", file)
	var index string
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"`)
		switch name[strings.LastIndexByte(name, '.')+1:] {
		case "index":
			index = value
		case "codec_name":
			s.codec[index] = value
		case "codec_type":
			kinds[index] = value
			s.codec[value] = s.codec[index]
		case "extradata":
			for _, m := range hexDump.FindAllStringSubmatch(value, -1) {
				b, _ := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
				s.config[kinds[index]] = append(s.config[kinds[index]], b...)
			}
		}
	}
	lines := output(t, "ffprobe", "-v", "error", "-show_entries", "packet=stream_index,pts_time,dts_time,duration_time,size,pos,flags", "-of", "csv=p=0", file)
	for line := range strings.Lines(string(lines)) {
		f := strings.Split(strings.TrimSpace(line), ",")
		if len(f) < 7 || strings.Contains(f[6], "D") {
			continue
		}
		seconds := func(s string) time.Duration {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return time.Duration(v * float64(time.Second))
		}
		size, _ := strconv.Atoi(f[4])
		pos, _ := strconv.Atoi(f[5])
		s.units = append(s.units, unit{kinds[f[0]], seconds(f[1]), seconds(f[2]), seconds(f[3]), strings.Contains(f[6], "K"), whole[pos : pos+size]})
	}
	slices.SortStableFunc(s.units, func(a, b unit) int { return int(a.dts - b.dts) })
	return s
}

// play hands the units out in real time until the context ends.
func (s script) play(ctx context.Context, send func(unit)) {
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for _, u := range s.units {
		timer.Reset(time.Until(began.Add(u.dts - s.units[0].dts)))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			send(u)
		}
	}
}

// nalUnits splits a picture.
func nalUnits(picture []byte) (list [][]byte) {
	for len(picture) > 4 {
		n := int(binary.BigEndian.Uint32(picture))
		if n > len(picture)-4 {
			break
		}
		list, picture = append(list, picture[4:4+n]), picture[4+n:]
	}
	return list
}

// parameterSets are the NAL units of a configuration record.
func (s script) parameterSets() (list [][]byte) {
	c := s.config["video"]
	take := func(count int) {
		for range count {
			n := int(binary.BigEndian.Uint16(c))
			list, c = append(list, c[2:2+n]), c[2+n:]
		}
	}
	switch s.codec["video"] {
	case "h264":
		n := int(c[5] & 0x1f)
		c = c[6:]
		take(n)
		n = int(c[0])
		c = c[1:]
		take(n)
	case "hevc":
		arrays := int(c[22])
		c = c[23:]
		for range arrays {
			n := int(binary.BigEndian.Uint16(c[1:]))
			c = c[3:]
			take(n)
		}
	}
	return list
}

// annexB is a picture with start codes; a key frame has its parameter sets.
func (s script) annexB(u unit) []byte {
	list := nalUnits(u.data)
	if u.key {
		list = append(s.parameterSets(), list...)
	}
	start := []byte{0, 0, 0, 1}
	return append(start, bytes.Join(list, start)...)
}
