package transport

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/pion/rtp"

	"sluice/webrtc/icemux"
)

// Errors that end a session.
var (
	// ErrNotConnected: no way to the peer was found in time.
	ErrNotConnected = errors.New("transport: could not connect to the peer")
	// ErrPeerGone: nothing has come from the peer for Config.PeerTimeout.
	ErrPeerGone = errors.New("transport: the peer does not answer any more")
	// ErrPeerClosed: the peer ended the DTLS session.
	ErrPeerClosed = errors.New("transport: the peer has closed the session")
	// ErrClosed: the session was closed by its own side.
	ErrClosed = errors.New("transport: closed")
)

// Config is what the sessions of a process have in common.
type Config struct {
	Mux         *icemux.Mux
	Certificate *Certificate
	// ConnectTimeout bounds ICE and DTLS together, and an ICE restart.
	ConnectTimeout time.Duration
	// PeerTimeout is how long a peer may be silent. Consent checks go out once
	// a second.
	PeerTimeout time.Duration
	Log         *slog.Logger
}

// Remote is what a peer's description says of its transport.
type Remote struct {
	Ufrag, Pwd   string
	Lite         bool // a=ice-lite
	Candidates   []Candidate
	Fingerprints []Fingerprint
	// Passive is set where the peer wants to be the DTLS server.
	Passive bool
}

// Candidate is a remote candidate under rtcp-mux.
type Candidate struct {
	// TCP is set for a passive TCP candidate. Active ones need no entry: their
	// owner makes the connection.
	TCP      bool
	Addr     netip.AddrPort
	Priority uint32
	// Type is "host", "srflx", "prflx" or "relay".
	Type string
}

// Credentials are the local ICE credentials.
type Credentials struct{ Ufrag, Pwd string }

// Handler takes what a peer sends. Its methods are called by one goroutine and
// must not call Close. The packets' memory is theirs to keep.
type Handler interface {
	// RTP takes a packet that is genuine. packet is all of it, header included;
	// header is valid during the call only.
	RTP(header *rtp.Header, packet []byte, arrival time.Time)
	// RTCP takes a compound packet that is genuine.
	RTCP(packet []byte, arrival time.Time)
	// Tick is called once media can flow, after each batch of packets, after Wake,
	// and when the time that it returned last is over.
	Tick(now time.Time) time.Duration
}
