package webrtc

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// viewer is a client that receives.
type viewer struct {
	*client
	mu      sync.Mutex
	packets map[webrtc.RTPCodecType][]received
	stamps  map[uint32]bool // timestamps of pictures
	started time.Time
}

type received struct {
	rtp.Packet
	at time.Time
}

func newViewer(t testing.TB, setting func(*webrtc.SettingEngine)) *viewer {
	t.Helper()
	v := &viewer{client: newClient(t, setting), packets: map[webrtc.RTPCodecType][]received{}, stamps: map[uint32]bool{}}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		_, err := v.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		if err != nil {
			t.Fatal(err)
		}
	}
	v.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			v.mu.Lock()
			v.packets[track.Kind()] = append(v.packets[track.Kind()], received{*p, time.Now()})
			if track.Kind() == webrtc.RTPCodecTypeVideo {
				v.stamps[p.Timestamp] = true
			}
			v.mu.Unlock()
		}
	})
	return v
}

// got returns the packets in the order of arrival.
func (v *viewer) got(kind webrtc.RTPCodecType) []received {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.packets[kind]
}

// ordered returns the packets in the order of their numbers: on a busy machine
// even loopback loses some, which come later, or twice.
func (v *viewer) ordered(kind webrtc.RTPCodecType) []received {
	list := slices.Clone(v.got(kind))
	if len(list) > 0 {
		first := list[0].SequenceNumber - 1<<15
		slices.SortStableFunc(list, func(a, b received) int {
			return int(a.SequenceNumber-first) - int(b.SequenceNumber-first)
		})
	}
	return slices.CompactFunc(list, func(a, b received) bool { return a.SequenceNumber == b.SequenceNumber })
}

// times returns how many pictures there are at least parts of.
func (v *viewer) times() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.stamps)
}

// pictures groups video packets by their timestamps.
func (v *viewer) pictures() (list [][]received) {
	for _, p := range v.ordered(webrtc.RTPCodecTypeVideo) {
		if n := len(list); n > 0 && list[n-1][0].Timestamp == p.Timestamp {
			list[n-1] = append(list[n-1], p)
		} else {
			list = append(list, []received{p})
		}
	}
	return list
}

func (v *viewer) play(s *Service, stream string) {
	v.t.Helper()
	sdp := v.offer()
	v.started = time.Now()
	v.post(s.Play, stream, sdp)
}

// TestViewerStartsAtOnce is the promise of the cached group: whatever its
// length, the key frame is there at once and the live edge soon after.
func TestViewerStartsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { startAtOnce(t, newNetwork(t, condition{delay: 5 * time.Millisecond})) })
}

func startAtOnce(t *testing.T, n *network) {
	h, s := n.serve()
	src := newSource(t, h, "live/a", 300, 4000)
	src.cached(250) // 8.3 s, 1 MB
	src.run()
	v := newViewer(t, n.client)
	v.play(s, "live/a")
	waitFor(t, "260 pictures", func() bool { return len(v.pictures()) > 260 })

	pics := v.pictures()
	first, edge := pics[0][0], pics[249][0]
	keyAfter, edgeAfter := pics[0][len(pics[0])-1].at.Sub(v.started), edge.at.Sub(v.started)
	t.Logf("key frame after %v, live edge after %v", keyAfter, edgeAfter)
	if keyAfter > 300*time.Millisecond || edgeAfter > time.Second {
		t.Errorf("key frame after %v, live edge after %v", keyAfter, edgeAfter)
	}
	if spread := edge.Timestamp - first.Timestamp; spread > 90000/2 {
		t.Errorf("the cached group spans %d ticks", spread)
	}
	for i := 1; i < len(pics); i++ {
		if d := int32(pics[i][0].Timestamp - pics[i-1][0].Timestamp); d <= 0 {
			t.Fatalf("picture %d is %d ticks after the one before", i, d)
		}
	}
	seq := v.ordered(webrtc.RTPCodecTypeVideo)
	for i := 1; i < len(seq); i++ {
		if seq[i].SequenceNumber != seq[i-1].SequenceNumber+1 {
			t.Fatalf("packet %d has number %d after %d", i, seq[i].SequenceNumber, seq[i-1].SequenceNumber)
		}
	}
	waitFor(t, "sound", func() bool { return len(v.got(webrtc.RTPCodecTypeAudio)) > 10 })
	// Picture and sound are on one time line: what is as old in one as in the other
	// left at the same time, but for the squeezed start.
	if heard := v.got(webrtc.RTPCodecTypeAudio)[0].at.Sub(edge.at); heard > 700*time.Millisecond {
		t.Errorf("sound begins %v after the live edge", heard)
	}
}
