package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

// pionPeer is a WHIP or WHEP client without a browser.
type pionPeer struct {
	pc       *webrtc.PeerConnection
	location string
	answer   string
}

// pionOptions say how to connect.
type pionOptions struct {
	tcp    bool
	socket net.PacketConn // to share with the ICE agent; may be nil
	// ownReports says that the caller sends the sender reports.
	ownReports bool
}

// newPion returns a peer connection that stays on this machine.
func newPion(o pionOptions) (*webrtc.PeerConnection, error) {
	var s webrtc.SettingEngine
	quiet := &logging.DefaultLoggerFactory{Writer: io.Discard} // tests crash sockets on purpose
	s.LoggerFactory = quiet
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(net.IP.IsLoopback)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if o.tcp {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	if o.socket != nil {
		s.SetICEUDPMux(webrtc.NewICEUDPMux(quiet.NewLogger("ice"), o.socket))
	}
	options := []func(*webrtc.API){webrtc.WithSettingEngine(s)}
	if o.ownReports {
		m, r := &webrtc.MediaEngine{}, &interceptor.Registry{}
		if err := errors.Join(m.RegisterDefaultCodecs(), webrtc.ConfigureNack(m, r)); err != nil {
			return nil, err
		}
		options = append(options, webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(r))
	}
	return webrtc.NewAPI(options...).NewPeerConnection(webrtc.Configuration{})
}

// call posts the offer of pc to a WHIP or WHEP endpoint and takes the answer.
func call(ctx context.Context, pc *webrtc.PeerConnection, endpoint string) (*pionPeer, error) {
	p := &pionPeer{pc: pc}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return nil, err
	}
	<-gathered
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(pc.LocalDescription().SDP))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/sdp")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("%s: %s: %s", endpoint, res.Status, body)
	}
	base, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	location, err := base.Parse(res.Header.Get("Location"))
	if err != nil {
		return nil, err
	}
	p.location, p.answer = location.String(), string(body)
	return p, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.answer})
}

// hangUp ends the session in order.
func (p *pionPeer) hangUp() error {
	req, err := http.NewRequest(http.MethodDelete, p.location, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return errors.Join(err, p.pc.Close())
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		err = fmt.Errorf("DELETE: %s", res.Status)
	}
	return errors.Join(err, p.pc.Close())
}

// pionViewer plays by WHEP and keeps count of what comes.
type pionViewer struct {
	*pionPeer
	mu     sync.Mutex
	tracks map[string]*pionTrack // by kind
}

// pionTrack is what came of one track.
type pionTrack struct {
	packets, pictures int
	highest           int64 // sequence number, unwrapped
	time              uint32
	back              int // how often the time of a later packet is an earlier one
	first             int64
	last              time.Time
	gap               time.Duration // the longest silence
}

// lost is how many packets never came.
func (t *pionTrack) lost() int { return int(t.highest-t.first) + 1 - t.packets }

// watch plays endpoint by WHEP.
func watch(ctx context.Context, endpoint string, o pionOptions) (*pionViewer, error) {
	pc, err := newPion(o)
	if err != nil {
		return nil, err
	}
	v := &pionViewer{tracks: map[string]*pionTrack{}}
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { v.read(t) })
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		recvonly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
		if _, err := pc.AddTransceiverFromKind(kind, recvonly); err != nil {
			return nil, errors.Join(err, pc.Close())
		}
	}
	if v.pionPeer, err = call(ctx, pc, endpoint); err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	return v, nil
}

func (v *pionViewer) read(t *webrtc.TrackRemote) {
	seen := map[int64]bool{}
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		now := time.Now()
		v.mu.Lock()
		s := v.tracks[t.Kind().String()]
		if s == nil {
			s = &pionTrack{first: int64(p.SequenceNumber), highest: int64(p.SequenceNumber), time: p.Timestamp, last: now}
			v.tracks[t.Kind().String()] = s
		}
		seq := s.highest + int64(int16(p.SequenceNumber-uint16(s.highest)))
		if !seen[seq] && len(p.Payload) > 0 {
			seen[seq] = true
			delete(seen, seq-4096)
			s.packets++
			if seq > s.highest {
				if int32(p.Timestamp-s.time) < 0 {
					s.back++
				}
				s.time = p.Timestamp
			}
			s.first, s.highest = min(s.first, seq), max(s.highest, seq)
			if p.Marker {
				s.pictures++
			}
			s.gap, s.last = max(s.gap, now.Sub(s.last)), now
		}
		v.mu.Unlock()
	}
}

// of returns what has come of a kind so far; gap includes the silence up to now.
func (v *pionViewer) of(kind string) pionTrack {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.tracks[kind]; s != nil {
		c := *s
		c.gap = max(c.gap, time.Since(c.last))
		return c
	}
	return pionTrack{}
}
