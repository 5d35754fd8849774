package amf

import "fmt"

// AMF0 type markers (AMF 0, 2.1).
const (
	m0Number      = 0x00
	m0Boolean     = 0x01
	m0String      = 0x02
	m0Object      = 0x03
	m0Null        = 0x05
	m0Undefined   = 0x06
	m0Reference   = 0x07
	m0ECMAArray   = 0x08
	m0ObjectEnd   = 0x09
	m0StrictArray = 0x0a
	m0Date        = 0x0b
	m0LongString  = 0x0c
	m0Unsupported = 0x0d
	m0XML         = 0x0f
	m0TypedObject = 0x10
	m0AVMPlus     = 0x11
)

// decoder0 decodes the values of one message: they share one reference table.
type decoder0 struct {
	reader
	slots []slot
	amf3  tables3
}

// Decode0 decodes all AMF0 values of b. AMF3 values behind the avmplus marker
// are decoded too. With an error come the values before it, which is what
// tolerant callers want of a message with garbage at its end.
func Decode0(b []byte) ([]Value, error) {
	d := decoder0{reader: reader{b: b}}
	var values []Value
	for len(d.b) > 0 {
		v, err := d.value(0)
		if err != nil {
			return values, fmt.Errorf("AMF0 value %d: %w", len(values), err)
		}
		values = append(values, v)
	}
	return values, nil
}

func (d *decoder0) value(depth int) (Value, error) {
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
	case m0Number:
		return d.f64()
	case m0Boolean:
		b, err := d.u8()
		return b != 0, err
	case m0String:
		return d.name()
	case m0LongString:
		return d.longText()
	case m0XML:
		s, err := d.longText()
		return XML(s), err
	case m0Null:
		return nil, nil
	case m0Undefined, m0Unsupported:
		return Undefined{}, nil
	case m0Date:
		return d.date()
	case m0Reference:
		i, err := d.u16()
		if err != nil {
			return nil, err
		}
		return d.refer(d.slots, int(i))
	case m0Object, m0ECMAArray, m0StrictArray, m0TypedObject:
		return d.complex(marker, depth)
	case m0AVMPlus:
		a := decoder3{reader: &d.reader, tables3: &d.amf3}
		return a.value(depth + 1)
	}
	return nil, fmt.Errorf("%w 0x%02x", ErrMarker, marker)
}

// complex reads a value that references can name, and files it.
func (d *decoder0) complex(marker uint8, depth int) (v Value, err error) {
	i, before := len(d.slots), d.weight
	d.slots = append(d.slots, slot{})
	switch marker {
	case m0Object:
		v, err = d.properties(depth, -1)
	case m0ECMAArray:
		var n uint32
		if n, err = d.u32(); err == nil {
			var o Object
			o, err = d.properties(depth, int64(n))
			v = ECMAArray(o)
		}
	case m0StrictArray:
		v, err = d.array(depth)
	case m0TypedObject:
		var t TypedObject
		if t.Class, err = d.name(); err == nil {
			t.Properties, err = d.properties(depth, -1)
		}
		v = t
	}
	if err != nil {
		return nil, err
	}
	d.slots[i] = slot{value: v, weight: d.weight - before, done: true}
	return v, nil
}

// properties reads names and values up to the object end marker. Some
// encoders leave the marker out behind an ECMA array that ends the message:
// with count properties read and no byte left, that array is whole. A count
// below 0 makes the marker mandatory.
func (d *decoder0) properties(depth int, count int64) (Object, error) {
	o := Object{}
	for {
		if len(d.b) == 0 && int64(len(o)) == count {
			return o, nil
		}
		name, err := d.name()
		if err != nil {
			return nil, err
		}
		if name == "" && len(d.b) > 0 && d.b[0] == m0ObjectEnd {
			d.b = d.b[1:]
			return o, nil
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, fmt.Errorf("%.40q: %w", name, err)
		}
		o = append(o, Property{name, v})
	}
}

func (d *decoder0) array(depth int) (Array, error) {
	n, err := d.u32()
	if err != nil {
		return nil, err
	}
	if err := d.fits(n, 1); err != nil {
		return nil, err
	}
	a := Array{}
	for range n {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	return a, nil
}

func (d *decoder0) date() (Value, error) {
	ms, err := d.f64()
	if err != nil {
		return nil, err
	}
	zone, err := d.u16()
	return Date{Milliseconds: ms, Zone: int16(zone)}, err
}

// name reads text with a length of 16 bits.
func (d *decoder0) name() (string, error) {
	n, err := d.u16()
	if err != nil {
		return "", err
	}
	return d.text(int(n))
}

// longText reads text with a length of 32 bits.
func (d *decoder0) longText() (string, error) {
	n, err := d.u32()
	if err != nil {
		return "", err
	}
	if int64(n) > int64(len(d.b)) {
		return "", ErrTruncated
	}
	return d.text(int(n))
}
