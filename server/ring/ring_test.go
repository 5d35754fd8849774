package ring

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errEnd = errors.New("end")

const frame = 40 * time.Millisecond

// put appends entry i of a stream with a random access point every gop.
func put(l *Log[int], i, gop int) {
	l.Append(i, Meta{Size: 100, Key: i%gop == 0, Time: time.Duration(i) * frame})
}

func read(t *testing.T, c *Cursor[int], most int) (got []int, skipped int) {
	t.Helper()
	dst := make([]int, most)
	n, skipped := c.Read(dst)
	return dst[:n], skipped
}

func TestJoinStartsAtTheNewestKey(t *testing.T) {
	l := New[int](Limits{})
	for i := range 25 {
		put(l, i, 10)
	}
	c := l.Join(0)
	got, skipped := read(t, c, 100)
	if len(got) != 5 || got[0] != 20 || skipped != 0 {
		t.Fatalf("got %v, skipped %d; want 20..24", got, skipped)
	}
	if last, ok := c.Last(); !ok || last != 24*frame {
		t.Errorf("Last() = %v, %v", last, ok)
	}
}

func TestJoinBeforeAnyKeyWaitsForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[int](Limits{})
		put(l, 1, 10)
		c := l.Join(0)
		if got, _ := read(t, c, 10); len(got) != 0 {
			t.Fatalf("read %v without a key", got)
		}
		done := make(chan error)
		go func() { done <- c.Wait(t.Context()) }()
		synctest.Wait()
		put(l, 2, 10)
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("woken without a key")
		default:
		}
		put(l, 10, 10)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got, skipped := read(t, c, 10); len(got) != 1 || got[0] != 10 || skipped != 0 {
			t.Fatalf("got %v, skipped %d", got, skipped)
		}
	})
}

func TestFallingOutOfTheLogJumpsToAKey(t *testing.T) {
	l := New[int](Limits{Entries: 20})
	put(l, 0, 10)
	c := l.Join(0)
	read(t, c, 1)
	for i := 1; i <= 35; i++ {
		put(l, i, 10)
	}
	got, skipped := read(t, c, 100)
	if len(got) == 0 || got[0] != 30 || skipped != 29 {
		t.Fatalf("got %v, skipped %d; want 30.. after 29", got, skipped)
	}
}

func TestFallingOutWithNoKeyLeftWaits(t *testing.T) {
	l := New[int](Limits{Entries: 5})
	put(l, 0, 100)
	c := l.Join(0)
	read(t, c, 1)
	for i := 1; i < 20; i++ {
		put(l, i, 100)
	}
	if got, skipped := read(t, c, 100); len(got) != 0 || skipped != 19 {
		t.Fatalf("got %v, skipped %d", got, skipped)
	}
	put(l, 20, 100)
	l.Append(100, Meta{Key: true, Time: 100 * frame})
	if got, skipped := read(t, c, 100); len(got) != 1 || got[0] != 100 || skipped != 1 {
		t.Fatalf("got %v, skipped %d", got, skipped)
	}
}

func TestLatencyBudget(t *testing.T) {
	l := New[int](Limits{})
	put(l, 0, 10)
	c := l.Join(8 * frame)
	read(t, c, 1)
	for i := 1; i < 9; i++ {
		put(l, i, 10)
	}
	if got, skipped := read(t, c, 1); got[0] != 1 || skipped != 0 {
		t.Fatalf("jumped inside the budget: %v, %d", got, skipped)
	}
	for i := 9; i < 13; i++ {
		put(l, i, 10)
	}
	if got, skipped := read(t, c, 1); got[0] != 10 || skipped != 8 {
		t.Fatalf("got %v, skipped %d; want 10 after 8", got, skipped)
	}
	// The newest key is behind: there is nowhere to jump to.
	for i := 13; i < 20; i++ {
		put(l, i, 100)
	}
	l.Append(40, Meta{Time: 40 * frame})
	if got, skipped := read(t, c, 1); got[0] != 11 || skipped != 0 {
		t.Fatalf("got %v, skipped %d", got, skipped)
	}
}

func TestAgeSparesTheNewestGroup(t *testing.T) {
	l := New[int](Limits{Age: 5 * frame})
	for i := range 30 {
		put(l, i, 20)
	}
	if got, _ := read(t, l.Join(0), 100); len(got) != 10 || got[0] != 20 {
		t.Fatalf("joined at %v", got)
	}
	if n, size := l.Len(); n != 10 || size != 1000 {
		t.Errorf("holds %d entries, %d bytes", n, size)
	}
}

// TestJoinOldest: with Whole there is always a group before the newest one, where
// its age would not keep it.
func TestJoinOldest(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		want   int // of 50 entries, a random access point every 20
	}{
		{Limits{}, 0},
		{Limits{Age: 5 * frame}, 40},
		{Limits{Age: 5 * frame, Whole: true}, 20},
		{Limits{Age: 35 * frame, Whole: true}, 20},
		{Limits{Age: 5 * frame, Whole: true, Bytes: 2500}, 40},
	} {
		l := New[int](c.limits)
		for i := range 50 {
			put(l, i, 20)
		}
		if got, skipped := read(t, l.JoinOldest(0), 100); len(got) != 50-c.want || got[0] != c.want || skipped != 0 {
			t.Errorf("%+v: joined at %v, skipped %d", c.limits, got[0], skipped)
		}
		l.Seal()
		late := l.JoinOldest(0)
		if got, _ := read(t, late, 100); len(got) != 0 {
			t.Errorf("%+v: joined a sealed group: %v", c.limits, got)
		}
		for i := 50; i < 90; i++ {
			put(l, i, 20)
		}
		if got, _ := read(t, late, 100); len(got) == 0 || got[0] < 60 || got[0]%20 != 0 {
			t.Errorf("%+v: after the seal it joined at %v", c.limits, got)
		}
	}
}

func TestBytesBoundHoldsEvenInsideAGroup(t *testing.T) {
	l := New[int](Limits{Bytes: 1000})
	for i := range 1000 {
		put(l, i, 10000)
		if _, size := l.Len(); size > 1000 {
			t.Fatalf("%d bytes held", size)
		}
	}
	l.Append(1, Meta{Size: 5000})
	if n, _ := l.Len(); n != 1 {
		t.Errorf("an entry over the limit stands beside %d others", n-1)
	}
}

func TestSealAndJoinAfter(t *testing.T) {
	l := New[int](Limits{})
	put(l, 0, 10)
	old := l.Join(0)
	l.Seal()
	put(l, 1, 10)
	if got, _ := read(t, l.Join(0), 10); len(got) != 0 {
		t.Fatalf("joined a sealed group: %v", got)
	}
	if got, _ := read(t, old, 10); len(got) != 0 {
		// A cursor that had not read yet has no place to go on from.
		t.Fatalf("placed at %v", got)
	}
	put(l, 10, 10)
	if got, _ := read(t, l.JoinAfter(10*frame, 0), 10); len(got) != 0 {
		t.Fatalf("JoinAfter went back to %v", got)
	}
	if got, _ := read(t, l.JoinAfter(9*frame, 0), 10); len(got) != 1 || got[0] != 10 {
		t.Fatalf("JoinAfter gave %v", got)
	}
}

func TestRewind(t *testing.T) {
	l := New[int](Limits{})
	c := l.Join(0)
	if c.Rewind() {
		t.Error("rewound an empty log")
	}
	for i := range 15 {
		put(l, i, 10)
	}
	read(t, c, 100)
	if !c.Rewind() {
		t.Fatal("no key to go back to")
	}
	if got, _ := read(t, c, 100); len(got) != 5 || got[0] != 10 {
		t.Errorf("after Rewind: %v", got)
	}
}

func TestRidersDoNotWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[int](Limits{})
		put(l, 0, 10)
		c := l.Join(0)
		read(t, c, 10)
		done := make(chan error)
		go func() { done <- c.Wait(t.Context()) }()
		synctest.Wait()
		l.Append(1, Meta{Ride: true})
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("a riding entry woke the reader")
		default:
		}
		l.Append(2, Meta{})
		<-done
		if got, _ := read(t, c, 10); len(got) != 2 {
			t.Errorf("got %v", got)
		}
	})
}

func TestCloseDeliversTheRestAndThenItsError(t *testing.T) {
	l := New[int](Limits{})
	put(l, 0, 10)
	c := l.Join(0)
	l.Close(errEnd)
	l.Close(errors.New("second"))
	put(l, 1, 10)
	if err := c.Wait(t.Context()); err != nil {
		t.Fatalf("Wait before the rest is read: %v", err)
	}
	if got, _ := read(t, c, 10); len(got) != 1 {
		t.Fatalf("got %v", got)
	}
	if err := c.Wait(t.Context()); !errors.Is(err, errEnd) {
		t.Fatalf("Wait = %v", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[int](Limits{})
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := l.Join(0).Wait(ctx); !errors.Is(err, errEnd) {
					t.Errorf("Wait = %v", err)
				}
			})
		}
		synctest.Wait()
		cancel(errEnd)
		wg.Wait()
	})
}

// TestEveryReaderSeesWholeGroups runs fast, slow and vanishing readers
// against one writer and checks the promise of the package: entries come in
// order, and every gap ends on a key.
func TestEveryReaderSeesWholeGroups(t *testing.T) {
	const entries, gop, readers = 3000, 25, 40
	synctest.Test(t, func(t *testing.T) {
		l := New[int](Limits{Entries: 200, Bytes: 1 << 20, Age: 2 * time.Second})
		var skips, reached atomic.Int64
		var wg sync.WaitGroup
		for id := range readers {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				rnd := rand.New(rand.NewPCG(uint64(id), 1))
				if id%10 == 9 {
					time.AfterFunc(time.Duration(rnd.IntN(60))*time.Second, cancel)
				}
				c, last, dst := l.Join(3*time.Second), -1, make([]int, 16)
				for {
					if err := c.Wait(ctx); err != nil {
						if errors.Is(err, errEnd) {
							reached.Add(1)
						}
						return
					}
					n, skipped := c.Read(dst)
					if skipped > 0 {
						skips.Add(1)
					}
					for i, v := range dst[:n] {
						switch {
						case last < 0 || (i == 0 && skipped > 0):
							if v%gop != 0 || v <= last {
								t.Errorf("reader %d starts at %d after %d", id, v, last)
							}
						case v != last+1:
							t.Errorf("reader %d: %d after %d", id, v, last)
						}
						last = v
					}
					if id%4 == 0 {
						time.Sleep(time.Duration(rnd.IntN(4000)) * time.Millisecond)
					}
				}
			})
		}
		for i := range entries {
			put(l, i, gop)
			time.Sleep(frame)
		}
		l.Close(errEnd)
		wg.Wait()
		if reached.Load() < readers*8/10 {
			t.Errorf("only %d readers reached the end", reached.Load())
		}
		if skips.Load() == 0 {
			t.Error("no reader was slow enough to test a jump")
		}
	})
}
