package hls

import (
	"math"
	"sync/atomic"
	"time"

	"sluice/protocols/container/fmp4"
	"sluice/protocols/container/m3u8"
	"sluice/server/media"
)

// The names of the media playlists. They are for good: a session's URLs hold
// them.
const (
	videoPlaylist  = "video.m3u8"
	audioPlaylist  = "audio.m3u8"
	livePlaylist   = "live.m3u8"
	recordPlaylist = "record.m3u8"
	// diskPlaylist is the live playlist as it lies on disk.
	diskPlaylist = "playlist.m3u8"
)

// scene is what a stream's players read: which playlists there are.
type scene struct{ view atomic.Pointer[view] }

// view is a scene at one moment. It does not change.
type view struct {
	playlists map[string]*shelf // by name
	// lead is the playlist of the variant, sound the separate rendition of its
	// sound; both may be nil.
	lead, sound *shelf
	record      *record // nil where there is none
	tracks      media.Tracks
	frameRate   float64
	ended       bool

	changed chan struct{} // closed when there is a later view
}

func (s *scene) init() { s.view.Store(&view{changed: make(chan struct{})}) }

// set replaces the view if it is another one.
func (s *scene) set(v view) {
	old := s.view.Load()
	if old.lead == v.lead && old.sound == v.sound && old.record == v.record && old.tracks == v.tracks &&
		old.frameRate == v.frameRate && old.ended == v.ended && len(old.playlists) == len(v.playlists) {
		return
	}
	v.changed = make(chan struct{})
	s.view.Store(&v)
	close(old.changed)
}

func (s *scene) end() {
	v := *s.view.Load()
	v.ended = true
	s.set(v)
}

// begun reports whether there is something to play.
func (v *view) begun() bool {
	return v.lead != nil && v.lead.snap.Load().begun() && (v.sound == nil || v.sound.snap.Load().begun())
}

// file returns what a player may fetch, or nil.
func (v *view) file(name string) *file {
	for _, p := range v.playlists {
		if f, ok := p.files.Load(name); ok {
			return f.(*file)
		}
	}
	if v.record != nil {
		if f, ok := v.record.files.Load(name); ok {
			return f.(*file)
		}
	}
	return nil
}

// hinted returns the snapshot that names the file as the next part, or nil.
func (v *view) hinted(name string) *snapshot {
	for _, p := range v.playlists {
		if s := p.snap.Load(); s.media.PreloadHint == name {
			return s
		}
	}
	return nil
}

// name returns the name of a playlist.
func (v *view) name(s *shelf) string {
	for name, p := range v.playlists {
		if p == s {
			return name
		}
	}
	return ""
}

// reports tells the players of one rendition how far the others are (draft,
// 4.4.5.4).
func (s *scene) reports(not *shelf) []m3u8.Report {
	v := s.view.Load()
	var list []m3u8.Report
	for _, name := range []string{videoPlaylist, audioPlaylist} {
		if p := v.playlists[name]; p != nil && p != not && p.snap.Load().begun() {
			n := p.snap.Load()
			r := m3u8.Report{URI: name, Sequence: n.next, Part: n.parts - 1}
			if n.parts == 0 {
				r.Sequence, r.Part = n.next-1, n.last-1
			}
			list = append(list, r)
		}
	}
	return list
}

// multivariant returns the multivariant playlist; prefix stands before the names
// of the media playlists.
func (v *view) multivariant(prefix string) *m3u8.Multivariant {
	lead := v.lead.snap.Load()
	variant := m3u8.Variant{
		URI: prefix + v.name(v.lead), Bandwidth: lead.bandwidth, Average: lead.average, FrameRate: v.frameRate,
	}
	m := &m3u8.Multivariant{}
	known := true // CODECS names all or is left out
	for _, t := range v.tracks.Media() {
		c, err := fmp4.CodecString(t)
		known = known && err == nil
		variant.Codecs = append(variant.Codecs, c)
		if t.Codec.Kind() == media.Video {
			variant.Width, variant.Height = t.Width, t.Height
		}
	}
	if !known {
		variant.Codecs = nil
	}
	if v.sound != nil {
		variant.Audio = "audio"
		sound := v.sound.snap.Load()
		variant.Bandwidth += sound.bandwidth
		variant.Average += sound.average
		m.Renditions = []m3u8.Rendition{{
			Group: "audio", Name: "audio", Default: true, Channels: v.tracks.Audio.Channels, URI: prefix + v.name(v.sound),
		}}
	}
	m.Variants = []m3u8.Variant{variant}
	return m
}

// rates are the frame rates that a measured one is taken for where it is near.
var rates = [...]float64{24000.0 / 1001, 24, 25, 30000.0 / 1001, 30, 50, 60000.0 / 1001, 60}

// frameRate returns the frames per second of n frames in d.
func frameRate(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	measured := float64(n) / d.Seconds()
	best := math.Round(measured*1000) / 1000
	distance := 0.0015
	for _, r := range rates {
		if off := math.Abs(measured-r) / r; off < distance {
			best, distance = r, off
		}
	}
	return best
}
