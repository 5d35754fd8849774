package rtsp

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Target is what a URL of a request names.
type Target struct {
	// Path is that of the stream, without slashes around it. It may be any
	// text: checking it is the handler's.
	Path  string
	Query url.Values
	// Track is the number of the control attribute trackID, -1 where the URL
	// names the stream as a whole.
	Track int
}

// trackControl begins the control attributes that the server gives.
const trackControl = "trackID="

// control returns the control attribute of a track.
func control(track int) string { return trackControl + strconv.Itoa(track) }

// parseTarget reads the URL of a request. Clients append the control attribute
// to the URL as text, so that it may stand behind the query.
func parseTarget(s string) Target {
	t := Target{Track: -1}
	if i := strings.LastIndex(s, "/"+trackControl); i >= 0 {
		number := s[i+len("/"+trackControl):]
		rest := ""
		if j := strings.IndexAny(number, "/?"); j >= 0 {
			number, rest = number[:j], number[j:]
		}
		if n, err := strconv.ParseUint(number, 10, 8); err == nil {
			t.Track = int(n)
			s = s[:i] + strings.TrimPrefix(rest, "/")
		}
	}
	if _, rest, ok := strings.Cut(s, "://"); ok {
		i := strings.IndexAny(rest, "/?")
		if i < 0 {
			return t
		}
		s = rest[i:]
	}
	path, query, _ := strings.Cut(s, "?")
	if p, err := url.PathUnescape(path); err == nil {
		path = p
	}
	if path != "*" {
		t.Path = strings.Trim(path, "/")
	}
	t.Query, _ = url.ParseQuery(strings.TrimRight(query, "/")) // what is wrong in it is left out
	return t
}

// sameResource reports whether two URLs name the same, whatever host and
// slashes they have.
func sameResource(a, b string) bool { return resource(a) == resource(b) }

func resource(s string) string {
	if _, rest, ok := strings.Cut(s, "://"); ok {
		_, s, _ = strings.Cut(rest, "/")
	}
	return strings.Trim(s, "/")
}

// findMedia returns the number of the media description that the URL of a
// publisher's SETUP names, -1 for none. controls are the URLs of the media.
func findMedia(url string, controls []string) int {
	for i, c := range controls {
		if sameResource(url, c) {
			return i
		}
	}
	// Some leave the query out, or put it elsewhere.
	for i, c := range controls {
		own := c[strings.LastIndexByte(c, '/')+1:]
		if own != "" && slices.Contains(strings.FieldsFunc(url, func(r rune) bool { return r == '/' || r == '?' }), own) {
			return i
		}
	}
	if len(controls) == 1 {
		return 0
	}
	return -1
}
