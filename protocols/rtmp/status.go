package rtmp

import (
	"errors"
	"fmt"

	"sluice/protocols/container/amf"
	"sluice/protocols/internal/conns"
	"sluice/protocols/rtmp/message"
	"sluice/server/redact"
)

// Status codes (RTMP 7.2; Adobe ActionScript reference, NetStatusEvent.info).
const (
	CodeConnectSuccess   = "NetConnection.Connect.Success"
	CodeConnectRejected  = "NetConnection.Connect.Rejected"
	CodeConnectClosed    = "NetConnection.Connect.Closed"
	CodeReconnectRequest = "NetConnection.Connect.ReconnectRequest"
	CodeCallFailed       = "NetConnection.Call.Failed"

	CodeFailed           = "NetStream.Failed"
	CodePublishStart     = "NetStream.Publish.Start"
	CodePublishBadName   = "NetStream.Publish.BadName"
	CodePublishDenied    = "NetStream.Publish.Denied"
	CodeUnpublishSuccess = "NetStream.Unpublish.Success"

	CodePlayReset           = "NetStream.Play.Reset"
	CodePlayStart           = "NetStream.Play.Start"
	CodePlayStop            = "NetStream.Play.Stop"
	CodePlayFailed          = "NetStream.Play.Failed"
	CodePlayStreamNotFound  = "NetStream.Play.StreamNotFound"
	CodePlayPublishNotify   = "NetStream.Play.PublishNotify"
	CodePlayUnpublishNotify = "NetStream.Play.UnpublishNotify"
	// CodePlayNoSupportedTrack: some track of the stream can't be sent.
	CodePlayNoSupportedTrack = "NetStream.Play.NoSupportedTrackFound"
	CodePauseNotify          = "NetStream.Pause.Notify"
	CodeUnpauseNotify        = "NetStream.Unpause.Notify"
	CodeSeekNotify           = "NetStream.Seek.Notify"
	CodeSeekFailed           = "NetStream.Seek.Failed"
)

// StatusError is an error as a status on the wire: what a handler returns to
// refuse or end a session, and what a client gets when the server does. The
// description is shown to users by OBS, ffmpeg and others.
type StatusError struct {
	Code        string
	Description string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("rtmp: %s (%s)", e.Description, e.Code)
}

// RejectError refuses a connection: what Handler.HandleConnect returns and
// what a client gets.
type RejectError struct {
	Description string
	// Redirect is the address to go to instead, or "".
	Redirect string
}

func (e *RejectError) Error() string {
	if e.Redirect != "" {
		return "rtmp: the server redirects to " + redact.URL(e.Redirect)
	}
	return "rtmp: connection rejected: " + e.Description
}

// ReconnectError tells a client that the server asks it to connect again, at
// the next convenient moment (Enhanced RTMP v2, "Reconnect Request").
type ReconnectError struct {
	// URL is the app to connect to, or "" for the same as before.
	URL         string
	Description string
}

func (e *ReconnectError) Error() string {
	return "rtmp: the server asks to reconnect: " + e.Description
}

// Errors that end sessions.
var (
	ErrServerClosed = conns.ErrClosed
	// ErrProtocol: the peer breaks the rules of the protocol.
	ErrProtocol = errors.New("rtmp: protocol error")
	// errEnded: a handler has ended its session without an error.
	errEnded = errors.New("the stream has ended")
	// ErrTimeout: the peer let a deadline pass.
	ErrTimeout = errors.New("rtmp: timeout")
)

// onStatus builds an onStatus command on a message stream.
func onStatus(streamID uint32, level, code, description string, more ...amf.Property) (message.Message, error) {
	info := append(amf.Object{
		{Name: "level", Value: level},
		{Name: "code", Value: code},
		{Name: "description", Value: description},
	}, more...)
	return message.Command{Name: "onStatus", Args: []amf.Value{info}}.Message(streamID)
}

// statusOf turns the reason for which a session failed into its status.
func statusOf(err error, fallback string) *StatusError {
	var s *StatusError
	if errors.As(err, &s) {
		return s
	}
	return &StatusError{Code: fallback, Description: err.Error()}
}
