package e2e

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// mimes are WebRTC's names of codecs.
var mimes = map[string]string{
	"h264": webrtc.MimeTypeH264, "hevc": webrtc.MimeTypeH265, "opus": webrtc.MimeTypeOpus, "pcm_alaw": webrtc.MimeTypePCMA, "pcm_mulaw": webrtc.MimeTypePCMU,
}

// rtpTrack sends one track, with the times that its media have and not with
// those at which a busy machine gets round to it.
type rtpTrack struct {
	*webrtc.TrackLocalStaticRTP
	sender    *webrtc.RTPSender
	payloader rtp.Payloader
	clock     int64
	sequence  uint16
}

func newRTPTrack(pc *webrtc.PeerConnection, kind, codec string) (*rtpTrack, error) {
	local, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mimes[codec]}, kind, "matrix")
	if err != nil {
		return nil, err
	}
	k := &rtpTrack{TrackLocalStaticRTP: local, clock: 90000}
	switch codec {
	case "h264":
		k.payloader = &codecs.H264Payloader{}
	case "hevc":
		k.payloader = &codecs.H265Payloader{}
	case "opus":
		k.payloader, k.clock = &codecs.OpusPayloader{}, 48000
	default:
		k.payloader, k.clock = &codecs.G711Payloader{}, 8000
	}
	if k.sender, err = pc.AddTrack(local); err != nil {
		return nil, err
	}
	go func() { // RTCP has to be read for lost packets to be sent again
		for {
			if _, _, err := k.sender.ReadRTCP(); err != nil {
				return
			}
		}
	}()
	return k, nil
}

// stamp is the RTP time of a presentation time.
func (k *rtpTrack) stamp(pts time.Duration) uint32 {
	return uint32(int64(pts+time.Hour) * k.clock / int64(time.Second))
}

func (k *rtpTrack) send(data []byte, pts time.Duration) {
	stamp := k.stamp(pts)
	parts := k.payloader.Payload(1188, data)
	for i, part := range parts {
		k.sequence++
		_ = k.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: i == len(parts)-1, SequenceNumber: k.sequence, Timestamp: stamp}, Payload: part})
		if k.clock == 8000 {
			stamp += uint32(len(part))
		}
	}
}

// report is the sender report for a time of the media, which was at began.
func (k *rtpTrack) report(began time.Time, pts time.Duration) rtcp.Packet {
	at := began.Add(pts)
	ntp := uint64(at.Unix()+2208988800)<<32 | uint64(at.Nanosecond())<<32/uint64(time.Second)
	return &rtcp.SenderReport{SSRC: uint32(k.sender.GetParameters().Encodings[0].SSRC), NTPTime: ntp, RTPTime: k.stamp(pts)}
}

// publishScript publishes by WHIP until kill is called, which has its socket
// vanish.
func publishScript(t *testing.T, g *gateway, stream string, s script) (kill func()) {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pc, err := newPion(pionOptions{socket: socket, ownReports: true})
	if err != nil {
		t.Fatal(err)
	}
	tracks := map[string]*rtpTrack{}
	for _, kind := range []string{"video", "audio"} {
		if tracks[kind], err = newRTPTrack(pc, kind, s.codec[kind]); err != nil {
			t.Fatal(err)
		}
	}
	connected := make(chan struct{})
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			close(connected)
		}
	})
	if _, err := call(t.Context(), pc, g.endpoint(stream, "whip")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-connected:
	case <-time.After(patience):
		t.Fatal("the publisher does not connect")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var playing sync.WaitGroup
	playing.Go(func() {
		began, reported := time.Now(), -time.Second
		s.play(ctx, func(u unit) {
			if u.dts >= reported+time.Second/2 {
				reported = u.dts
				_ = pc.WriteRTCP([]rtcp.Packet{tracks["video"].report(began, u.dts), tracks["audio"].report(began, u.dts)})
			}
			data := u.data
			if u.kind == "video" {
				data = s.annexB(u)
			}
			tracks[u.kind].send(data, u.pts)
		})
	})
	kill = sync.OnceFunc(func() {
		cancel()
		playing.Wait()
		_ = socket.Close()
		_ = pc.Close()
	})
	t.Cleanup(kill)
	return kill
}

// rtpTape keeps what a WHEP player receives of one track.
type rtpTape struct {
	codec    string // as ffprobe names it
	clock    float64
	packets  map[int64]*rtp.Packet // by their sequence numbers, unwrapped
	highest  int64
	reports  []report
	pictures int
}

// report ties RTP time to the sender's clock.
type report struct {
	stamp uint32
	at    time.Duration
}

// playWHEP records by WHEP without a browser: what is received is written into a
// file with the times that the sender reports give it.
func playWHEP(t *testing.T, g *gateway, stream string, w want) *capture {
	t.Helper()
	pc, err := newPion(pionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	tapes := map[string]*rtpTape{}
	var reading sync.WaitGroup
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		k := &rtpTape{clock: float64(track.Codec().ClockRate), packets: map[int64]*rtp.Packet{}}
		for name, mime := range mimes {
			if strings.EqualFold(mime, track.Codec().MimeType) {
				k.codec = name
			}
		}
		mu.Lock()
		tapes[track.Kind().String()] = k
		mu.Unlock()
		reading.Go(func() {
			for {
				p, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				mu.Lock()
				k.add(p)
				mu.Unlock()
			}
		})
		reading.Go(func() {
			for {
				list, _, err := receiver.ReadRTCP()
				if err != nil {
					return
				}
				mu.Lock()
				k.report(list)
				mu.Unlock()
			}
		})
	})
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	peer, err := call(t.Context(), pc, g.endpoint(stream, "whep"))
	if err != nil {
		t.Fatal(err)
	}
	r := &capture{file: filepath.Join(t.TempDir(), "whep.mkv")}
	r.pictures = func() int {
		mu.Lock()
		defer mu.Unlock()
		if k := tapes["video"]; k != nil {
			return k.pictures
		}
		return 0
	}
	r.done = func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateFailed }
	var problems string
	r.said = func() string { return problems }
	stop := sync.OnceFunc(func() {
		if err := peer.hangUp(); err != nil {
			problems += err.Error()
		}
		reading.Wait()
	})
	t.Cleanup(stop)
	r.stop = func() {
		stop()
		b, faults := tapesToMKV(tapes)
		problems += faults
		if err := os.WriteFile(r.file, b, 0o600); err != nil {
			t.Error(err)
		}
	}
	return r
}

func (k *rtpTape) add(p *rtp.Packet) {
	if len(p.Payload) == 0 {
		return
	}
	if len(k.packets) == 0 {
		k.highest = 1<<32 + int64(p.SequenceNumber)
	}
	seq := k.highest + int64(int16(p.SequenceNumber-uint16(k.highest)))
	k.highest = max(k.highest, seq)
	if k.packets[seq] == nil && p.Marker {
		k.pictures++
	}
	k.packets[seq] = p
}

func (k *rtpTape) report(list []rtcp.Packet) {
	for _, p := range list {
		if sr, ok := p.(*rtcp.SenderReport); ok {
			seconds, fraction := sr.NTPTime>>32, sr.NTPTime&0xffffffff
			at := time.Duration(seconds)*time.Second + time.Duration(fraction*uint64(time.Second)>>32)
			k.reports = append(k.reports, report{sr.RTPTime, at})
		}
	}
}

// at is the sender's time of an RTP time stamp, by the first report.
func (k *rtpTape) at(stamp uint32) time.Duration {
	r := k.reports[0]
	return r.at + time.Duration(float64(int32(stamp-r.stamp))/k.clock*float64(time.Second))
}

// inStep keeps the pairs of reports that are of the same instant, and wants each
// to say the same of how sound and pictures belong together.
func inStep(video, audio *rtpTape) (faults string) {
	var v, a []report
	for _, r := range video.reports {
		if i := slices.IndexFunc(audio.reports, func(o report) bool { return o.at == r.at }); i >= 0 {
			v, a = append(v, r), append(a, audio.reports[i])
		}
	}
	if len(v) == 0 {
		return "no two sender reports are of the same instant\n"
	}
	video.reports, audio.reports = v, a
	for i := range v {
		if d := video.at(v[i].stamp) - audio.at(a[i].stamp); d.Abs() > 5*time.Millisecond {
			faults += fmt.Sprintf("the sender reports of number %d move sound against pictures by %v\n", i, d)
		}
	}
	return faults
}

// tapesToMKV puts the packets together again.
func tapesToMKV(tapes map[string]*rtpTape) (file []byte, faults string) {
	var list []*mkvTrack
	var first time.Duration
	if v, a := tapes["video"], tapes["audio"]; v != nil && a != nil {
		faults += inStep(v, a)
	}
	for _, kind := range []string{"video", "audio"} {
		k := tapes[kind]
		if k == nil || len(k.packets) == 0 {
			continue
		}
		if len(k.reports) == 0 {
			faults += kind + ": no sender report\n"
			continue
		}
		tr := &mkvTrack{codec: k.codec, channels: 1}
		var missing string
		tr.blocks, missing = k.units()
		faults += missing
		list = append(list, tr)
		if first == 0 || len(tr.blocks) > 0 && tr.blocks[0].pts < first {
			first = tr.blocks[0].pts
		}
	}
	for _, tr := range list {
		for i := range tr.blocks {
			tr.blocks[i].pts += time.Second - first // B pictures are before the first
		}
	}
	return mkv(list), faults
}

// units are the pictures, or the packets of sound, that were received.
func (k *rtpTape) units() (blocks []mkvBlock, faults string) {
	var seqs []int64
	for s := range k.packets {
		seqs = append(seqs, s)
	}
	slices.SortFunc(seqs, func(a, b int64) int { return cmp.Compare(a, b) })
	if lost := seqs[len(seqs)-1] - seqs[0] + 1 - int64(len(seqs)); lost > 0 {
		faults = fmt.Sprintf("%s: %d of %d packets never came\n", k.codec, lost, len(seqs))
	}
	depacketize := func(b []byte) ([]byte, error) { return b, nil }
	switch k.codec {
	case "h264":
		depacketize = (&codecs.H264Packet{}).Unmarshal
	case "hevc":
		depacketize = (&codecs.H265Depacketizer{}).Unmarshal
	}
	var data []byte
	for i, s := range seqs {
		p := k.packets[s]
		part, err := depacketize(p.Payload)
		if err != nil {
			faults += fmt.Sprintf("%s: %v\n", k.codec, err)
		}
		data = append(data, part...)
		if k.codec == "h264" || k.codec == "hevc" {
			// A picture ends with its marker, and before another time.
			if next := i+1 < len(seqs) && k.packets[seqs[i+1]].Timestamp == p.Timestamp; next != !p.Marker {
				faults += fmt.Sprintf("%s: the marker of packet %d is wrong\n", k.codec, s)
			}
			if !p.Marker {
				continue
			}
		}
		blocks = append(blocks, mkvBlock{k.at(p.Timestamp), hasKey(k.codec, data), data})
		data = nil
	}
	return blocks, faults
}

// hasKey reports whether a picture in Annex B is an IDR; all sound is a key.
func hasKey(codec string, picture []byte) bool {
	for _, nal := range strings.Split(string(picture), "\x00\x00\x01") {
		if nal == "" {
			continue
		}
		switch {
		case codec == "h264" && nal[0]&31 == 5, codec == "hevc" && nal[0]>>1&63 >= 16 && nal[0]>>1&63 <= 21:
			return true
		}
	}
	return codec != "h264" && codec != "hevc"
}
