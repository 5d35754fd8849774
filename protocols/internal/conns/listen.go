package conns

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
)

// Address is where a protocol listens. An empty one is off.
type Address struct {
	Protocol string // "rtmps"
	Addr     string
	TLS      *tls.Config // nil for plain TCP
}

// Listen opens the addresses, all or none.
func Listen(log *slog.Logger, addresses ...Address) ([]net.Listener, error) {
	var list []net.Listener
	for _, a := range addresses {
		if a.Addr == "" {
			continue
		}
		ln, err := net.Listen("tcp", a.Addr)
		if err != nil {
			for _, open := range list {
				err = errors.Join(err, open.Close())
			}
			return nil, fmt.Errorf("%s: %w", a.Protocol, err)
		}
		log.Info("listening", "protocol", a.Protocol, "address", ln.Addr())
		if a.TLS != nil {
			ln = tls.NewListener(ln, a.TLS)
		}
		list = append(list, ln)
	}
	return list, nil
}

// Addrs returns where the listeners listen.
func Addrs(list []net.Listener) []net.Addr {
	addrs := make([]net.Addr, len(list))
	for i, ln := range list {
		addrs[i] = ln.Addr()
	}
	return addrs
}
