package record

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// maxPattern bounds a pattern: four segments of a stream's name.
const maxPattern = 4*128 + 3

// checkPattern returns an error for a pattern that no stream can match.
func checkPattern(pattern string) error {
	if pattern == "" {
		return errors.New(`name the streams, as "live/*" or "**" for all`)
	}
	if len(pattern) > maxPattern {
		return errors.New("the pattern is too long")
	}
	segments := strings.Split(pattern, "/")
	for i, s := range segments {
		if s == "**" && i == len(segments)-1 {
			return nil
		}
		if strings.Contains(s, "**") {
			return errors.New("** may only be the last segment")
		}
		if s == "" {
			return errors.New("a segment is empty")
		}
		if _, err := path.Match(s, ""); err != nil {
			return fmt.Errorf("%q is no pattern", s)
		}
	}
	if len(segments) == 1 {
		return fmt.Errorf("a stream's name has two segments at least, as live/%s", pattern)
	}
	return nil
}

// match reports whether the stream's canonical name matches a pattern that
// checkPattern accepts.
func match(pattern, name string) bool {
	for {
		if pattern == "**" {
			return name != ""
		}
		p, restP, moreP := strings.Cut(pattern, "/")
		n, restN, moreN := strings.Cut(name, "/")
		if ok, err := path.Match(p, n); !ok || err != nil || moreP != moreN {
			return false
		}
		if !moreP {
			return true
		}
		pattern, name = restP, restN
	}
}
