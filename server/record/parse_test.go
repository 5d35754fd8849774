package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"sluice/protocols/container/m3u8"
)

var when = time.Date(2026, 11, 5, 6, 7, 8, 9, time.UTC)

var templates = []struct {
	template string
	stream   string
	want     string // "" where it is refused
}{
	{"{app}/{stream}/{time}", "live/cam", "live/cam/20261105-060708"},
	{"{app}/{stream}", "a/b/c", "a/b/c"},
	{"{yyyy}/{mm}/{dd}/{HH}.{MM}.{SS} {stream}", "live/cam", "2026/11/05/06.07.08 cam"},
	{"x-{date}_{unix}~{n}{id}", "live/cam", "x-2026-11-05_1793858828~0003ID"},
	{"{stream}", "live/.hidden", "_hidden"},
	{"{app}/{stream}", ".a/.b/.c", "_a/_b/_c"},
	{"a{stream}", "live/.b", "a.b"},
	{"fixed", "live/cam", "fixed"},
	{"", "", ""},
	{"/{stream}", "", ""},
	{"{stream}/", "", ""},
	{"a//b", "", ""},
	{"../{stream}", "", ""},
	{"a/../{stream}", "", ""},
	{"a/./b", "", ""},
	{".sluice/{id}", "", ""},
	{" a", "", ""},
	{"a /b", "", ""},
	{"{stream", "", ""},
	{"{}", "", ""},
	{"{Stream}", "", ""},
	{"{stream}}", "", ""},
	{"a\\b", "", ""},
	{"C:/x", "", ""},
	{"a\x00", "", ""},
	{"é", "", ""},
	{strings.Repeat("a", 513), "", ""},
	{strings.Repeat("a", 201), "", ""},
}

func TestTemplates(t *testing.T) {
	for _, c := range templates {
		tmpl, err := ParseTemplate(c.template)
		if (err == nil) != (c.want != "") {
			t.Errorf("%q: %v", c.template, err)
			continue
		}
		if err != nil {
			continue
		}
		if got, err := tmpl.Expand(Names{Stream: c.stream, Time: when, N: 3, ID: "ID"}); err != nil || got != c.want {
			t.Errorf("%q becomes %q, %v", c.template, got, err)
		}
	}
	long, err := ParseTemplate("{stream}{stream}")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := long.Expand(Names{Stream: "live/" + strings.Repeat("a", 128)}); err == nil {
		t.Error("a name of 256 characters is taken")
	}
}

// FuzzTemplate demands that whatever a template and a stream's name make stays in
// the folder and reaches no hidden file.
func FuzzTemplate(f *testing.F) {
	for _, c := range templates {
		f.Add(c.template, "live/cam")
		f.Add("{app}/{stream}", c.stream)
	}
	f.Fuzz(func(t *testing.T, template, stream string) {
		tmpl, err := ParseTemplate(template)
		if err != nil {
			return
		}
		got, err := tmpl.Expand(Names{Stream: stream, Time: when, N: 1, ID: "ID"})
		if err != nil {
			return
		}
		if !filepath.IsLocal(got) || filepath.Clean(got) != got || strings.Contains("/"+got, "/.") {
			t.Errorf("%q with %q leads to %q", template, stream, got)
		}
	})
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "1048576": 1 << 20, "2GiB": 2 << 30, "1.5 KiB": 1536, "3MB": 3e6, "10kB": 10e3, "1TiB": 1 << 40, "7B": 7,
	} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%s is %d, %v", text, b, err)
		}
	}
	for _, bad := range []string{"", "GiB", "-1", "1e30", "NaN", "Inf", "2 G", "2gib", "x"} {
		var b Bytes
		if err := b.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is %d", bad, b)
		}
	}
}

func TestConfig(t *testing.T) {
	var c Config
	text := `
dir: /srv/records
path: "{stream}"
close_after: 3s
keep_bytes: 1000000
rules:
  - match: "live/*"
    formats: [flv, hls]
    segment_duration: 1h
    segment_size: 2GiB
    keep: 720h
`
	if err := yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if r := c.Rules[0]; c.KeepBytes != 1e6 || r.SegmentSize != 2<<30 || r.SegmentDuration != time.Hour || r.Keep != 720*time.Hour || len(r.Formats) != 2 {
		t.Errorf("got %+v", c)
	}
	for what, change := range map[string]func(c *Config){
		"dir":                   func(c *Config) { c.Dir = "" },
		"path":                  func(c *Config) { c.Path = "../x" },
		"close_after":           func(c *Config) { c.CloseAfter = -1 },
		"keep":                  func(c *Config) { c.Keep = -1 },
		"match":                 func(c *Config) { c.Rules[0].Match = "" },
		"has a rule already":    func(c *Config) { c.Rules = append(c.Rules, c.Rules[0]) },
		"name one":              func(c *Config) { c.Rules[0].Formats = nil },
		"avi":                   func(c *Config) { c.Rules[0].Formats = []Format{"avi"} },
		"twice":                 func(c *Config) { c.Rules[0].Formats = []Format{FLV, FLV} },
		"the 1st: path":         func(c *Config) { c.Rules[0].Path = "{x}" },
		"segment_duration":      func(c *Config) { c.Rules[0].SegmentDuration = 1 },
		"segment_size":          func(c *Config) { c.Rules[0].SegmentSize = 1 },
		"1st: keep":             func(c *Config) { c.Rules[0].Keep = -1 },
		"{app} {stream} {time}": func(c *Config) { c.Path = "{x}" },
	} {
		bad := DefaultConfig()
		bad.Rules = []Rule{{Match: "*", Formats: []Format{FLV}}}
		change(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzPlaylist reads what recovery reads.
func FuzzPlaylist(f *testing.F) {
	list := m3u8.Media{Type: m3u8.Event, TargetDuration: 6 * time.Second, Segments: []m3u8.Segment{
		{URI: "00000.ts", Duration: 6 * time.Second, Time: when}, {URI: "00001.ts", Duration: 5500 * time.Millisecond, Discontinuity: true},
	}}
	f.Add(string(list.Append(nil)))
	f.Add("#EXTINF:1e300,\na\n#EXTINF:x\nb")
	f.Fuzz(func(t *testing.T, text string) {
		for uri, s := range parsePlaylist(text) {
			if s.URI != uri || uri == "" || s.Duration < 0 || s.Duration > maxSegment {
				t.Errorf("%q: %+v", uri, s)
			}
		}
	})
}

func TestPlaylistComesBack(t *testing.T) {
	store := &storage{dir: t.TempDir()}
	defer store.close()
	root, err := store.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Mkdir("x", 0o755); err != nil {
		t.Fatal(err)
	}
	want := []m3u8.Segment{
		{URI: "00000.ts", Duration: 6 * time.Second, Time: when.Truncate(time.Millisecond)},
		{URI: "00001.ts", Duration: 5500 * time.Millisecond, Discontinuity: true},
	}
	if err := writePlaylist(store, "x", m3u8.Event, want); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(store.dir, "x", playlistName))
	if err != nil {
		t.Fatal(err)
	}
	got := parsePlaylist(string(text))
	for _, w := range want {
		g := got[w.URI]
		if g.Duration != w.Duration || g.Discontinuity != w.Discontinuity || !g.Time.Equal(w.Time) {
			t.Errorf("%+v came back as %+v", w, g)
		}
	}
}

// FuzzRecord reads entries of the ledger.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"id":"A","stream":"live/a","format":"flv","file":"live/a/x.flv","state":"finished","start_time":"2026-11-25T16:14:36Z","duration":6,"size":7,"tracks":[{"kind":"video","codec":"H264"}]}`))
	f.Add([]byte(`{"id":"A","format":"hls","file":"../x.hls","state":"recording"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRecord(text)
		if err == nil && (!filepath.IsLocal(r.File) || r.ID == "") {
			t.Errorf("%+v", r)
		}
	})
}
