package webrtc

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/signaling/sdpfrag"
)

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestCandidates(t *testing.T) {
	hosts := addrs("127.0.0.1", "192.168.1.5", "fe80::1", "2001:db8::5", "::1")
	for _, c := range []struct {
		name     string
		udp, tcp string
		public   []netip.Addr
		networks []netip.Prefix
		mapped   string
		remote   string
		want     []string
	}{
		{
			name: "all addresses", udp: "0.0.0.0:8000,[::]:8000", tcp: "[::]:8000", remote: "203.0.113.1",
			want: []string{"udp 192.168.1.5:8000 host", "udp [2001:db8::5]:8000 host", "tcp 192.168.1.5:8000 host", "tcp [2001:db8::5]:8000 host"},
		}, {
			name: "a client on this host", udp: "0.0.0.0:8000", remote: "127.0.0.1",
			want: []string{"udp 127.0.0.1:8000 host", "udp 192.168.1.5:8000 host"},
		}, {
			name: "public addresses first", udp: "0.0.0.0:8000", public: addrs("198.51.100.7"), remote: "203.0.113.1",
			want: []string{"udp 198.51.100.7:8000 host", "udp 192.168.1.5:8000 host"},
		}, {
			name: "networks", udp: "0.0.0.0:8000,[::]:8000", networks: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}, remote: "203.0.113.1",
			want: []string{"udp [2001:db8::5]:8000 host"},
		}, {
			name: "one address", udp: "192.168.1.5:9000", tcp: "192.168.1.5:9001", remote: "203.0.113.1",
			want: []string{"udp 192.168.1.5:9000 host", "tcp 192.168.1.5:9001 host"},
		}, {
			name: "loopback only", udp: "127.0.0.1:8000", remote: "203.0.113.1",
			want: []string{"udp 127.0.0.1:8000 host"},
		}, {
			name: "one address behind a NAT", udp: "192.168.1.5:8000", public: addrs("198.51.100.7"), remote: "203.0.113.1",
			want: []string{"udp 198.51.100.7:8000 host", "udp 192.168.1.5:8000 host"},
		}, {
			name: "STUN", udp: "0.0.0.0:8000", mapped: "198.51.100.7:4242", remote: "203.0.113.1",
			want: []string{"udp 192.168.1.5:8000 host", "udp 198.51.100.7:4242 srflx"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			socks := func(s string) (list []netip.AddrPort) {
				for p := range strings.SplitSeq(s, ",") {
					if p != "" {
						list = append(list, netip.MustParseAddrPort(p))
					}
				}
				return list
			}
			l := &locator{
				udp: socks(c.udp), tcp: socks(c.tcp), public: c.public, networks: c.networks,
				hosts: func([]string) ([]netip.Addr, error) { return slices.Clone(hosts), nil },
			}
			if c.mapped != "" {
				l.setMapped(map[string]netip.AddrPort{"a": netip.MustParseAddrPort(c.mapped), "b": {}})
			}
			var got []string
			last := uint32(1<<32 - 1)
			for _, line := range l.candidates(netip.MustParseAddr(c.remote), time.Now()) {
				cand, err := sdpfrag.ParseCandidate(line)
				if err != nil || !cand.Usable() {
					t.Fatalf("%q: %v", line, err)
				}
				if cand.Priority >= last && cand.Type == "host" {
					t.Errorf("%q has no lower priority than the one before", line)
				}
				last = cand.Priority
				got = append(got, cand.Transport+" "+netip.AddrPortFrom(netip.MustParseAddr(cand.Address), uint16(cand.Port)).String()+" "+cand.Type)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHostAddresses(t *testing.T) {
	all, err := hostAddresses(nil)
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	none, err := hostAddresses([]string{"no such interface"})
	if err != nil || len(none) != 0 {
		t.Error(none, err)
	}
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the defaults are bad: %v", err)
	}
	for want, change := range map[string]func(*Config){
		"listen_udp":       func(c *Config) { c.ListenUDP = "" },
		"listen_tcp":       func(c *Config) { c.ListenTCP = "8000" },
		"stun_servers":     func(c *Config) { c.STUNServers = []string{"stun.example.com"} },
		"public_addresses": func(c *Config) { c.PublicAddresses = []string{""} },
		"video_codecs":     func(c *Config) { c.VideoCodecs = []string{"h264"} },
		"audio_codecs":     func(c *Config) { c.AudioCodecs = []string{"AAC"} },
		"connect_timeout":  func(c *Config) { c.ConnectTimeout = 0 },
		"peer_timeout":     func(c *Config) { c.PeerTimeout = time.Second },
		"max_sessions":     func(c *Config) { c.MaxSessions = -1 },
		"jitter":           func(c *Config) { c.Jitter = 0 },
		"b_frames":         func(c *Config) { c.BFrames = "" },
		"burst_rate":       func(c *Config) { c.BurstRate = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := Open(Config{ListenUDP: "203.0.113.77:1"}, nil, nil); err == nil {
		t.Error("an address of another host can be listened at")
	}
	c := DefaultConfig()
	c.ListenUDP, c.ListenTCP, c.PublicAddresses = "127.0.0.1:0", "", []string{"no such name.invalid"}
	if _, err := Open(c, nil, nil); err == nil || !strings.Contains(err.Error(), "public_addresses") {
		t.Errorf("a name that does not resolve: %v", err)
	}
}
