package tlscert

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair makes a new certificate's files and returns its bytes.
func writePair(t *testing.T, c Config, at time.Time) []byte {
	t.Helper()
	cert, err := selfSigned(at)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		c.Cert: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		c.Key:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return cert.Certificate[0]
}

func served(t *testing.T, s *Source) []byte {
	t.Helper()
	c, err := s.TLS().GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Certificate[0]
}

func TestSelfSigned(t *testing.T) {
	s, err := New(Config{}, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(served(t, s))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		if err := c.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	if _, err := New(cfg, slog.Default()); err == nil {
		t.Fatal("missing files are no error")
	}
	start := time.Now().Add(-time.Hour)
	first := writePair(t, cfg, start)
	var log strings.Builder
	s, err := New(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if string(served(t, s)) != string(first) {
		t.Fatal("not the file's certificate")
	}
	if err := os.WriteFile(cfg.Cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.checked = time.Time{}
		if string(served(t, s)) != string(first) {
			t.Fatal("a broken file replaced the certificate")
		}
	}
	if n := strings.Count(log.String(), "do not load"); n != 1 {
		t.Errorf("a broken file is in the log %d times", n)
	}
	for _, c := range []struct {
		name string
		at   time.Time
	}{{"newer", start.Add(2 * time.Hour)}, {"older", start.Add(-time.Hour)}} {
		want := writePair(t, cfg, c.at)
		s.checked = time.Time{}
		if string(served(t, s)) != string(want) {
			t.Errorf("%s files are not served", c.name)
		}
	}
}

func TestValidate(t *testing.T) {
	if (Config{}).Validate() != nil || (Config{Cert: "a"}).Validate() == nil || (Config{Cert: "a", Key: "b"}).Validate() != nil {
		t.Error("Validate is wrong")
	}
}
