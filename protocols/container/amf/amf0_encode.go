package amf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Append0 appends the AMF0 form of each value to dst. Types that only AMF3
// has are written as AMF3 behind the avmplus marker. The error is ErrType,
// ErrLength (a name over 65535 bytes) or ErrTooDeep; dst is returned as it
// came then.
func Append0(dst []byte, values ...Value) ([]byte, error) {
	out := dst
	for _, v := range values {
		var err error
		if out, err = append0(out, v, 0); err != nil {
			return dst, err
		}
	}
	return out, nil
}

func append0(b []byte, v Value, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, ErrTooDeep
	}
	switch v := v.(type) {
	case nil:
		return append(b, m0Null), nil
	case Undefined:
		return append(b, m0Undefined), nil
	case bool:
		if v {
			return append(b, m0Boolean, 1), nil
		}
		return append(b, m0Boolean, 0), nil
	case float64:
		return appendF64(append(b, m0Number), v), nil
	case int:
		return appendF64(append(b, m0Number), float64(v)), nil
	case string:
		if len(v) > math.MaxUint16 {
			return appendLong0(append(b, m0LongString), v)
		}
		return appendName0(append(b, m0String), v)
	case XML:
		return appendLong0(append(b, m0XML), string(v))
	case Date:
		b = appendF64(append(b, m0Date), v.Milliseconds)
		return binary.BigEndian.AppendUint16(b, uint16(v.Zone)), nil
	case Object:
		return appendProperties0(append(b, m0Object), v, depth)
	case ECMAArray:
		b = binary.BigEndian.AppendUint32(append(b, m0ECMAArray), uint32(len(v)))
		return appendProperties0(b, Object(v), depth)
	case TypedObject:
		b, err := appendName0(append(b, m0TypedObject), v.Class)
		if err != nil {
			return nil, err
		}
		return appendProperties0(b, v.Properties, depth)
	case Array:
		b = binary.BigEndian.AppendUint32(append(b, m0StrictArray), uint32(len(v)))
		for _, e := range v {
			var err error
			if b, err = append0(b, e, depth+1); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return append3(append(b, m0AVMPlus), v, depth+1)
}

func appendProperties0(b []byte, o Object, depth int) ([]byte, error) {
	for _, p := range o {
		var err error
		if b, err = appendName0(b, p.Name); err != nil {
			return nil, err
		}
		if b, err = append0(b, p.Value, depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, 0, 0, m0ObjectEnd), nil
}

func appendName0(b []byte, s string) ([]byte, error) {
	if len(s) > math.MaxUint16 {
		return nil, fmt.Errorf("%w: name of %d bytes", ErrLength, len(s))
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...), nil
}

func appendLong0(b []byte, s string) ([]byte, error) {
	if uint64(len(s)) > math.MaxUint32 {
		return nil, fmt.Errorf("%w: text of %d bytes", ErrLength, len(s))
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...), nil
}

func appendF64(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(f))
}
