package rtsp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"sluice/protocols/rtsp/wire"
	"sluice/server/redact"
)

// Client connects to servers. Its fields must not change while it is in use.
type Client struct {
	// Lower is how media travels; the zero value is ByTCP.
	Lower Lower
	// TLS is the configuration for rtsps; nil means the system's roots.
	TLS *tls.Config
	// UserAgent is sent with each request; "" sends "Sluice".
	UserAgent string
	// Dial opens the TCP connection; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// StepTimeout bounds connecting and each request, IdleTimeout the silence
	// of a server that sends media, and WriteTimeout one write of media. 0
	// means 10, 15 and 10 seconds.
	StepTimeout, IdleTimeout, WriteTimeout time.Duration
	// UDPWait is how long the first packet over UDP is waited for where Lower
	// is Auto; 0 means 3 seconds.
	UDPWait time.Duration
	// Jitter is how long a missing packet over UDP is waited for; 0 means 250 ms.
	Jitter time.Duration
}

// Lower is how media travels between client and server.
type Lower string

// The ways.
const (
	// ByTCP sends media over the connection of the requests: nothing is lost.
	ByTCP Lower = "tcp"
	// ByUDP sends it over UDP.
	ByUDP Lower = "udp"
	// Auto tries UDP, and TCP where the server refuses that or where nothing
	// arrives.
	Auto Lower = "auto"
)

// maxHops bounds redirects.
const maxHops = 5

// AnswerError is the answer of a server that does not do what it was asked.
type AnswerError struct {
	Method wire.Method
	Status wire.Status
	Reason string
	// Location is where a redirect points to.
	Location string
}

// Error implements error.
func (e *AnswerError) Error() string {
	reason := e.Reason
	if reason == "" {
		reason = e.Status.String()
	}
	return fmt.Sprintf("rtsp: the server answers %s with %d %.80s", e.Method, e.Status, reason)
}

// isAnswer reports whether err is an answer with that status.
func isAnswer(err error, s wire.Status) bool {
	var e *AnswerError
	return errors.As(err, &e) && e.Status == s
}

// errNoPackets is the end of a session over UDP to which nothing came.
var errNoPackets = errors.New("rtsp: the server sends no media")

func (c *Client) stepTimeout() time.Duration  { return cmp.Or(c.StepTimeout, 10*time.Second) }
func (c *Client) idleTimeout() time.Duration  { return cmp.Or(c.IdleTimeout, 15*time.Second) }
func (c *Client) writeTimeout() time.Duration { return cmp.Or(c.WriteTimeout, 10*time.Second) }
func (c *Client) udpWait() time.Duration      { return cmp.Or(c.UDPWait, 3*time.Second) }
func (c *Client) jitter() time.Duration       { return cmp.Or(c.Jitter, 250*time.Millisecond) }

// lowers returns the ways to try, in their order.
func (c *Client) lowers() []Lower {
	switch c.Lower {
	case Auto:
		return []Lower{ByUDP, ByTCP}
	case ByUDP:
		return []Lower{ByUDP}
	default:
		return []Lower{ByTCP}
	}
}

// connect connects to the server of a URL and runs begin on the connection,
// with which the session starts. It follows the redirects that begin meets.
// The connection ends with ctx.
func (c *Client) connect(ctx context.Context, raw string, begin func(*clientConn) error) (*clientConn, error) {
	t, err := parseClientURL(raw)
	if err != nil {
		return nil, err
	}
	for range maxHops {
		cc, err := c.dial(ctx, t)
		if err != nil {
			return nil, err
		}
		if err = begin(cc); err == nil {
			return cc, nil
		}
		cc.close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if cc.asked && t.challenge == (wire.Challenge{}) && isHangup(err) {
			t.challenge = cc.challenge // some close the connection with their challenge
			continue
		}
		var s *AnswerError
		if !errors.As(err, &s) || s.Location == "" {
			return nil, err
		}
		if t, err = t.redirected(s.Location); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("rtsp: %s: gave up after %d redirects", redact.URL(t.url), maxHops)
}

// isHangup reports whether the server has closed the connection.
func isHangup(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func (c *Client) dial(ctx context.Context, t clientTarget) (*clientConn, error) {
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	step, cancel := context.WithTimeout(ctx, c.stepTimeout())
	defer cancel()
	nc, err := dial(step, "tcp", t.host)
	if err != nil {
		return nil, fmt.Errorf("rtsp: %w", err)
	}
	if !t.tls {
		return newClientConn(ctx, c, t, nc), nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		cfg = c.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(t.host)
	}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(step); err != nil {
		return nil, errors.Join(fmt.Errorf("rtsp: %w", err), nc.Close())
	}
	return newClientConn(ctx, c, t, tc), nil
}
