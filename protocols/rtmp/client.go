package rtmp

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"

	"sluice/protocols/container/amf"
	"sluice/protocols/rtmp/message"
	"sluice/server/redact"
)

// Client connects to servers. Its fields must not change while it is in use.
type Client struct {
	Options Options
	// TLS is the configuration for rtmps; nil means the system's roots.
	TLS *tls.Config
	// Caps is what the client announces. The zero value asks for what players
	// without Enhanced RTMP understand.
	Caps Capabilities
	// UserAgent is sent as flashVer; "" sends one that servers know.
	UserAgent string
	// Dial opens the TCP connection; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// maxHops bounds redirects and attempts to authenticate.
const maxHops = 5

// NewClient returns a client with the default options that takes all codecs,
// in the forms of Enhanced RTMP.
func NewClient() *Client { return &Client{Options: DefaultOptions(), Caps: AllCapabilities()} }

// clientConn is the client's side of a connection.
type clientConn struct {
	*conn
	target target
	caps   Capabilities // the server's
	id     uint32       // of the message stream
	calls  float64      // transaction ids used
}

// dial connects and creates a message stream. It follows redirects and
// answers challenges. The connection ends with ctx.
func (c *Client) dial(ctx context.Context, raw string) (*clientConn, error) {
	t, err := parseURL(raw)
	if err != nil {
		return nil, err
	}
	auth := ""
	for range maxHops {
		cc, err := c.dialOnce(ctx, t, auth)
		if err == nil {
			return cc, nil
		}
		var r *RejectError
		if !errors.As(err, &r) {
			return nil, err
		}
		if r.Redirect != "" {
			if t, err = t.redirected(r.Redirect); err != nil {
				return nil, err
			}
			auth = ""
			continue
		}
		next, asked, aerr := adobeAuth(r.Description, t.user, t.password, clientChallenge())
		switch {
		case aerr != nil:
			return nil, aerr
		case !asked || next == auth:
			return nil, err
		}
		auth = next
	}
	return nil, fmt.Errorf("rtmp: %s: gave up after %d redirects and challenges", redact.URL(raw), maxHops)
}

func clientChallenge() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (c *Client) dialOnce(ctx context.Context, t target, auth string) (*clientConn, error) {
	nc, err := c.open(ctx, t)
	if err != nil {
		return nil, err
	}
	cc := &clientConn{conn: newConn(ctx, nc, c.Options), target: t}
	err = cc.offerHandshake()
	if err == nil {
		err = cc.connect(c, auth)
	}
	if err == nil {
		err = cc.createStream()
	}
	if err != nil {
		cc.close(err)
		return nil, err
	}
	return cc, nil
}

func (c *Client) open(ctx context.Context, t target) (net.Conn, error) {
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	ctx, cancel := context.WithTimeout(ctx, c.Options.SetupTimeout)
	defer cancel()
	nc, err := dial(ctx, "tcp", t.host)
	if err != nil {
		return nil, fmt.Errorf("rtmp: %w", err)
	}
	if !t.tls {
		return nc, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		cfg = c.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(t.host)
	}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("rtmp: %w", err), nc.Close())
	}
	return tc, nil
}

// connect sends the connect command and waits for its answer.
func (c *clientConn) connect(cl *Client, auth string) error {
	t := c.target
	if auth != "" {
		sep := "?"
		if path, query := splitQuery(t.app); query != "" {
			t.app, sep = path+"?"+query, "&"
		}
		t.app += sep + auth
	}
	userAgent := cl.UserAgent
	if userAgent == "" {
		userAgent = "FMLE/3.0 (compatible; FMSc/1.0)"
	}
	object := amf.Object{
		{Name: "app", Value: t.app},
		{Name: "type", Value: "nonprivate"},
		{Name: "flashVer", Value: userAgent},
		{Name: "tcUrl", Value: t.tcURL()},
		{Name: "fpad", Value: false},
		{Name: "capabilities", Value: 239},
		{Name: "audioCodecs", Value: 0x0fff},
		{Name: "videoCodecs", Value: 252},
		{Name: "videoFunction", Value: 1},
		{Name: "objectEncoding", Value: 0},
	}
	if cl.Caps.Enhanced() {
		object = append(object, cl.Caps.properties()...)
	}
	m, err := message.Command{Name: "connect", Transaction: c.nextCall(), Object: object}.Message(0)
	if err != nil {
		return err
	}
	if err := c.write(message.NewUint32(message.SetChunkSize, uint32(c.opts.ChunkSize)), m); err != nil {
		return err
	}
	answer, err := c.answer()
	if err != nil {
		return err
	}
	info := amf.Properties(message.Arg[any](answer, 0))
	if answer.Name == "_error" {
		ex, _ := info.Get("ex")
		return &RejectError{
			Description: amf.Get[string](info, "description"),
			Redirect:    amf.Get[string](amf.Properties(ex), "redirect"),
		}
	}
	c.caps = parseCapabilities(append(amf.Properties(answer.Object), info...))
	return c.write(message.NewUint32(message.WindowAckSize, windowSize))
}

func (c *clientConn) createStream() error {
	if err := c.command(0, message.Command{Name: "createStream", Transaction: c.nextCall()}); err != nil {
		return err
	}
	answer, err := c.answer()
	if err != nil {
		return err
	}
	id := message.Arg[float64](answer, 0)
	if answer.Name == "_error" || id < 1 || id > 1<<24 {
		return fmt.Errorf("%w: the server refuses to create a message stream", ErrProtocol)
	}
	c.id = uint32(id)
	return nil
}

func (c *clientConn) nextCall() float64 {
	c.calls++
	return c.calls
}

// answer waits for the answer to the last call.
func (c *clientConn) answer() (message.Command, error) {
	for {
		m, err := c.next()
		if err != nil {
			return message.Command{}, noEOF(err)
		}
		cmd, ok, err := commandOf(m)
		switch {
		case err != nil:
			return message.Command{}, err
		case !ok:
		case cmd.Name == "onStatus":
			if _, err := c.status(cmd); err != nil {
				return message.Command{}, err
			}
		case (cmd.Name == "_result" || cmd.Name == "_error") && cmd.Transaction == c.calls:
			return cmd, nil
		}
	}
}

// awaitStatus waits for a status with that code.
func (c *clientConn) awaitStatus(code string) error {
	for {
		m, err := c.next()
		if err != nil {
			return noEOF(err)
		}
		cmd, ok, err := commandOf(m)
		if err != nil {
			return err
		}
		if !ok || cmd.Name != "onStatus" {
			continue
		}
		got, err := c.status(cmd)
		if err != nil {
			return err
		}
		if got == code {
			return nil
		}
	}
}

// commandOf parses a command; ok is false for other messages.
func commandOf(m message.Message) (cmd message.Command, ok bool, err error) {
	if m.Type != message.CommandAMF0 && m.Type != message.CommandAMF3 {
		return cmd, false, nil
	}
	cmd, err = message.ParseCommand(m)
	return cmd, err == nil, err
}

// status returns the code of an onStatus command, or the error that it
// stands for.
func (c *clientConn) status(cmd message.Command) (code string, err error) {
	info := amf.Properties(message.Arg[any](cmd, 0))
	code = amf.Get[string](info, "code")
	description := amf.Get[string](info, "description")
	switch {
	case code == CodeReconnectRequest:
		return code, &ReconnectError{URL: amf.Get[string](info, "tcUrl"), Description: description}
	case amf.Get[string](info, "level") == "error":
		return code, &StatusError{Code: code, Description: description}
	}
	return code, nil
}

// finish ends the message stream in order and closes the connection.
func (c *clientConn) finish(commands ...message.Command) {
	for _, cmd := range commands {
		if c.command(0, cmd) != nil {
			break
		}
	}
	c.close(net.ErrClosed)
}
