package webrtc

import "context"

func (s *Service) discover(ctx context.Context) { <-ctx.Done() }
