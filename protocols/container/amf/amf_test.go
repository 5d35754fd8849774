package amf

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A testCase drives decoding, encoding, truncation and the fuzz seeds.
type testCase struct {
	name   string
	wire   string // hex, blanks ignored
	values []Value
	oneWay bool // the encoder writes another form of the same values
}

func (c testCase) bytes(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(c.wire), ""))
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return b
}

var long = strings.Repeat("x", 70000)

var cases0 = []testCase{
	{name: "number", wire: "00 400c000000000000", values: []Value{3.5}},
	{name: "booleans", wire: "0100 0101", values: []Value{false, true}},
	{name: "boolean other than 1", wire: "01ff", values: []Value{true}, oneWay: true},
	{name: "string", wire: "02 0003 666f6f", values: []Value{"foo"}},
	{name: "empty string", wire: "02 0000", values: []Value{""}},
	{name: "long string", wire: "0c 00011170" + strings.Repeat("78", 70000), values: []Value{long}},
	{name: "null and undefined", wire: "05 06", values: []Value{nil, Undefined{}}},
	{name: "unsupported", wire: "0d", values: []Value{Undefined{}}, oneWay: true},
	{
		name: "object keeps its order", wire: "03 0001 62 0101 0001 61 05 000009",
		values: []Value{Object{{"b", true}, {"a", nil}}},
	},
	{name: "empty object", wire: "03 000009", values: []Value{Object{}}},
	{name: "object with an empty name", wire: "03 0000 05 000009", values: []Value{Object{{"", nil}}}},
	{
		name: "typed object", wire: "10 0001 43 0001 61 05 000009",
		values: []Value{TypedObject{"C", Object{{"a", nil}}}},
	},
	{
		name: "ECMA array", wire: "08 00000001 0001 61 00 3ff0000000000000 000009",
		values: []Value{ECMAArray{{"a", 1.0}}},
	},
	{
		name: "ECMA array with a wrong count", wire: "08 00000000 0001 61 05 000009",
		values: []Value{ECMAArray{{"a", nil}}}, oneWay: true,
	},
	{
		name: "ECMA array without its end", wire: "08 00000001 0001 61 05",
		values: []Value{ECMAArray{{"a", nil}}}, oneWay: true,
	},
	{name: "strict array", wire: "0a 00000002 05 0101", values: []Value{Array{nil, true}}},
	{name: "date", wire: "0b 4270000000000000 ffc4", values: []Value{Date{1 << 40, -60}}},
	{name: "XML", wire: "0f 00000004 3c612f3e", values: []Value{XML("<a/>")}},
	{
		name: "reference", wire: "03 0001 61 0a 00000001 05 0001 62 07 0001 000009",
		values: []Value{Object{{"a", Array{nil}}, {"b", Array{nil}}}}, oneWay: true,
	},
	{name: "AMF3 inside", wire: "11 0c 05 0102", values: []Value{[]byte{1, 2}}},
	{name: "AMF3 number inside", wire: "11 04 05 05", values: []Value{5.0, nil}, oneWay: true},
	{
		name: "connect", wire: "02 0007 636f6e6e656374 00 3ff0000000000000 03 0003 617070 02 0004 6c697665 000009",
		values: []Value{"connect", 1.0, Object{{"app", "live"}}},
	},
}

var cases3 = []testCase{
	{name: "simple", wire: "00 01 02 03", values: []Value{Undefined{}, nil, false, true}},
	{
		name: "integers", wire: "0400 047f 048100 04ffff7f 0480c08000 04bfffffff 04c0808000 04ffffffff",
		values: []Value{0.0, 127.0, 128.0, 2097151.0, 2097152.0, 268435455.0, -268435456.0, -1.0},
	},
	{
		name: "doubles", wire: "05 400c000000000000 05 8000000000000000 05 41b0000000000000",
		values: []Value{3.5, math.Copysign(0, -1), float64(1 << 28)},
	},
	{name: "strings", wire: "06 07 666f6f 06 01", values: []Value{"foo", ""}},
	{name: "string reference", wire: "06 07 666f6f 06 00", values: []Value{"foo", "foo"}, oneWay: true},
	{name: "XML", wire: "0b 09 3c612f3e", values: []Value{XML("<a/>")}},
	{name: "XML document", wire: "07 09 3c612f3e", values: []Value{XML("<a/>")}, oneWay: true},
	{name: "date", wire: "08 01 4270000000000000", values: []Value{Date{Milliseconds: 1 << 40}}},
	{name: "dense array", wire: "09 05 01 01 03", values: []Value{Array{nil, true}}},
	{name: "associative array", wire: "09 01 0361 01 01", values: []Value{ECMAArray{{"a", nil}}}},
	{name: "array of both", wire: "09 03 0361 01 01 03", values: []Value{ECMAArray{{"a", nil}, {"0", true}}}, oneWay: true},
	{name: "object", wire: "0a 0b 01 0361 01 01", values: []Value{Object{{"a", nil}}}},
	{
		name: "sealed members and reused traits", wire: "0a 13 0343 0361 03 0a 01 02",
		values: []Value{TypedObject{"C", Object{{"a", true}}}, TypedObject{"C", Object{{"a", false}}}}, oneWay: true,
	},
	{name: "typed object", wire: "0a 0b 0343 0361 01 01", values: []Value{TypedObject{"C", Object{{"a", nil}}}}},
	{name: "object reference", wire: "0a 0b 01 01 0a 00", values: []Value{Object{}, Object{}}, oneWay: true},
	{name: "byte array", wire: "0c 05 0102", values: []Value{[]byte{1, 2}}},
	{
		name: "vectors", wire: "0d 03 00 ffffffff 0e 03 00 ffffffff 0f 03 00 400c000000000000",
		values: []Value{[]int32{-1}, []uint32{math.MaxUint32}, []float64{3.5}},
	},
	{name: "vector of objects", wire: "10 03 00 0343 01", values: []Value{Array{nil}}, oneWay: true},
	{name: "dictionary", wire: "11 03 00 0401 03", values: []Value{Dictionary{{1.0, true}}}},
}

type codec struct {
	decode func([]byte) ([]Value, error)
	append func([]byte, ...Value) ([]byte, error)
}

var (
	amf0 = codec{Decode0, Append0}
	amf3 = codec{Decode3, Append3}
)

func (c codec) test(t *testing.T, cases []testCase) {
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			wire := tc.bytes(t)
			got, err := c.decode(wire)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.values, got); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
			out, err := c.append([]byte{0xee}, tc.values...)
			if err != nil {
				t.Fatal(err)
			}
			if !tc.oneWay && !bytes.Equal(out[1:], wire) {
				t.Errorf("encoded % x, want % x", out[1:], wire)
			}
			again, err := c.decode(out[1:])
			if diff := cmp.Diff(got, again); err != nil || diff != "" {
				t.Errorf("a second round trip differs: %v\n%s", err, diff)
			}
		})
	}
}

func TestAMF0(t *testing.T) { amf0.test(t, cases0) }
func TestAMF3(t *testing.T) { amf3.test(t, cases3) }

// Cutting a message short gives an error, or the values that end before the
// cut. An ECMA array may end with the message once it has all its properties.
func TestTruncated(t *testing.T) {
	for _, set := range []struct {
		codec
		cases []testCase
	}{{amf0, cases0}, {amf3, cases3}} {
		for _, tc := range set.cases {
			wire := tc.bytes(t)
			for n := range wire {
				if n > 100 && n < len(wire)-100 {
					continue
				}
				got, err := set.decode(wire[:n])
				if err == nil && len(got) >= len(tc.values) && wire[0] != m0ECMAArray {
					t.Errorf("%s: no error at %d of %d bytes", tc.name, n, len(wire))
				}
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	deep := bytes.Repeat([]byte{m0StrictArray, 0, 0, 0, 1}, 200)
	// Each array holds the one before it twice: 2^40 values in 400 bytes.
	bomb := []byte{m0StrictArray, 0, 0, 0, 1, m0Null}
	for i := range byte(40) {
		bomb = append(bomb, m0StrictArray, 0, 0, 0, 2, m0Reference, 0, i, m0Reference, 0, i)
	}
	for _, c := range []struct {
		name   string
		decode func([]byte) ([]Value, error)
		wire   []byte
		want   error
	}{
		{"reserved marker", Decode0, []byte{0x04}, ErrMarker},
		{"unknown marker", Decode0, []byte{0x12}, ErrMarker},
		{"deep", Decode0, deep, ErrTooDeep},
		{"reference bomb", Decode0, bomb, ErrTooLarge},
		{"reference to itself", Decode0, []byte{m0StrictArray, 0, 0, 0, 1, m0Reference, 0, 0}, ErrReference},
		{"reference to nothing", Decode0, []byte{m0Reference, 0, 0}, ErrReference},
		{"huge strict array", Decode0, []byte{m0StrictArray, 0xff, 0xff, 0xff, 0xff, m0Null}, ErrLength},
		{"huge long string", Decode0, []byte{m0LongString, 0xff, 0xff, 0xff, 0xff, 'x'}, ErrTruncated},
		{"many values", Decode0, bytes.Repeat([]byte{m0Null}, maxWeight+1), ErrTooLarge},
		{"unknown marker", Decode3, []byte{0x12, 1}, ErrMarker},
		{"externalizable", Decode3, []byte{m3Object, 0x07, 0x03, 'C'}, ErrMarker},
		{"string reference to nothing", Decode3, []byte{m3String, 0x02}, ErrReference},
		{"traits reference to nothing", Decode3, []byte{m3Object, 0x01}, ErrReference},
		{"array in itself", Decode3, []byte{m3Array, 0x03, 0x01, m3Array, 0x00}, ErrReference},
		{"huge array", Decode3, []byte{m3Array, 0xff, 0xff, 0xff, 0xff, 0x01}, ErrLength},
		{"huge vector", Decode3, []byte{m3VectorDouble, 0xff, 0xff, 0xff, 0xff, 0x00}, ErrLength},
		{"huge traits", Decode3, []byte{m3Object, 0xff, 0xff, 0xff, 0xf3, 0x01}, ErrLength},
		{"deep", Decode3, bytes.Repeat([]byte{m3Array, 0x03, 0x01}, 200), ErrTooDeep},
	} {
		if _, err := c.decode(c.wire); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestValuesBeforeAnErrorAreKept(t *testing.T) {
	got, err := Decode0([]byte{m0Null, m0Boolean, 1, 0xff})
	if diff := cmp.Diff([]Value{nil, true}, got); err == nil || diff != "" {
		t.Errorf("err %v, values %s", err, diff)
	}
}

func TestBadValues(t *testing.T) {
	var deep Value
	for range maxDepth + 1 {
		deep = Array{deep}
	}
	for _, c := range []struct {
		name  string
		value Value
		want  error
	}{
		{"a Go type without a form", struct{}{}, ErrType},
		{"one inside", Object{{"a", Array{make(chan int)}}}, ErrType},
		{"deep", deep, ErrTooDeep},
	} {
		for _, codec := range []codec{amf0, amf3} {
			if b, err := codec.append([]byte{1}, c.value); !errors.Is(err, c.want) || len(b) != 1 {
				t.Errorf("%s: % x, %v, want %v", c.name, b, err, c.want)
			}
		}
	}
	if _, err := Append0(nil, Object{{long, nil}}); !errors.Is(err, ErrLength) {
		t.Errorf("long name: %v", err)
	}
	if _, err := Append3(nil, Object{{"", nil}}); !errors.Is(err, ErrLength) {
		t.Errorf("empty name: %v", err)
	}
}

func TestGet(t *testing.T) {
	o := Object{{"a", "first"}, {"a", "last"}, {"n", 1.0}}
	if got := Get[string](o, "a"); got != "last" {
		t.Errorf("a = %q", got)
	}
	if got := Get[string](o, "n"); got != "" {
		t.Errorf("n as a string = %q", got)
	}
	for _, v := range []Value{o, ECMAArray(o), TypedObject{"C", o}} {
		if got := Get[float64](Properties(v), "n"); got != 1 {
			t.Errorf("%T: n = %v", v, got)
		}
	}
	if Properties("text") != nil {
		t.Error("text has properties")
	}
}

// fuzz checks that what was decoded encodes to something that decodes to the
// same; NaN is not equal to itself, so encodings are compared.
func (c codec) fuzz(f *testing.F, cases []testCase) {
	for _, tc := range cases {
		f.Add(tc.bytes(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		values, err := c.decode(b)
		if err != nil {
			return
		}
		first, err := c.append(nil, values...)
		if errors.Is(err, ErrTooDeep) || errors.Is(err, ErrLength) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		values, err = c.decode(first)
		if errors.Is(err, ErrTooLarge) {
			return
		} else if err != nil {
			t.Fatalf("own encoding % x: %v", first, err)
		}
		second, err := c.append(nil, values...)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("% x became % x (%v)", first, second, err)
		}
	})
}

func FuzzAMF0(f *testing.F) { amf0.fuzz(f, cases0) }
func FuzzAMF3(f *testing.F) { amf3.fuzz(f, cases3) }

func BenchmarkDecode0(b *testing.B) {
	b.ReportAllocs()
	wire, err := Append0(nil, "onMetaData", ECMAArray{{"width", 1280}, {"height", 720}, {"videocodecid", "avc1"}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Decode0(wire); err != nil {
			b.Fatal(err)
		}
	}
}
