package redact

import "testing"

func TestURL(t *testing.T) {
	for url, want := range map[string]string{
		"rtsp://h:1/a/b?token=secret":    "rtsp://h:1/a/b",
		"rtsp://h?token=secret":          "rtsp://h",
		"rtsp://u:sec@ret@h/a":           "rtsp://h/a",
		"rtsp://u:secret@h":              "rtsp://h",
		"rtsp://u:sec/ret@h/a":           "rtsp://...",
		"rtsp://u:sec?ret@h/a":           "rtsp://...",
		"rtsp://h?token=sec@ret":         "rtsp://...",
		"rtsp://h/a?token=sec@ret":       "rtsp://h/a",
		"rtsp://u:secret@h/a@b?t=secret": "rtsp://h/a@b",
		"secret":                         "...",
	} {
		if got := URL(url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}
