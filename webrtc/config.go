package webrtc

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"sluice/server/media"
)

// Config is what a user can set. The zero value is not valid; start from
// DefaultConfig.
type Config struct {
	// ListenUDP is the address of the UDP port for all media, "host:port"; no
	// host means all addresses, IPv4 and IPv6.
	ListenUDP string `yaml:"listen_udp"`
	// ListenTCP is the address of the TCP port for clients that can't use UDP.
	// Empty turns it off.
	ListenTCP string `yaml:"listen_tcp"`
	// PublicAddresses are offered to clients beside this host's own addresses:
	// IP addresses, or names, which are resolved at the start.
	PublicAddresses []string `yaml:"public_addresses"`
	// Interfaces and Networks limit which of this host's addresses are offered;
	// empty means all.
	Interfaces []string       `yaml:"interfaces"`
	Networks   []netip.Prefix `yaml:"networks"`
	// STUNServers ("host:port") tell the address that this host has outside of a
	// NAT. They are asked in the background; no client ever waits for them.
	STUNServers []string `yaml:"stun_servers"`
	// ConnectTimeout is how long a client has to connect.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// PeerTimeout is how long a client may be silent before it counts as gone.
	PeerTimeout time.Duration `yaml:"peer_timeout"`
	// MaxSessions bounds the sessions; 0 means no limit.
	MaxSessions int `yaml:"max_sessions"`
	// VideoCodecs and AudioCodecs are what publishers may send, best first.
	VideoCodecs []string `yaml:"video_codecs"`
	AudioCodecs []string `yaml:"audio_codecs"`
	// Jitter is how long a publisher's missing packet is waited for.
	Jitter time.Duration `yaml:"jitter"`
	// BFrames says what viewers get of a stream with B pictures.
	BFrames BFrames `yaml:"b_frames"`
	// BurstRate bounds in Mbit/s how fast one viewer is sent key frames and,
	// when it starts, the cached pictures.
	BurstRate int `yaml:"burst_rate"`
}

// BFrames is a policy for B pictures.
type BFrames string

// The policies.
const (
	// DropB leaves B pictures out that no other picture refers to.
	DropB BFrames = "drop"
	// KeepB sends all, for players that can reorder.
	KeepB BFrames = "keep"
)

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config {
	return Config{
		ListenUDP:      ":8000",
		ListenTCP:      ":8000",
		ConnectTimeout: 15 * time.Second,
		PeerTimeout:    8 * time.Second,
		VideoCodecs:    []string{"H264", "H265", "AV1", "VP9", "VP8"},
		AudioCodecs:    []string{"Opus", "G722", "PCMU", "PCMA"},
		Jitter:         250 * time.Millisecond,
		BFrames:        DropB,
		BurstRate:      40,
	}
}

// videoCodecs and audioCodecs are what this package can carry.
func videoCodecs() []media.Codec {
	return []media.Codec{media.H264, media.H265, media.AV1, media.VP9, media.VP8}
}

func audioCodecs() []media.Codec {
	return []media.Codec{media.Opus, media.G722, media.PCMU, media.PCMA}
}

// Validate returns an error that names the first bad value.
func (c Config) Validate() error {
	if err := checkAddress(c.ListenUDP); err != nil {
		return fmt.Errorf("listen_udp: %w", err)
	}
	if c.ListenTCP != "" {
		if err := checkAddress(c.ListenTCP); err != nil {
			return fmt.Errorf("listen_tcp: %w", err)
		}
	}
	for _, a := range c.STUNServers {
		if err := checkAddress(a); err != nil {
			return fmt.Errorf("stun_servers: %w", err)
		}
	}
	if slices.Contains(c.PublicAddresses, "") {
		return errors.New("public_addresses: an entry is empty")
	}
	if _, err := named(c.VideoCodecs, videoCodecs()); err != nil {
		return fmt.Errorf("video_codecs: %w", err)
	}
	if _, err := named(c.AudioCodecs, audioCodecs()); err != nil {
		return fmt.Errorf("audio_codecs: %w", err)
	}
	switch {
	case c.ConnectTimeout < time.Second:
		return errors.New("connect_timeout: at least 1s")
	case c.PeerTimeout < 2*time.Second:
		return errors.New("peer_timeout: at least 2s, as consent is checked once a second")
	case c.MaxSessions < 0:
		return errors.New("max_sessions can't be negative; 0 means no limit")
	case c.Jitter < 10*time.Millisecond || c.Jitter > 5*time.Second:
		return errors.New("jitter: 10ms to 5s")
	case c.BFrames != DropB && c.BFrames != KeepB:
		return fmt.Errorf("b_frames: %q is neither drop nor keep", c.BFrames)
	case c.BurstRate < 1:
		return errors.New("burst_rate: at least 1 (Mbit/s)")
	}
	return nil
}

// named looks codecs up by their names in the list of known ones.
func named(names []string, known []media.Codec) ([]media.Codec, error) {
	var list []media.Codec
	for _, n := range names {
		i := slices.IndexFunc(known, func(c media.Codec) bool { return c.String() == n })
		if i < 0 {
			return nil, fmt.Errorf("%q is none of %v", n, known)
		}
		list = append(list, known[i])
	}
	return list, nil
}
