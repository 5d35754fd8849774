package m3u8

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

var start = time.Date(2026, 11, 25, 16, 0, 0, 123_456_789, time.FixedZone("", 3600))

// lowLatency is a playlist with everything in it.
func lowLatency() *Media {
	return &Media{
		TargetDuration: 2 * time.Second, PartTarget: 208 * ms,
		Control:  Control{BlockReload: true, CanSkipUntil: 12 * time.Second, HoldBack: 6 * time.Second, PartHoldBack: 624 * ms},
		Sequence: 7, Discontinuities: 1, Independent: true,
		Segments: []Segment{
			{URI: "v7.m4s", Duration: 2 * time.Second, Map: "i0.mp4", Time: start},
			{URI: "v8.m4s", Duration: 8 * time.Second, Map: "i0.mp4", Gap: true},
			{URI: "v9.m4s", Duration: 4200 * ms, Map: "i1.mp4", Discontinuity: true, Parts: []Part{{URI: "p1.m4s", Duration: 200 * ms, Independent: true}}},
			{Map: "i1.mp4", Parts: []Part{{URI: "p2.m4s", Duration: 166_666_667, Independent: true}, {URI: "p3.m4s", Duration: 200 * ms}}},
		},
		PreloadHint: "p4.m4s",
		Reports:     []Report{{URI: "audio.m3u8", Sequence: 10, Part: 1}, {URI: "ts.m3u8", Sequence: 9, Part: -1}},
	}
}

const header = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,HOLD-BACK=6.0,PART-HOLD-BACK=0.624
#EXT-X-PART-INF:PART-TARGET=0.208
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-INDEPENDENT-SEGMENTS
`

const tail = `#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="i1.mp4"
#EXT-X-PART:DURATION=0.2,URI="p1.m4s",INDEPENDENT=YES
#EXTINF:4.2,
v9.m4s
#EXT-X-PART:DURATION=0.166667,URI="p2.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.2,URI="p3.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p4.m4s"
#EXT-X-RENDITION-REPORT:URI="audio.m3u8",LAST-MSN=10,LAST-PART=1
#EXT-X-RENDITION-REPORT:URI="ts.m3u8",LAST-MSN=9
`

func TestPlaylists(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"low latency", lowLatency().Append(nil), header + `#EXT-X-MAP:URI="i0.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-25T15:00:00.123Z
#EXTINF:2.0,
v7.m4s
#EXT-X-GAP
#EXTINF:8.0,
v8.m4s
` + tail},
		{"delta update", lowLatency().AppendDelta(nil), header + "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n#EXT-X-MAP:URI=\"i0.mp4\"\n#EXT-X-GAP\n#EXTINF:8.0,\nv8.m4s\n" + tail},
		{"delta with nothing to skip", (&Media{
			TargetDuration: 2 * time.Second, Control: Control{CanSkipUntil: 12 * time.Second},
			Segments: []Segment{{URI: "a", Duration: time.Second}},
		}).AppendDelta(nil), "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12.0\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\na\n"},
		{"record", (&Media{
			Type: VOD, TargetDuration: 3 * time.Second, End: true,
			Segments: []Segment{{URI: "1.ts", Duration: 2997 * ms}, {URI: "2.ts", Duration: 1234567 * time.Microsecond, Discontinuity: true}},
		}).Append(nil), `#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:3
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXTINF:2.997,
1.ts
#EXT-X-DISCONTINUITY
#EXTINF:1.234567,
2.ts
#EXT-X-ENDLIST
`},
		{"multivariant", (&Multivariant{
			Independent: true,
			Renditions:  []Rendition{{Group: "sound", Name: "so\"und\n", Default: true, Channels: 2, URI: "a.m3u8"}},
			Variants: []Variant{{
				URI: "v.m3u8", Bandwidth: 2_000_000, Average: 1_500_000, Codecs: []string{"avc1.64001f", "mp4a.40.2"},
				Width: 1920, Height: 1080, FrameRate: 30000.0 / 1001, Audio: "sound",
			}},
		}).Append(nil), `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1500000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1920x1080,FRAME-RATE=29.970,AUDIO="sound"
v.m3u8
`},
		{"sound alone", (&Multivariant{Variants: []Variant{{URI: "a.m3u8", Bandwidth: 1}}}).Append(nil), "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n"},
	} {
		if got := string(c.got); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, got, c.want)
		}
	}
}

// directives are the cases of ParseDirectives and the seeds of its fuzz target.
var directives = []struct {
	query string
	want  Directives
	bad   bool
}{
	{"", Directives{Part: -1}, false},
	{"token=x&_HLS_push=1", Directives{Part: -1}, false},
	{"_HLS_msn=7", Directives{Block: true, Sequence: 7, Part: -1}, false},
	{"_HLS_msn=7&_HLS_part=0", Directives{Block: true, Sequence: 7}, false},
	{"_HLS_msn=7&_HLS_part=3&_HLS_skip=YES", Directives{Block: true, Sequence: 7, Part: 3, Skip: true}, false},
	{"_HLS_skip=v2", Directives{Part: -1, Skip: true}, false},
	{"_HLS_skip=no", Directives{Part: -1}, false},
	{"_HLS_part=3", Directives{}, true},
	{"_HLS_msn=", Directives{}, true},
	{"_HLS_msn=-1", Directives{}, true},
	{"_HLS_msn=1e3", Directives{}, true},
	{"_HLS_msn=99999999999999999999", Directives{}, true},
	{"_HLS_msn=1&_HLS_part=-1", Directives{}, true},
	{"_HLS_msn=1&_HLS_part=1048577", Directives{}, true},
	{"_HLS_msn=1&_HLS_part=x", Directives{}, true},
}

func TestDirectives(t *testing.T) {
	for _, c := range directives {
		q, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseDirectives(q)
		if got != c.want || errors.Is(err, ErrDirective) != c.bad {
			t.Errorf("%q: %+v, %v", c.query, got, err)
		}
	}
}

func FuzzDirectives(f *testing.F) {
	for _, c := range directives {
		f.Add(c.query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, _ := url.ParseQuery(query)
		d, err := ParseDirectives(q)
		if err != nil {
			if d != (Directives{}) || !errors.Is(err, ErrDirective) {
				t.Fatalf("%+v, %v", d, err)
			}
			return
		}
		if d.Part < -1 || d.Part > maxPart || d.Part >= 0 && !d.Block || !d.Block && d.Sequence != 0 {
			t.Fatalf("%+v", d)
		}
	})
}

// FuzzQuote: whatever a URI holds, a playlist keeps its lines.
func FuzzQuote(f *testing.F) {
	f.Add("a.m3u8")
	f.Add("a\"\r\n#EXT-X-ENDLIST")
	f.Fuzz(func(t *testing.T, uri string) {
		b := (&Multivariant{Renditions: []Rendition{{Group: "g", Name: "n", URI: uri}}}).Append(nil)
		if n := strings.Count(string(b), "\n"); n != 3 {
			t.Fatalf("%d lines: %q", n, b)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	m := lowLatency()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = m.Append(buf[:0])
	}
}
