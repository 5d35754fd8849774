package transport

import (
	"testing"

	"sluice/webrtc/icemux"
)

// BenchmarkSend is the cost of one packet to one viewer: header, cipher and its
// share of the system call, in pictures of eight packets.
func BenchmarkSend(b *testing.B) {
	p := newPair(b, nil)
	p.connect(b)
	var train icemux.Train
	payload := make([]byte, 1180)
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for i := 0; b.Loop(); i++ {
		h := Header{SSRC: 7, Sequence: uint16(i), PayloadType: 96}
		if err := p.server.AppendRTP(&train, h, nil, payload); err != nil {
			b.Fatal(err)
		}
		if train.Len() == 8 {
			if err := p.server.Send(&train); err != nil {
				b.Fatal(err)
			}
		}
	}
}
