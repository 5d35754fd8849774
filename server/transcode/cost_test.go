package transcode

import (
	"testing"
	"time"

	"sluice/server/media"
	"sluice/server/transcode/internal/sndtest"
)

// loop feeds the same packets again and again on a time line that goes on.
type loop struct {
	tb      testing.TB
	p       *Pipeline
	in      []*media.Packet
	at      int
	shift   time.Duration
	emitted int
	emit    func(*media.Packet)
}

func newLoop(tb testing.TB, from, to media.Codec) *loop {
	channels := 2
	if rateOf(from) < 48000 {
		channels = 1
	}
	return looped(tb, source(tb, from, channels, sndtest.Music(rateOf(from), channels, 4*rateOf(from))), to)
}

func looped(tb testing.TB, in []*media.Packet, to media.Codec) *loop {
	l := &loop{tb: tb, in: in}
	var err error
	if l.p, err = New(l.in[0].Track, to, DefaultConfig(), discard); err != nil {
		tb.Fatal(err)
	}
	l.emit = func(*media.Packet) { l.emitted++ }
	for range l.in {
		l.next() // warm up
	}
	return l
}

func (l *loop) next() {
	p := *l.in[l.at]
	p.PTS += l.shift
	p.DTS = p.PTS
	if err := l.p.Process(&p, l.emit); err != nil {
		l.tb.Fatal(err)
	}
	if l.at++; l.at == len(l.in) {
		l.at, l.shift = 0, l.shift+time.Duration(len(l.in))*length(l.in)
	}
}

// A packet that comes out is its struct and its payload; nothing else is
// allocated.
func testAllocations(t *testing.T, codecs []media.Codec) {
	each(t, codecs, func(t *testing.T, from, to media.Codec) {
		l := newLoop(t, from, to)
		l.emitted = 0
		const runs = 20
		allocs := testing.AllocsPerRun(runs, func() {
			for range 8 {
				l.next()
			}
		})
		// The loop's own copy of the packet counts too.
		if most := 8 + 2*float64(l.emitted)/(runs+1); allocs > most+1 {
			t.Errorf("%.1f allocations, want %.1f", allocs, most)
		}
	})
}

func TestAllocations(t *testing.T) { testAllocations(t, []media.Codec{media.AAC, media.PCMA}) }

func benchmark(b *testing.B, codecs []media.Codec) {
	for _, from := range codecs {
		for _, to := range codecs {
			if from == to {
				continue
			}
			b.Run(from.String()+" to "+to.String(), func(b *testing.B) { runLoop(b, newLoop(b, from, to)) })
		}
	}
}

func runLoop(b *testing.B, l *loop) {
	b.ReportAllocs()
	begin := sndtest.CPU()
	for b.Loop() {
		l.next()
	}
	b.ReportMetric((sndtest.CPU()-begin).Seconds()*1000/(float64(b.N)*length(l.in).Seconds()), "ms/s")
}

func BenchmarkProcess(b *testing.B) { benchmark(b, []media.Codec{media.AAC, media.PCMA}) }

// What may follow what in a stream is for the fuzzer to find out.
func FuzzProcess(f *testing.F) {
	f.Add([]byte{20, 0, 20, 1, 40, 0, 0, 2, 255, 0, 20, 3})
	pcma := source(f, media.PCMA, 1, sndtest.Music(g711Rate, 1, 320))
	aac := source(f, media.AAC, 2, sndtest.Music(48000, 2, 3*1024))
	bad := *aac[2]
	bad.Payload = bad.Payload[:len(bad.Payload)/2]
	packets := []*media.Packet{pcma[0], aac[0], aac[2], &bad}
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 60 {
			return
		}
		p, err := New(pcma[0].Track, media.PCMU, DefaultConfig(), discard)
		if err != nil {
			t.Fatal(err)
		}
		var now, last time.Duration
		for ; len(ops) >= 2; ops = ops[2:] {
			now += time.Duration(ops[0]) * time.Duration(ops[0]) * time.Millisecond / 8
			in := *packets[ops[1]%4]
			in.PTS, in.DTS = now, now
			if err := p.Process(&in, func(out *media.Packet) {
				if out.PTS < last {
					t.Fatalf("time goes back from %v to %v", last, out.PTS)
				}
				if out.PTS > now+time.Second {
					t.Fatalf("at %v comes a packet of %v", now, out.PTS)
				}
				last = out.PTS
			}); err != nil {
				t.Fatal(err)
			}
			if lead := p.lead(&in); lead < -time.Second || lead > time.Second {
				t.Fatalf("at %v the sound is %v away", now, lead)
			}
		}
	})
}
