package hls

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

// listed is a media playlist as a player reads it.
type listed struct {
	text            string
	target          int
	part            float64
	control         map[string]string
	sequence        uint64
	discontinuities uint64
	independent     bool
	segments        []listedSegment
	open            listedSegment // parts of the segment in the making
	hint            string
	reports         []map[string]string
	skipped         int
	end             bool
}

type listedSegment struct {
	uri           string
	duration      float64
	discontinuity bool
	gap           bool
	initial       string
	time          time.Time
	parts         []map[string]string
}

// parsePlaylist reads a media playlist strictly: what it does not know is an error.
func parsePlaylist(t *testing.T, text string) *listed {
	t.Helper()
	p := &listed{text: text}
	var s listedSegment
	initial := ""
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		tag, value, _ := strings.Cut(line, ":")
		if (i == 0) != (tag == "#EXTM3U") {
			t.Fatalf("line %d is %q", i, line)
		}
		switch tag {
		case "#EXTM3U", "#EXT-X-VERSION", "#EXT-X-PLAYLIST-TYPE":
		case "#EXT-X-TARGETDURATION":
			p.target = int(number(t, value))
		case "#EXT-X-SERVER-CONTROL":
			p.control = attributes(t, value)
		case "#EXT-X-PART-INF":
			p.part = number(t, attributes(t, value)["PART-TARGET"])
		case "#EXT-X-MEDIA-SEQUENCE":
			p.sequence = uint64(number(t, value))
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			p.discontinuities = uint64(number(t, value))
		case "#EXT-X-INDEPENDENT-SEGMENTS":
			p.independent = true
		case "#EXT-X-SKIP":
			p.skipped = int(number(t, attributes(t, value)["SKIPPED-SEGMENTS"]))
		case "#EXT-X-DISCONTINUITY":
			s.discontinuity = true
		case "#EXT-X-MAP":
			initial = attributes(t, value)["URI"]
		case "#EXT-X-PROGRAM-DATE-TIME":
			at, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				t.Fatal(err)
			}
			s.time = at
		case "#EXT-X-GAP":
			s.gap = true
		case "#EXT-X-PART":
			s.parts = append(s.parts, attributes(t, value))
		case "#EXTINF":
			s.duration = number(t, strings.TrimSuffix(value, ","))
		case "#EXT-X-PRELOAD-HINT":
			p.hint = attributes(t, value)["URI"]
		case "#EXT-X-RENDITION-REPORT":
			p.reports = append(p.reports, attributes(t, value))
		case "#EXT-X-ENDLIST":
			p.end = true
		default:
			if strings.HasPrefix(line, "#") || line == "" {
				t.Fatalf("unknown line %q", line)
			}
			s.uri, s.initial = line, initial
			p.segments = append(p.segments, s)
			s = listedSegment{}
		}
	}
	s.initial = initial
	p.open = s
	return p
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func attributes(t *testing.T, s string) map[string]string {
	t.Helper()
	m := map[string]string{}
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			t.Fatalf("attribute list %q", s)
		}
		if quoted, found := strings.CutPrefix(rest, `"`); found {
			value, after, _ := strings.Cut(quoted, `"`)
			m[name], s = value, strings.TrimPrefix(after, ",")
			continue
		}
		m[name], s, _ = strings.Cut(rest, ",")
	}
	return m
}

// validator checks the playlists of one rendition, one after the other, by the
// rules of RFC 8216 and its second edition.
type validator struct {
	t     *testing.T
	last  *listed
	uris  map[uint64]listedSegment // by media sequence number
	broke map[uint64]uint64        // discontinuity sequence numbers
	parts []string                 // in their order
	known map[string]bool
	// stalls says that a track may be silent for a part of a segment.
	stalls bool
}

func newValidator(t *testing.T) *validator {
	return &validator{t: t, uris: map[uint64]listedSegment{}, broke: map[uint64]uint64{}, known: map[string]bool{}}
}

func (v *validator) check(n *snapshot) *listed {
	v.t.Helper()
	p := parsePlaylist(v.t, string(n.text(false, false)))
	v.head(p)
	broken := p.discontinuities
	var before listedSegment
	for i, s := range append(append([]listedSegment(nil), p.segments...), p.open) {
		number := p.sequence + uint64(i)
		if s.discontinuity {
			broken++
		}
		if old, ok := v.broke[number]; ok && old != broken && s.uri != "" {
			v.t.Errorf("segment %d has discontinuity number %d and then %d", number, old, broken)
		}
		if s.uri != "" {
			v.broke[number] = broken
		}
		v.segment(p, number, s)
		if i > 0 && !s.discontinuity && !s.gap && !before.gap && !s.time.IsZero() && !before.time.IsZero() {
			if off := s.time.Sub(before.time).Seconds() - before.duration; math.Abs(off) > 0.06 {
				v.t.Errorf("segment %d is %.3f s off its wall clock time", number, off)
			}
		}
		before = s
	}
	v.delta(p, n)
	v.last = p
	return p
}

func (v *validator) head(p *listed) {
	v.t.Helper()
	if l := v.last; l != nil {
		if p.target != l.target || l.part != 0 && p.part != l.part {
			v.t.Errorf("the target durations have changed: %d %v, %d %v", l.target, l.part, p.target, p.part)
		}
		if p.sequence < l.sequence || p.discontinuities < l.discontinuities {
			v.t.Errorf("sequence %d after %d, discontinuities %d after %d", p.sequence, l.sequence, p.discontinuities, l.discontinuities)
		}
		if l.end && p.text != l.text {
			v.t.Error("the playlist has changed after its end")
		}
	}
	if p.part > 0 {
		for key, least := range map[string]float64{
			"HOLD-BACK": 3 * float64(p.target), "PART-HOLD-BACK": 3 * p.part, "CAN-SKIP-UNTIL": 6 * float64(p.target),
		} {
			if got := number(v.t, p.control[key]); got < least-1e-6 {
				v.t.Errorf("%s is %v, less than %v", key, got, least)
			}
		}
		if p.control["CAN-BLOCK-RELOAD"] != "YES" {
			v.t.Error("no CAN-BLOCK-RELOAD")
		}
	}
}

func (v *validator) segment(p *listed, number uint64, s listedSegment) {
	v.t.Helper()
	if old, ok := v.uris[number]; ok && s.uri != "" {
		if old.uri != s.uri || old.duration != s.duration || old.initial != s.initial && old.initial != "" || old.discontinuity != s.discontinuity {
			v.t.Errorf("segment %d was %+v and is %+v", number, old, s)
		}
	}
	if s.uri != "" {
		v.uris[number] = s
		if int(math.Round(s.duration)) > p.target {
			v.t.Errorf("segment %d lasts %v, the target is %d", number, s.duration, p.target)
		}
	}
	sum := 0.0
	for i, part := range s.parts {
		d := numberOf(part["DURATION"])
		sum += d
		final := i == len(s.parts)-1
		if d > p.part+1e-6 || !final && d < p.part*0.85-1e-6 {
			v.t.Errorf("part %d of segment %d lasts %v, the target is %v", i, number, d, p.part)
		}
		if name := part["URI"]; !v.known[name] {
			v.known[name] = true
			v.parts = append(v.parts, name)
			if l := v.last; l != nil && l.hint != "" && v.parts[len(v.parts)-1] == name && !v.known[l.hint] {
				v.t.Errorf("the hint was %s, and %s has come", l.hint, name)
			}
		}
	}
	// Before a break both renditions count as long as the longer one.
	broken := p.end || v.stalls
	if i := int(number-p.sequence) + 1; i <= len(p.segments) {
		broken = broken || append(p.segments, p.open)[i].discontinuity || i == len(p.segments) && len(p.open.parts) == 0
	}
	if off := s.duration - sum; s.uri != "" && len(s.parts) > 0 && (off < -0.001 || off > 0.001 && !broken) {
		v.t.Errorf("the parts of segment %d last %v together, and it %v", number, sum, s.duration)
	}
}

// plain leaves out the reports, which tell of the moment of their rendering.
func plain(text string) string {
	text, _, _ = strings.Cut(text, "#EXT-X-RENDITION-REPORT")
	return text
}

func numberOf(s string) float64 {
	v, _ := strconv.ParseFloat(s, 64)
	return v
}

// delta puts a delta update together with what was known before.
func (v *validator) delta(full *listed, n *snapshot) {
	v.t.Helper()
	d := parsePlaylist(v.t, string(n.text(true, false)))
	if d.skipped == 0 {
		if plain(d.text) != plain(full.text) {
			v.t.Error("a delta update that skips nothing is another text")
		}
		return
	}
	if got, want := d.skipped+len(d.segments), len(full.segments); got != want {
		v.t.Errorf("the delta update has %d segments of %d", got, want)
	}
	left := 0.0
	for _, s := range d.segments {
		left += s.duration
	}
	for _, part := range d.open.parts {
		left += numberOf(part["DURATION"])
	}
	if boundary := numberOf(full.control["CAN-SKIP-UNTIL"]); left < boundary {
		v.t.Errorf("skipped up to %v from the end; the boundary is %v", left, boundary)
	}
	for i, s := range d.segments {
		if want := full.segments[d.skipped+i]; fmt.Sprint(s) != fmt.Sprint(want) {
			v.t.Errorf("in the delta update: %+v; in full: %+v", s, want)
		}
	}
}
