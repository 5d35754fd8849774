// Package sdpfrag reads and writes application/trickle-ice-sdpfrag bodies (RFC 8840)
// and moves ICE parameters between them and full session descriptions. It is pure.
package sdpfrag

import "errors"

// MediaType is the media type of a fragment.
const MediaType = "application/trickle-ice-sdpfrag"

// Errors of the package. They come wrapped with the place.
var (
	// ErrSyntax is text that is not SDP.
	ErrSyntax = errors.New("sdpfrag: bad syntax")
	// ErrTooBig is a fragment beyond the limits of [Parse].
	ErrTooBig = errors.New("sdpfrag: too big")
)

// Fragment is the ICE part of a description under max-bundle: one set of
// credentials and one list of candidates, whatever number of sections is in the
// bundle.
type Fragment struct {
	// Ufrag and Pwd are the ICE credentials. Both are empty or both are set.
	Ufrag, Pwd string
	// Options are the ice-options, for example "trickle".
	Options []string
	// Lite tells that the sender is an ICE-lite agent.
	Lite bool
	// Pacing is the ice-pacing value in ms, 0 if absent.
	Pacing int
	// MID and Media name the section that the candidates belong to: its a=mid and
	// the text after "m=", for example "audio 9 UDP/TLS/RTP/SAVPF 111".
	MID, Media string
	// Candidates are in the order of arrival, without duplicates.
	Candidates []Candidate
	// End tells that no more candidates follow (a=end-of-candidates).
	End bool
}

// Candidate is one ICE candidate (RFC 8839 section 5.1, RFC 6544 for TCP).
type Candidate struct {
	// Foundation is 1-32 ICE characters.
	Foundation string
	// Component is 1 for RTP (the only one under rtcp-mux).
	Component int
	// Transport is "udp" or "tcp", in lower case; other names are kept as sent.
	Transport string
	// Priority is 1 to 2^31-1.
	Priority uint32
	// Address is an IP address or a host name, such as an mDNS name ending in ".local".
	Address string
	// Port is 0 to 65535.
	Port int
	// Type is "host", "srflx", "prflx", "relay" or an extension's name.
	Type string
	// Extensions is the rest of the line as sent: raddr, rport, tcptype, ufrag and
	// so on, in pairs. It may be empty.
	Extensions string
}
