package hub

import (
	"slices"
	"testing"
	"testing/synctest"

	"sluice/server/media"
)

// toy "transcodes" by renaming and counts how many run.
type toy struct {
	track   *media.Track
	running *int
}

func (f toy) Track() *media.Track { return f.track }
func (f toy) Close()              { *f.running-- }
func (f toy) Cut()                {}
func (f toy) Process(p *media.Packet, emit func(*media.Packet)) error {
	emit(&media.Packet{Track: f.track, DTS: p.DTS, PTS: p.PTS, Payload: append([]byte("opus-"), p.Payload...)})
	return nil
}

func TestDerivedSound(t *testing.T) {
	running := 0
	o := Options{Transcoders: []Transcoder{{From: media.AAC, To: media.Opus, New: func(*media.Track) (Filter, error) {
		running++
		return toy{opus, &running}, nil
	}}}}
	run(t, DefaultConfig(), o, func(t *testing.T, h *Hub) {
		p := publish(t, h, "a")
		p.Announce(aac)
		plain, plainSub := play(t, h, "a", AllCodecs)
		browser := Accept(media.H264, media.Opus)
		v1, sub1 := play(t, h, "a", browser) // before the stream's codecs are known
		p.Write(video(0, 10))
		synctest.Wait()
		v2, sub2 := play(t, h, "a", browser)
		p.Write(audio(1, aac))
		for _, sub := range []*Subscription[Item]{sub1, sub2} {
			if err := sub.Wait(); err != nil {
				t.Fatal(err)
			}
			if got := payloads(next(sub)); !slices.Equal(got, []string{"v0", "opus-a1"}) {
				t.Errorf("browser got %v", got)
			}
		}
		if got := payloads(next(plainSub)); !slices.Equal(got, []string{"v0", "a1"}) {
			t.Errorf("plain viewer got %v", got)
		}
		if running != 1 {
			t.Errorf("%d transcoders for two viewers", running)
		}
		silent, silentSub := play(t, h, "a", Accept(media.VP8))
		if r := silent.Refused(); len(r) != 2 {
			t.Errorf("refused: %v", r)
		}
		for _, s := range []*Subscription[Item]{sub1, sub2, silentSub, plainSub} {
			s.Close()
		}
		synctest.Wait()
		if running != 0 {
			t.Error("a transcoder runs for nobody")
		}
		for _, v := range []*Viewer{v1, v2, silent, plain} {
			v.Close(nil)
		}
		p.Close(nil)
	})
}

// TestEarly: a format that begins early has the groups of pictures before the newest
// one too, as they are or with sound transcoded; and where those have sound in
// another codec it begins with what it can have.
func TestEarly(t *testing.T) {
	running := 0
	o := Options{Transcoders: []Transcoder{{From: media.AAC, To: media.Opus, New: func(*media.Track) (Filter, error) {
		running++
		return toy{opus, &running}, nil
	}}}}
	early := Items()
	early.Early = true
	run(t, DefaultConfig(), o, func(t *testing.T, h *Hub) {
		p := publish(t, h, "a")
		p.Announce(aac)
		for i := range 4 {
			p.Write(video(2*i, 2))
			p.Write(audio(2*i+1, aac))
		}
		synctest.Wait()
		open := func(accept Codecs) (*Viewer, *Subscription[Item]) {
			v, err := h.Play(t.Context(), Session{Stream: "a"}, accept)
			if err != nil {
				t.Fatal(err)
			}
			return v, Subscribe(v, early)
		}
		read := func(sub *Subscription[Item], want ...string) {
			t.Helper()
			synctest.Wait()
			if err := sub.Wait(); err != nil {
				t.Fatal(err)
			}
			if got := payloads(next(sub)); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		}
		v1, sub1 := open(AllCodecs)
		read(sub1, "v0", "a1", "v2", "a3", "v4", "a5", "v6", "a7")
		v2, sub2 := open(Accept(media.H264, media.Opus))
		read(sub2, "v0", "opus-a1", "v2", "opus-a3", "v4", "opus-a5", "v6", "opus-a7")
		sub2.Close()
		p.Announce(opus)
		p.Write(video(8, 2))
		p.Write(audio(9, opus))
		v3, sub3 := open(Accept(media.H264, media.Opus))
		read(sub3, "v8", "a9")
		sub1.Close()
		sub3.Close()
		for _, v := range []*Viewer{v1, v2, v3} {
			v.Close(nil)
		}
		p.Close(nil)
	})
}
