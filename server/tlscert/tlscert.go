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
	cfg Config
	log *slog.Logger

	mu      sync.Mutex
	cert    *tls.Certificate
	stamp   time.Time // modification time of the files in force
	checked time.Time
}

// New loads or makes the certificate.
func New(cfg Config, log *slog.Logger) (*Source, error) {
	s := &Source{cfg: cfg, log: log}
	if cfg.Cert == "" {
		cert, err := selfSigned(time.Now())
		s.cert = cert
		return s, err
	}
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

func (s *Source) current() *tls.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Cert == "" || time.Since(s.checked) < checkEvery {
		return s.cert
	}
	s.checked = time.Now()
	if s.newest().After(s.stamp) {
		if err := s.load(); err != nil {
			s.log.Warn("tls: the changed files do not load, the old certificate stays", "error", err)
		} else {
			s.log.Info("tls: certificate reloaded", "file", s.cfg.Cert)
		}
	}
	return s.cert
}

func (s *Source) load() error {
	stamp := s.newest()
	cert, err := tls.LoadX509KeyPair(s.cfg.Cert, s.cfg.Key)
	if err != nil {
		return err
	}
	s.cert, s.stamp = &cert, stamp
	return nil
}

func (s *Source) newest() time.Time {
	var newest time.Time
	for _, f := range []string{s.cfg.Cert, s.cfg.Key} {
		if st, err := os.Stat(f); err == nil && st.ModTime().After(newest) {
			newest = st.ModTime()
		}
	}
	return newest
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
