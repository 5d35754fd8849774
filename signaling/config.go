package signaling

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Config is what a user can set.
type Config struct {
	// AllowOrigins lists the web origins that browsers may use WHIP and WHEP from;
	// "*" is all of them.
	AllowOrigins []string `yaml:"allow_origins"`
	// ICEServers are the STUN and TURN servers that clients are told to use.
	ICEServers []ICEServer `yaml:"ice_servers"`
	// RetryAfter is when a client shall try again where there is no better guess.
	RetryAfter time.Duration `yaml:"retry_after"`
	// RequestTimeout bounds reading a request's body, and then the negotiation.
	RequestTimeout time.Duration `yaml:"request_timeout"`
	// MaxNegotiations bounds the offers in work at a time; further ones get 503.
	MaxNegotiations int `yaml:"max_negotiations"`
	// PostRate, PatchRate and DeleteRate bound the requests of one client address (an
	// IPv6 /64).
	PostRate   Rate `yaml:"post_rate"`
	PatchRate  Rate `yaml:"patch_rate"`
	DeleteRate Rate `yaml:"delete_rate"`
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
}

// Rate is a token bucket.
type Rate struct {
	// PerSecond is how many requests are allowed in the long run; 0 is no limit.
	PerSecond float64 `yaml:"per_second"`
	// Burst is how many are allowed at once.
	Burst int `yaml:"burst"`
}

// ICEServer is a STUN or TURN server for clients.
type ICEServer struct {
	// URL is a stun:, stuns:, turn: or turns: URI (RFC 7064, RFC 7065).
	URL string `yaml:"url"`
	// Username and Credential are for TURN.
	Username   string `yaml:"username"`
	Credential string `yaml:"credential"`
}

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config {
	return Config{
		AllowOrigins:    []string{"*"},
		RetryAfter:      2 * time.Second,
		RequestTimeout:  10 * time.Second,
		MaxNegotiations: 256,
		PostRate:        Rate{PerSecond: 20, Burst: 100},
		PatchRate:       Rate{PerSecond: 50, Burst: 200},
		DeleteRate:      Rate{PerSecond: 20, Burst: 100},
	}
}

// Validate tells what is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.RetryAfter < time.Second {
		errs = append(errs, errors.New("retry_after must be at least 1s"))
	}
	if c.RequestTimeout <= 0 {
		errs = append(errs, errors.New("request_timeout must be positive"))
	}
	if c.MaxNegotiations < 1 {
		errs = append(errs, errors.New("max_negotiations must be at least 1"))
	}
	for _, r := range []struct {
		key string
		Rate
	}{{"post_rate", c.PostRate}, {"patch_rate", c.PatchRate}, {"delete_rate", c.DeleteRate}} {
		if r.PerSecond < 0 || r.PerSecond > 0 && r.Burst < 1 {
			errs = append(errs, fmt.Errorf("%s must have per_second of 0 (no limit) or more and a burst of at least 1", r.key))
		}
	}
	for i, s := range c.ICEServers {
		scheme, host, _ := strings.Cut(s.URL, ":")
		turn := scheme == "turn" || scheme == "turns"
		if !turn && scheme != "stun" && scheme != "stuns" || host == "" || strings.ContainsAny(s.URL, "<> \t\r\n\"") {
			errs = append(errs, fmt.Errorf("ice_servers[%d].url must be a stun:, stuns:, turn: or turns: URI", i))
		}
		if turn && (s.Username == "" || s.Credential == "") {
			errs = append(errs, fmt.Errorf("ice_servers[%d] is a TURN server and needs username and credential", i))
		}
		if hasControl(s.Username) || hasControl(s.Credential) {
			errs = append(errs, fmt.Errorf("ice_servers[%d] has a control character in username or credential", i))
		}
	}
	for i, o := range c.AllowOrigins {
		if o != "*" && (!strings.Contains(o, "://") || hasControl(o)) {
			errs = append(errs, fmt.Errorf("allow_origins[%d] must be * or an origin such as https://example.com", i))
		}
	}
	return errors.Join(errs...)
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
