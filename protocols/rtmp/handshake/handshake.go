package handshake

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// Size is the length of C1, C2, S1 and S2 in bytes.
	Size = 1536
	// Version is the content of C0 and S0.
	Version = 3
)

// Block is C1, C2, S1 or S2.
type Block [Size]byte

// Scheme is how a peer's first block is signed.
type Scheme uint8

// The schemes: no digest, and a digest whose place bytes 8-11 or bytes
// 772-775 tell.
const (
	Simple Scheme = iota
	Digest0
	Digest1
)

// String returns "simple", "digest 0" or "digest 1".
func (s Scheme) String() string {
	switch s {
	case Digest0:
		return "digest 0"
	case Digest1:
		return "digest 1"
	default:
		return "simple"
	}
}

// Errors that tell a peer that cannot be served.
var (
	ErrVersion   = errors.New("rtmp: not an RTMP handshake")
	ErrEncrypted = errors.New("rtmp: the peer wants RTMPE, which is not supported; use RTMPS")
)

// CheckVersion refuses what is not plain RTMP in C0 or S0.
func CheckVersion(b byte) error {
	switch b {
	case Version:
		return nil
	case 6, 8, 9:
		return ErrEncrypted
	}
	return fmt.Errorf("%w (first byte 0x%02x)", ErrVersion, b)
}

// ClientHello returns C1. The random block fills what has no other meaning;
// millis is the client's clock in milliseconds.
func ClientHello(s Scheme, millis uint32, random *Block) Block {
	return hello(s, clientVersion, clientKey[:clientName], millis, random)
}

// ServerReply answers C1 with S1 and S2 in the scheme that C1 has.
func ServerReply(c1 *Block, millis uint32, random *[2]Block) (s1, s2 Block, s Scheme) {
	s, digest := find(c1, clientKey[:clientName])
	if s == Simple {
		return hello(Simple, 0, nil, millis, &random[0]), *c1, Simple
	}
	s1 = hello(s, serverVersion, serverKey[:serverName], millis, &random[0])
	return s1, sign(serverKey, digest, &random[1]), s
}

// ClientReply answers S1 with C2 in the scheme that S1 has.
func ClientReply(s1 *Block, random *Block) (c2 Block, s Scheme) {
	s, digest := find(s1, serverKey[:serverName])
	if s == Simple {
		return *s1, Simple
	}
	return sign(clientKey, digest, random), s
}

// CheckC2 reports whether C2 answers S1: by echo, or by its signature.
func CheckC2(s1, c2 *Block) bool {
	return answers(s1, c2, serverKey[:serverName], clientKey)
}

// CheckS2 reports whether S2 answers C1: by echo, or by its signature.
func CheckS2(c1, s2 *Block) bool {
	return answers(c1, s2, clientKey[:clientName], serverKey)
}

// hello builds C1 or S1: the clock, a version, random bytes, and with a
// digest scheme the digest in its place.
func hello(s Scheme, version uint32, name []byte, millis uint32, random *Block) Block {
	b := *random
	binary.BigEndian.PutUint32(b[0:], millis)
	binary.BigEndian.PutUint32(b[4:], version)
	if s != Simple {
		at := digestAt(s, &b)
		copy(b[at:], digestOf(&b, at, name))
	}
	return b
}
