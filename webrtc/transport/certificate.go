package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"hash"
	"math/big"
	"strings"
	"time"
)

// Certificate is the DTLS certificate of this process. Peers trust it because
// its fingerprint came to them with the answer.
type Certificate struct {
	// Fingerprint is its SHA-256 as SDP writes it: "AB:CD:...".
	Fingerprint string

	pair tls.Certificate
}

// NewCertificate makes a self-signed certificate with a P-256 key, valid for a
// year.
func NewCertificate() (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("transport: key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, fmt.Errorf("transport: serial number: %w", err)
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "WebRTC"},
		NotBefore:    now.AddDate(0, 0, -1),
		NotAfter:     now.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("transport: certificate: %w", err)
	}
	sum := sha256.Sum256(der)
	return &Certificate{
		Fingerprint: fingerprint(sum[:]),
		pair:        tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
	}, nil
}

func fingerprint(sum []byte) string {
	s := strings.ToUpper(hex.EncodeToString(sum))
	parts := make([]string, 0, len(sum))
	for ; len(s) > 1; s = s[2:] {
		parts = append(parts, s[:2])
	}
	return strings.Join(parts, ":")
}

// Fingerprint is a peer's a=fingerprint (RFC 8122 section 5).
type Fingerprint struct {
	// Hash is "sha-256" and the like; its case does not matter.
	Hash string
	// Value is the digest in hexadecimal bytes with colons; its case does not matter.
	Value string
}

// matches reports whether one of the peer's fingerprints is that of the
// certificate. Fingerprints with an unknown hash count for nothing.
func matches(list []Fingerprint, der []byte) bool {
	for _, f := range list {
		var h hash.Hash
		switch strings.ToLower(f.Hash) {
		case "sha-1":
			h = sha1.New()
		case "sha-224":
			h = sha256.New224()
		case "sha-256":
			h = sha256.New()
		case "sha-384":
			h = sha512.New384()
		case "sha-512":
			h = sha512.New()
		default:
			continue
		}
		h.Write(der)
		if strings.EqualFold(fingerprint(h.Sum(nil)), f.Value) {
			return true
		}
	}
	return false
}
