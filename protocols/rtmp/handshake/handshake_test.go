package handshake

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"
)

func random(seed uint64) *Block {
	var b Block
	rnd := rand.New(rand.NewPCG(seed, 0))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return &b
}

func TestHandshake(t *testing.T) {
	for _, scheme := range []Scheme{Simple, Digest0, Digest1} {
		t.Run(scheme.String(), func(t *testing.T) {
			for seed := range uint64(300) { // digests all over their range
				c1 := ClientHello(scheme, 1000, random(seed))
				s1, s2, got := ServerReply(&c1, 2000, &[2]Block{*random(seed + 1000), *random(seed + 2000)})
				if got != scheme {
					t.Fatalf("seed %d: the server sees %v", seed, got)
				}
				if !CheckS2(&c1, &s2) {
					t.Fatalf("seed %d: S2 does not answer C1", seed)
				}
				c2, got := ClientReply(&s1, random(seed+3000))
				if got != scheme {
					t.Fatalf("seed %d: the client sees %v", seed, got)
				}
				if !CheckC2(&s1, &c2) {
					t.Fatalf("seed %d: C2 does not answer S1", seed)
				}
				if ms := binary.BigEndian.Uint32(s1[:]); ms != 2000 {
					t.Fatalf("S1 has time %d", ms)
				}
				c2[Size-1] ^= 1
				s2[Size-1] ^= 1
				if CheckC2(&s1, &c2) || CheckS2(&c1, &s2) {
					t.Fatalf("seed %d: damaged answers pass", seed)
				}
			}
		})
	}
}

func TestSimpleEchoes(t *testing.T) {
	c1 := ClientHello(Simple, 7, random(1))
	s1, s2, _ := ServerReply(&c1, 8, &[2]Block{*random(2), *random(3)})
	if c1 != s2 {
		t.Error("S2 is not C1")
	}
	if !bytes.Equal(s1[4:8], make([]byte, 4)) {
		t.Errorf("S1 has version % x", s1[4:8])
	}
	if c2, _ := ClientReply(&s1, random(4)); c2 != s1 {
		t.Error("C2 is not S1")
	}
	s2[5] = 9 // a peer may note its time of arrival
	if !CheckS2(&c1, &s2) {
		t.Error("an echo with a time of arrival is refused")
	}
}

// A digest of known bytes keeps the key and the layouts from changing.
func TestKnownDigest(t *testing.T) {
	var zero Block
	for scheme, want := range map[Scheme]int{Digest0: 12, Digest1: 776} {
		c1 := ClientHello(scheme, 0, &zero)
		if at := digestAt(scheme, &c1); at != want {
			t.Errorf("%v: digest at %d, want %d", scheme, at, want)
		}
		const digest = "9ae0e59f4238fbd7815ea17e45e5b39eef22e8ba4a988ec91cd415df2036e734"
		if got := hex.EncodeToString(c1[want : want+digestSize]); got != digest {
			t.Errorf("%v: digest %s", scheme, got)
		}
	}
}

func TestVersions(t *testing.T) {
	if err := CheckVersion(3); err != nil {
		t.Error(err)
	}
	for _, b := range []byte{0, 2, 'G', 0x16, 0xff} {
		if err := CheckVersion(b); !errors.Is(err, ErrVersion) {
			t.Errorf("0x%02x: %v", b, err)
		}
	}
	for _, b := range []byte{6, 8, 9} {
		if err := CheckVersion(b); !errors.Is(err, ErrEncrypted) {
			t.Errorf("0x%02x: %v", b, err)
		}
	}
}

// Whatever a client sends, the server's answer is one that a client of that
// scheme accepts.
func FuzzHandshake(f *testing.F) {
	for _, s := range []Scheme{Simple, Digest0, Digest1} {
		c1 := ClientHello(s, 1, random(uint64(s)))
		f.Add(c1[:])
	}
	r := &[2]Block{*random(10), *random(11)}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c1 Block
		copy(c1[:], b)
		s1, s2, s := ServerReply(&c1, 1, r)
		if !CheckS2(&c1, &s2) {
			t.Fatalf("%v: S2 does not answer C1", s)
		}
		c2, back := ClientReply(&s1, &r[0])
		if back != s || !CheckC2(&s1, &c2) {
			t.Fatalf("%v became %v", s, back)
		}
		ClientReply(&c1, &r[0])
	})
}

func BenchmarkServerReply(b *testing.B) {
	b.ReportAllocs()
	c1, r := ClientHello(Digest1, 1, random(1)), &[2]Block{*random(2), *random(3)}
	for b.Loop() {
		ServerReply(&c1, 1, r)
	}
}
