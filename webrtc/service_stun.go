package webrtc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Times between two questions to a STUN server: the answer also keeps a NAT's
// mapping alive.
const (
	stunAgain = 25 * time.Second
	stunRetry = 5 * time.Second
)

// discover asks the STUN servers in the background by which address they see the
// UDP port, until ctx ends.
func (s *Service) discover(ctx context.Context) {
	if len(s.cfg.STUNServers) == 0 {
		return
	}
	known := map[string]netip.AddrPort{}
	for {
		wait := stunAgain
		for _, server := range s.cfg.STUNServers {
			mapped, err := s.query(ctx, server)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				wait = stunRetry
				if known[server].IsValid() || len(known) == 0 {
					s.log.Warn("webrtc: STUN", "server", server, "error", err)
				}
				known[server] = netip.AddrPort{}
				continue
			}
			if known[server] != mapped {
				s.log.Info("webrtc: public address found by STUN", "server", server, "address", mapped)
				known[server] = mapped
			}
		}
		s.locate.setMapped(known)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func (s *Service) query(ctx context.Context, server string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return netip.AddrPort{}, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return netip.AddrPort{}, err
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, a := range addrs {
		mapped, qerr := s.mux.Query(ctx, netip.AddrPortFrom(a.Unmap(), uint16(number)))
		if qerr == nil {
			return mapped, nil
		}
		err = qerr
	}
	return netip.AddrPort{}, fmt.Errorf("webrtc: %w", err)
}
