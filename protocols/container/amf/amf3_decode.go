package amf

import (
	"bytes"
	"fmt"
	"strconv"
)

// AMF3 type markers (AMF 3, 3.1).
const (
	m3Undefined    = 0x00
	m3Null         = 0x01
	m3False        = 0x02
	m3True         = 0x03
	m3Integer      = 0x04
	m3Double       = 0x05
	m3String       = 0x06
	m3XMLDoc       = 0x07
	m3Date         = 0x08
	m3Array        = 0x09
	m3Object       = 0x0a
	m3XML          = 0x0b
	m3ByteArray    = 0x0c
	m3VectorInt    = 0x0d
	m3VectorUint   = 0x0e
	m3VectorDouble = 0x0f
	m3VectorObject = 0x10
	m3Dictionary   = 0x11
)

// traits describe the sealed part of a class (AMF 3, 3.12).
type traits struct {
	class   string
	names   []string
	dynamic bool
}

// tables3 are the reference tables; they live as long as one message.
type tables3 struct {
	strings []string
	slots   []slot
	traits  []traits
}

type decoder3 struct {
	*reader
	*tables3
}

// Decode3 decodes all AMF3 values of b, with one set of reference tables. With
// an error come the values before it.
func Decode3(b []byte) ([]Value, error) {
	d := decoder3{&reader{b: b}, &tables3{}}
	var values []Value
	for len(d.b) > 0 {
		v, err := d.value(0)
		if err != nil {
			return values, fmt.Errorf("AMF3 value %d: %w", len(values), err)
		}
		values = append(values, v)
	}
	return values, nil
}

func (d decoder3) value(depth int) (Value, error) {
	if depth > maxDepth {
		return nil, ErrTooDeep
	}
	if err := d.charge(1); err != nil {
		return nil, err
	}
	marker, err := d.u8()
	if err != nil {
		return nil, err
	}
	switch marker {
	case m3Undefined:
		return Undefined{}, nil
	case m3Null:
		return nil, nil
	case m3False, m3True:
		return marker == m3True, nil
	case m3Integer:
		u, err := d.u29()
		return float64(int32(u<<3) >> 3), err
	case m3Double:
		return d.f64()
	case m3String:
		return d.string()
	}
	if marker > m3Dictionary {
		return nil, fmt.Errorf("%w 0x%02x", ErrMarker, marker)
	}
	return d.complex(marker, depth)
}

// complex reads a value that references can name, and files it. Its header is
// a U29 with the lowest bit clear for a reference.
func (d decoder3) complex(marker uint8, depth int) (v Value, err error) {
	u, err := d.u29()
	if err != nil {
		return nil, err
	}
	n := int(u >> 1)
	if u&1 == 0 {
		return d.refer(d.slots, n)
	}
	i, before := len(d.slots), d.weight
	d.slots = append(d.slots, slot{})
	switch marker {
	case m3XMLDoc, m3XML:
		var s string
		s, err = d.text(n)
		v = XML(s)
	case m3Date:
		var ms float64
		ms, err = d.f64()
		v = Date{Milliseconds: ms}
	case m3Array:
		v, err = d.array(n, depth)
	case m3Object:
		v, err = d.object(u, depth)
	case m3ByteArray:
		v, err = d.byteArray(n)
	case m3VectorInt, m3VectorUint, m3VectorDouble, m3VectorObject:
		v, err = d.vector(marker, n, depth)
	case m3Dictionary:
		v, err = d.dictionary(n, depth)
	}
	if err != nil {
		return nil, err
	}
	d.slots[i] = slot{value: v, weight: d.weight - before, done: true}
	return v, nil
}

// array reads the associative part, then count dense values. An array with
// both becomes an ECMAArray whose dense elements are named by their indices.
func (d decoder3) array(count, depth int) (Value, error) {
	assoc, err := d.dynamic(depth)
	if err != nil {
		return nil, err
	}
	dense, err := d.values(count, depth)
	if err != nil || len(assoc) == 0 {
		return dense, err
	}
	for i, v := range dense {
		assoc = append(assoc, Property{strconv.Itoa(i), v})
	}
	return ECMAArray(assoc), nil
}

func (d decoder3) object(u uint32, depth int) (Value, error) {
	t, err := d.readTraits(u)
	if err != nil {
		return nil, err
	}
	values, err := d.values(len(t.names), depth)
	if err != nil {
		return nil, err
	}
	o := Object{}
	for i, v := range values {
		o = append(o, Property{t.names[i], v})
	}
	if t.dynamic {
		more, err := d.dynamic(depth)
		if err != nil {
			return nil, err
		}
		o = append(o, more...)
	}
	if t.class == "" {
		return o, nil
	}
	return TypedObject{Class: t.class, Properties: o}, nil
}

func (d decoder3) readTraits(u uint32) (traits, error) {
	if u&2 == 0 {
		i := int(u >> 2)
		if i >= len(d.traits) {
			return traits{}, fmt.Errorf("%w: traits %d of %d", ErrReference, i, len(d.traits))
		}
		return d.traits[i], nil
	}
	class, err := d.string()
	if err != nil {
		return traits{}, err
	}
	if u&4 != 0 {
		return traits{}, fmt.Errorf("%w: class %.40q has an encoding of its own", ErrMarker, class)
	}
	t := traits{class: class, dynamic: u&8 != 0}
	count := int(u >> 4)
	if err := d.fits(uint32(count), 1); err != nil {
		return traits{}, err
	}
	for range count {
		name, err := d.string()
		if err != nil {
			return traits{}, err
		}
		t.names = append(t.names, name)
	}
	d.tables3.traits = append(d.tables3.traits, t)
	return t, d.charge(count)
}

// dynamic reads names and values up to the empty name.
func (d decoder3) dynamic(depth int) (Object, error) {
	var o Object
	for {
		name, err := d.string()
		if err != nil || name == "" {
			return o, err
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, fmt.Errorf("%.40q: %w", name, err)
		}
		o = append(o, Property{name, v})
	}
}

func (d decoder3) values(count, depth int) (Array, error) {
	if err := d.fits(uint32(count), 1); err != nil {
		return nil, err
	}
	a := Array{}
	for range count {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	return a, nil
}

func (d decoder3) byteArray(n int) (Value, error) {
	b, err := d.bytes(n)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(b), d.charge(n / 16)
}

func (d decoder3) vector(marker uint8, count, depth int) (Value, error) {
	if _, err := d.u8(); err != nil { // whether its length is fixed
		return nil, err
	}
	if marker == m3VectorObject {
		if _, err := d.string(); err != nil { // the class of its elements
			return nil, err
		}
		return d.values(count, depth)
	}
	size := 4
	if marker == m3VectorDouble {
		size = 8
	}
	if err := d.fits(uint32(count), size); err != nil {
		return nil, err
	}
	if err := d.charge(count); err != nil {
		return nil, err
	}
	switch marker {
	case m3VectorInt:
		return elements(count, func() (int32, error) { u, err := d.u32(); return int32(u), err })
	case m3VectorUint:
		return elements(count, d.u32)
	default:
		return elements(count, d.f64)
	}
}

func elements[T any](count int, read func() (T, error)) (Value, error) {
	list := make([]T, count)
	for i := range list {
		v, err := read()
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

func (d decoder3) dictionary(count, depth int) (Value, error) {
	if _, err := d.u8(); err != nil { // whether its keys are weak
		return nil, err
	}
	if err := d.fits(uint32(count), 2); err != nil {
		return nil, err
	}
	dict := Dictionary{}
	for range count {
		k, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		dict = append(dict, Entry{k, v})
	}
	return dict, nil
}

// string reads a string or a reference to one (AMF 3, 1.3.2). The empty
// string is never a reference.
func (d decoder3) string() (string, error) {
	u, err := d.u29()
	if err != nil {
		return "", err
	}
	n := int(u >> 1)
	if u&1 == 0 {
		if n >= len(d.strings) {
			return "", fmt.Errorf("%w: string %d of %d", ErrReference, n, len(d.strings))
		}
		s := d.strings[n]
		return s, d.charge(len(s) / 16)
	}
	s, err := d.text(n)
	if err == nil && s != "" {
		d.tables3.strings = append(d.tables3.strings, s)
	}
	return s, err
}

// u29 reads an integer of 29 bits in 1 to 4 bytes (AMF 3, 1.3.1).
func (d decoder3) u29() (uint32, error) {
	var u uint32
	for range 3 {
		b, err := d.u8()
		if err != nil {
			return 0, err
		}
		u = u<<7 | uint32(b&0x7f)
		if b < 0x80 {
			return u, nil
		}
	}
	b, err := d.u8()
	return u<<8 | uint32(b), err
}
