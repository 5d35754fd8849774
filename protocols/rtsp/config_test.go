package rtsp

import (
	"testing"
	"time"
)

func TestPorts(t *testing.T) {
	for _, c := range []struct {
		in          string
		first, last int
		ok          bool
	}{
		{"30000-30099", 30000, 30099, true},
		{"30001-30100", 30002, 30099, true}, // whole pairs only
		{"30000 - 30001", 30000, 30001, true},
		{"", 0, 0, true},
		{"30000", 0, 0, false},
		{"30001-30002", 0, 0, false},
		{"30099-30000", 0, 0, false},
		{"0-9", 0, 0, false},
		{"65000-70000", 0, 0, false},
		{"a-b", 0, 0, false},
	} {
		first, last, err := parsePorts(c.in)
		if (err == nil) != c.ok || c.ok && (first != c.first || last != c.last) {
			t.Errorf("%q: %d-%d, %v", c.in, first, last, err)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"ports":       func(c *Config) { c.UDPPorts = "x" },
		"connections": func(c *Config) { c.MaxConnections = -1 },
		"setup":       func(c *Config) { c.SetupTimeout = 0 },
		"session":     func(c *Config) { c.SessionTimeout = 1500 * time.Millisecond },
		"jitter":      func(c *Config) { c.Jitter = time.Minute },
		"burst":       func(c *Config) { c.BurstRate = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
