package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A take is what ffprobe and ffmpeg find in a file. Times are in seconds.
type take struct {
	tracks     map[string]fileStream // by kind: video, audio
	packets    map[string][]filePacket
	frames     []frame // decoded pictures in the order of presentation
	sound      []pcmChunk
	complaints string // what ffmpeg said while it decoded
}

type fileStream struct {
	index, codec   string
	channels, rate int
}

type filePacket struct {
	pts, dts float64 // dts is NaN where the container has none
	key      bool
	hash     string
}

type frame struct {
	pts  float64
	hash string
}

// pcmRate is the rate at which decoded sound is compared: that of G.711, so
// that its samples stay what they are.
const pcmRate = 8000

// pcmChunk is decoded sound, mixed to one channel.
type pcmChunk struct {
	pts     float64
	samples []int16
}

func itoa(n int) string { return strconv.Itoa(n) }

// developed reads a file with ffmpeg.
func developed(t *testing.T, file string) take {
	t.Helper()
	k := take{tracks: map[string]fileStream{}, packets: map[string][]filePacket{}}
	k.probe(output(t, "ffprobe", "-v", "error", "-show_entries", "stream=index,codec_type,codec_name,channels,sample_rate:packet=stream_index,pts_time,dts_time,flags,data_hash",
		"-show_data_hash", "md5", "-of", "flat", file))
	if len(k.tracks) == 0 {
		return k
	}
	dir := t.TempDir()
	args := append([]string{"-hide_banner", "-nostdin", "-y", "-v", "error", "-copyts", "-i", file}, decodeInto(dir)...)
	// In a transport stream AAC has a header of its own on each packet.
	adts := k.tracks["audio"].codec == "aac" && filepath.Ext(file) == ".ts"
	if adts {
		args = append(args, copyInto(dir, "audio", "-bsf:a", "aac_adtstoasc")...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	said, err := exec.CommandContext(ctx, "ffmpeg", args...).CombinedOutput()
	k.complaints = string(said)
	if err != nil {
		k.complaints += err.Error()
	}
	k.decoded(dir)
	if adts {
		k.packets["audio"] = copied(dir, "audio")
	}
	return k
}

// decodeInto are ffmpeg's options that write what decoded takes up again.
func decodeInto(dir string) []string {
	args := []string{"-map", "0:v?", "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "framemd5", filepath.Join(dir, "pictures")}
	mono := []string{"-map", "0:a?", "-ac", "1", "-ar", itoa(pcmRate)}
	args = append(append(append(args, mono...), "-f", "framecrc", filepath.Join(dir, "spans")), mono...)
	return append(args, "-f", "s16le", filepath.Join(dir, "samples"))
}

// copyInto are ffmpeg's options that write what copied takes up again.
func copyInto(dir, kind string, options ...string) []string {
	args := append([]string{"-map", "0:" + kind[:1] + "?", "-c", "copy", "-copyinkf"}, options...)
	return append(args, "-f", "framemd5", filepath.Join(dir, kind))
}

// copied are a track's packets.
func copied(dir, kind string) (list []filePacket) {
	for _, f := range hashTable(filepath.Join(dir, kind)) {
		list = append(list, filePacket{pts: f.pts, dts: f.dts, hash: "MD5:" + f.hash})
	}
	return list
}

func (k *take) decoded(dir string) {
	for _, f := range hashTable(filepath.Join(dir, "pictures")) {
		k.frames = append(k.frames, frame{f.pts, f.hash})
	}
	samples, _ := os.ReadFile(filepath.Join(dir, "samples"))
	for _, f := range hashTable(filepath.Join(dir, "spans")) {
		c := pcmChunk{pts: f.pts, samples: make([]int16, f.size/2)}
		if len(samples) < f.size {
			break
		}
		for i := range c.samples {
			c.samples[i] = int16(binary.LittleEndian.Uint16(samples[2*i:]))
		}
		samples = samples[f.size:]
		k.sound = append(k.sound, c)
	}
}

// probe takes what ffprobe prints in its flat form: packets.packet.N.field=value.
func (k *take) probe(text []byte) {
	kinds := map[string]string{} // by index
	fields := map[string]map[string]string{}
	var order []string
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		parts := strings.SplitN(name, ".", 4)
		if !ok || len(parts) < 4 {
			continue
		}
		id := parts[1] + parts[2]
		if fields[id] == nil {
			fields[id] = map[string]string{}
			order = append(order, id)
		}
		fields[id][parts[3]] = strings.Trim(value, `"`)
	}
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return math.NaN()
		}
		return v
	}
	for _, id := range order {
		f := fields[id]
		if strings.HasPrefix(id, "stream") {
			kinds[f["index"]] = f["codec_type"]
			k.tracks[f["codec_type"]] = fileStream{f["index"], f["codec_name"], int(number(f["channels"])), int(number(f["sample_rate"]))}
		}
	}
	for _, id := range order {
		if f := fields[id]; strings.HasPrefix(id, "packet") {
			kind := kinds[f["stream_index"]]
			p := filePacket{number(f["pts_time"]), number(f["dts_time"]), strings.Contains(f["flags"], "K"), f["data_hash"]}
			k.packets[kind] = append(k.packets[kind], p)
		}
	}
}

// hashed is a line of ffmpeg's framemd5 or framecrc.
type hashed struct {
	dts, pts float64 // s
	size     int
	hash     string
}

func hashTable(file string) (list []hashed) {
	text, _ := os.ReadFile(file)
	num, den := 1., 1.
	for line := range bytes.Lines(text) {
		if _, err := fmt.Sscanf(string(line), "#tb 0: %f/%f", &num, &den); err == nil {
			continue
		}
		f := strings.Split(strings.TrimSpace(string(line)), ",")
		if len(f) < 6 || strings.HasPrefix(f[0], "#") {
			continue
		}
		dts, _ := strconv.ParseFloat(strings.TrimSpace(f[1]), 64)
		pts, _ := strconv.ParseFloat(strings.TrimSpace(f[2]), 64)
		size, _ := strconv.Atoi(strings.TrimSpace(f[4]))
		list = append(list, hashed{dts * num / den, pts * num / den, size, strings.TrimSpace(f[5])})
	}
	return list
}

// between returns the decoded sound of a span of time, with silence where there
// is none.
func (k *take) between(from, to float64) []float64 {
	out := make([]float64, max(0, int((to-from)*pcmRate)))
	for _, c := range k.sound {
		at := int(math.Round((c.pts - from) * pcmRate))
		for i, s := range c.samples {
			if at+i >= 0 && at+i < len(out) {
				out[at+i] = float64(s) / 32768
			}
		}
	}
	return out
}
