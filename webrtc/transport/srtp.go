package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"sluice/webrtc/icemux"
)

// Overhead is the most that encryption adds to a packet.
const Overhead = 20

// replayWindow is in packets. It must hold what a retransmission may lie back.
const replayWindow = 1024

// errNotReady is returned for media before DTLS has made the keys.
var errNotReady = errors.New("transport: no keys yet")

// profiles are the SRTP profiles offered, best first: AES-GCM authenticates in
// the same pass.
func profiles() []dtls.SRTPProtectionProfile {
	return []dtls.SRTPProtectionProfile{
		dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
	}
}

// ciphers are the SRTP contexts of a session.
type ciphers struct {
	profile srtp.ProtectionProfile

	// For the receiving goroutine only.
	in     *srtp.Context
	header rtp.Header

	mu        sync.Mutex // guards what follows
	out       *srtp.Context
	outHeader rtp.Header
}

func newCiphers(conn *dtls.Conn, client bool) (*ciphers, error) {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, errors.New("transport: the peer knows none of our SRTP profiles")
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return nil, errors.New("transport: no DTLS state")
	}
	cfg := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := cfg.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return nil, fmt.Errorf("transport: keys: %w", err)
	}
	k := cfg.Keys
	in, err := srtp.CreateContext(k.RemoteMasterKey, k.RemoteMasterSalt, cfg.Profile,
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return nil, fmt.Errorf("transport: SRTP: %w", err)
	}
	out, err := srtp.CreateContext(k.LocalMasterKey, k.LocalMasterSalt, cfg.Profile)
	if err != nil {
		return nil, fmt.Errorf("transport: SRTP: %w", err)
	}
	return &ciphers{profile: cfg.Profile, in: in, out: out}, nil
}

// Header is what differs from viewer to viewer in an RTP packet.
type Header struct {
	SSRC        uint32
	Timestamp   uint32
	Sequence    uint16
	PayloadType uint8
	Marker      bool
}

const headerSize = 12

func (h Header) put(b []byte) {
	b[0], b[1] = 0x80, h.PayloadType
	if h.Marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], h.Sequence)
	binary.BigEndian.PutUint32(b[4:], h.Timestamp)
	binary.BigEndian.PutUint32(b[8:], h.SSRC)
}

// AppendRTP encrypts a packet and appends it to the train. Before the payload
// goes prefix, which may be nil. It may be called from any goroutine, with a
// train of its own.
func (t *Transport) AppendRTP(train *icemux.Train, h Header, prefix, payload []byte) error {
	c := t.ciphers.Load()
	if c == nil {
		return errNotReady
	}
	size := headerSize + len(prefix) + len(payload)
	b := train.Room(size + Overhead)
	h.put(b)
	copy(b[headerSize+copy(b[headerSize:], prefix):], payload)
	c.mu.Lock()
	sealed, err := c.out.EncryptRTP(b, b[:size], &c.outHeader)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	train.Add(len(sealed))
	return nil
}

// SendRTCP encrypts and sends a compound packet, which it may write to.
func (t *Transport) SendRTCP(packet []byte) error {
	c := t.ciphers.Load()
	path := t.path.Load()
	if c == nil || path == nil {
		return errNotReady
	}
	c.mu.Lock()
	sealed, err := c.out.EncryptRTCP(nil, packet, nil)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	t.counters.sent(1, len(sealed))
	return path.Send(sealed)
}

// Send sends a train's packets to the peer, and empties the train.
func (t *Transport) Send(train *icemux.Train) error {
	if train.Len() == 0 {
		return nil
	}
	path := t.path.Load()
	if path == nil {
		train.Reset()
		return errNotReady
	}
	t.counters.sent(train.Len(), train.Bytes())
	err := path.SendTrain(train)
	train.Reset()
	return err
}
