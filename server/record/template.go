package record

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Template is the pattern of a record's path below the record folder, without
// the extension.
type Template struct{ parts []part }

// part is a literal or, where it is not 0, a placeholder.
type part struct {
	literal string
	place   int
}

// places are the placeholders and what they stand for.
var places = [...]struct {
	name string
	text func(Names) string
}{
	1: {"app", func(n Names) string { return n.Stream[:max(strings.LastIndexByte(n.Stream, '/'), 0)] }},
	{"stream", func(n Names) string { return n.Stream[strings.LastIndexByte(n.Stream, '/')+1:] }},
	{"time", func(n Names) string { return n.Time.Format("20060102-150405") }},
	{"date", func(n Names) string { return n.Time.Format("2006-01-02") }},
	{"yyyy", func(n Names) string { return n.Time.Format("2006") }},
	{"mm", func(n Names) string { return n.Time.Format("01") }},
	{"dd", func(n Names) string { return n.Time.Format("02") }},
	{"HH", func(n Names) string { return n.Time.Format("15") }},
	{"MM", func(n Names) string { return n.Time.Format("04") }},
	{"SS", func(n Names) string { return n.Time.Format("05") }},
	{"unix", func(n Names) string { return fmt.Sprint(n.Time.Unix()) }},
	{"n", func(n Names) string { return fmt.Sprintf("%04d", n.N) }},
	{"id", func(n Names) string { return n.ID }},
}

// Names is what a template's placeholders stand for.
type Names struct {
	Stream string    // canonical: app/stream
	Time   time.Time // when the file begins, in the zone to write
	N      int       // which file of its job, from 1
	ID     string
}

const (
	maxTemplate = 512
	// maxName bounds one segment of a path, so that extension and suffixes find
	// room in the 255 bytes that file systems allow.
	maxName = 200
	maxPath = 1024
)

// ParseTemplate reads a template: segments of A-Z a-z 0-9 . _ ~ - and blanks
// between slashes, with the placeholders {app} {stream} {time} {date} {yyyy} {mm}
// {dd} {HH} {MM} {SS} {unix} {n} {id}. No segment may begin with a dot.
func ParseTemplate(s string) (Template, error) {
	var t Template
	if s == "" || len(s) > maxTemplate {
		return t, fmt.Errorf("a template has 1 to %d characters", maxTemplate)
	}
	for rest := s; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if err := checkLiteral(literal); err != nil {
			return t, err
		}
		if literal != "" {
			t.parts = append(t.parts, part{literal: literal})
		}
		if !found {
			break
		}
		name, next, closed := strings.Cut(after, "}")
		i := placeOf(name)
		if !closed || i == 0 {
			return t, fmt.Errorf("{%.20s is no placeholder; there are %s", after, placeNames())
		}
		t.parts, rest = append(t.parts, part{place: i}), next
	}
	// Whether the segments are sound depends on the literals alone.
	if _, err := t.Expand(Names{Stream: "a/b", ID: "i"}); err != nil {
		return Template{}, err
	}
	return t, nil
}

func placeOf(name string) int {
	for i, p := range places {
		if i > 0 && p.name == name {
			return i
		}
	}
	return 0
}

func placeNames() string {
	var list []string
	for _, p := range places[1:] {
		list = append(list, "{"+p.name+"}")
	}
	return strings.Join(list, " ")
}

func checkLiteral(s string) error {
	for i := range len(s) {
		if c := s[i]; !pathChar(c) && c != '/' {
			return fmt.Errorf("%q: only A-Z a-z 0-9 . _ ~ - blanks and slashes may stand beside placeholders", s)
		}
	}
	return nil
}

func pathChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '~' || c == '-' || c == ' '
}

// Expand returns the path, with slashes. A dot that a placeholder puts at the
// start of a segment becomes an underscore. The error says that a segment
// or the whole is too long for a file name.
func (t Template) Expand(n Names) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		text := p.literal
		if p.place != 0 {
			text = places[p.place].text(n)
			s := b.String()
			if strings.HasPrefix(text, ".") && (s == "" || strings.HasSuffix(s, "/")) {
				text = "_" + text[1:]
			}
			text = strings.ReplaceAll(text, "/.", "/_")
		}
		b.WriteString(text)
	}
	path := b.String()
	return path, checkPath(path)
}

// checkPath returns an error for a path that is not plainly below the folder:
// the ledger's word for a file is not taken unseen either.
func checkPath(path string) error {
	if len(path) > maxPath {
		return errors.New("the path is too long")
	}
	for s := range strings.SplitSeq(path, "/") {
		switch {
		case s == "":
			return errors.New("a segment of the path is empty")
		case s[0] == '.' || s[0] == ' ' || s[len(s)-1] == ' ':
			return fmt.Errorf("%q: a segment can't begin with a dot, or begin or end with a blank", s)
		case len(s) > maxName:
			return fmt.Errorf("a segment of the path has over %d characters", maxName)
		}
		for i := range len(s) {
			if !pathChar(s[i]) {
				return fmt.Errorf("%q can't stand in a path", s[i])
			}
		}
	}
	return nil
}
