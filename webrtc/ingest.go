package webrtc

import (
	"context"

	"sluice/signaling"
)

// Publish implements signaling.Engine.
func (s *Service) Publish(_ context.Context, _ signaling.Offer) (signaling.Session, signaling.Answer, error) {
	return nil, signaling.Answer{}, &signaling.Error{Code: signaling.CodeUnsupported, Detail: "not yet"}
}
