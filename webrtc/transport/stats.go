package transport

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// counters count encrypted media packets with their RTP headers.
type counters struct {
	packetsOut, bytesOut, packetsIn, bytesIn, broken atomic.Int64
}

func (c *counters) sent(packets, bytes int) {
	c.packetsOut.Add(int64(packets))
	c.bytesOut.Add(int64(bytes))
}

func (c *counters) received(bytes int) {
	c.packetsIn.Add(1)
	c.bytesIn.Add(int64(bytes))
}

// Pair is a candidate pair that was tried.
type Pair struct {
	// Remote is the peer's candidate, "udp 192.0.2.1:5000 host".
	Remote    string `json:"remote"`
	State     string `json:"state"`
	Nominated bool   `json:"nominated,omitempty"`
	// RequestsSent and so on count STUN binding requests and their answers.
	RequestsSent      uint64        `json:"requests_sent"`
	ResponsesReceived uint64        `json:"responses_received"`
	RequestsReceived  uint64        `json:"requests_received"`
	ResponsesSent     uint64        `json:"responses_sent"`
	RTT               time.Duration `json:"rtt"`
}

// Stats is a snapshot of a session's transport.
type Stats struct {
	// State is "connecting", "connected" or "closed".
	State string `json:"state"`
	// Local and Remote are the addresses in use, empty before there are any.
	// Local is the address of this host that the peer knows, where that can be told.
	Local  string `json:"local,omitempty"`
	Remote string `json:"remote,omitempty"`
	// Protocol is "udp" or "tcp".
	Protocol string `json:"protocol,omitempty"`
	Profile  string `json:"srtp_profile,omitempty"`
	Pairs    []Pair `json:"candidate_pairs"`

	PacketsSent     int64 `json:"packets_sent"`
	BytesSent       int64 `json:"bytes_sent"`
	PacketsReceived int64 `json:"packets_received"`
	BytesReceived   int64 `json:"bytes_received"`
	// Broken counts packets that were not genuine, or came twice.
	Broken int64 `json:"packets_broken"`
	// Dropped counts packets that came faster than they could be handled.
	Dropped int `json:"packets_dropped"`
}

// Stats returns a snapshot.
func (t *Transport) Stats() Stats {
	s := Stats{
		State:           "connecting",
		PacketsSent:     t.counters.packetsOut.Load(),
		BytesSent:       t.counters.bytesOut.Load(),
		PacketsReceived: t.counters.packetsIn.Load(),
		BytesReceived:   t.counters.bytesIn.Load(),
		Broken:          t.counters.broken.Load(),
	}
	if c := t.ciphers.Load(); c != nil {
		s.State, s.Profile = "connected", fmt.Sprint(c.profile)
	}
	if t.ctx.Err() != nil {
		s.State = "closed"
	}
	if p := t.path.Load(); p != nil {
		s.Remote, s.Protocol = p.Remote.String(), "udp"
		if p.TCP {
			s.Protocol = "tcp"
		}
		if l := p.Local(); l.IsValid() {
			s.Local = l.String()
		}
	}
	t.queue.mu.Lock()
	s.Dropped = t.queue.dropped
	t.queue.mu.Unlock()
	t.mu.Lock()
	g := t.current
	t.mu.Unlock()
	s.Pairs = g.pairs()
	return s
}

// RTT returns the round-trip time that ICE measured last, if it has.
func (t *Transport) RTT() (time.Duration, bool) {
	t.mu.Lock()
	g := t.current
	t.mu.Unlock()
	p, ok := g.agent.GetSelectedCandidatePairStats()
	if !ok || p.CurrentRoundTripTime <= 0 {
		return 0, false
	}
	return time.Duration(p.CurrentRoundTripTime * float64(time.Second)), true
}

func (g *generation) pairs() []Pair {
	remotes := map[string]string{}
	for _, c := range g.agent.GetRemoteCandidatesStats() {
		remotes[c.ID] = fmt.Sprintf("%s %s %s", c.NetworkType, joinHostPort(c.IP, c.Port), c.CandidateType)
	}
	list := []Pair{}
	for _, p := range g.agent.GetCandidatePairsStats() {
		list = append(list, Pair{
			Remote: remotes[p.RemoteCandidateID], State: p.State.String(), Nominated: p.Nominated,
			RequestsSent: p.RequestsSent, ResponsesReceived: p.ResponsesReceived,
			RequestsReceived: p.RequestsReceived, ResponsesSent: p.ResponsesSent,
			RTT: time.Duration(p.CurrentRoundTripTime * float64(time.Second)),
		})
	}
	slices.SortFunc(list, func(a, b Pair) int { return strings.Compare(a.Remote, b.Remote) })
	return list
}

func joinHostPort(ip string, port int) string {
	if strings.Contains(ip, ":") {
		return fmt.Sprintf("[%s]:%d", ip, port)
	}
	return fmt.Sprintf("%s:%d", ip, port)
}

// diagnosis says in one line what was tried.
func (g *generation) diagnosis() string {
	var parts []string
	for _, p := range g.pairs() {
		parts = append(parts, fmt.Sprintf("%s %s (%d checks sent, %d answered; %d received)",
			p.Remote, p.State, p.RequestsSent, p.ResponsesReceived, p.RequestsReceived))
	}
	if len(parts) == 0 {
		return "the peer sent no usable candidate and no check of its own arrived"
	}
	return strings.Join(parts, "; ")
}

// notConnected is ErrNotConnected with what there is to say.
func (t *Transport) notConnected() error {
	t.mu.Lock()
	g := t.current
	t.mu.Unlock()
	if t.path.Load() != nil {
		return fmt.Errorf("%w: ICE is connected but the DTLS handshake did not finish", ErrNotConnected)
	}
	return fmt.Errorf("%w: %s. Is the WebRTC port open for UDP, and does public_addresses name what the peer can reach?",
		ErrNotConnected, g.diagnosis())
}
