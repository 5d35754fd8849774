package rtmp

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"testing"

	"sluice/protocols/rtmp/message"
	"sluice/server/hub"
)

// A publisher that names codecs without end fills neither the log nor memory.
func TestRefusedCodecsAreBounded(t *testing.T) {
	h := hub.New(hub.DefaultConfig(), hub.Options{})
	defer h.Close()
	pub, err := h.Publish(t.Context(), hub.Session{Stream: "live/one", Protocol: "rtmp"})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close(nil)
	var text bytes.Buffer
	in := &intake{pub: pub, log: slog.New(slog.NewTextHandler(&text, nil))}
	for i := range uint32(1000) {
		fourCC := binary.BigEndian.AppendUint32([]byte{0x91}, i|1<<30)
		if err := in.take(message.Message{Type: message.Video, Body: append(fourCC, 0, 0, 0, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := bytes.Count(text.Bytes(), []byte("track refused")); n != maxRefused {
		t.Errorf("%d lines of log, want %d", n, maxRefused)
	}
}
