package m3u8

import (
	"strconv"
	"strings"
	"time"
)

// writer appends lines.
type writer struct{ b []byte }

func (w *writer) line(parts ...string) {
	for _, p := range parts {
		w.b = append(w.b, p...)
	}
	w.b = append(w.b, '\n')
}

// list is an attribute list (4.2).
type list struct{ strings.Builder }

func (l *list) add(name, value string) {
	if l.Len() > 0 {
		l.WriteByte(',')
	}
	l.WriteString(name)
	l.WriteString(value)
}

// quote returns a quoted string. What may not stand in one (4.2: line feeds,
// carriage returns and quotes) is left out.
func quote(s string) string {
	if strings.ContainsAny(s, "\"\r\n") {
		s = strings.NewReplacer(`"`, "", "\r", "", "\n", "").Replace(s)
	}
	return `"` + s + `"`
}

// seconds returns a duration as a decimal number of seconds, to the
// microsecond.
func seconds(d time.Duration) string {
	s := strconv.FormatFloat(d.Round(time.Microsecond).Seconds(), 'f', 6, 64)
	s = strings.TrimRight(s, "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

func itoa(v int) string    { return strconv.Itoa(v) }
func utoa(v uint64) string { return strconv.FormatUint(v, 10) }
