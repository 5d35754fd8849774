package message

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/container/amf"
)

// A testCase is one message and what it parses to. It drives parsing, the way
// back, truncation and the fuzz seeds.
type testCase struct {
	name   string
	typ    Type
	body   string // hex, blanks ignored
	want   any
	oneWay bool
}

var cases = []testCase{
	{name: "set chunk size", typ: SetChunkSize, body: "00001000", want: uint32(4096)},
	{name: "abort", typ: Abort, body: "00000006", want: uint32(6)},
	{name: "acknowledgement", typ: Acknowledgement, body: "ffffffff", want: uint32(1<<32 - 1)},
	{name: "window", typ: WindowAckSize, body: "002625a0", want: uint32(2500000)},
	{name: "peer bandwidth", typ: SetPeerBandwidth, body: "002625a0 02", want: bandwidth{2500000, Dynamic}},
	{name: "peer bandwidth without a limit", typ: SetPeerBandwidth, body: "002625a0", want: bandwidth{2500000, Hard}, oneWay: true},
	{name: "stream begin", typ: UserControl, body: "0000 00000001", want: Event{Type: StreamBegin, Value: 1}},
	{name: "buffer length", typ: UserControl, body: "0003 00000001 000003e8", want: Event{SetBufferLength, 1, 1000}},
	{name: "ping", typ: UserControl, body: "0006 00000539", want: Event{Type: PingRequest, Value: 1337}},
	{name: "an event of Flash's own", typ: UserControl, body: "001a 00", want: Event{Type: 26}, oneWay: true},
	{
		name: "command", typ: CommandAMF0, body: "02 0004 706c6179 00 0000000000000000 05 02 0001 61",
		want: Command{Name: "play", Args: []amf.Value{"a"}},
	},
	{
		name: "command in AMF3", typ: CommandAMF3, body: "00 02 0004 706c6179 00 0000000000000000 05 11 06 03 61",
		want: Command{Name: "play", Args: []amf.Value{"a"}}, oneWay: true,
	},
	{
		name: "command in AMF3 without the format byte", typ: CommandAMF3, body: "02 0004 706c6179",
		want: Command{Name: "play"}, oneWay: true,
	},
	{
		name: "command with garbage behind it", typ: CommandAMF0, body: "02 0004 706c6179 00 0000000000000000 05 ff",
		want: Command{Name: "play"}, oneWay: true,
	},
	{
		name: "data", typ: DataAMF0, body: "02 0002 6f6e 08 00000001 0001 61 0101 000009",
		want: Data{"on", []amf.Value{amf.ECMAArray{{Name: "a", Value: true}}}},
	},
	{
		name: "aggregate", typ: Aggregate, body: "08 000002 fffff0 ff 000001 af01 0000000d 09 000001 000000 00 000001 17 0000000c",
		want: []Message{{Audio, 1, 5000, []byte{0xaf, 1}}, {Video, 1, 5016, []byte{0x17}}},
	},
	{
		name: "aggregate without the last back pointer", typ: Aggregate, body: "08 000001 000000 00 000000 af",
		want: []Message{{Audio, 1, 5000, []byte{0xaf}}}, oneWay: true,
	},
}

type bandwidth struct {
	Window uint32
	Limit  Limit
}

func (c testCase) message(t testing.TB) Message {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(c.body), ""))
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return Message{Type: c.typ, StreamID: 1, Timestamp: 5000, Body: b}
}

func parse(m Message) (any, error) {
	switch m.Type {
	case SetChunkSize, Abort, Acknowledgement, WindowAckSize:
		return ParseUint32(m)
	case SetPeerBandwidth:
		w, l, err := ParsePeerBandwidth(m)
		return bandwidth{w, l}, err
	case UserControl:
		return ParseEvent(m)
	case CommandAMF0, CommandAMF3:
		return ParseCommand(m)
	case DataAMF0, DataAMF3:
		return ParseData(m)
	case Aggregate:
		return Split(m)
	}
	return nil, ErrInvalid
}

// body is the way back from parse.
func body(t testing.TB, typ Type, v any) []byte {
	t.Helper()
	switch v := v.(type) {
	case uint32:
		return NewUint32(typ, v).Body
	case bandwidth:
		return NewPeerBandwidth(v.Window, v.Limit).Body
	case Event:
		return v.Message().Body
	case Command:
		m, err := v.Message(1)
		if err != nil {
			t.Fatal(err)
		}
		return m.Body
	case Data:
		b, err := v.Body()
		if err != nil {
			t.Fatal(err)
		}
		return b
	case []Message:
		var b []byte
		for _, m := range v {
			m.Timestamp += 0xfffffff0 - 5000 // what the case's wire starts at
			b = AppendPart(b, m)
		}
		return b
	}
	t.Fatalf("no way back from %T", v)
	return nil
}

func TestMessages(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := c.message(t)
			got, err := parse(m)
			if err != nil {
				t.Fatal(err)
			}
			if cmd, ok := got.(Command); ok && len(cmd.Args) == 0 {
				cmd.Args = nil
				got = cmd
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("parsed (-want +got):\n%s", diff)
			}
			if out := body(t, c.typ, c.want); !c.oneWay && !bytes.Equal(out, m.Body) {
				t.Errorf("encoded % x, want % x", out, m.Body)
			}
		})
	}
}

// A message cut short is an error. Commands, data and aggregates may be cut
// between their parts.
func TestTruncated(t *testing.T) {
	for _, c := range cases {
		whole := c.message(t)
		for n := range whole.Body {
			m := whole
			m.Body = whole.Body[:n]
			_, err := parse(m)
			between := c.typ >= DataAMF3 || c.oneWay || c.typ == SetPeerBandwidth && n == 4
			if err == nil && !between {
				t.Errorf("%s: no error at %d of %d bytes", c.name, n, len(whole.Body))
			}
		}
	}
}

func TestBadMessages(t *testing.T) {
	for _, c := range []struct {
		name string
		typ  Type
		body []byte
		want error
	}{
		{"empty command", CommandAMF0, nil, ErrTruncated},
		{"command named by a number", CommandAMF0, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0}, ErrInvalid},
		{"empty data", DataAMF3, []byte{0}, ErrTruncated},
		{"data named by null", DataAMF0, []byte{5}, ErrInvalid},
		{"short window", WindowAckSize, []byte{1, 2, 3}, ErrTruncated},
		{"short event", UserControl, []byte{0}, ErrTruncated},
		{"short ping", UserControl, []byte{0, 6, 1}, ErrTruncated},
		{"short buffer length", UserControl, []byte{0, 3, 0, 0, 0, 1}, ErrTruncated},
		{"aggregate in an aggregate", Aggregate, AppendPart(nil, Message{Type: Aggregate}), ErrInvalid},
		{"set chunk size in an aggregate", Aggregate, AppendPart(nil, NewUint32(SetChunkSize, 1)), ErrInvalid},
		{"oversize part", Aggregate, []byte{8, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 1}, ErrTruncated},
	} {
		if _, err := parse(Message{Type: c.typ, Body: c.body}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestArg(t *testing.T) {
	c := Command{Args: []amf.Value{"name", -2.0}}
	if Arg[string](c, 0) != "name" || Arg[float64](c, 1) != -2 {
		t.Error("Arg does not return the arguments")
	}
	if Arg[string](c, 1) != "" || Arg[bool](c, 2) {
		t.Error("Arg makes values up")
	}
}

func TestTypeNames(t *testing.T) {
	if Video.String() != "video" || Type(99).String() != "type 99" {
		t.Errorf("%v, %v", Video, Type(99))
	}
}

func FuzzMessage(f *testing.F) {
	for _, c := range cases {
		m := c.message(f)
		f.Add(byte(m.Type), m.Body)
	}
	f.Fuzz(func(t *testing.T, typ byte, b []byte) {
		m := Message{Type: Type(typ), Body: b}
		v, err := parse(m)
		if err != nil {
			return
		}
		switch v := v.(type) {
		case Command:
			// What was read can be answered: only nesting that AMF3 adds
			// and names too long for AMF0 may fail.
			_, _ = v.Message(0)
		case []Message:
			total := 0
			for _, part := range v {
				total += len(part.Body)
			}
			if total > len(b) {
				t.Fatalf("%d bytes in parts of %d bytes", total, len(b))
			}
		}
	})
}
