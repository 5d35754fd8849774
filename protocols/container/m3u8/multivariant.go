package m3u8

import (
	"strconv"
	"strings"
)

// Multivariant is a multivariant playlist (4.4.6).
type Multivariant struct {
	// Independent says that every segment of all playlists can be decoded by
	// itself.
	Independent bool
	Renditions  []Rendition
	Variants    []Variant
}

// Rendition is EXT-X-MEDIA (4.4.6.1) of type AUDIO.
type Rendition struct {
	Group, Name string
	Default     bool
	Channels    int // 0 when unknown
	URI         string
}

// Variant is EXT-X-STREAM-INF (4.4.6.2).
type Variant struct {
	URI string
	// Bandwidth is the peak bit rate, Average the mean; bits per second.
	Bandwidth, Average int
	Codecs             []string
	Width, Height      int     // 0 when unknown
	FrameRate          float64 // 0 when unknown
	Audio              string  // the Group of its sound, "" where it has that itself
}

// Append appends the playlist.
func (m *Multivariant) Append(dst []byte) []byte {
	w := &writer{dst}
	w.line("#EXTM3U")
	w.line("#EXT-X-VERSION:", itoa(versionMap))
	if m.Independent {
		w.line("#EXT-X-INDEPENDENT-SEGMENTS")
	}
	for _, r := range m.Renditions {
		l := list{}
		l.add("TYPE=", "AUDIO")
		l.add("GROUP-ID=", quote(r.Group))
		l.add("NAME=", quote(r.Name))
		if r.Default {
			l.add("DEFAULT=", "YES")
		}
		l.add("AUTOSELECT=", "YES")
		if r.Channels > 0 {
			l.add("CHANNELS=", quote(itoa(r.Channels)))
		}
		l.add("URI=", quote(r.URI))
		w.line("#EXT-X-MEDIA:", l.String())
	}
	for _, v := range m.Variants {
		w.line("#EXT-X-STREAM-INF:", v.attributes())
		w.line(v.URI)
	}
	return w.b
}

func (v *Variant) attributes() string {
	l := list{}
	l.add("BANDWIDTH=", itoa(v.Bandwidth))
	if v.Average > 0 {
		l.add("AVERAGE-BANDWIDTH=", itoa(v.Average))
	}
	if len(v.Codecs) > 0 {
		l.add("CODECS=", quote(strings.Join(v.Codecs, ",")))
	}
	if v.Width > 0 && v.Height > 0 {
		l.add("RESOLUTION=", itoa(v.Width)+"x"+itoa(v.Height))
	}
	if v.FrameRate > 0 {
		l.add("FRAME-RATE=", strconv.FormatFloat(v.FrameRate, 'f', 3, 64))
	}
	if v.Audio != "" {
		l.add("AUDIO=", quote(v.Audio))
	}
	return l.String()
}
