package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// A matrixTable keeps what a run of the matrix measured.
type matrixTable struct {
	mu    sync.Mutex
	cells map[string]string // by row and outlet
	notes map[string]string // of rows
}

func (m *matrixTable) set(row, column, cell string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cells[row+"|"+column] = cell
}

// cell is a verdict in a few characters.
func (v verdict) cell(w want) string {
	if len(v.faults) > 0 {
		return "**fails**"
	}
	sound := w.audio
	if w.passed {
		sound = "="
	}
	picture := "="
	if w.drops {
		picture = "= less B"
	}
	var av []string
	for _, r := range v.runs {
		av = append(av, fmt.Sprintf("%+.0f", r.av*1000))
	}
	return picture + ", " + sound + ", " + strings.Join(av, " ")
}

const matrixHead = `# What comes out of what goes in

Written by ` + "`make matrix`" + ` (test/e2e, TestMatrix); not to be edited. Each row is a publisher, each column a player
that joined in the middle of a group of pictures and stayed while the publisher was killed and came back. A cell has

* the pictures: "=" means that each decoded picture is the source's, bit by bit (MD5 of the decoded frame), that none is
  missing between the first, which is a key frame, and the last, that decoding and presentation times rise, and that every
  picture has its time (within 10 ms). "less B": browsers can't show B pictures; those that come are the source's;
* the sound: "=" means that its packets (G.711: its samples) are the source's; a codec's name, that it was transcoded to that,
  with all bursts of the source where they belong and none of it missing;
* by how many milliseconds the sound is later than in the source, before and after the publisher came back (bound: 40).

Publishers: ffmpeg, but for what its version 5.1 can't send: H265 and Opus by RTMP, and WHIP, are sent by test code from
ffmpeg's files. Players: ffmpeg, but for H265 and Opus in RTMP and FLV, and WHEP (a receiver without a browser that writes
down each packet). WebSocket players keep the bytes, which ffmpeg reads. B pictures and AAC don't go into WHIP: browsers send
neither. RTSP over UDP carries four of the media: what is behind the transport is the same. A transport stream by POST
(HTTP-TS) carries the two that broadcasters send.

Media: slices is H264 with four slices a picture; B is H264 with three B pictures in a row and pyramids; H265 with AAC 5.1 has two B
pictures in a row. AAC is stereo where nothing else is said.

`

// write writes the table to a file.
func (m *matrixTable) write(t *testing.T, file string, ins []inlet, columns []string) {
	var b strings.Builder
	b.WriteString(matrixHead)
	for _, in := range ins {
		fmt.Fprintf(&b, "## From %s\n\n| to |", in.name)
		for _, name := range in.media {
			fmt.Fprintf(&b, " %s |", name)
		}
		b.WriteString("\n|---|" + strings.Repeat("---|", len(in.media)) + "\n")
		for _, c := range columns {
			fmt.Fprintf(&b, "| %s |", c)
			for _, name := range in.media {
				cell := m.cells[in.name+"/"+name+"|"+c]
				if cell == "" {
					cell = "-"
				}
				fmt.Fprintf(&b, " %s |", cell)
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Error(err)
	}
}
