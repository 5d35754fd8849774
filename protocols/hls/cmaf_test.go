package hls

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/protocols/container/fmp4"
	"sluice/server/media"
)

const ms = time.Millisecond

func testCMAF() *cmaf {
	return newCMAF("life", timing{2 * time.Second, 10 * time.Second, 200 * ms}, shelfLimits{segments: 10, bytes: 64 << 20})
}

// watcher validates each playlist that a presentation shows.
type watcher struct {
	t       *testing.T
	scene   *scene
	lists   map[string]*validator
	version map[string]uint64
	stalls  bool // see validator
}

func watch(t *testing.T, s *scene) *watcher {
	return &watcher{t: t, scene: s, lists: map[string]*validator{}, version: map[string]uint64{}}
}

func (w *watcher) look() {
	w.t.Helper()
	for name, p := range w.scene.view.Load().playlists {
		n := p.snap.Load()
		if !n.begun() || w.version[name] == n.version {
			continue
		}
		if w.lists[name] == nil {
			w.lists[name] = newValidator(w.t)
			w.lists[name].stalls = w.stalls
		}
		w.version[name] = n.version
		w.lists[name].check(n)
	}
}

// last returns a playlist as it was seen last.
func (w *watcher) last(name string) *listed {
	w.t.Helper()
	if w.lists[name] == nil {
		w.t.Fatalf("no playlist %s", name)
	}
	return w.lists[name].last
}

// TestCMAFRules plays streams of all sorts past the validator.
func TestCMAFRules(t *testing.T) {
	for _, c := range []struct {
		name   string
		source source
		target int
		parts  float64 // the part target of the lead
	}{
		{"25 fps", source{video: avc, audio: stereo, frame: 40 * ms, group: 50}, 2, 0.22},
		{"24 fps", source{video: avc, audio: stereo, frame: time.Second / 24, group: 48}, 2, 0.23},
		{"29.97 fps", source{video: avc, audio: stereo, frame: time.Second * 1001 / 30000, group: 60}, 2, 0.217},
		{"60 fps, short groups", source{video: avc, audio: stereo, frame: time.Second / 60, group: 20}, 2, 0.209},
		{"15 fps, odd groups", source{video: avc, audio: stereo, frame: time.Second / 15, group: 37}, 3, 0.224},
		{"5 fps", source{video: avc, audio: stereo, frame: 200 * ms, group: 10}, 2, 0.224},
		{"long groups", source{video: avc, audio: stereo, frame: 40 * ms, group: 150}, 6, 0.22},
		{"endless groups", source{video: avc, audio: stereo, frame: 40 * ms, group: 1 << 20}, 10, 0.22},
		{"sound late", source{video: avc, audio: stereo, frame: 40 * ms, group: 50, late: 300 * ms}, 2, 0.22},
		{"sound early", source{video: avc, audio: stereo, frame: 40 * ms, group: 50, late: -600 * ms}, 3, 0.22},
		{"picture alone", source{video: avc, frame: 40 * ms, group: 50}, 2, 0.22},
		{"sound alone", source{audio: stereo}, 2, 0.203},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := testCMAF()
			w := watch(t, &p.scene)
			c.source.play(t, p, 32*time.Second, w.look)
			lead, sound := videoPlaylist, audioPlaylist
			if c.source.video == nil {
				lead, sound = audioPlaylist, ""
			} else if c.source.audio == nil {
				sound = ""
			}
			l := w.last(lead)
			if l.target != c.target || l.part != c.parts {
				t.Errorf("targets %d and %v, want %d and %v", l.target, l.part, c.target, c.parts)
			}
			if l.independent != (c.source.group < 1<<20) {
				t.Errorf("independent segments: %v", l.independent)
			}
			if sound != "" {
				s := w.last(sound)
				if s.target != l.target || s.sequence+1 < l.sequence || s.sequence > l.sequence {
					t.Errorf("sound has target %d at %d, the picture %d at %d", s.target, s.sequence, l.target, l.sequence)
				}
				if len(l.reports) != 1 || l.reports[0]["URI"] != audioPlaylist {
					t.Errorf("reports: %v", l.reports)
				}
			}
			if err := p.end(); err != nil {
				t.Fatal(err)
			}
			w.look()
			if l := w.last(lead); !l.end || l.hint != "" {
				t.Errorf("the end: %s", l.text)
			}
		})
	}
}

// TestCMAFMedia takes the segments apart: all that was put in comes out.
func TestCMAFMedia(t *testing.T) {
	p := testCMAF()
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	s.play(t, p, 11*time.Second, nil)
	v := p.scene.view.Load()
	for name, kind := range map[string]media.Kind{videoPlaylist: media.Video, audioPlaylist: media.Audio} {
		n := v.playlists[name].snap.Load()
		movie, err := fmp4.ParseInit(v.file(n.media.Segments[0].Map).data)
		if err != nil {
			t.Fatal(err)
		}
		if movie.Tracks().Get(kind) == nil {
			t.Fatalf("%s: tracks %+v", name, movie.Tracks())
		}
		var next time.Duration
		count := 0
		for _, seg := range n.media.Segments {
			if seg.URI == "" {
				continue
			}
			whole := v.file(seg.URI)
			var joined []byte
			for _, part := range seg.Parts {
				f := v.file(part.URI)
				fragment, err := movie.ParseFragment(f.data, 0)
				if err != nil {
					t.Fatal(err)
				}
				first := fragment.Samples[0].Packet
				if kind == media.Video && first.Key != part.Independent {
					t.Errorf("%s: key %v, independent %v", part.URI, first.Key, part.Independent)
				}
				for _, sample := range fragment.Samples {
					if off := sample.Packet.DTS - next; off < -ms || off > ms {
						t.Errorf("%s: sample at %v, expected at %v", part.URI, sample.Packet.DTS, next)
					}
					next = sample.Packet.DTS + sample.Duration
					count++
				}
				joined = append(joined, f.data...)
			}
			if len(seg.Parts) > 0 && string(joined) != string(whole.data) {
				t.Errorf("%s is not its parts", seg.URI)
			}
			if len(seg.Parts) == 0 { // far from the end: the parts aren't listed
				next += seg.Duration
			}
		}
		if count < 100 {
			t.Errorf("%s: %d samples", name, count)
		}
	}
}

// TestCMAFComesBack: a publisher that leaves and comes back, with the same
// tracks, others, and fewer.
func TestCMAFComesBack(t *testing.T) {
	p := testCMAF()
	w := watch(t, &p.scene)
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	s.play(t, p, 7*time.Second, w.look)
	leave := func() {
		t.Helper()
		if err := p.leave(); err != nil {
			t.Fatal(err)
		}
		w.look()
		if !p.lanes[0].snap.Load().away {
			t.Error("not away")
		}
		s.again()
	}
	leave()
	s.play(t, p, 5*time.Second, w.look)
	leave()
	s.video = other
	s.play(t, p, 5*time.Second, w.look)
	leave()
	s.audio = nil
	s.play(t, p, 5*time.Second, w.look)
	leave()
	s.audio = stereo
	s.play(t, p, 9*time.Second, w.look)

	video, audio := w.lists[videoPlaylist], w.lists[audioPlaylist]
	breaks, maps, gaps := 0, map[string]bool{}, 0
	for number, seg := range video.uris {
		if seg.discontinuity {
			breaks++
		}
		if seg.initial != "" {
			maps[seg.initial] = true
		}
		if a, ok := audio.uris[number]; ok {
			if a.discontinuity != seg.discontinuity || audio.broke[number] != video.broke[number] {
				t.Errorf("segment %d: discontinuity %v (%d) in the picture, %v (%d) in the sound",
					number, seg.discontinuity, video.broke[number], a.discontinuity, audio.broke[number])
			}
			if a.gap {
				gaps++
				if f := p.scene.view.Load().file(a.uri); f == nil || len(f.data) == 0 {
					t.Errorf("%s can't be had", a.uri)
				}
			}
		}
	}
	if breaks != 4 || len(maps) != 2 || gaps == 0 {
		t.Errorf("%d discontinuities, %d maps, %d gaps", breaks, len(maps), gaps)
	}
}

// TestCMAFLateSound: sound that comes later joins at the same numbers, and sound
// that was declared and is silent is not listed.
func TestCMAFLateSound(t *testing.T) {
	p := testCMAF()
	w := watch(t, &p.scene)
	s := source{video: avc, frame: 40 * ms, group: 50}
	s.play(t, p, 5*time.Second, w.look)
	silent := &media.Tracks{Video: avc, Audio: stereo}
	for range 100 {
		_, pkt := s.next()
		if err := p.packet(silent, pkt); err != nil {
			t.Fatal(err)
		}
		w.look()
	}
	if v := p.scene.view.Load(); v.sound != nil || v.tracks.Audio != nil {
		t.Error("silent sound is listed")
	}
	s.audio, s.sound = stereo, s.at
	s.play(t, p, 7*time.Second, w.look)
	video, audio := w.last(videoPlaylist), w.last(audioPlaylist)
	if v := p.scene.view.Load(); v.sound == nil {
		t.Fatal("sound is not listed")
	}
	if end, want := audio.sequence+uint64(len(audio.segments)), video.sequence+uint64(len(video.segments)); end != want && end+1 != want {
		t.Errorf("sound is at %d, the picture at %d", end, want)
	}
	if strings.Contains(video.text, "DISCONTINUITY") {
		t.Error("sound that is added is no discontinuity")
	}
}

// TestStalls: pictures that stay away do not hold up sound, nor sound pictures,
// and a time in which nothing comes is a break. All by the rules.
func TestStalls(t *testing.T) {
	for _, c := range []struct {
		name          string
		video, audio  bool // goes on
		breaks, least int  // discontinuities; segments in the 12 s
	}{
		{"no pictures", false, true, 0, 4},
		{"no sound", true, false, 0, 4},
		{"nothing", false, false, 1, 0},
	} {
		for name, begin := range map[string]func() (presenter, *scene, string){
			"CMAF": func() (presenter, *scene, string) { p := testCMAF(); return p, &p.scene, audioPlaylist },
			"MPEG-TS": func() (presenter, *scene, string) {
				p := testTransport(nil, nil)
				return p, &p.scene, livePlaylist
			},
		} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				p, scene, list := begin()
				w := watch(t, scene)
				w.stalls = true
				s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
				s.play(t, p, 7*time.Second, w.look)
				ts := s.tracks()
				before := w.last(list)
				at := before.sequence + uint64(len(before.segments))
				for end := s.at + 12*time.Second; s.at < end; {
					_, pkt := s.next()
					if pkt.Kind() == media.Video && !c.video || pkt.Kind() == media.Audio && !c.audio {
						continue
					}
					if err := p.packet(ts, pkt); err != nil {
						t.Fatal(err)
					}
					w.look()
				}
				after := w.last(list)
				if n := int(after.sequence + uint64(len(after.segments)) - at); n < c.least {
					t.Errorf("%d segments in 12 s", n)
				}
				s.play(t, p, 9*time.Second, w.look)
				if n := strings.Count(w.last(list).text, "DISCONTINUITY\n"); n != c.breaks {
					t.Errorf("%d discontinuities:\n%s", n, w.last(list).text)
				}
			})
		}
	}
}

// TestCMAFBounded: what is held does not grow, and what left the list can still
// be had for a while.
func TestCMAFBounded(t *testing.T) {
	p := newCMAF("life", timing{2 * time.Second, 10 * time.Second, 200 * ms}, shelfLimits{segments: 5, bytes: 200_000})
	w := watch(t, &p.scene)
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	s.play(t, p, 20*time.Second, w.look)
	first := w.last(videoPlaylist).segments[0].uri
	s.play(t, p, 2*time.Second, w.look)
	if w.last(videoPlaylist).segments[0].uri == first {
		t.Fatal("the window does not move")
	}
	if p.scene.view.Load().file(first) == nil {
		t.Errorf("%s is gone at once", first)
	}
	files := func() (n int) {
		for _, l := range p.lanes {
			l.files.Range(func(any, any) bool { n++; return true })
		}
		return n
	}
	s.play(t, p, 60*time.Second, nil)
	held := files()
	s.play(t, p, 200*time.Second, nil)
	if n := files(); n > held+40 {
		t.Errorf("%d files after one minute, %d after four", held, n)
	}
	if p.scene.view.Load().file(first) != nil {
		t.Errorf("%s is still there", first)
	}
	for _, l := range p.lanes {
		if l.size > 200_000 {
			t.Errorf("%d bytes", l.size)
		}
	}
}

// TestStaysAvailable: what has left a playlist can be had for its own duration and
// that of the longest playlist that has listed it (RFC 8216 section 6.2.2): segments,
// their parts and initialisation segments; also of a publisher that sends faster than
// it should.
func TestStaysAvailable(t *testing.T) {
	for _, s := range []source{
		{video: avc, audio: stereo, frame: 40 * ms, group: 50},
		{video: avc, audio: stereo, frame: 40 * ms, group: 110},
		{video: avc, audio: stereo, frame: 40 * ms, group: 50, fast: 4},
	} {
		x, c := testTransport(nil, nil), newCMAF("life", timing{2 * time.Second, 10 * time.Second, 200 * ms}, shelfLimits{segments: 4, bytes: 64 << 20})
		for _, p := range []struct {
			presenter
			scene *scene
			first string
		}{{x, &x.scene, "life-0.ts"}, {c, &c.scene, "life-v0.m4s"}} {
			stays, listed := map[string]time.Duration{}, map[string]time.Time{} // how long, since when
			s := s
			for i := range 200 {
				if i%60 == 59 {
					s.audio = &media.Track{Codec: media.AAC, Config: stereo.Config, SampleRate: 48000, Channels: 2}
				}
				s.play(t, p.presenter, 500*ms, nil)
				v := p.scene.view.Load()
				for _, list := range v.playlists {
					for _, seg := range list.snap.Load().media.Segments {
						d := seg.Duration + list.snap.Load().duration
						names := []string{seg.URI}
						for _, part := range seg.Parts {
							names = append(names, part.URI)
						}
						for _, name := range names {
							stays[name], listed[name] = max(stays[name], d), s.now()
						}
						stays[seg.Map], listed[seg.Map] = d, s.now() // as its last segment
					}
				}
				delete(stays, "")
				for name, d := range stays {
					since := s.now().Sub(listed[name])
					if v.file(name) == nil && since < d {
						t.Fatalf("groups of %d, %d times as fast: %s is gone after %v and not %v", s.group, s.fast, name, since, d)
					}
				}
			}
			if p.scene.view.Load().file(p.first) != nil {
				t.Errorf("%s is never removed", p.first)
			}
		}
	}
}

func TestMultivariant(t *testing.T) {
	p := testCMAF()
	s := source{video: avc, audio: stereo, frame: 40 * ms, group: 50}
	s.play(t, p, 5*time.Second, nil)
	v := p.scene.view.Load()
	if !v.begun() {
		t.Fatal("nothing to play after 5 s")
	}
	got := string(v.multivariant("a/@id/").Append(nil))
	lead, sound := v.lead.snap.Load(), v.sound.snap.Load()
	want := fmt.Sprintf(`#EXTM3U
#EXT-X-VERSION:6
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a/@id/audio.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,CODECS="avc1.42c01e,mp4a.40.2",RESOLUTION=64x48,FRAME-RATE=25.000,AUDIO="audio"
a/@id/video.m3u8
`, lead.bandwidth+sound.bandwidth, lead.average+sound.average)
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if lead.average < 60_000 || lead.average > 80_000 {
		t.Errorf("%d bit/s", lead.average) // 25 pictures of 300 bytes, and the boxes
	}
}

func TestFrameRate(t *testing.T) {
	for _, c := range []struct {
		n    int
		d    time.Duration
		want float64
	}{
		{60, 2002 * ms, 30000.0 / 1001},
		{60, 2 * time.Second, 30},
		{48, 2 * time.Second, 24},
		{50, 2001 * ms, 25},
		{25, 2 * time.Second, 12.5},
		{1, 0, 0},
	} {
		if got := frameRate(c.n, c.d); got != c.want {
			t.Errorf("%d in %v: %v, want %v", c.n, c.d, got, c.want)
		}
	}
}
