// Package tlscert provides the certificate of HTTPS, RTMPS and RTSPS: the
// user's files, read again when they change, or one that is made at start.
package tlscert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Config names the user's files. Both empty means a self-signed certificate.
type Config struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Validate returns an error if only one file is named.
func (c Config) Validate() error {
	if (c.Cert == "") != (c.Key == "") {
		return errors.New("give both cert and key, or neither for a self-signed certificate")
	}
	return nil
}

// checkEvery is how often the files' times are looked at, at most: once in
// that time, when a client connects.
const checkEvery = time.Second

// Source hands out the certificate.
type Source struct {
	cfg  Config
	log  *slog.Logger
	cert atomic.Pointer[tls.Certificate]

	mu      sync.Mutex
	seen    stamps
	broken  bool // what was seen last does not load
	checked time.Time
}

// stamps are the modification times of the two files.
type stamps [2]time.Time

// New loads or makes the certificate.
func New(cfg Config, log *slog.Logger) (*Source, error) {
	s := &Source{cfg: cfg, log: log}
	if cfg.Cert == "" {
		cert, err := selfSigned(time.Now())
		s.cert.Store(cert)
		return s, err
	}
	s.seen = s.stamps() // before they are read, so that no change is missed
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return s, nil
}

// TLS returns a configuration whose certificate follows the files.
func (s *Source) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.current(), nil
		},
	}
}

// current returns the certificate in force, after a look at the files where one
// is due.
func (s *Source) current() *tls.Certificate {
	if s.due() {
		s.look()
	}
	return s.cert.Load()
}

// due reports whether it is the caller's turn to look at the files.
func (s *Source) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Cert == "" || time.Since(s.checked) < checkEvery {
		return false
	}
	s.checked = time.Now()
	return true
}

// look loads the files if they are others than those seen last, older ones
// included: a file may come from elsewhere with its time. What does not load is
// tried again, and the log has it once.
func (s *Source) look() {
	now := s.stamps()
	s.mu.Lock()
	changed, again := now != s.seen, s.broken
	s.seen = now
	s.mu.Unlock()
	if !changed && !again {
		return
	}
	err := s.load()
	s.mu.Lock()
	s.broken = err != nil
	s.mu.Unlock()
	if err == nil {
		s.log.Info("tls: certificate reloaded", "file", s.cfg.Cert)
	} else if changed {
		s.log.Warn("tls: the changed files do not load, the old certificate stays", "error", err)
	}
}

func (s *Source) load() error {
	cert, err := tls.LoadX509KeyPair(s.cfg.Cert, s.cfg.Key)
	if err != nil {
		return err
	}
	s.cert.Store(&cert)
	return nil
}

// stamps looks at the files; a missing one has the zero time.
func (s *Source) stamps() (t stamps) {
	for i, f := range []string{s.cfg.Cert, s.cfg.Key} {
		if st, err := os.Stat(f); err == nil {
			t[i] = st.ModTime()
		}
	}
	return t
}

// selfSigned makes a certificate for this host's names and addresses. It
// lives in memory only.
func selfSigned(now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "sluice self-signed"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
	}
	if name, err := os.Hostname(); err == nil {
		template.DNSNames = append(template.DNSNames, name)
	}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				template.IPAddresses = append(template.IPAddresses, n.IP)
			}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
