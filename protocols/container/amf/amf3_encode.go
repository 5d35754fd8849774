package amf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// maxU29 is the largest length or count that AMF3 can write.
const maxU29 = 1<<28 - 1

// Append3 appends the AMF3 form of each value to dst, without references.
// Numbers that are integers of 29 bits take the short form. The error is
// ErrType, ErrLength or ErrTooDeep; dst is returned as it came then.
func Append3(dst []byte, values ...Value) ([]byte, error) {
	out := dst
	for _, v := range values {
		var err error
		if out, err = append3(out, v, 0); err != nil {
			return dst, err
		}
	}
	return out, nil
}

func append3(b []byte, v Value, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, ErrTooDeep
	}
	switch v := v.(type) {
	case nil:
		return append(b, m3Null), nil
	case Undefined:
		return append(b, m3Undefined), nil
	case bool:
		if v {
			return append(b, m3True), nil
		}
		return append(b, m3False), nil
	case float64:
		return appendNumber3(b, v), nil
	case int:
		return appendNumber3(b, float64(v)), nil
	case string:
		return appendText3(append(b, m3String), v)
	case XML:
		return appendText3(append(b, m3XML), string(v))
	case []byte:
		return appendText3(append(b, m3ByteArray), string(v))
	case Date:
		return appendF64(append(b, m3Date, 1), v.Milliseconds), nil
	case Object:
		return appendObject3(b, "", v, depth)
	case TypedObject:
		return appendObject3(b, v.Class, v.Properties, depth)
	case ECMAArray:
		return appendDynamic3(append(b, m3Array, 1), Object(v), depth)
	case Array:
		return appendArray3(b, v, depth)
	case []int32:
		return appendVector3(b, m3VectorInt, v, func(b []byte, e int32) []byte {
			return binary.BigEndian.AppendUint32(b, uint32(e))
		})
	case []uint32:
		return appendVector3(b, m3VectorUint, v, binary.BigEndian.AppendUint32)
	case []float64:
		return appendVector3(b, m3VectorDouble, v, appendF64)
	case Dictionary:
		return appendDictionary3(b, v, depth)
	}
	return nil, fmt.Errorf("%w: %T", ErrType, v)
}

// appendObject3 writes a dynamic object with no sealed members.
func appendObject3(b []byte, class string, o Object, depth int) ([]byte, error) {
	b, err := appendText3(append(b, m3Object, 0x0b), class)
	if err != nil {
		return nil, err
	}
	return appendDynamic3(b, o, depth)
}

// appendDynamic3 writes names and values up to the empty name. An empty name
// of o's own cannot be written: it would end the list.
func appendDynamic3(b []byte, o Object, depth int) ([]byte, error) {
	for _, p := range o {
		if p.Name == "" {
			return nil, fmt.Errorf("%w: empty property name", ErrLength)
		}
		var err error
		if b, err = appendText3(b, p.Name); err != nil {
			return nil, err
		}
		if b, err = append3(b, p.Value, depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, 1), nil
}

func appendArray3(b []byte, a Array, depth int) ([]byte, error) {
	b, err := appendCount3(append(b, m3Array), len(a))
	if err != nil {
		return nil, err
	}
	b = append(b, 1) // no associative part
	for _, e := range a {
		if b, err = append3(b, e, depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendVector3[T any](b []byte, marker byte, list []T, put func([]byte, T) []byte) ([]byte, error) {
	b, err := appendCount3(append(b, marker), len(list))
	if err != nil {
		return nil, err
	}
	b = append(b, 0) // its length is not fixed
	for _, e := range list {
		b = put(b, e)
	}
	return b, nil
}

func appendDictionary3(b []byte, dict Dictionary, depth int) ([]byte, error) {
	b, err := appendCount3(append(b, m3Dictionary), len(dict))
	if err != nil {
		return nil, err
	}
	b = append(b, 0) // its keys are not weak
	for _, e := range dict {
		if b, err = append3(b, e.Key, depth+1); err != nil {
			return nil, err
		}
		if b, err = append3(b, e.Value, depth+1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendNumber3(b []byte, f float64) []byte {
	i := int32(f)
	negativeZero := i == 0 && math.Signbit(f)
	if float64(i) != f || negativeZero || i < -1<<28 || i >= 1<<28 {
		return appendF64(append(b, m3Double), f)
	}
	return appendU29(append(b, m3Integer), uint32(i)&(1<<29-1))
}

func appendText3(b []byte, s string) ([]byte, error) {
	b, err := appendCount3(b, len(s))
	if err != nil {
		return nil, err
	}
	return append(b, s...), nil
}

// appendCount3 writes a length or count with the bit that says "not a
// reference".
func appendCount3(b []byte, n int) ([]byte, error) {
	if n > maxU29 {
		return nil, fmt.Errorf("%w: %d", ErrLength, n)
	}
	return appendU29(b, uint32(n)<<1|1), nil
}

func appendU29(b []byte, u uint32) []byte {
	switch {
	case u < 1<<7:
		return append(b, byte(u))
	case u < 1<<14:
		return append(b, byte(u>>7)|0x80, byte(u&0x7f))
	case u < 1<<21:
		return append(b, byte(u>>14)|0x80, byte(u>>7)|0x80, byte(u&0x7f))
	default:
		return append(b, byte(u>>22)|0x80, byte(u>>15)|0x80, byte(u>>8)|0x80, byte(u))
	}
}
