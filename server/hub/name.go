package hub

import (
	"fmt"
	"strings"
)

const (
	maxSegments   = 4
	maxSegmentLen = 128
	defaultApp    = "live"
)

// ParseName returns the canonical form, "app/stream", of a stream's path. A
// leading and a trailing slash are ignored; a path of one segment belongs to
// app "live". A path has up to 4 segments of 1-128 of A-Z a-z 0-9 . _ ~ -,
// none of them "." or ".."; anything else is ErrBadName.
func ParseName(path string) (string, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	segments := strings.Split(name, "/")
	if len(segments) > maxSegments {
		return "", fmt.Errorf("%w: more than %d segments", ErrBadName, maxSegments)
	}
	for _, s := range segments {
		if err := checkSegment(s); err != nil {
			return "", err
		}
	}
	if len(segments) == 1 {
		return defaultApp + "/" + name, nil
	}
	return name, nil
}

func checkSegment(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%w: empty segment", ErrBadName)
	case len(s) > maxSegmentLen:
		return fmt.Errorf("%w: a segment is longer than %d characters", ErrBadName, maxSegmentLen)
	case s == "." || s == "..":
		return fmt.Errorf("%w: %q is not a name", ErrBadName, s)
	}
	for i := range len(s) {
		if !nameChar(s[i]) {
			return fmt.Errorf("%w: only A-Z a-z 0-9 . _ ~ - may stand in a segment", ErrBadName)
		}
	}
	return nil
}

func nameChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '~' || c == '-'
}
