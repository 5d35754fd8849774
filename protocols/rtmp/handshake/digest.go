package handshake

import (
	"crypto/hmac"
	"crypto/sha256"
)

const (
	digestSize = sha256.Size
	// A digest stands somewhere in the 764 bytes of its half of the block,
	// behind the four bytes that tell where.
	digestRange = 764 - 4 - digestSize

	clientVersion = 0x0c000d0e // Flash Player 12.0.13.14
	serverVersion = 0x04050001 // Flash Media Server 4.5.0.1

	clientName = 30 // length of the readable part of clientKey
	serverName = 36 // length of the readable part of serverKey
)

const keyTail = "\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57" +
	"\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae"

// The keys that every implementation shares: first blocks are signed with
// the readable part, answers with the whole.
var (
	clientKey = []byte("Genuine Adobe Flash Player 001" + keyTail)
	serverKey = []byte("Genuine Adobe Flash Media Server 001" + keyTail)
)

// digestAt returns the place of the digest that b itself tells.
func digestAt(s Scheme, b *Block) int {
	base := 8
	if s == Digest1 {
		base = 772
	}
	sum := int(b[base]) + int(b[base+1]) + int(b[base+2]) + int(b[base+3])
	return base + 4 + sum%digestRange
}

// digestOf signs b without the place of the digest itself.
func digestOf(b *Block, at int, key []byte) []byte {
	return mac(key, b[:at], b[at+digestSize:])
}

// find returns the scheme of a first block and its digest, Simple and nil if
// neither layout holds a valid one.
func find(b *Block, key []byte) (Scheme, []byte) {
	for _, s := range []Scheme{Digest0, Digest1} {
		at := digestAt(s, b)
		digest := b[at : at+digestSize]
		if hmac.Equal(digest, digestOf(b, at, key)) {
			return s, digest
		}
	}
	return Simple, nil
}

// sign builds the answer to a first block with that digest: random bytes and
// their signature.
func sign(key, digest []byte, random *Block) Block {
	b := *random
	copy(b[Size-digestSize:], mac(mac(key, digest), b[:Size-digestSize]))
	return b
}

// answers reports whether reply answers first: the owner of nameKey made
// first, the owner of replyKey answered.
func answers(first, reply *Block, nameKey, replyKey []byte) bool {
	if _, digest := find(first, nameKey); digest != nil {
		body := reply[:Size-digestSize]
		if hmac.Equal(mac(mac(replyKey, digest), body), reply[Size-digestSize:]) {
			return true
		}
	}
	// The time of arrival stands in bytes 4-7 of an echo.
	return [4]byte(first[:4]) == [4]byte(reply[:4]) && [Size - 8]byte(first[8:]) == [Size - 8]byte(reply[8:])
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
