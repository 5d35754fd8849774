package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/transport/v5/packetio"

	"sluice/webrtc/icemux"
)

// pipe is the net.PacketConn under DTLS: the receiving goroutine fills it, and
// what DTLS sends goes to the nominated path, or, before there is one, to where
// the last flight came from.
type pipe struct {
	t  *Transport
	in *packetio.Buffer
}

func newPipe(t *Transport) *pipe {
	in := packetio.NewBuffer()
	in.SetLimitCount(64)
	return &pipe{t: t, in: in}
}

func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, _, err := p.in.Read(b, nil)
	return n, pipeAddr{}, err
}

func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	path := p.t.path.Load()
	if path == nil {
		path = p.t.handshakePath.Load()
	}
	if path == nil {
		// Nothing is there yet; DTLS repeats its flights.
		return len(b), nil
	}
	if err := path.Send(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (p *pipe) Close() error                       { return p.in.Close() }
func (p *pipe) LocalAddr() net.Addr                { return pipeAddr{} }
func (p *pipe) SetDeadline(t time.Time) error      { return p.in.SetReadDeadline(t) }
func (p *pipe) SetReadDeadline(t time.Time) error  { return p.in.SetReadDeadline(t) }
func (p *pipe) SetWriteDeadline(_ time.Time) error { return nil }

// push hands DTLS a packet.
func (p *pipe) push(b []byte, from *icemux.Path) {
	p.t.handshakePath.Store(from)
	_, _ = p.in.Write(b, nil) // full or closed: DTLS repeats itself
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "udp" }
func (pipeAddr) String() string  { return "ice" }

// flightInterval is after what time DTLS repeats a flight first; pion's default
// of one second would be felt at every lost packet.
const flightInterval = 250 * time.Millisecond

func (t *Transport) newDTLS() (*dtls.Conn, error) {
	shared := []dtls.Option{
		dtls.WithCertificates(t.cfg.Certificate.pair),
		dtls.WithSRTPProtectionProfiles(profiles()...),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(flightInterval),
		// The fingerprint of the description takes the place of a chain.
		dtls.WithInsecureSkipVerify(true),
		dtls.WithVerifyPeerCertificate(t.verify),
		dtls.WithLoggerFactory(pionLog{log: t.log}),
	}
	if t.remote.Passive {
		opts := []dtls.ClientOption{}
		for _, o := range shared {
			opts = append(opts, o)
		}
		return dtls.ClientWithOptions(t.pipe, pipeAddr{}, opts...)
	}
	// ICE has already proved that the peer is where it says, which is what the
	// cookie exchange is for.
	opts := []dtls.ServerOption{
		dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true),
	}
	for _, o := range shared {
		opts = append(opts, o)
	}
	return dtls.ServerWithOptions(t.pipe, pipeAddr{}, opts...)
}

var errFingerprint = errors.New("transport: the peer's certificate is not the one of its description")

func (t *Transport) verify(certs [][]byte, _ [][]*x509.Certificate) error {
	if len(certs) == 0 || !matches(t.remote.Fingerprints, certs[0]) {
		return errFingerprint
	}
	return nil
}

// secure makes the handshake and then waits for the peer's goodbye.
func (t *Transport) secure(ctx context.Context, conn *dtls.Conn) error {
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("transport: DTLS: %w", err)
	}
	c, err := newCiphers(conn, t.remote.Passive)
	if err != nil {
		return err
	}
	t.ciphers.Store(c)
	close(t.ready)
	// A browser's data channel has nobody to talk to here.
	scratch := make([]byte, 2048)
	for {
		if _, err := conn.Read(scratch); err != nil {
			return ErrPeerClosed
		}
	}
}
