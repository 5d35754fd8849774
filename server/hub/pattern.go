package hub

import (
	"fmt"
	"strings"
)

// Pattern matches canonical stream names. A * stands for any run of
// characters, slashes included; everything else for itself. "live/*" is every
// stream of app live, "*" every stream.
type Pattern string

// Match reports whether the pattern matches the whole name.
func (p Pattern) Match(name string) bool {
	parts := strings.Split(string(p), "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return name == first
	}
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	rest := name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}

// Validate returns an error for a pattern that matches no name that there can be.
func (p Pattern) Validate() error {
	if p == "" {
		return fmt.Errorf("a pattern can't be empty; * matches every stream")
	}
	for i := range len(p) {
		if c := p[i]; c != '*' && c != '/' && !nameChar(c) {
			return fmt.Errorf("pattern %q: %q can't stand in a stream's name", string(p), c)
		}
	}
	return nil
}
