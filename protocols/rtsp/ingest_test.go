package rtsp

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"sluice/protocols/codec/nal"
	"sluice/protocols/container/rtp"
	"sluice/protocols/container/rtp/timing"
	"sluice/protocols/rtsp/sdp"
	"sluice/server/media"
)

// tape is a publisher that keeps what is published.
type tape struct {
	packets   []*media.Packet
	expected  []media.Kind
	announced []*media.Track
	ended     bool
}

func (*tape) ID() string                   { return "tape" }
func (*tape) Context() context.Context     { return context.Background() }
func (p *tape) Expect(kinds ...media.Kind) { p.expected = kinds }
func (p *tape) Announce(t *media.Track)    { p.announced = append(p.announced, t) }
func (p *tape) Write(q *media.Packet) error {
	p.packets = append(p.packets, q)
	return nil
}
func (*tape) Sent(int)      {}
func (p *tape) Close(error) { p.ended = true }

// ingestRig feeds an intake.
type ingestRig struct {
	t   *testing.T
	in  *intake
	out tape
	log bytes.Buffer
	now time.Time

	reports []rtcp.Packet
}

func newRig(t *testing.T, ordered bool, tracks ...sdp.Media) *ingestRig {
	t.Helper()
	r := &ingestRig{t: t, now: time.Now()}
	in, err := newIntake(tracks, nil, slog.New(slog.NewTextHandler(&r.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	in.pub, r.in = &r.out, in
	set := make([]int, len(tracks))
	for i := range set {
		set[i] = i
	}
	err = in.Record(Recording{Tracks: set, Ordered: ordered, Jitter: 50 * time.Millisecond, Report: func(_ int, b []byte) {
		list, err := rtcp.Unmarshal(b)
		if err != nil {
			t.Error(err)
		}
		r.reports = append(r.reports, list...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *ingestRig) rtp(track int, p rtp.Packet) {
	r.t.Helper()
	if err := r.in.RTP(track, p.Append(nil), r.now); err != nil {
		r.t.Fatal(err)
	}
}

// packets returns what has come out: n packets.
func (r *ingestRig) packets(n int) []*media.Packet {
	r.t.Helper()
	if len(r.out.packets) != n {
		r.t.Errorf("%d packets, want %d", len(r.out.packets), n)
	}
	return r.out.packets
}

func h264Media(params string) sdp.Media {
	return sdp.Media{Type: "video", Formats: []sdp.Format{{
		PayloadType: 96, Format: rtp.Format{Name: "H264", Clock: 90000, Params: rtp.ParseParams(params)},
	}}}
}

// picture sends one H.264 picture of two slices, as three packets or more.
func (r *ingestRig) picture(z rtp.Packetizer, seq *uint16, pts time.Duration, key bool) {
	r.t.Helper()
	first, second := []byte{0x41, 0x9a, 1, 2, 3}, append([]byte{0x41, 0x02}, make([]byte, 3000)...)
	var payload []byte
	if key {
		first, second = []byte{0x65, 0x88, 0x84, 1}, append([]byte{0x65, 0x02}, make([]byte, 3000)...)
	}
	for _, u := range [][]byte{first, second} {
		payload = nal.Append(payload, u)
	}
	list, err := z.Append(nil, &media.Packet{Track: &media.Track{Codec: media.H264}, Key: key, Payload: payload})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range list {
		r.rtp(0, rtp.Packet{
			Sequence: *seq, SSRC: 7, PayloadType: 96, Timestamp: 1000 + uint32(media.ToClock(pts, 90000)), Marker: p.Marker, Payload: p.Data,
		})
		*seq++
	}
}

// TestIngestBFrames: pictures of several slices that are shown in another order
// than they come in: one packet each, presentation times as they were, decoding
// times that rise. It works where the parameter sets tell how far the order is
// mixed, and where they lie.
func TestIngestBFrames(t *testing.T) {
	const (
		high     = "Z2QADazZQVCHiIjARAAAD6QAA6mAPFCmWA==,aOvjyyLA" // reorders 2
		baseline = "Z0LAHtkAoC/5cBEAAAMAAQAAAwAyDxYuSA==,aMuDyyA="
	)
	for name, sets := range map[string]string{"told": high, "not told": baseline} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, true, h264Media("packetization-mode=1;sprop-parameter-sets="+sets))
			z, err := rtp.NewPacketizer(media.H264, rtp.PacketizerConfig{})
			if err != nil {
				t.Fatal(err)
			}
			const frame = 40 * time.Millisecond
			var seq uint16
			var shown []time.Duration
			for gop := range 5 {
				for i, n := range []int{2, 6, 4, 3, 5, 10, 8, 7, 9, 11} { // I P B b b ...
					at := time.Duration(gop*10+n) * frame
					shown = append(shown, at)
					r.now = r.now.Add(frame)
					r.picture(z, &seq, at, i == 0)
				}
			}
			r.in.Close(nil) // the last waits for the next
			got := r.packets(50)
			for i, p := range got {
				if p.DTS > p.PTS || i > 0 && p.DTS <= got[i-1].DTS {
					t.Errorf("picture %d: decoded at %v, shown at %v, the one before decoded at %v", i, p.DTS, p.PTS, got[max(i-1, 0)].DTS)
				}
				if i > 10 && p.PTS-got[i-1].PTS != shown[i]-shown[i-1] {
					t.Errorf("picture %d: shown %v after the one before, want %v", i, p.PTS-got[i-1].PTS, shown[i]-shown[i-1])
				}
				if n := len(p.Payload); n < 3000 || p.Key != (i%10 == 0) {
					t.Errorf("picture %d: %d bytes, key %v", i, n, p.Key)
				}
			}
		})
	}
}

// TestIngestLoss: after a loss pictures are left out up to the next key frame,
// late packets within the jitter buffer's time are no loss, and the log has one
// line.
func TestIngestLoss(t *testing.T) {
	r := newRig(t, false, testVideo)
	var seq uint16
	send := func(n int, drop bool) {
		p := rtp.Packet{
			Sequence: seq, SSRC: 7, PayloadType: 96, Timestamp: uint32(n * 3600), Marker: true,
			Payload: append([]byte{0x10}, vp8Picture(n%10 == 0, 100)...),
		}
		seq++
		if !drop {
			r.rtp(0, p)
		}
	}
	for n := range 40 {
		r.now = r.now.Add(40 * time.Millisecond)
		send(n, n == 13 || n == 25)
		if _, err := r.in.Tick(r.now); err != nil {
			t.Fatal(err)
		}
	}
	r.now = r.now.Add(time.Second)
	if _, err := r.in.Tick(r.now); err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for _, p := range r.packets(40 - 7 - 5) {
		numbers = append(numbers, int((p.PTS+time.Millisecond)/(40*time.Millisecond)))
	}
	for _, n := range numbers {
		if n >= 13 && n < 20 || n >= 25 && n < 30 {
			t.Errorf("picture %d is there, which refers to what is missing", n)
		}
	}
	if len(numbers) != 28 {
		t.Errorf("%d pictures: %v", len(numbers), numbers)
	}
	if n := strings.Count(r.log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d lines: %s", n, r.log.String())
	}
	if lost := r.in.details().Tracks[0].Lost; lost != 2 {
		t.Errorf("%d lost", lost)
	}
}

// TestIngestReordered: packets that come in another order are put right.
func TestIngestReordered(t *testing.T) {
	r := newRig(t, false, testAudio)
	for _, n := range []int{0, 1, 3, 2, 4, 7, 6, 5, 8, 8, 9} {
		r.now = r.now.Add(5 * time.Millisecond)
		r.rtp(0, rtp.Packet{Sequence: uint16(65533 + n), SSRC: 7, PayloadType: 8, Timestamp: uint32(n * 160), Payload: bytes.Repeat([]byte{byte(n)}, 160)})
	}
	for i, p := range r.packets(10) {
		if int(p.Payload[0]) != i {
			t.Errorf("packet %d in place %d", p.Payload[0], i)
		}
	}
	if lost := r.in.details().Tracks[0].Lost; lost != 0 {
		t.Errorf("%d lost", lost)
	}
}

// TestIngestStrange: what does not belong to the session is counted, and
// changes nothing.
func TestIngestStrange(t *testing.T) {
	r := newRig(t, true, testAudio)
	good := rtp.Packet{Sequence: 1, SSRC: 7, PayloadType: 8, Payload: make([]byte, 160)}
	r.rtp(0, good)
	for _, p := range []rtp.Packet{
		{Sequence: 2, SSRC: 7, PayloadType: 99, Payload: make([]byte, 160)}, // unknown payload type
		{Sequence: 3, SSRC: 8, PayloadType: 8, Payload: make([]byte, 160)},  // another source
	} {
		r.rtp(0, p)
	}
	if err := r.in.RTP(0, []byte{0x80}, r.now); err != nil {
		t.Fatal(err)
	}
	r.in.RTCP(0, []byte{1}, r.now)
	if r.in.unknown != 4 {
		t.Errorf("%d packets are counted", r.in.unknown)
	}
	r.now = r.now.Add(2 * time.Second) // the source has ended, another takes its place
	for i := range 3 {
		r.rtp(0, rtp.Packet{Sequence: uint16(100 + i), SSRC: 8, PayloadType: 8, Timestamp: uint32(i * 160), Payload: make([]byte, 160)})
	}
	if got := r.packets(4); len(got) != 4 {
		t.Errorf("%d packets", len(got))
	}
}

// TestIngestSync: sender reports bring picture and sound together, whatever
// their timestamps and however late one of them comes.
func TestIngestSync(t *testing.T) {
	r := newRig(t, true, testVideo, testAudio)
	start := r.now
	report := func(track int, ts uint32) {
		b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: uint32(track), NTPTime: timing.NTP(start), RTPTime: ts}})
		if err != nil {
			t.Fatal(err)
		}
		r.in.RTCP(track, b, r.now)
	}
	report(0, 5000)
	report(1, 1<<31)
	for n := range 50 {
		at := time.Duration(n) * 40 * time.Millisecond
		r.now = start.Add(at)
		r.rtp(0, rtp.Packet{
			Sequence: uint16(n), PayloadType: 96, SSRC: 1, Timestamp: 5000 + uint32(media.ToClock(at, 90000)), Marker: true,
			Payload: append([]byte{0x10}, vp8Picture(n%10 == 0, 100)...),
		})
		r.now = r.now.Add(300 * time.Millisecond) // sound is always late
		r.rtp(1, rtp.Packet{
			Sequence: uint16(n), PayloadType: 8, SSRC: 2, Timestamp: 1<<31 + uint32(media.ToClock(at, 8000)), Payload: bytes.Repeat([]byte{byte(n)}, 320),
		})
	}
	pictures := 0
	for _, p := range r.packets(100) {
		n := pictures
		if p.Kind() == media.Audio {
			n = int(p.Payload[0])
		} else {
			pictures++
		}
		if off := p.PTS - time.Duration(n)*40*time.Millisecond; n > 15 && (off > 10*time.Millisecond || off < -10*time.Millisecond) {
			t.Errorf("%v %d is at %v, %v off", p.Kind(), n, p.PTS, off)
		}
	}
	if _, err := r.in.Tick(r.now); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range r.reports {
		if rr, ok := p.(*rtcp.ReceiverReport); ok && len(rr.Reports) == 1 && rr.Reports[0].LastSenderReport != 0 {
			n++
		}
	}
	if n < 2 {
		t.Errorf("%d reports of %d refer to a sender report", n, len(r.reports))
	}
}

// TestIngestExpects: only what is set up and can be read is waited for, and what
// the description tells is known at once.
func TestIngestExpects(t *testing.T) {
	r := newRig(t, true, h264Media(""), testAudio)
	if len(r.out.expected) != 2 || len(r.out.announced) != 1 || r.out.announced[0].Codec != media.PCMA {
		t.Errorf("%v, %v", r.out.expected, r.out.announced)
	}
	in, err := newIntake([]sdp.Media{h264Media(""), testAudio}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	out := &tape{}
	in.pub = out
	if err := in.Record(Recording{Tracks: []int{1}, Ordered: true}); err != nil {
		t.Fatal(err)
	}
	if len(out.expected) != 1 || out.expected[0] != media.Audio {
		t.Errorf("%v", out.expected)
	}
	if err := in.RTP(0, []byte{0x80}, time.Now()); err != nil || in.unknown != 1 {
		t.Errorf("%d, %v", in.unknown, err)
	}
}

// TestIngestRefuses: descriptions with nothing to take, and with too much.
func TestIngestRefuses(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, list := range [][]sdp.Media{
		{{Type: "application", Formats: []sdp.Format{{PayloadType: 107, Format: rtp.Format{Name: "vnd.onvif.metadata", Clock: 90000}}}}},
		{{Type: "video"}},
		{{Type: "video", Formats: []sdp.Format{{PayloadType: 0, Format: rtp.Format{Name: "PCMU", Clock: 8000}}}}},
	} {
		if _, err := newIntake(list, nil, log); err == nil {
			t.Errorf("%v is taken", list)
		}
	}
	in, err := newIntake([]sdp.Media{testVideo, testVideo, testAudio}, nil, log)
	if err != nil || in.tracks[0] == nil || in.tracks[1] != nil || in.tracks[2] == nil {
		t.Errorf("a second picture: %v", err)
	}
	if _, err := newInTrack(&testVideo, []*inTrack{in.tracks[0]}); !errors.Is(err, errSecond) {
		t.Error(err)
	}
}
