package webrtc

import (
	"errors"

	"sluice/server/hub"
	"sluice/signaling"
)

// refusal maps the hub's errors to those of signaling.
func refusal(err error) error {
	var e *signaling.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	code := signaling.CodeInternal
	switch {
	case errors.Is(err, hub.ErrBadName):
		code = signaling.CodeNotFound
	case errors.Is(err, hub.ErrUnauthorized):
		code = signaling.CodeUnauthorized
	case errors.Is(err, hub.ErrNoPublisher):
		code = signaling.CodeNoPublisher
	case errors.Is(err, hub.ErrBusy):
		code = signaling.CodePublisherExists
	case errors.Is(err, hub.ErrLimit), errors.Is(err, hub.ErrShutdown):
		code = signaling.CodeOverloaded
	}
	return &signaling.Error{Code: code, Detail: err.Error(), Err: err}
}
