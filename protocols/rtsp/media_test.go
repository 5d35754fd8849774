package rtsp

import (
	"testing"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
)

func testTracks() media.Tracks {
	return media.Tracks{
		Video: &media.Track{Codec: media.VP8, Width: 320, Height: 240},
		Audio: &media.Track{Codec: media.PCMA, SampleRate: 8000, Channels: 1},
	}
}

// write publishes n steps of 20 ms, from one on.
func write(t testing.TB, pub *hub.Publisher, ts media.Tracks, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		at := time.Duration(i) * 20 * time.Millisecond
		list := []*media.Packet{{Track: ts.Audio, DTS: at, PTS: at, Payload: make([]byte, 160)}}
		if i%2 == 0 && ts.Video != nil {
			key := i%20 == 0
			list = append(list, &media.Packet{Track: ts.Video, DTS: at, PTS: at, Key: key, Payload: vp8Picture(key, 3000)})
		}
		for _, p := range list {
			if err := pub.Write(p); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// live writes in real time until the test ends.
func live(t testing.TB, pub *hub.Publisher) {
	t.Helper()
	ts := testTracks()
	write(t, pub, ts, 0, 2)
	done, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 2; ; i++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				write(t, pub, ts, i, 1)
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
	})
}
