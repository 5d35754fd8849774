package sdpfrag

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits of [Parse] and [FromSDP]. A browser with many interfaces sends some
// hundred candidates at most.
const (
	// MaxSize is the longest text in bytes.
	MaxSize = 64 << 10
	// MaxCandidates bounds the candidates of one fragment.
	MaxCandidates = 256
	// maxLine is the longest line in bytes.
	maxLine = 1024
	// maxOptions bounds the tokens of ice-options.
	maxOptions = 16
)

// Parse reads a trickle-ice-sdpfrag body (RFC 8840 section 9). Line ends may be CRLF
// or LF. Candidates of all sections are joined: under max-bundle they belong to one
// ICE session. A candidate line that can't be parsed is skipped, as one with an
// unknown transport is (RFC 9725 section 4.3.2); everything else that is not SDP is
// an error. A body with neither credentials nor candidates nor end-of-candidates is
// an error too, because it says nothing.
func Parse(b []byte) (Fragment, error) {
	f, err := parse(string(b))
	if err != nil {
		return Fragment{}, err
	}
	if f.Ufrag == "" && len(f.Candidates) == 0 && !f.End {
		return Fragment{}, fmt.Errorf("%w: no ICE credentials, candidates or end-of-candidates", ErrSyntax)
	}
	return f, nil
}

// FromSDP takes the ICE part out of a full session description. It is an error if
// the description has no ICE credentials.
func FromSDP(sdp string) (Fragment, error) {
	f, err := parse(sdp)
	if err != nil {
		return Fragment{}, err
	}
	if f.Ufrag == "" {
		return Fragment{}, fmt.Errorf("%w: no ice-ufrag", ErrSyntax)
	}
	return f, nil
}

func parse(text string) (Fragment, error) {
	if len(text) > MaxSize {
		return Fragment{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooBig, len(text), MaxSize)
	}
	var f Fragment
	sections := 0
	for n, line := range splitLines(text) {
		if len(line) > maxLine {
			return Fragment{}, fmt.Errorf("%w: line %d has %d bytes, at most %d", ErrTooBig, n+1, len(line), maxLine)
		}
		if len(line) < 2 || line[1] != '=' || line[0] < 'a' || line[0] > 'z' || strings.ContainsAny(line, "\r\x00") {
			return Fragment{}, fmt.Errorf("%w: line %d is not type=value", ErrSyntax, n+1)
		}
		value := line[2:]
		switch line[0] {
		case 'm':
			sections++
			if sections == 1 {
				f.Media = value
			}
		case 'a':
			if err := f.attribute(value, sections); err != nil {
				return Fragment{}, fmt.Errorf("%w in line %d", err, n+1)
			}
		}
	}
	if (f.Ufrag == "") != (f.Pwd == "") {
		return Fragment{}, fmt.Errorf("%w: ice-ufrag and ice-pwd must come together", ErrSyntax)
	}
	return f, nil
}

// attribute takes one a= line of the given section, counted from 1; 0 is the session
// level. Of single values the first one counts: bundled sections repeat it.
func (f *Fragment) attribute(a string, section int) error {
	key, value, _ := strings.Cut(a, ":")
	switch key {
	case "ice-ufrag":
		if !isICEString(value, 4, 256) {
			return fmt.Errorf("%w: ice-ufrag must be 4 to 256 ICE characters", ErrSyntax)
		}
		setOnce(&f.Ufrag, value)
	case "ice-pwd":
		if !isICEString(value, 22, 256) {
			return fmt.Errorf("%w: ice-pwd must be 22 to 256 ICE characters", ErrSyntax)
		}
		setOnce(&f.Pwd, value)
	case "ice-options":
		return f.options(value)
	case "ice-lite":
		f.Lite = true
	case "ice-pacing":
		ms, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			return fmt.Errorf("%w: ice-pacing %.20q", ErrSyntax, value)
		}
		f.Pacing = int(ms)
	case "mid":
		if section <= 1 {
			setOnce(&f.MID, value)
		}
	case "end-of-candidates":
		f.End = true
	case "candidate":
		if c, err := ParseCandidate(value); err == nil {
			return f.candidate(c)
		}
	}
	return nil
}

func (f *Fragment) candidate(c Candidate) error {
	if slices.Contains(f.Candidates, c) {
		return nil
	}
	if len(f.Candidates) == MaxCandidates {
		return fmt.Errorf("%w: more than %d candidates", ErrTooBig, MaxCandidates)
	}
	f.Candidates = append(f.Candidates, c)
	return nil
}

// options joins the tokens of an ice-options line. libdatachannel, and so OBS,
// separates them by commas instead of blanks.
func (f *Fragment) options(value string) error {
	for _, o := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' }) {
		if slices.Contains(f.Options, o) {
			continue
		}
		if len(f.Options) == maxOptions {
			return fmt.Errorf("%w: more than %d ice-options", ErrTooBig, maxOptions)
		}
		f.Options = append(f.Options, o)
	}
	return nil
}

func setOnce(dst *string, v string) {
	if *dst == "" {
		*dst = v
	}
}

// splitLines splits at LF or CRLF and leaves out empty lines.
func splitLines(text string) []string {
	lines := strings.Split(text, "\n")
	out := lines[:0]
	for _, l := range lines {
		if l = strings.TrimSuffix(l, "\r"); l != "" {
			out = append(out, l)
		}
	}
	return out
}
