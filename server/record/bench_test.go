package record

import (
	"testing"
	"time"

	"sluice/server/media"
)

// BenchmarkWrite is what one picture of 10 kB costs a record, the disk included.
func BenchmarkWrite(b *testing.B) {
	payload := append([]byte{0, 0, 0x27, 0x10 - 4, 0x65}, make([]byte, 9995)...)
	for _, f := range []Format{FLV, MPEGTS, FMP4, HLS} {
		b.Run(string(f), func(b *testing.B) {
			store := &storage{dir: b.TempDir()}
			defer store.close()
			mux, err := forms[f].create(store, "x"+f.ext(), media.Tracks{Video: h264Track})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				at := time.Duration(i) * frame
				if err := mux.write(&media.Packet{Track: h264Track, DTS: at, PTS: at, Key: i%50 == 0, Payload: payload}); err != nil {
					b.Fatal(err)
				}
				i++
			}
			if err := mux.finish(time.Duration(i) * frame); err != nil {
				b.Fatal(err)
			}
		})
	}
}
