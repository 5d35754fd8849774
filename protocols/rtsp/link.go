package rtsp

import (
	"net"
	"sync/atomic"
	"time"

	"sluice/protocols/rtsp/wire"
)

// link is how the packets of one track travel: on a pair of channels of the
// connection, or between pairs of ports.
type link struct {
	track    int
	channels [2]uint8      // RTP, RTCP; where udp is nil
	udp      *udpLink      // nil for interleaved
	packets  atomic.Uint32 // of RTP that were sent, for sender reports
	octets   atomic.Uint32
}

func (l *link) close() {
	if l.udp != nil {
		l.udp.close()
	}
}

// output is where a player's packets go.
type output struct {
	conn      mediaWriter
	links     []*link // one a track
	websocket bool
	burst     int // bytes a second that one player over UDP is sent at most
}

// mediaWriter writes interleaved frames to a connection.
type mediaWriter interface {
	// WriteMedia writes whole frames, as one write where that can be.
	WriteMedia(bufs net.Buffers) error
	// WriteFrame writes one frame.
	WriteFrame(channel uint8, data []byte) error
}

// link returns that of a track, nil where it was not set up.
func (o *output) link(track int) *link {
	for _, l := range o.links {
		if l.track == track {
			return l
		}
	}
	return nil
}

// control sends an RTCP packet.
func (o *output) control(l *link, b []byte) error {
	if l.udp != nil {
		return l.udp.send(1, b)
	}
	return o.conn.WriteFrame(l.channels[1], b)
}

// pulse remembers when a peer was last heard.
type pulse struct{ at atomic.Int64 }

func (p *pulse) beat(now time.Time) { p.at.Store(now.UnixNano()) }

func (p *pulse) since(now time.Time) time.Duration {
	return now.Sub(time.Unix(0, p.at.Load()))
}

// transport describes the link as the answer to SETUP does.
func (l *link) transport(t wire.Transport) wire.Transport {
	a := wire.Transport{Profile: t.Profile, Lower: t.Lower, Unicast: true, Mode: t.Mode}
	if l.udp != nil {
		a.ClientPort = t.ClientPort
		a.ServerPort = &wire.Pair{RTP: l.udp.pair.port, RTCP: l.udp.pair.port + 1}
		return a
	}
	a.Interleaved = &wire.Pair{RTP: int(l.channels[0]), RTCP: int(l.channels[1])}
	return a
}
