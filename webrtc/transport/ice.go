package transport

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	piontransport "github.com/pion/transport/v5"

	"sluice/webrtc/icemux"
)

// Timing of the ICE agent. Checks that get no answer are given up after
// maxChecks; a peer's own check revives the pair.
const (
	checkInterval   = 100 * time.Millisecond
	maxChecks       = 100
	consentInterval = time.Second
)

// generation is one ICE session: the first, or one that a restart began.
type generation struct {
	Credentials
	agent *ice.Agent
	link  *icemux.Link
	state atomic.Int32 // ice.ConnectionState
}

// noNet keeps the agent from looking at this host's interfaces: the mux knows
// the sockets, and the session's owner the candidates.
type noNet struct{ piontransport.Net }

func (noNet) Interfaces() ([]*piontransport.Interface, error) { return nil, nil }

// newCredentials returns ICE credentials of letters and digits only: GStreamer
// refuses other characters that browsers take.
func newCredentials() Credentials {
	return Credentials{Ufrag: rand.Text()[:8], Pwd: rand.Text()}
}

func (t *Transport) newGeneration(ufrag, pwd string, candidates []Candidate) (*generation, error) {
	g := &generation{Credentials: newCredentials()}
	link, err := t.cfg.Mux.Open(g.Ufrag, t.deliver)
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	g.link = link
	g.agent, err = ice.NewAgentWithOptions(
		ice.WithLocalCredentials(g.Ufrag, g.Pwd),
		ice.WithNet(noNet{}),
		ice.WithNetworkTypes([]ice.NetworkType{
			ice.NetworkTypeUDP4, ice.NetworkTypeUDP6, ice.NetworkTypeTCP4, ice.NetworkTypeTCP6,
		}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithDisableActiveTCP(),
		ice.WithCheckInterval(checkInterval),
		ice.WithMaxBindingRequests(maxChecks),
		ice.WithKeepaliveInterval(consentInterval),
		ice.WithDisconnectedTimeout(t.cfg.PeerTimeout),
		ice.WithFailedTimeout(0), // whether a session fails is decided here
		ice.WithLoggerFactory(pionLog{log: t.log}),
	)
	if err != nil {
		link.Close()
		return nil, fmt.Errorf("transport: ICE agent: %w", err)
	}
	if err := t.startAgent(g, ufrag, pwd, candidates); err != nil {
		g.close()
		return nil, fmt.Errorf("transport: ICE: %w", err)
	}
	return g, nil
}

func (t *Transport) startAgent(g *generation, ufrag, pwd string, candidates []Candidate) error {
	// These two only store the function.
	_ = g.agent.OnConnectionStateChange(func(s ice.ConnectionState) {
		g.state.Store(int32(s))
		t.poke()
	})
	_ = g.agent.OnSelectedCandidatePairChange(func(_, remote ice.Candidate) {
		addr, err := netip.ParseAddr(remote.Address())
		if err != nil {
			return
		}
		tcp := remote.NetworkType().IsTCP()
		if p := g.link.Path(tcp, netip.AddrPortFrom(addr.Unmap(), uint16(remote.Port()))); p != nil {
			t.nominated(g, p)
		}
	})
	if err := t.addLocal(g, false, t.cfg.Mux.UDPAddrs()); err != nil {
		return err
	}
	if err := t.addLocal(g, true, t.cfg.Mux.TCPAddrs()); err != nil {
		return err
	}
	var err error
	if t.remote.Lite {
		// Somebody must nominate, RFC 8445 section 6.1.1.
		_, err = g.agent.StartDial(ufrag, pwd)
	} else {
		_, err = g.agent.StartAccept(ufrag, pwd)
	}
	if err != nil {
		return err
	}
	g.add(candidates)
	return nil
}

// addLocal gives the agent one base for each address family. By which of this
// host's addresses a peer comes is the mux's affair, which answers from the same.
func (t *Transport) addLocal(g *generation, tcp bool, socks []netip.AddrPort) error {
	seen := map[bool]bool{}
	add := func(addr netip.Addr, port uint16) error {
		if seen[addr.Is4()] {
			return nil
		}
		seen[addr.Is4()] = true
		cfg := &ice.CandidateHostConfig{
			Network: "udp", Address: addr.String(), Port: int(port), Component: ice.ComponentRTP,
		}
		if tcp {
			cfg.Network, cfg.TCPType = "tcp", ice.TCPTypePassive
		}
		c, err := ice.NewCandidateHost(cfg)
		if err != nil {
			return err
		}
		return g.agent.AddVirtualCandidate(c, g.link.Agent(tcp, addr))
	}
	for _, s := range socks {
		if err := add(s.Addr(), s.Port()); err != nil {
			return err
		}
		if s.Addr() == netip.IPv6Unspecified() {
			// The socket may serve both families.
			if err := add(netip.IPv4Unspecified(), s.Port()); err != nil {
				return err
			}
		}
	}
	return nil
}

// add gives the agent remote candidates; those it can't use it drops.
func (g *generation) add(list []Candidate) {
	for _, c := range list {
		if rc, err := c.pion(); err == nil {
			_ = g.agent.AddRemoteCandidate(rc)
		}
	}
}

func (c Candidate) pion() (ice.Candidate, error) {
	network, addr, port := "udp", c.Addr.Addr().String(), int(c.Addr.Port())
	tcpType := ice.TCPTypeUnspecified
	if c.TCP {
		network, tcpType = "tcp", ice.TCPTypePassive
	}
	switch c.Type {
	case "srflx":
		return ice.NewCandidateServerReflexive(&ice.CandidateServerReflexiveConfig{
			Network: network, Address: addr, Port: port, Component: ice.ComponentRTP, Priority: c.Priority,
		})
	case "relay":
		return ice.NewCandidateRelay(&ice.CandidateRelayConfig{
			Network: network, Address: addr, Port: port, Component: ice.ComponentRTP, Priority: c.Priority,
		})
	default:
		return ice.NewCandidateHost(&ice.CandidateHostConfig{
			Network: network, Address: addr, Port: port, Component: ice.ComponentRTP, Priority: c.Priority, TCPType: tcpType,
		})
	}
}

func (g *generation) close() {
	_ = g.agent.GracefulClose()
	g.link.Close()
}

var _ net.PacketConn = (*pipe)(nil)
