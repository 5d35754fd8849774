package fmp4

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/server/media"
)

// segmentCases are files of fragments, each with a picture and its sound, or
// either, as letters: K a key frame, p another picture, a sound. Each picture lasts
// 100 ms. The parts are what the tracks' sidx boxes say: when the first begins, and
// of each part how many fragments it has, how long it lasts in milliseconds, and
// with a * that decoding can start there.
var segmentCases = []struct {
	name, fragments string
	room            int
	want            []string
}{
	{"groups", "Kapa Kapapa Ka", 500, []string{"1 at 0: 1x100* 1x100* 1x100*", "2 at 0: 1x100* 1x100* 1x100*"}},
	{"pictures alone", "K Kp K", 500, []string{"1 at 0: 1x100* 1x100* 1x100*"}},
	{"sound alone", "a a a", 500, []string{"2 at 0: 1x100* 1x100* 1x100*"}},
	{"sound comes late", "K K Ka", 500, []string{"1 at 0: 1x100* 1x100* 1x100*", "2 at 200: 1x0 1x0 1x100*"}},
	{"sound ends", "Ka K K", 500, []string{"1 at 0: 1x100* 1x100* 1x100*", "2 at 0: 1x100* 1x0 1x0"}},
	{"a fragment begins amid a group", "K p K", 500, nil},
	{"pictures come late", "a Ka", 500, nil},
	{"room for two", "K K", 8 + 40 + 2*12, []string{"1 at 0: 1x100* 1x100*"}},
	{"room for one", "K K", 8 + 40 + 2*12 - 1, nil},
	{"no room", "K K", 0, nil},
	{"nothing", "", 0, nil},
}

func TestSegments(t *testing.T) {
	for _, c := range segmentCases {
		t.Run(c.name, func(t *testing.T) {
			file, offsets, index := segmented(t, c.fragments, c.room)
			head := bytes.Clone(file[:offsets[0]])
			for range 2 { // a finished file may be finished again
				if err := index.Complete(head, int64(len(file))); err != nil {
					t.Fatal(err)
				}
				if got := readSegments(t, head, offsets); !slices.Equal(got, c.want) {
					t.Errorf("segments\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
				}
			}
			m, err := ParseInit(head)
			if err != nil || m.Duration != index.Duration() {
				t.Errorf("duration %+v, %v; want %v", m, err, index.Duration())
			}
			r, err := Recover(bytes.NewReader(slices.Concat(head, file[offsets[0]:])), int64(len(file)))
			if err != nil || r.End != int64(len(file)) {
				t.Errorf("recovery finds %+v, %v", r, err)
			}
		})
	}
}

// segmented writes a file by letters; the last offset is its end.
func segmented(t *testing.T, fragments string, room int) (file []byte, offsets []int64, index *Index) {
	t.Helper()
	file, err := FileInit(media.Tracks{Video: picture, Audio: sound}, room)
	if err != nil {
		t.Fatal(err)
	}
	index = &Index{}
	for i, letters := range strings.Fields(fragments) {
		var list []Sample
		for _, l := range letters {
			track := picture
			if l == 'a' {
				track = sound
			}
			p := at(track, time.Duration(i)*100*ms, time.Duration(i)*100*ms, byte(i))
			p.Key = l == 'K'
			list = append(list, Sample{Packet: p, Duration: 100 * ms})
		}
		offsets = append(offsets, int64(len(file)))
		index.Add(int64(len(file)), list)
		if file, err = AppendFragment(file, uint32(i+1), list); err != nil {
			t.Fatal(err)
		}
	}
	return file, append(offsets, int64(len(file))), index
}

// readSegments reads the sidx boxes after moov as a player does, each as a line.
func readSegments(t *testing.T, head []byte, offsets []int64) (lines []string) {
	t.Helper()
	for rest := head; len(rest) > 0; {
		box, after, err := NextBox(rest)
		if err != nil {
			t.Fatal(err)
		}
		anchor := int64(len(head) - len(after))
		if rest = after; box.Type != "sidx" {
			continue
		}
		be, b := binary.BigEndian, box.Body
		rate := int64(be.Uint32(b[8:]))
		line := fmt.Sprintf("%d at %d:", be.Uint32(b[4:]), be.Uint64(b[12:])*1000/uint64(rate))
		at := anchor + int64(be.Uint64(b[20:]))
		for b = b[32:]; len(b) > 0; b = b[12:] {
			from := slices.Index(offsets, at)
			at += int64(be.Uint32(b))
			to := slices.Index(offsets, at)
			if from < 0 || to < 0 {
				t.Fatalf("a part up to %d, fragments are at %d", at, offsets)
			}
			line += fmt.Sprintf(" %dx%d", to-from, int64(be.Uint32(b[4:]))*1000/rate)
			if b[8] == 0x80 {
				line += "*"
			}
		}
		lines = append(lines, line)
	}
	return lines
}
