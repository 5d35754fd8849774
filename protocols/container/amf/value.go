package amf

import "errors"

// Value is any of the Go types that the package documentation lists. Encoding
// accepts int as well and writes it as a number.
type Value = any

// Property is one name and value of an object.
type Property struct {
	Name  string
	Value Value
}

// Object is an anonymous object: its properties in wire order.
type Object []Property

// ECMAArray is an associative array: its properties in wire order.
type ECMAArray []Property

// TypedObject is an object with a class name.
type TypedObject struct {
	Class      string
	Properties Object
}

// Array is a dense array (AMF0 strict array).
type Array []Value

// Undefined is ECMAScript's undefined. AMF0's unsupported marker reads as
// Undefined too.
type Undefined struct{}

// Date is a point in time.
type Date struct {
	// Milliseconds since 1970-01-01 UTC; may be any float64.
	Milliseconds float64
	// Zone is reserved by the specification and is normally 0; AMF3 has none.
	Zone int16
}

// XML is the text of an XML document.
type XML string

// Entry is one key and value of a Dictionary.
type Entry struct{ Key, Value Value }

// Dictionary is an AMF3 map with keys of any type, in wire order.
type Dictionary []Entry

// Errors that decoding and encoding return, wrapped with their context.
var (
	ErrTruncated = errors.New("amf: value is truncated")
	ErrMarker    = errors.New("amf: unknown or reserved type marker")
	ErrReference = errors.New("amf: bad reference")
	ErrTooDeep   = errors.New("amf: values nested too deeply")
	ErrTooLarge  = errors.New("amf: too many values")
	ErrLength    = errors.New("amf: length does not fit the input")
	ErrType      = errors.New("amf: Go type has no AMF form")
)

const (
	// maxDepth bounds nesting. Real messages stay under 5.
	maxDepth = 32
	// maxWeight bounds what one call decodes: one for each value and one for
	// every 16 bytes of text, what references repeat included. A file's
	// metadata with the index of a day's key frames has about 90 000 values.
	maxWeight = 1 << 17
)

// Get returns the value of the last property of that name.
func (o Object) Get(name string) (Value, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Name == name {
			return o[i].Value, true
		}
	}
	return nil, false
}

// Get returns the value of the named property of o if it has type T, else T's
// zero value.
func Get[T any](o Object, name string) T {
	v, _ := o.Get(name)
	t, _ := v.(T)
	return t
}

// Properties returns the properties of an Object, ECMAArray or TypedObject,
// and nil for every other value.
func Properties(v Value) Object {
	switch v := v.(type) {
	case Object:
		return v
	case ECMAArray:
		return Object(v)
	case TypedObject:
		return v.Properties
	}
	return nil
}
