package rtmp

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/protocols/rtmp/handshake"
)

// acceptHandshake performs the server's side of the handshake. The first byte decides
// alone: what speaks another protocol is gone before it sends 1536 more.
func (c *conn) acceptHandshake() error {
	_ = c.net.SetDeadline(c.patience.until) // for TLS, whose handshake also writes
	version, err := c.br.ReadByte()
	if err != nil {
		return c.cause(err)
	}
	if err := handshake.CheckVersion(version); err != nil {
		return err
	}
	var c1, c2 handshake.Block
	if _, err := io.ReadFull(c.br, c1[:]); err != nil {
		return fmt.Errorf("handshake: %w", c.cause(err))
	}
	var random [2]handshake.Block
	for i := range random {
		_, _ = rand.Read(random[i][:]) // never fails
	}
	s1, s2, _ := handshake.ServerReply(&c1, uint32(time.Now().UnixMilli()), &random)
	reply := append([]byte{handshake.Version}, s1[:]...)
	if _, err := c.net.Write(append(reply, s2[:]...)); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	// What C2 holds is of no consequence: some encoders send zeros.
	if _, err := io.ReadFull(c.br, c2[:]); err != nil {
		return fmt.Errorf("handshake: %w", c.cause(err))
	}
	return nil
}

// offerHandshake performs the client's side, signed as Flash signs it.
func (c *conn) offerHandshake() error {
	_ = c.net.SetDeadline(c.patience.until)
	var random handshake.Block
	_, _ = rand.Read(random[:])
	c1 := handshake.ClientHello(handshake.Digest1, uint32(time.Now().UnixMilli()), &random)
	if _, err := c.net.Write(append([]byte{handshake.Version}, c1[:]...)); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	version, err := c.br.ReadByte()
	if err != nil {
		return fmt.Errorf("handshake: %w", c.cause(noEOF(err)))
	}
	if err := handshake.CheckVersion(version); err != nil {
		return err
	}
	var s1, s2 handshake.Block
	for _, b := range []*handshake.Block{&s1, &s2} {
		if _, err := io.ReadFull(c.br, b[:]); err != nil {
			return fmt.Errorf("handshake: %w", c.cause(noEOF(err)))
		}
	}
	// S2 is not checked: many servers echo what they should sign.
	c2, _ := handshake.ClientReply(&s1, &random)
	if _, err := c.net.Write(c2[:]); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	return nil
}

// noEOF makes an end where an answer is due an error of its own.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
