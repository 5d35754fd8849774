package transcode

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sluice/server/hub"
	"sluice/server/media"
	"sluice/server/transcode/internal/sndtest"
	"sluice/server/transcode/opus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTable(t *testing.T) {
	table := Table(DefaultConfig(), discard)
	want := 3*2 + 4*3 // each of three to each other, and four more to each
	if opus.Available {
		want = 4*3 + 4*4
	}
	if len(table) != want {
		t.Errorf("%d ways, want %d", len(table), want)
	}
	for _, way := range table {
		if _, err := way.New(&media.Track{Codec: media.AC3}); err == nil {
			t.Errorf("%v to %v takes AC-3", way.From, way.To)
		}
	}
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []Config{
		{OpusBitrate: 1, AACBitrate: 128000, OpusComplexity: 5},
		{OpusBitrate: 96000, AACBitrate: 1, OpusComplexity: 5},
		{OpusBitrate: 96000, AACBitrate: 128000, OpusComplexity: 11},
	} {
		if c.Validate() == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

// counted counts the pipelines that a table's ways start and end.
type counted struct {
	hub.Filter
	ended *int
}

func (c counted) Close() {
	*c.ended++
	c.Filter.Close()
}

func count(table []hub.Transcoder) (started, ended *int) {
	started, ended = new(int), new(int)
	for i, way := range table {
		table[i].New = func(src *media.Track) (hub.Filter, error) {
			f, err := way.New(src)
			*started++
			return counted{f, ended}, err
		}
	}
	return started, ended
}

// viewer keeps what it has read.
type viewer struct {
	*hub.Viewer
	sub          *hub.Subscription[hub.Item]
	video, audio []*media.Packet
}

func watch(t *testing.T, h *hub.Hub, accept ...media.Codec) *viewer {
	t.Helper()
	v, err := h.Play(t.Context(), hub.Session{Stream: "live/a", Protocol: "test"}, hub.Accept(accept...))
	if err != nil {
		t.Fatal(err)
	}
	return &viewer{Viewer: v, sub: hub.Subscribe(v, hub.Items())}
}

func (v *viewer) leave() {
	v.sub.Close()
	v.Viewer.Close(nil)
}

// read takes what is there once everything is quiet.
func (v *viewer) read() {
	synctest.Wait()
	items := make([]hub.Item, 100)
	n, _ := v.sub.Read(items)
	for _, i := range items[:n] {
		switch {
		case i.Packet == nil:
		case i.Packet.Kind() == media.Video:
			v.video = append(v.video, i.Packet)
		default:
			v.audio = append(v.audio, i.Packet)
		}
	}
}

// One pipeline serves all who need it, pictures pass untouched, and it ends
// with its last viewer.
func TestDerivedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := Table(DefaultConfig(), discard)
		started, ended := count(table)
		h := hub.New(hub.DefaultConfig(), hub.Options{Transcoders: table})
		pub, err := h.Publish(t.Context(), hub.Session{Stream: "live/a", Protocol: "test"})
		if err != nil {
			t.Fatal(err)
		}
		sound := source(t, media.AAC, 2, sndtest.Music(48000, 2, 4*48000))
		picture := &media.Track{Codec: media.H264, Config: []byte{1}}
		at := 0
		publish := func(n int, viewers ...*viewer) {
			for range n {
				p := *sound[at]
				if at++; at%2 == 1 {
					pub.Write(&media.Packet{Track: picture, DTS: p.DTS, PTS: p.PTS, Key: at%20 == 1, Payload: []byte{byte(at)}})
				}
				pub.Write(&p)
				for _, v := range viewers {
					v.read()
				}
			}
		}
		publish(10)
		plain := watch(t, h, media.H264, media.AAC)
		if publish(10, plain); *started != 0 {
			t.Error("a pipeline runs though nobody needs it")
		}
		var derived []*viewer
		for range 3 {
			derived = append(derived, watch(t, h, media.H264, media.PCMU))
		}
		publish(100, append(derived, plain)...)
		first := derived[0].audio
		for i, v := range derived {
			if want := plain.video[len(plain.video)-len(v.video):]; len(v.video) < 50 || !slices.Equal(v.video, want) {
				t.Errorf("viewer %d: %d pictures, or others than the source's", i, len(v.video))
			}
			if len(v.audio) < 80 || !slices.Equal(v.audio, first) || v.audio[0].Track.Codec != media.PCMU {
				t.Errorf("viewer %d: %d sound packets, or others than the first viewer's", i, len(v.audio))
			}
		}
		if last := first[len(first)-1]; sound[at-1].PTS-sound[0].PTS-last.PTS > 60*time.Millisecond {
			t.Errorf("the newest sound is of %v, the source is at %v", last.PTS, sound[at-1].PTS-sound[0].PTS)
		}
		if *started != 1 || *ended != 0 {
			t.Errorf("%d pipelines started, %d ended", *started, *ended)
		}
		derived[0].leave()
		derived[1].leave()
		if synctest.Wait(); *ended != 0 {
			t.Error("the pipeline ends before its last viewer")
		}
		derived[2].leave()
		if synctest.Wait(); *ended != 1 {
			t.Error("the pipeline does not end with its last viewer")
		}
		again := watch(t, h, media.H264, media.PCMU)
		if publish(20, again); len(again.audio) == 0 || *started != 2 {
			t.Errorf("who comes later gets %d sound packets; %d pipelines started", len(again.audio), *started)
		}
		again.leave()
		plain.leave()
		pub.Close(nil)
		h.Close()
		if *started != *ended {
			t.Errorf("%d pipelines started, %d ended", *started, *ended)
		}
	})
}
