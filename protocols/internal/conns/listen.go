package conns

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
)

// Address is where a protocol listens. An empty one is off.
type Address struct {
	Protocol string // "rtmps"
	Addr     string
	TLS      *tls.Config // nil for plain TCP
}

// Listeners are those of a running server.
type Listeners struct {
	addrs   []net.Addr
	serving sync.WaitGroup
}

// Listen opens the addresses, all or none, and calls serve with each listener on a
// goroutine of its own. It ends with ErrClosed, or with an error for the log.
func Listen(log *slog.Logger, serve func(net.Listener) error, addresses ...Address) (*Listeners, error) {
	list, err := open(log, addresses)
	if err != nil {
		return nil, err
	}
	l := &Listeners{}
	for _, ln := range list {
		l.addrs = append(l.addrs, ln.Addr())
		l.serving.Go(func() {
			if err := serve(ln); !errors.Is(err, ErrClosed) {
				log.Error("listener failed", "address", ln.Addr(), "error", err)
			}
		})
	}
	return l, nil
}

// Addrs returns the addresses listened on, in the order of Listen, without those
// that are off.
func (l *Listeners) Addrs() []net.Addr { return l.addrs }

// Wait waits until nothing is served any more, after Group.Shutdown.
func (l *Listeners) Wait() { l.serving.Wait() }

func open(log *slog.Logger, addresses []Address) ([]net.Listener, error) {
	var list []net.Listener
	for _, a := range addresses {
		if a.Addr == "" {
			continue
		}
		ln, err := net.Listen("tcp", a.Addr)
		if err != nil {
			for _, other := range list {
				err = errors.Join(err, other.Close())
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
