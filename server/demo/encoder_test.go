package demo

import (
	"bytes"
	"os/exec"
	"testing"
)

// TestDecodersSeeWhatIsDrawn decodes ten minutes' worth of odd frames with
// ffmpeg and compares every sample.
func TestDecodersSeeWhatIsDrawn(t *testing.T) {
	e := newEncoder(columns, rows)
	var stream bytes.Buffer
	nal := func(b []byte) { stream.Write([]byte{0, 0, 0, 1}); stream.Write(b) }
	nal(e.sps(4, fps))
	nal(e.pps())
	const frames = 120
	var want []byte
	for i := range frames {
		picture := make([]colour, columns*rows)
		draw(picture, i*37)
		nal(e.encode(picture, i%50 == 0))
		want = appendI420(want, picture)
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-f", "h264", "-i", "-", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	cmd.Stdin = &stream
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	got, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffmpeg (apt-get install ffmpeg): %v\n%s", err, stderr.Bytes())
	}
	if len(got) != len(want) {
		t.Fatalf("%d bytes decoded, %d drawn", len(got), len(want))
	}
	if i := mismatch(got, want); i >= 0 {
		t.Errorf("sample %d of frame %d is %d, drawn as %d", i%(len(want)/frames), i/(len(want)/frames), got[i], want[i])
	}
}

func mismatch(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

func appendI420(b []byte, picture []colour) []byte {
	plane := func(size, width, height int, sample func(colour) uint8) {
		for y := range height {
			for x := range width {
				b = append(b, sample(picture[y/size*columns+x/size]))
			}
		}
	}
	plane(16, pixelWidth, pixelHeight, func(c colour) uint8 { return c.y })
	plane(8, pixelWidth/2, pixelHeight/2, func(c colour) uint8 { return c.cb })
	plane(8, pixelWidth/2, pixelHeight/2, func(c colour) uint8 { return c.cr })
	return b
}

func BenchmarkFrame(b *testing.B) {
	e, picture := newEncoder(columns, rows), make([]colour, columns*rows)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		draw(picture, i)
		e.encode(picture, i%50 == 0)
	}
}
