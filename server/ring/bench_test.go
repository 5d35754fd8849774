package ring

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// BenchmarkAppend is what a publisher pays for one entry with a number of
// readers that keep up.
func BenchmarkAppend(b *testing.B) {
	for _, readers := range []int{1, 100, 10000} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			l := New[*int](Limits{Entries: 256})
			var wg sync.WaitGroup
			for range readers {
				c := l.Join(0)
				wg.Go(func() {
					dst := make([]*int, 64)
					for c.Wait(b.Context()) == nil {
						c.Read(dst)
					}
				})
			}
			v, spent := new(int), time.Duration(0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				start := time.Now()
				l.Append(v, Meta{Size: 8000, Key: i%60 == 0, Time: time.Duration(i) * time.Millisecond})
				spent += time.Since(start)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "publish-ns/op")
			l.Close(errEnd)
			wg.Wait()
		})
	}
}
