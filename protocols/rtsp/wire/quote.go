package wire

import (
	"iter"
	"strings"
)

// splitQuoted yields the parts of s between separators, trimmed, without those
// that are empty. Separators inside quotes do not count.
func splitQuoted(s string, sep byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for s != "" {
			i := indexUnquoted(s, sep)
			part := strings.TrimSpace(s[:i])
			s = s[min(i+1, len(s)):]
			if part != "" && !yield(part) {
				return
			}
		}
	}
}

// indexUnquoted returns the index of the first c outside quotes, len(s) where
// there is none.
func indexUnquoted(s string, c byte) int {
	inside := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			inside = !inside
		case s[i] == '\\' && inside:
			i++
		case s[i] == c && !inside:
			return i
		}
	}
	return len(s)
}

// parameter splits "name=value", with the name in lower case and the value
// without quotes.
func parameter(s string) (name, value string) {
	name, value, _ = strings.Cut(s, "=")
	return strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(value))
}

// unquote returns what a quoted string says, and others as they are.
func unquote(s string) string {
	if len(s) == 0 || s[0] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// quote returns s as a quoted string.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
