package jitter

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/container/rtp"
)

// receive feeds packets that arrive 20 ms apart with timestamps that agree.
func receive(s *Statistics, ms int, seqs ...uint16) int {
	for _, seq := range seqs {
		s.Update(rtp.Packet{Sequence: seq, Timestamp: 0xffffff00 + uint32(ms)*8}, at(ms))
		ms += 20
	}
	return ms
}

func TestReport(t *testing.T) {
	s := NewStatistics(8000)
	if _, ok := s.Report(start); ok {
		t.Fatal("a report before the first packet")
	}
	ms := receive(s, 0, 65533, 65534, 65535, 1) // 0 is missing
	check := func(want Report) {
		t.Helper()
		got, ok := s.Report(at(ms))
		if d := cmp.Diff(want, got); d != "" || !ok {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	check(Report{FractionLost: 256 / 5, TotalLost: 1, HighestSequence: 1<<16 + 1})
	ms = receive(s, ms, 2, 3)
	s.SenderReport(0x1122334455667788, at(ms))
	ms += 1500
	check(Report{TotalLost: 1, HighestSequence: 1<<16 + 3, LastSenderReport: 0x33445566, Delay: 65536 * 3 / 2})
	check(Report{TotalLost: 1, HighestSequence: 1<<16 + 3, LastSenderReport: 0x33445566, Delay: 65536 * 3 / 2}) // nothing new
}

func TestReportOfDuplicates(t *testing.T) {
	s := NewStatistics(8000)
	receive(s, 0, 1, 2, 2, 2, 3)
	if r, _ := s.Report(start); r.TotalLost != -2 || r.FractionLost != 0 {
		t.Errorf("%+v", r)
	}
}

func TestStatisticsRestart(t *testing.T) {
	s := NewStatistics(8000)
	ms := receive(s, 0, 1, 2, 3, 30000) // a stray one changes nothing
	if r, _ := s.Report(start); r.TotalLost != 0 || r.HighestSequence != 3 {
		t.Errorf("after a stray packet: %+v", r)
	}
	receive(s, ms, 30001, 30002)
	if r, _ := s.Report(start); r.TotalLost != 0 || r.HighestSequence != 30002 {
		t.Errorf("after a restart: %+v", r)
	}
	s.Update(rtp.Packet{Sequence: 7, SSRC: 9}, start)
	if r, _ := s.Report(start); r.TotalLost != 0 || r.HighestSequence != 7 {
		t.Errorf("after another source: %+v", r)
	}
}

// TestJitter compares with the definition of RFC 3550 6.4.1 in floating point.
func TestJitter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	s := NewStatistics(90000)
	var want, last float64
	for n := range 1000 {
		late := rnd.Float64() * 0.030
		now := start.Add(time.Duration((float64(n)*0.033 + late) * 1e9))
		s.Update(rtp.Packet{Sequence: uint16(n), Timestamp: uint32(n * 2970)}, now)
		if n > 0 {
			want += (max(late-last, last-late)*90000 - want) / 16
		}
		last = late
	}
	r, _ := s.Report(start)
	if d := float64(r.Jitter) - want; d > 2 || d < -2 {
		t.Errorf("jitter %d, want %.1f", r.Jitter, want)
	}
}

func BenchmarkStatistics(b *testing.B) {
	s := NewStatistics(90000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		s.Update(rtp.Packet{Sequence: uint16(n), Timestamp: uint32(n * 300)}, start.Add(time.Duration(n)*time.Millisecond))
		n++
	}
}
