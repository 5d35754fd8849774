package icemux

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// STUN attributes, RFC 8489 section 14.
const (
	stunMapped    = 0x0001
	stunXORMapped = 0x0020
)

// Times of a query: it is repeated as RFC 8489 section 6.2.1 says, a few times
// only.
const (
	queryRepeat = 500 * time.Millisecond
	queryTries  = 4
)

var errNoMapping = errors.New("icemux: the STUN server's answer has no address")

// Query asks a STUN server by which address it sees this socket.
func (m *Mux) Query(ctx context.Context, server netip.AddrPort) (netip.AddrPort, error) {
	s := m.socketFor(server.Addr())
	if s == nil {
		return netip.AddrPort{}, fmt.Errorf("icemux: no socket reaches %v", server)
	}
	request := make([]byte, stunHeader)
	binary.BigEndian.PutUint16(request, 1) // binding request
	binary.BigEndian.PutUint32(request[4:], stunCookie)
	_, _ = rand.Read(request[8:])
	id := [12]byte(request[8:])
	answers := make(chan []byte, 1)
	m.mu.Lock()
	m.queries[id] = answers
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.queries, id)
		m.mu.Unlock()
	}()
	wait := queryRepeat
	for range queryTries {
		if err := s.send(request, server, nil); err != nil {
			return netip.AddrPort{}, fmt.Errorf("icemux: STUN server %v: %w", server, err)
		}
		timer := time.NewTimer(wait)
		select {
		case b := <-answers:
			timer.Stop()
			if a := mappedAddress(b); a.IsValid() {
				return a, nil
			}
			return netip.AddrPort{}, errNoMapping
		case <-ctx.Done():
			timer.Stop()
			return netip.AddrPort{}, context.Cause(ctx)
		case <-timer.C:
			wait *= 2
		}
	}
	return netip.AddrPort{}, fmt.Errorf("icemux: STUN server %v does not answer", server)
}

// mappedAddress returns the address in a STUN response, or the zero value.
func mappedAddress(b []byte) (found netip.AddrPort) {
	id := b[4:stunHeader]
	for typ, value := range attributes(b) {
		if len(value) < 8 {
			continue
		}
		port, raw := binary.BigEndian.Uint16(value[2:]), append([]byte(nil), value[4:]...)
		if typ == stunXORMapped {
			port ^= stunCookie >> 16
			for i := range min(len(raw), len(id)) {
				raw[i] ^= id[i]
			}
		}
		addr, ok := netip.AddrFromSlice(raw)
		switch {
		case !ok:
		case typ == stunXORMapped:
			return unmap(netip.AddrPortFrom(addr, port))
		case typ == stunMapped:
			found = unmap(netip.AddrPortFrom(addr, port))
		}
	}
	return found
}
