package amf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// reader takes bytes off the front of its input and keeps the account of what
// has been decoded.
type reader struct {
	b      []byte
	weight int
}

// slot is an entry of a reference table. It is open until its value is whole.
type slot struct {
	value  Value
	weight int
	done   bool
}

// charge accounts for n more units of weight.
func (r *reader) charge(n int) error {
	r.weight += n
	if r.weight > maxWeight {
		return ErrTooLarge
	}
	return nil
}

// refer returns the value of slots[i] and charges its weight again.
func (r *reader) refer(slots []slot, i int) (Value, error) {
	if i >= len(slots) {
		return nil, fmt.Errorf("%w: number %d of %d", ErrReference, i, len(slots))
	}
	if !slots[i].done {
		return nil, fmt.Errorf("%w: number %d refers to a value that contains it", ErrReference, i)
	}
	return slots[i].value, r.charge(slots[i].weight)
}

func (r *reader) bytes(n int) ([]byte, error) {
	if n > len(r.b) {
		return nil, ErrTruncated
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b, nil
}

func (r *reader) u8() (uint8, error) {
	b, err := r.bytes(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (r *reader) u16() (uint16, error) {
	b, err := r.bytes(2)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint16(b), nil
}

func (r *reader) u32() (uint32, error) {
	b, err := r.bytes(4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

func (r *reader) f64() (float64, error) {
	b, err := r.bytes(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

// text reads n bytes of text and charges for them.
func (r *reader) text(n int) (string, error) {
	b, err := r.bytes(n)
	if err != nil {
		return "", err
	}
	return string(b), r.charge(n / 16)
}

// fits refuses a count of elements, each at least size bytes long, that the
// rest of the input cannot hold.
func (r *reader) fits(count uint32, size int) error {
	if int64(count) > int64(len(r.b)/size) {
		return fmt.Errorf("%w: %d elements in %d bytes", ErrLength, count, len(r.b))
	}
	return nil
}
