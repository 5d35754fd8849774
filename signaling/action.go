package signaling

// Action is what a client wants from a stream.
type Action int

// The actions.
const (
	// Publish is WHIP: the client sends.
	Publish Action = iota + 1
	// Play is WHEP: the client receives.
	Play
)

// String returns "publish" or "play".
func (a Action) String() string {
	switch a {
	case Publish:
		return "publish"
	case Play:
		return "play"
	}
	return "unknown"
}

// endpoint returns the last path segment of the action's endpoint.
func (a Action) endpoint() string {
	if a == Publish {
		return "whip"
	}
	return "whep"
}

// directions returns the direction that the answer has, and the one that an offer
// which fits better than a refused one would have.
func (a Action) directions() (answer, offer string) {
	if a == Publish {
		return "recvonly", "sendonly"
	}
	return "sendonly", "recvonly"
}
