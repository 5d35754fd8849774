package signaling

import (
	"context"
	"net/netip"
	"net/url"

	"sluice/signaling/sdpfrag"
)

// Engine makes WebRTC sessions out of SDP offers. The webrtc package implements
// it; signaling turns it into WHIP and WHEP resources and knows no pion.
//
// Division of labour:
//   - signaling checks the offer before the engine sees it ([ParseOffer]): at most
//     one audio and one video section, all in one BUNDLE group with rtcp-mux,
//     a direction and a DTLS setup role that fit, sizes bounded. What is left to
//     the engine is whether it can carry the codecs.
//   - signaling finishes the answer ([FinishAnswer]): a=rtcp-mux-only in every
//     section, one msid, one direction. The engine hands over what its peer
//     connection produced and need not touch the text.
//   - signaling owns session URLs, entity-tags, preconditions, authorization and
//     rate limits.
//
// Both methods may be called concurrently from any number of goroutines. They
// answer at once: gathering never waits for a STUN or TURN server, and the answer
// carries every local candidate, because none is sent later (RFC 9725 section
// 4.3.2).
//
// ctx bounds the negotiation only, never the session. If ctx ends first the engine
// tears down what it began and returns the context's error.
//
// A refusal is an [*Error] (possibly wrapped); its Code decides the status that
// the client sees. Any other error becomes 500, and its text stays in the log.
type Engine interface {
	// Publish answers the offer of a WHIP client that wants to publish
	// offer.Stream. Codes in use: [CodeUnsupported] (no codec in common for some
	// section: the whole offer is refused, single sections are not rejected, RFC
	// 9725 section 4.4.3), [CodePublisherExists], [CodeUnauthorized],
	// [CodeForbidden], [CodeOverloaded], [CodeBadOffer].
	Publish(ctx context.Context, offer Offer) (Session, Answer, error)

	// Play answers the offer of a WHEP client that wants to watch offer.Stream.
	// While nobody publishes, it either accepts and waits or returns
	// [CodeNoPublisher], by configuration. A section for which the stream has no
	// track is answered inactive with a port other than 0 and at least one
	// payload type (GStreamer and Firefox refuse anything else). Codes in use:
	// [CodeNoPublisher], [CodeUnsupported], [CodeUnauthorized], [CodeForbidden],
	// [CodeOverloaded], [CodeBadOffer].
	Play(ctx context.Context, offer Offer) (Session, Answer, error)
}

// Offer is a checked SDP offer and who sent it.
type Offer struct {
	// Stream is the canonical stream name with its app, for example "live/test110".
	Stream string
	// SDP is the client's offer with CRLF line ends, repaired as [ParseOffer] says: its
	// BUNDLE group names only sections that exist.
	SDP string
	// Remote is the address of the HTTP client.
	Remote netip.AddrPort
	// UserAgent is the client's User-Agent header, at most 256 bytes, for logs and
	// the API. It may be empty.
	UserAgent string
	// Token is the client's credential as in [Access], for an engine whose hub
	// authorizes. It is never logged.
	Token string
	// Query holds the parameters of the endpoint's URL without the token.
	Query url.Values
}

// Answer is what the engine answers to an [Offer].
type Answer struct {
	// SDP is the complete answer with all server candidates.
	SDP string
}

// Session is one WebRTC session of the engine.
//
// signaling never runs AddCandidates and Restart of the same session at the same
// time. Close may come at any time, from any goroutine, more than once.
type Session interface {
	// ID names the session in logs, metrics and the API. It is not part of the
	// session's URL: that one is a secret which signaling draws.
	ID() string

	// AddCandidates hands over trickled remote candidates (RFC 9725 section
	// 4.3.2). frag.Candidates holds only candidates of a known transport whose
	// address is an IP address or an mDNS name; one that the engine can't use is
	// skipped without an error. The same candidate may come twice. An ended
	// session returns [CodeSessionEnded].
	AddCandidates(ctx context.Context, frag sdpfrag.Fragment) error

	// Restart performs an ICE restart (RFC 9725 section 4.3.3). frag has the
	// client's new ufrag and pwd and replaces, not extends, its earlier
	// candidates. The result has the server's new ufrag and pwd, all of its
	// candidates, and the same ice-options, ice-lite and ice-pacing as the answer:
	// [sdpfrag.FromSDP] makes one from a description. An engine whose peer
	// connection restarts by a full offer gets one from [sdpfrag.ReplaceICE].
	//
	// If Restart fails the session goes on with its old ICE credentials.
	// Codes in use: [CodeSessionEnded], [CodeUnsupported], [CodeOverloaded].
	Restart(ctx context.Context, frag sdpfrag.Fragment) (sdpfrag.Fragment, error)

	// Close ends the session for reason: consent is revoked at once (RFC 7675
	// section 5.2), DTLS and ICE are torn down, and Context is done when Close
	// returns. It takes at most a second or two. A later call does nothing.
	Close(reason error)

	// Context is done when the session has ended, by Close, by the peer, by lost
	// consent or because the stream went away. context.Cause tells why. signaling
	// then forgets the session's URL.
	Context() context.Context
}
