package wire

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Range is a Range header (RFC 2326 12.29).
type Range struct {
	// Unit is "npt", "clock", "smpte" or what else a peer says, in lower case.
	Unit string
	// Now is npt=now-: from the live point on. Start and End are those of npt,
	// with End 0 where it is open.
	Now        bool
	Start, End time.Duration
	// Value is what other units say, such as "20061117T143025Z-".
	Value string
}

// Live is the range of what has no beginning and no end.
func Live() Range { return Range{Unit: "npt", Now: true} }

// ParseRange reads a Range header. Parameters after the range, such as time=,
// are passed over.
func ParseRange(s string) (Range, error) {
	s = strings.TrimSpace(s[:indexUnquoted(s, ';')])
	unit, value, ok := strings.Cut(s, "=")
	r := Range{Unit: strings.ToLower(strings.TrimSpace(unit))}
	value = strings.TrimSpace(value)
	if !ok || !isToken(r.Unit) || value == "" {
		return Range{}, malformed("%.40q is no range", s)
	}
	if r.Unit != "npt" {
		r.Value = value
		return r, nil
	}
	start, end, _ := strings.Cut(value, "-")
	start, end = strings.TrimSpace(start), strings.TrimSpace(end)
	r.Now = strings.EqualFold(start, "now")
	var err error
	if !r.Now && start != "" {
		r.Start, err = parseNPT(start)
	}
	if err == nil && end != "" && !strings.EqualFold(end, "now") {
		r.End, err = parseNPT(end)
	}
	return r, err
}

// parseNPT reads seconds with a fraction, or h:m:s with one (RFC 2326 3.6).
func parseNPT(s string) (time.Duration, error) {
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return 0, malformed("%.40q is no time", s)
	}
	seconds := 0.0
	for i, p := range parts {
		limit := 1e9
		if i > 0 {
			limit = 60
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil || math.IsNaN(f) || f < 0 || f >= limit || strings.ContainsAny(p, "xXpP") {
			return 0, malformed("%.40q is no time", s)
		}
		seconds = seconds*60 + f
	}
	if seconds > 1e9 {
		return 0, malformed("%.40q is no time", s)
	}
	return time.Duration(math.Round(seconds*1e6)) * time.Microsecond, nil
}

// String returns the header's value.
func (r Range) String() string {
	if r.Unit != "npt" {
		return r.Unit + "=" + r.Value
	}
	start, end := "now", ""
	if !r.Now {
		start = formatNPT(r.Start)
	}
	if r.End > 0 {
		end = formatNPT(r.End)
	}
	return "npt=" + start + "-" + end
}

// formatNPT has three digits at least, which every client reads.
func formatNPT(d time.Duration) string {
	s := strconv.FormatFloat(d.Seconds(), 'f', 6, 64)
	for range 3 {
		s = strings.TrimSuffix(s, "0")
	}
	return s
}
