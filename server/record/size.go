package record

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size. In the configuration it is a number of bytes, or a number
// with a unit: kB, MB, GB, TB by 1000, KiB, MiB, GiB, TiB by 1024.
type Bytes int64

// units are longest first where one ends in another.
var units = [...]struct {
	name string
	size float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

// UnmarshalText reads "2GiB", "500 MB", "1.5GiB" or "1048576".
func (b *Bytes) UnmarshalText(text []byte) error {
	s, unit := strings.TrimSpace(string(text)), 1.0
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = strings.TrimSpace(number), u.size
			break
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) {
		return fmt.Errorf("%q is no size, as 2GiB or 1048576", text)
	}
	if v *= unit; v < 0 || v > 1<<60 {
		return errors.New("a size is from 0 to 1048576TiB")
	}
	*b = Bytes(v)
	return nil
}

// MarshalText writes the number of bytes.
func (b Bytes) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(b), 10), nil }
