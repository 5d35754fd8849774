// Package redact keeps secrets out of logs and error texts. It is pure.
package redact

import "strings"

// URL returns the URL without user, password and query. Where it can't be told
// for certain what is a password, only the scheme is left.
func URL(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return "..."
	}
	end := strings.IndexByte(rest, '/')
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	at := strings.LastIndexByte(authority, '@')
	path, _, _ = strings.Cut(path, "?")
	if strings.ContainsRune(authority[:at+1], '?') || (at < 0 && strings.ContainsRune(path, '@')) {
		return scheme + "://..." // it may be a password that has these characters
	}
	authority, _, _ = strings.Cut(authority[at+1:], "?")
	return scheme + "://" + authority + path
}
