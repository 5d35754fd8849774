package hls

import (
	"strings"
	"testing"

	"sluice/server/hub"
)

// paths are the cases of parsePath and the seeds of its fuzz target.
var paths = []struct {
	path string
	want target
	ok   bool
}{
	{"/live/a.m3u8", target{stream: "live/a", prefix: "a/"}, true},
	{"/a.m3u8", target{stream: "a", prefix: "a/"}, true},
	{"/x/y/z/a.m3u8", target{stream: "x/y/z/a", prefix: "a/"}, true},
	{"/hls/a.m3u8", target{stream: "a", ts: true, prefix: "a/"}, true},
	{"/hls/live/a.m3u8", target{stream: "live/a", ts: true, prefix: "a/"}, true},
	{"/hls/live/a/playlist.m3u8", target{stream: "live/a", ts: true}, true},
	{"/hls/a/playlist.m3u8", target{stream: "a", ts: true}, true},
	{"/hls/a/record.m3u8", target{stream: "a", ts: true, record: true}, true},
	{"/live/a/playlist.m3u8", target{stream: "live/a/playlist", prefix: "playlist/"}, true},
	{"/live/a/@ID/video.m3u8", target{stream: "live/a", session: "ID", name: "video.m3u8"}, true},
	{"/live/a/@ID-opus/x.m4s", target{stream: "live/a", session: "ID", name: "x.m4s", opus: true}, true},
	{"/hls/a/@ID/x-1.ts", target{stream: "a", ts: true, session: "ID", name: "x-1.ts"}, true},
	{"/live/a/@ID/a/b", target{stream: "live/a", session: "ID", name: "a/b"}, true},
	{"/live/a/@ID/", target{}, false},
	{"/live/a/@/x", target{}, false},
	{"/live/a/@-opus/x", target{}, false},
	{"/@/base.css", target{}, false},
	{"/@ID/video.m3u8", target{}, false},
	{"/live/a", target{}, false},
	{"/", target{}, false},
	{"", target{}, false},
	{"/hls/", target{}, false},
}

func TestParsePath(t *testing.T) {
	for _, c := range paths {
		got, ok := parsePath(c.path)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v, %v", c.path, got, ok)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, c := range paths {
		f.Add(c.path)
	}
	f.Fuzz(func(t *testing.T, p string) {
		got, ok := parsePath(p)
		if !ok {
			return
		}
		if (got.session == "") != (got.name == "") {
			t.Fatalf("%+v", got)
		}
		// What the hub takes for a stream's name stays in the folder, and a file's
		// name on disk has no path in it.
		if name, err := hub.ParseName(got.stream); err == nil && strings.Contains("/"+name+"/", "/../") {
			t.Fatalf("%q", name)
		}
		if segmentName(got.name) && strings.ContainsAny(got.name, "/\\") {
			t.Fatalf("%q", got.name)
		}
	})
}
