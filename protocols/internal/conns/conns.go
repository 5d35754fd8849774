// Package conns is what servers that accept connections have in common: the
// listeners, the list of connections with its bound, and the end of it all.
package conns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ErrClosed is what ends a server and its connections on Shutdown.
var ErrClosed = errors.New("server closed")

// Conn is the server's side of one connection.
type Conn interface {
	comparable
	// End asks the connection to end for a reason, and does not wait.
	End(cause error)
	// Cut closes the connection's socket.
	Cut()
}

// Group is the connections of one server. The zero value is ready.
type Group[C Conn] struct {
	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	conns     map[C]struct{}
	running   sync.WaitGroup
}

// acceptPause is how long accepting rests when the system is out of resources,
// file descriptors most likely: others must end first.
const acceptPause = 100 * time.Millisecond

// Serve calls accept for each connection that ln brings, until Shutdown, after
// which it returns ErrClosed, or an error. What passes is given to complain.
func (g *Group[C]) Serve(ln net.Listener, accept func(net.Conn), complain func(error)) error {
	if !g.addListener(ln) {
		return errors.Join(ErrClosed, ln.Close())
	}
	defer g.removeListener(ln)
	for {
		nc, err := ln.Accept()
		var again interface{ Temporary() bool }
		switch {
		case err == nil:
			accept(nc)
		case g.isClosing():
			return ErrClosed
		case errors.As(err, &again) && again.Temporary():
			complain(err)
			time.Sleep(acceptPause)
		default:
			return fmt.Errorf("accept: %w", err)
		}
	}
}

func (g *Group[C]) addListener(ln net.Listener) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return false
	}
	if g.listeners == nil {
		g.listeners = make(map[net.Listener]struct{})
	}
	g.listeners[ln] = struct{}{}
	return true
}

func (g *Group[C]) removeListener(ln net.Listener) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.listeners, ln)
}

func (g *Group[C]) isClosing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closing
}

// Add takes a connection into the list, which Remove must follow. It reports
// false after Shutdown, and where there are limit of them already (0: no
// limit); full tells which.
func (g *Group[C]) Add(c C, limit int) (full, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	full = limit > 0 && len(g.conns) >= limit
	if full || g.closing {
		return full, false
	}
	if g.conns == nil {
		g.conns = make(map[C]struct{})
	}
	g.conns[c] = struct{}{}
	g.running.Add(1)
	return false, true
}

// Remove takes a connection that has ended off the list.
func (g *Group[C]) Remove(c C) {
	g.mu.Lock()
	delete(g.conns, c)
	g.mu.Unlock()
	g.running.Done()
}

// Len returns how many connections there are.
func (g *Group[C]) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// Shutdown closes the listeners, ends all connections with ErrClosed and waits
// for them. When ctx is done before that they are cut, and the error is that of
// ctx.
func (g *Group[C]) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	g.closing = true
	for ln := range g.listeners {
		_ = ln.Close()
	}
	open := make([]C, 0, len(g.conns))
	for c := range g.conns {
		open = append(open, c)
	}
	g.mu.Unlock()
	for _, c := range open {
		c.End(ErrClosed)
	}
	done := make(chan struct{})
	go func() {
		g.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		for _, c := range open {
			c.Cut()
		}
		<-done
		return ctx.Err()
	}
}
