package m3u8

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// Directives are the delivery directives of a playlist request (6.2.5).
type Directives struct {
	// Block asks for a playlist that has segment Sequence or, where Part is
	// not -1, that part of it.
	Block    bool
	Sequence uint64
	Part     int
	// Skip asks for a delta update.
	Skip bool
}

// ErrDirective is wrapped by the errors of ParseDirectives.
var ErrDirective = errors.New("bad delivery directive")

const (
	keySequence = "_HLS_msn"
	keyPart     = "_HLS_part"
	keySkip     = "_HLS_skip"

	// maxPart bounds part indexes.
	maxPart = 1 << 20
)

// ParseDirectives reads the directives of a request's query. Unknown ones are
// ignored (6.2.5), and so is anything but YES and v2 for _HLS_skip, which is
// then a request for the whole playlist.
func ParseDirectives(q url.Values) (Directives, error) {
	d := Directives{Part: -1}
	skip := q.Get(keySkip)
	d.Skip = skip == "YES" || skip == "v2"
	if q.Has(keySequence) {
		v, err := strconv.ParseUint(q.Get(keySequence), 10, 63)
		if err != nil {
			return Directives{}, fmt.Errorf("%w: %s is no media sequence number", ErrDirective, keySequence)
		}
		d.Block, d.Sequence = true, v
	}
	if q.Has(keyPart) {
		v, err := strconv.ParseUint(q.Get(keyPart), 10, 63)
		switch {
		case !d.Block:
			return Directives{}, fmt.Errorf("%w: %s without %s", ErrDirective, keyPart, keySequence)
		case err != nil || v > maxPart:
			return Directives{}, fmt.Errorf("%w: %s is no part index", ErrDirective, keyPart)
		}
		d.Part = int(v) //nolint:gosec // just bounded
	}
	return d, nil
}
