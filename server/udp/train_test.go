package udp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrainRuns(t *testing.T) {
	many := make([]int, 70)
	for i := range many {
		many[i] = 1000
	}
	type run struct{ Segment, Packets int }
	for _, c := range []struct {
		name  string
		sizes []int
		want  []run
	}{
		{"none", nil, nil},
		{"one", []int{500}, []run{{500, 1}}},
		{"a picture", []int{1000, 1000, 400}, []run{{1000, 3}}},
		{"a picture and sound", []int{1000, 1000, 400, 90}, []run{{1000, 3}, {90, 1}}},
		{"the next is larger", []int{400, 1000, 1000}, []run{{400, 1}, {1000, 2}}},
		{"over 64", many, []run{{1000, 64}, {1000, 6}}},
		{"over a datagram", []int{40000, 40000}, []run{{40000, 1}, {40000, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tr Train
			for i, n := range c.sizes {
				b := tr.Room(n + 20)
				b[0] = byte(i)
				tr.Add(n)
			}
			var got []run
			total := 0
			err := tr.Runs(func(b []byte, segment, packets int) error {
				if want := (len(b) + segment - 1) / segment; want != packets {
					t.Errorf("%d bytes in segments of %d are called %d packets", len(b), segment, packets)
				}
				got = append(got, run{segment, packets})
				total += len(b)
				return nil
			})
			if err != nil || total != tr.Bytes() || tr.Len() != len(c.sizes) {
				t.Errorf("%d of %d bytes, %d packets, %v", total, tr.Bytes(), tr.Len(), err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			tr.Reset()
			if tr.Len() != 0 || tr.Bytes() != 0 {
				t.Error("not empty after Reset")
			}
		})
	}
}
