package message

import (
	"fmt"

	"sluice/protocols/container/amf"
)

// Command is a remote procedure call, its answer (named _result or _error) or
// a status (RTMP 7.1.1, 7.2).
type Command struct {
	Name string
	// Transaction pairs a call with its answer; 0 asks for none.
	Transaction float64
	// Object is the command object, often nil.
	Object amf.Value
	Args   []amf.Value
}

// ParseCommand reads the body of a CommandAMF0 or CommandAMF3 message. A
// missing transaction or object is tolerated, and so is garbage behind them:
// some encoders send both.
func ParseCommand(m Message) (Command, error) {
	values, err := values(m)
	if len(values) == 0 {
		if err == nil {
			err = ErrTruncated
		}
		return Command{}, fmt.Errorf("rtmp: command: %w", err)
	}
	c := Command{}
	var ok bool
	if c.Name, ok = values[0].(string); !ok {
		return Command{}, fmt.Errorf("%w: command named by a %T", ErrInvalid, values[0])
	}
	if len(values) > 1 {
		c.Transaction, _ = values[1].(float64)
	}
	if len(values) > 2 {
		c.Object = values[2]
		c.Args = values[3:]
	}
	return c, nil
}

// Message returns c as an AMF0 command on the message stream. The error is
// one of amf's: a value has no AMF form.
func (c Command) Message(streamID uint32) (Message, error) {
	b, err := amf.Append0(nil, c.Name, c.Transaction, c.Object)
	if err == nil {
		b, err = amf.Append0(b, c.Args...)
	}
	if err != nil {
		return Message{}, fmt.Errorf("rtmp: command %s: %w", c.Name, err)
	}
	return Message{Type: CommandAMF0, StreamID: streamID, Body: b}, nil
}

// Arg returns argument i of c if it is there and has type T, else T's zero
// value.
func Arg[T any](c Command, i int) T {
	var t T
	if i < len(c.Args) {
		t, _ = c.Args[i].(T)
	}
	return t
}

// Data is a data message: a handler's name and what it is called with, as in
// "onMetaData" and its properties.
type Data struct {
	Name string
	Args []amf.Value
}

// ParseData reads the body of a DataAMF0 or DataAMF3 message. Garbage behind
// a readable name is dropped.
func ParseData(m Message) (Data, error) {
	values, err := values(m)
	if len(values) == 0 {
		if err == nil {
			err = ErrTruncated
		}
		return Data{}, fmt.Errorf("rtmp: data: %w", err)
	}
	name, ok := values[0].(string)
	if !ok {
		return Data{}, fmt.Errorf("%w: data named by a %T", ErrInvalid, values[0])
	}
	return Data{Name: name, Args: values[1:]}, nil
}

// Body returns d in AMF0.
func (d Data) Body() ([]byte, error) {
	b, err := amf.Append0(nil, d.Name)
	if err == nil {
		b, err = amf.Append0(b, d.Args...)
	}
	if err != nil {
		return nil, fmt.Errorf("rtmp: data %s: %w", d.Name, err)
	}
	return b, nil
}

// values decodes a body of AMF0 values. The AMF3 message types put a format
// byte of 0 before them, and switch to AMF3 value by value.
func values(m Message) ([]amf.Value, error) {
	b := m.Body
	if (m.Type == CommandAMF3 || m.Type == DataAMF3) && len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	return amf.Decode0(b)
}
