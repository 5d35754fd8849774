package icemux

import (
	"net"
	"net/netip"
	"testing"
)

// BenchmarkSendTrain sends a picture of eight packets, as one request to the
// kernel and one by one.
func BenchmarkSendTrain(b *testing.B) {
	m := newTestMux(b)
	sink, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer sink.Close()
	to := sink.LocalAddr().(*net.UDPAddr).AddrPort()
	var t Train
	for i := range 8 {
		n := 1200 - i/7*400
		t.Room(n)
		t.Add(n)
	}
	path := &Path{Remote: netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), socket: m.sockets[0]}
	for name, gso := range map[string]bool{"gso": true, "single": false} {
		b.Run(name, func(b *testing.B) {
			m.sockets[0].out.SetGSO(gso)
			b.ReportAllocs()
			b.SetBytes(int64(t.Bytes()))
			for b.Loop() {
				if err := path.SendTrain(&t); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
