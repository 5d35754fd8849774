package rtsp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Config is what a user can set.
type Config struct {
	// Listen is the address of RTSP; "" turns it off.
	Listen string `yaml:"listen"`
	// ListenTLS is the address of RTSPS; "" turns it off.
	ListenTLS string `yaml:"listen_tls"`
	// UDPPorts is the range of ports for RTP and RTCP over UDP, "first-last".
	// Each track of a publisher takes a pair of them, and players share half of
	// the pairs; "" turns UDP off.
	UDPPorts string `yaml:"udp_ports"`
	// MaxConnections is how many connections may be open; 0 means no limit.
	MaxConnections int `yaml:"max_connections"`
	// SetupTimeout bounds everything before publishing or playing begins.
	SetupTimeout time.Duration `yaml:"setup_timeout"`
	// SessionTimeout is how long a peer may be silent: a publisher without
	// media, a player over UDP without requests and reports. In whole seconds.
	SessionTimeout time.Duration `yaml:"session_timeout"`
	// WriteTimeout is how long one write may take before a peer counts as dead.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// DescribeWait is how long a player waits for a publisher, where
	// hub.viewer_wait is not shorter.
	DescribeWait time.Duration `yaml:"describe_wait"`
	// Jitter is how long a missing packet of a publisher over UDP is waited for.
	Jitter time.Duration `yaml:"jitter"`
	// BurstRate is how fast one player over UDP is sent key frames and cached
	// pictures, in Mbit/s.
	BurstRate int `yaml:"burst_rate"`
	// NoDelay sets TCP_NODELAY for players, as in RTMP's configuration.
	NoDelay bool `yaml:"no_delay"`
}

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config {
	return Config{
		Listen: ":5544", ListenTLS: ":5322",
		UDPPorts:       "30000-30099",
		MaxConnections: 20000,
		SetupTimeout:   10 * time.Second,
		SessionTimeout: 60 * time.Second,
		WriteTimeout:   10 * time.Second,
		DescribeWait:   10 * time.Second,
		Jitter:         250 * time.Millisecond,
		BurstRate:      40,
	}
}

// Validate returns an error that names the first bad value.
func (c Config) Validate() error {
	if _, _, err := parsePorts(c.UDPPorts); err != nil {
		return fmt.Errorf("udp_ports: %w", err)
	}
	switch {
	case c.MaxConnections < 0:
		return errors.New("max_connections can't be negative; 0 means no limit")
	case c.SetupTimeout <= 0:
		return errors.New("setup_timeout must be positive")
	case c.WriteTimeout <= 0:
		return errors.New("write_timeout must be positive")
	case c.DescribeWait <= 0:
		return errors.New("describe_wait must be positive")
	case c.SessionTimeout < time.Second || c.SessionTimeout%time.Second != 0:
		return errors.New("session_timeout: whole seconds, one at least")
	case c.Jitter < 0 || c.Jitter > 5*time.Second:
		return fmt.Errorf("jitter: %v is not from 0s to 5s", c.Jitter)
	case c.BurstRate < 1 || c.BurstRate > 10000:
		return fmt.Errorf("burst_rate: %d is not from 1 to 10000", c.BurstRate)
	}
	return nil
}

// parsePorts reads "first-last". RTP takes even ports, so that the range is cut
// to whole pairs; last is that of the last pair's RTCP.
func parsePorts(s string) (first, last int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	from, to, _ := strings.Cut(s, "-")
	first, err = strconv.Atoi(strings.TrimSpace(from))
	if err == nil {
		last, err = strconv.Atoi(strings.TrimSpace(to))
	}
	if err != nil || first < 1 || last > 65535 {
		return 0, 0, fmt.Errorf("%q is no range of ports such as 30000-30099", s)
	}
	first += first % 2
	if last -= (last + 1) % 2; last < first {
		return 0, 0, fmt.Errorf("%q has no pair of an even port and the next one", s)
	}
	return first, last, nil
}
