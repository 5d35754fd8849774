package jitter

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/container/rtp"
)

var start = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

// step is one thing that happens to a Buffer.
type step struct {
	ms   int
	push []uint16 // sequence numbers
	ssrc uint32
	want []int // popped, negative when flagged as lost
}

var cases = []struct {
	name  string
	cfg   Config
	steps []step
	want  Counters
}{
	{
		"in order",
		Config{},
		[]step{{0, []uint16{65534}, 1, []int{65534}}, {1, []uint16{65535, 0, 1}, 1, []int{65535, 0, 1}}},
		Counters{Received: 4},
	},
	{
		"reordered over the wrap",
		Config{},
		[]step{
			{0, []uint16{65534}, 1, []int{65534}},
			{1, []uint16{1, 0}, 1, nil},
			{2, []uint16{65535}, 1, []int{65535, 0, 1}},
		},
		Counters{Received: 4, Reordered: 2},
	},
	{
		"given up by age",
		Config{MaxDelay: 50 * time.Millisecond},
		[]step{
			{0, []uint16{10, 12}, 1, []int{10}},
			{49, []uint16{13}, 1, nil},
			{50, nil, 1, []int{-12, 13}},
			{51, []uint16{11}, 1, nil},
			{52, []uint16{14}, 1, []int{14}},
		},
		Counters{Received: 5, Lost: 1, Late: 1},
	},
	{
		"two gaps of different age",
		Config{MaxDelay: 50 * time.Millisecond},
		[]step{
			{0, []uint16{10, 12}, 1, []int{10}},
			{30, []uint16{14}, 1, nil},
			{60, nil, 1, []int{-12}},
			{79, nil, 1, nil},
			{80, nil, 1, []int{-14}},
		},
		Counters{Received: 3, Lost: 2},
	},
	{
		"duplicates",
		Config{},
		[]step{
			{0, []uint16{10, 10}, 1, []int{10}},
			{1, []uint16{12, 12}, 1, nil},
			{2, []uint16{11, 11}, 1, []int{11, 12}},
			{3, []uint16{12}, 1, nil},
		},
		Counters{Received: 7, Duplicate: 4, Reordered: 1},
	},
	{
		"given up for room",
		Config{MaxPackets: 4},
		[]step{
			{0, []uint16{10}, 1, []int{10}},
			{0, []uint16{12, 13, 14}, 1, nil},
			{0, []uint16{15}, 1, []int{-12, 13, 14, 15}},
		},
		Counters{Received: 5, Lost: 1},
	},
	{
		"only what room needs is given up",
		Config{MaxPackets: 4},
		[]step{
			{0, []uint16{10}, 1, []int{10}},
			{0, []uint16{12, 14}, 1, nil},
			{0, []uint16{15}, 1, []int{-12}},
			{0, []uint16{13}, 1, []int{13, 14, 15}},
		},
		Counters{Received: 5, Lost: 1, Reordered: 1},
	},
	{
		"a long drop-out",
		Config{MaxPackets: 4},
		[]step{
			{0, []uint16{10, 12}, 1, []int{10}},
			{0, []uint16{1000}, 1, []int{-12, -1000}},
			{0, []uint16{1001}, 1, []int{1001}},
		},
		Counters{Received: 4, Lost: 1 + 987},
	},
	{
		"a new run of sequence numbers",
		Config{},
		[]step{
			{0, []uint16{10, 12}, 1, []int{10}},
			{1, []uint16{40000}, 1, nil},
			{2, []uint16{40001}, 1, []int{-12, -40000, 40001}},
			{3, []uint16{40002}, 1, []int{40002}},
		},
		Counters{Received: 5, Lost: 1, Restarts: 1},
	},
	{
		"another source",
		Config{},
		[]step{
			{0, []uint16{10}, 1, []int{10}},
			{1, []uint16{11}, 2, nil},
			{2, []uint16{12}, 2, []int{-11, 12}},
		},
		Counters{Received: 3, Restarts: 1},
	},
	{
		"a stray packet",
		Config{},
		[]step{
			{0, []uint16{10}, 1, []int{10}},
			{1, []uint16{40000}, 1, nil},
			{1, []uint16{11}, 1, []int{11}},
			{1, []uint16{40001}, 1, nil},
			{1, []uint16{12}, 1, []int{12}},
		},
		Counters{Received: 5, Stray: 2},
	},
}

func TestBuffer(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := NewBuffer(c.cfg)
			for i, s := range c.steps {
				got := drain(b, at(s.ms))
				for _, seq := range s.push {
					b.Push(rtp.Packet{Sequence: seq, SSRC: s.ssrc}, at(s.ms))
					got = append(got, drain(b, at(s.ms))...)
				}
				if !slices.Equal(got, s.want) {
					t.Errorf("step %d: popped %v, want %v", i, got, s.want)
				}
			}
			if d := cmp.Diff(c.want, b.Counters()); d != "" {
				t.Errorf("counters (-want +got):\n%s", d)
			}
		})
	}
}

// drain pops all that is ready.
func drain(b *Buffer, now time.Time) (got []int) {
	for p, lost, ok := b.Pop(now); ok; p, lost, ok = b.Pop(now) {
		n := int(p.Sequence)
		if lost {
			n = -n
		}
		got = append(got, n)
	}
	return got
}

func TestDeadline(t *testing.T) {
	b := NewBuffer(Config{MaxDelay: 50 * time.Millisecond})
	if _, ok := b.Deadline(); ok {
		t.Error("an empty buffer has a deadline")
	}
	for ms, seq := range []uint16{10, 12, 13} {
		b.Push(rtp.Packet{Sequence: seq}, at(ms))
		drain(b, at(ms))
	}
	d, ok := b.Deadline()
	if !ok || !d.Equal(at(51)) {
		t.Fatalf("deadline %v, %v", d.Sub(start), ok)
	}
	b.SetMaxDelay(80 * time.Millisecond)
	if d, _ = b.Deadline(); !d.Equal(at(81)) {
		t.Errorf("deadline %v after the delay was raised", d.Sub(start))
	}
	if got := drain(b, at(81)); !slices.Equal(got, []int{-12, 13}) {
		t.Errorf("popped %v", got)
	}
	if _, ok := b.Deadline(); ok {
		t.Error("a drained buffer has a deadline")
	}
}

func TestNobodyPops(t *testing.T) {
	b := NewBuffer(Config{MaxPackets: 8})
	for i := range 100000 {
		b.Push(rtp.Packet{Sequence: uint16(i * 3)}, at(i))
	}
	if n := int(b.end - b.next); n > 8 {
		t.Errorf("%d sequence numbers in a window of 8", n)
	}
}

func TestAppendMissing(t *testing.T) {
	const rtt = 40 * time.Millisecond
	b := NewBuffer(Config{MaxDelay: time.Second, MaxAsks: 3})
	for i, c := range []struct {
		ms   int
		push []uint16
		want []uint16
	}{
		{0, []uint16{65533, 65535}, nil},        // may be out of order
		{9, nil, nil},                           // still
		{10, nil, []uint16{65534}},              // too late for that
		{11, []uint16{2, 3, 4}, []uint16{0, 1}}, // three packets after it
		{59, nil, nil},                          // an answer may be under way
		{60, nil, []uint16{65534}},              // no more
		{61, []uint16{0}, []uint16{1}},          // 0 came
		{111, nil, []uint16{65534, 1}},          // third time
		{500, nil, nil},                         // three times is enough
		{1000, []uint16{6}, nil},                // the first is given up
		{1011, nil, []uint16{5}},                // the second is given up
	} {
		for _, s := range c.push {
			b.Push(rtp.Packet{Sequence: s}, at(c.ms))
		}
		drain(b, at(c.ms))
		if got := b.AppendMissing(nil, at(c.ms), rtt); !slices.Equal(got, c.want) {
			t.Errorf("step %d, %d ms: asks for %v, want %v", i, c.ms, got, c.want)
		}
	}
	want := Counters{Received: 7, Lost: 2, Reordered: 1, Recovered: 1}
	if d := cmp.Diff(want, b.Counters()); d != "" {
		t.Errorf("counters (-want +got):\n%s", d)
	}
	if b.Missing() != 1 {
		t.Errorf("%d missing, want 1", b.Missing())
	}
}

// TestRandomNetworks sends packets through networks that lose, delay and repeat
// them and answer to NACKs, and checks what comes out: in order, none twice,
// every gap flagged, none missing that came in time, every packet accounted for.
func TestRandomNetworks(t *testing.T) {
	for seed := range uint64(200) {
		network(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func network(t *testing.T, seed uint64) {
	const packets, maxDelay = 2000, 200
	rnd := rand.New(rand.NewPCG(seed, 1))
	loss, spread, answers := rnd.Float64()*0.2, rnd.IntN(100)+1, rnd.IntN(2) == 0
	first := rnd.IntN(1 << 16)

	due := map[int][]int{} // by ms
	cameInTime := make([]bool, packets)
	send := func(ms, n int) {
		if rnd.Float64() >= loss {
			due[ms] = append(due[ms], n)
		}
		if rnd.Float64() < 0.01 {
			again := ms + rnd.IntN(50)
			due[again] = append(due[again], n)
		}
	}
	for n := range packets {
		send(n+rnd.IntN(spread), n)
	}
	b := NewBuffer(Config{MaxDelay: maxDelay * time.Millisecond})
	next, popped, begun := 0, uint64(0), false
	for ms := range packets + 2000 {
		pop := func() {
			for p, lost, ok := b.Pop(at(ms)); ok; p, lost, ok = b.Pop(at(ms)) {
				n := int(p.Sequence - uint16(first))
				if got := int(binary.BigEndian.Uint16(p.Payload)); got != n {
					t.Fatalf("packet %d carries the payload of %d", n, got)
				}
				if begun && (n < next || lost != (n > next)) {
					t.Fatalf("popped %d after %d, lost %v", n, next-1, lost)
				}
				for ; begun && next < n; next++ {
					if cameInTime[next] {
						t.Fatalf("%d came in time and was given up", next)
					}
				}
				begun, next = true, n+1
				popped++
			}
		}
		pop()
		for _, n := range due[ms] {
			if !begun || n >= next {
				cameInTime[n] = true
			}
			b.Push(rtp.Packet{Sequence: uint16(first + n), Payload: binary.BigEndian.AppendUint16(nil, uint16(n))}, at(ms))
			pop()
		}
		if answers {
			for _, s := range b.AppendMissing(nil, at(ms), 30*time.Millisecond) {
				send(ms+30, int(s-uint16(first)))
			}
		}
	}
	c := b.Counters()
	if c.Received != popped+c.Duplicate+c.Late || c.Stray != 0 || c.Restarts != 0 {
		t.Errorf("%d popped, %+v", popped, c)
	}
	if b.next != b.end {
		t.Error("packets were left behind")
	}
}

func FuzzBuffer(f *testing.F) {
	for _, c := range cases {
		var script []byte
		for _, s := range c.steps {
			for _, seq := range s.push {
				script = append(binary.BigEndian.AppendUint16(script, seq), byte(s.ssrc), 1)
			}
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		b := NewBuffer(Config{MaxPackets: 16, MaxDelay: 40 * time.Millisecond})
		ms, popped := 0, uint64(0)
		for ; len(script) >= 4; script = script[4:] {
			ms += int(script[3] % 64)
			b.Push(rtp.Packet{Sequence: binary.BigEndian.Uint16(script), SSRC: uint32(script[2] % 4)}, at(ms))
			if script[3] < 250 {
				popped += uint64(len(drain(b, at(ms))))
			}
			b.AppendMissing(nil, at(ms), 0)
			if b.end-b.next > 16 || b.next > b.end {
				t.Fatalf("window %d to %d", b.next, b.end)
			}
		}
		popped += uint64(len(drain(b, at(ms+1000))))
		if c := b.Counters(); popped > c.Received {
			t.Fatalf("%d popped, %+v", popped, c)
		}
	})
}

func BenchmarkBufferInOrder(b *testing.B) {
	buf := NewBuffer(Config{})
	b.ReportAllocs()
	seq := uint16(0)
	for b.Loop() {
		buf.Push(rtp.Packet{Sequence: seq}, start)
		seq++
		for _, _, ok := buf.Pop(start); ok; _, _, ok = buf.Pop(start) {
		}
	}
}

// BenchmarkBufferGap has one packet of ten come ten packets late, and asks what
// is missing after each.
func BenchmarkBufferGap(b *testing.B) {
	buf := NewBuffer(Config{})
	missing := make([]uint16, 0, 64)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		seq := n
		switch n % 10 {
		case 5:
			seq += 4
		case 9:
			seq -= 4
		}
		n++
		buf.Push(rtp.Packet{Sequence: uint16(seq)}, start)
		for _, _, ok := buf.Pop(start); ok; _, _, ok = buf.Pop(start) {
		}
		missing = buf.AppendMissing(missing[:0], start, 0)
	}
}
