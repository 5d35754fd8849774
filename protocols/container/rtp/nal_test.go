package rtp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/codec/h265"
	"sluice/protocols/codec/nal"
	"sluice/server/media"
)

// rx is one packet that a Depacketizer gets.
type rx struct {
	payload string // hexadecimal
	ts      uint32
	marker  bool
	lost    bool
}

// got is one unit that comes out.
type got struct {
	payload string
	ts      uint32
	key     bool
	lost    bool
}

// rxCase is a case of depacketizing; each is also a seed of the format's fuzz
// target.
type rxCase struct {
	name    string
	trust   bool // the marker
	packets []rx
	want    []got
	errs    []error // one per error, in order
}

// h264Sets is a STAP-A with an SPS and a PPS.
const h264Sets = "78" + "0019" + "6764000dacd94150878888c04400000fa40003a9803c50a658" + "0006" + "68ebe3cb22c0"

// h264SetsOut is how h264Sets comes out.
const h264SetsOut = "00000019" + "6764000dacd94150878888c04400000fa40003a9803c50a658" + "00000006" + "68ebe3cb22c0"

var h264Cases = []rxCase{
	{
		"single units, aggregation and fragments", false,
		[]rx{
			{payload: h264Sets, ts: 1},
			{payload: "7c858880aa", ts: 1},
			{payload: "7c05bb", ts: 1},
			{payload: "7c45cc", ts: 1, marker: true},
			{payload: "419a01", ts: 2, marker: true},
			{payload: "019a02", ts: 3, marker: true},
		},
		[]got{
			{payload: h264SetsOut + "00000006" + "658880aabbcc", ts: 1, key: true},
			{payload: "00000003419a01", ts: 2},
			{payload: "00000003019a02", ts: 3},
		},
		nil,
	},
	{
		"marker on every slice", false,
		[]rx{
			{payload: h264Sets, ts: 1, marker: true},
			{payload: "65888001", ts: 1, marker: true},
			{payload: "65588002", ts: 1, marker: true},
			{payload: "41888003", ts: 2, marker: true},
			{payload: "41588004", ts: 2, marker: true},
			{payload: "41888005", ts: 3, marker: true},
		},
		[]got{
			{payload: h264SetsOut + "0000000465888001" + "0000000465588002", ts: 1, key: true},
			{payload: "0000000441888003" + "0000000441588004", ts: 2},
			{payload: "0000000441888005", ts: 3},
		},
		nil,
	},
	{
		"no marker at all", false,
		[]rx{{payload: h264Sets, ts: 1}, {payload: "65888001", ts: 1}, {payload: "41888002", ts: 2}, {payload: "41888003", ts: 3}},
		[]got{{payload: h264SetsOut + "0000000465888001", ts: 1, key: true}, {payload: "0000000441888002", ts: 2}},
		nil,
	},
	{
		"parameter sets with a timestamp of their own", false,
		[]rx{{payload: h264Sets, ts: 1, marker: true}, {payload: "65888001", ts: 2, marker: true}},
		[]got{{payload: h264SetsOut + "0000000465888001", ts: 2, key: true}},
		nil,
	},
	{
		"parameter sets with the timestamp of the picture before", true,
		[]rx{
			{payload: "6764000dacd94150878888c04400000fa40003a9803c50a658", ts: 1, marker: true},
			{payload: "68ebe3cb22c0", ts: 1, marker: true},
			{payload: "65888001", ts: 2, marker: true},
			{payload: "41888002", ts: 3, marker: true},
			{payload: "6764000dacd94150878888c04400000fa40003a9803c50a658", ts: 3, marker: true},
			{payload: "68ebe3cb22c0", ts: 3, marker: true},
			{payload: "65888003", ts: 4, marker: true},
			{payload: h264Sets, ts: 4, marker: true},
			{payload: "65888004", ts: 5, marker: true},
		},
		[]got{
			{payload: h264SetsOut + "0000000465888001", ts: 2, key: true},
			{payload: "0000000441888002", ts: 3},
			{payload: h264SetsOut + "0000000465888003", ts: 4, key: true},
			{payload: h264SetsOut + "0000000465888004", ts: 5, key: true},
		},
		nil,
	},
	{
		"the same without trust in the marker", false,
		[]rx{
			{payload: h264Sets, ts: 1},
			{payload: "65888001", ts: 1},
			{payload: h264Sets, ts: 1},
			{payload: "65888003", ts: 2},
			{payload: "41888004", ts: 3},
		},
		[]got{
			{payload: h264SetsOut + "0000000465888001", ts: 1, key: true},
			{payload: h264SetsOut + "0000000465888003", ts: 2, key: true},
		},
		nil,
	},
	{
		"start codes: in fragments, before a unit, between units", true,
		[]rx{
			{payload: "7c87" + "64000dacd94150878888c04400000fa40003a9803c50a658" + "0000", ts: 1}, // of an SPS
			{payload: "7c07" + "000168ebe3cb22c0" + "00000001" + "65888001", ts: 1},
			{payload: "7c47" + "aabb", ts: 1, marker: true},
			{payload: "00000001" + "41888002", ts: 2, marker: true},
			{payload: "06aa80" + "000001" + "41888003", ts: 3, marker: true},
			{payload: "000001", ts: 4, marker: true},
			{payload: "41888005", ts: 5, marker: true},
		},
		[]got{
			{payload: h264SetsOut + "00000006" + "65888001aabb", ts: 1, key: true},
			{payload: "0000000441888002", ts: 2},
			{payload: "0000000306aa80" + "0000000441888003", ts: 3},
			{payload: "0000000441888005", ts: 5, lost: true},
		},
		[]error{ErrMalformed},
	},
	{
		"filler behind the marker", true,
		[]rx{
			{payload: h264Sets, ts: 1},
			{payload: "65888001", ts: 1, marker: true},
			{payload: "0cffff80", ts: 1},
			{payload: "41888002", ts: 2, marker: true},
			{payload: "0cffff80", ts: 2, marker: true},
		},
		[]got{{payload: h264SetsOut + "0000000465888001", ts: 1, key: true}, {payload: "0000000441888002", ts: 2}},
		nil,
	},
	{
		"a gap in a unit", true,
		[]rx{
			{payload: h264Sets, ts: 1},
			{payload: "65888001", ts: 1, marker: true},
			{payload: "5c818880", ts: 2},
			{payload: "5c41cc", ts: 2, marker: true, lost: true},
			{payload: "41888003", ts: 3, marker: true},
		},
		[]got{{payload: h264SetsOut + "0000000465888001", ts: 1, key: true}, {payload: "0000000441888003", ts: 3, lost: true}},
		[]error{ErrLost},
	},
	{
		"a gap at the start of a unit", true,
		[]rx{
			{payload: h264Sets, ts: 1},
			{payload: "65888001", ts: 1, marker: true},
			{payload: "41588003", ts: 2, marker: true, lost: true}, // not a first slice
			{payload: "41888003", ts: 3, marker: true},
		},
		[]got{{payload: h264SetsOut + "0000000465888001", ts: 1, key: true}, {payload: "0000000441888003", ts: 3, lost: true}},
		[]error{ErrLost},
	},
	{
		"a gap that swallowed the parameter sets", true,
		[]rx{
			{payload: h264Sets, ts: 1},
			{payload: "65888001", ts: 1, marker: true},
			{payload: "65888002", ts: 2, marker: true, lost: true},
			{payload: "41888003", ts: 3, marker: true},
		},
		[]got{{payload: h264SetsOut + "0000000465888001", ts: 1, key: true}, {payload: "0000000441888003", ts: 3, lost: true}},
		[]error{ErrLost},
	},
	{
		"no parameter sets yet", false,
		[]rx{
			{payload: "65888001", ts: 1, marker: true},
			{payload: h264Sets, ts: 2},
			{payload: "65888001", ts: 2, marker: true},
			{payload: "41888003", ts: 3, marker: true},
		},
		[]got{{payload: h264SetsOut + "0000000465888001", ts: 2, key: true, lost: true}, {payload: "0000000441888003", ts: 3}},
		[]error{ErrNoConfig},
	},
	{
		"padding changes nothing", false,
		[]rx{
			{payload: h264Sets, ts: 1},
			{payload: "", ts: 1},
			{payload: "65888001", ts: 1, marker: true},
			{payload: "", ts: 1},
			{payload: "", ts: 9, marker: true},
			{payload: "41888002", ts: 2, marker: true},
		},
		[]got{{payload: h264SetsOut + "0000000465888001", ts: 1, key: true}, {payload: "0000000441888002", ts: 2}},
		nil,
	},
	{
		"what is refused", false,
		[]rx{
			{payload: "79000065", ts: 1},          // STAP-B
			{payload: "7a000065", ts: 2},          // MTAP16
			{payload: "7d850000aa", ts: 3},        // FU-B
			{payload: "7c45aa", ts: 4},            // a fragment without a start
			{payload: "7800", ts: 5},              // an aggregation packet cut short
			{payload: "7800036588", ts: 6},        // with a unit cut short
			{payload: "780000", ts: 7},            // with a unit of no bytes
			{payload: "7c85aa", ts: 8},            //
			{payload: "65888001", ts: 8},          // fragments without an end
			{payload: "7c85aa", ts: 9},            //
			{payload: "7c85aa", ts: 9},            // two starts
			{payload: "00", ts: 10, marker: true}, // type 0
			{payload: "6764", ts: 11},             // a bad SPS
			{payload: "68eb", ts: 11},             //
			{payload: "658880", ts: 11},           //
			{payload: "658880", ts: 12},
		},
		nil,
		[]error{
			ErrLost, ErrUnsupported, ErrUnsupported, ErrMalformed, ErrMalformed, ErrMalformed,
			ErrMalformed, ErrMalformed, ErrMalformed, ErrUnsupported, ErrNoConfig,
		},
	},
}

// h265Sets is an aggregation packet with VPS, SPS and PPS.
const h265Sets = "6001" +
	"0018" + "40010c01ffff01600000030090000003000003003c959409" +
	"0029" + "42010101600000030090000003000003003ca00a480f9c926595964932bc05a02000007d20000ea601" +
	"0007" + "4401c172b46240"

const h265SetsOut = "00000018" + "40010c01ffff01600000030090000003000003003c959409" +
	"00000029" + "42010101600000030090000003000003003ca00a480f9c926595964932bc05a02000007d20000ea601" +
	"00000007" + "4401c172b46240"

var h265Cases = []rxCase{
	{
		"single units, aggregation, fragments and control information", false,
		[]rx{
			{payload: h265Sets, ts: 1},
			{payload: "62019380aa", ts: 1},
			{payload: "640100", ts: 1}, // PACI
			{payload: "620113bb", ts: 1},
			{payload: "620153cc", ts: 1, marker: true},
			{payload: "0201d001", ts: 2, marker: true},
			{payload: "2a01d002", ts: 3, marker: true},
			{payload: "0201d003", ts: 4},
		},
		[]got{
			{payload: h265SetsOut + "00000006" + "260180aabbcc", ts: 1, key: true},
			{payload: "000000040201d001", ts: 2},
			{payload: "000000042a01d002", ts: 3, key: true},
		},
		nil,
	},
	{
		"a gap at the start of a unit", true,
		[]rx{
			{payload: h265Sets, ts: 1},
			{payload: "260180aa", ts: 1, marker: true},
			{payload: "020140aa", ts: 2, marker: true, lost: true},
			{payload: "020180aa", ts: 3, marker: true},
		},
		[]got{{payload: h265SetsOut + "00000004260180aa", ts: 1, key: true}, {payload: "00000004020180aa", ts: 3, lost: true}},
		[]error{ErrLost},
	},
	{
		"what is refused", false,
		[]rx{
			{payload: h265Sets, ts: 1},
			{payload: "260180aa", ts: 1, marker: true},
			{payload: "02", ts: 2},         // no header
			{payload: "7a0100", ts: 3},     // type 61
			{payload: "6001000102", ts: 4}, // a unit without header
			{payload: "620113bb", ts: 5},   // a fragment without a start
			{payload: "6201", ts: 6},       // a fragment without its header
			{payload: "020180aa", ts: 7},   //
		},
		[]got{{payload: h265SetsOut + "00000004260180aa", ts: 1, key: true}},
		[]error{ErrMalformed, ErrUnsupported, ErrMalformed, ErrMalformed, ErrMalformed},
	},
}

// run feeds the packets of a case and checks what comes out.
func (c rxCase) run(t *testing.T, d Depacketizer) {
	t.Helper()
	var units []Unit
	var errs []error
	for _, p := range c.packets {
		var err error
		units, err = d.Append(units, Packet{Payload: unhex(p.payload), Timestamp: p.ts, Marker: p.marker}, p.lost)
		if err != nil {
			errs = append(errs, err)
		}
	}
	units = d.Flush(units)
	var out []got
	for _, u := range units {
		if u.Track == nil {
			t.Error("a unit without a track")
		}
		out = append(out, got{payload: hexOf(u.Payload), ts: u.Timestamp, key: u.Key, lost: u.Lost})
	}
	if diff := cmp.Diff(c.want, out, cmp.AllowUnexported(got{})); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
	if !slices.EqualFunc(errs, c.errs, errors.Is) {
		t.Errorf("errors %v, want %v", errs, c.errs)
	}
}

// seeds adds the cases to a fuzz target.
func seeds(f *testing.F, cases []rxCase) {
	for _, c := range cases {
		var script []byte
		last := uint32(0)
		for _, p := range c.packets {
			script = appendRx(script, unhex(p.payload), p.marker, p.ts != last, p.lost)
			last = p.ts
		}
		f.Add(script)
	}
}

func TestH264Cases(t *testing.T) {
	for _, c := range h264Cases {
		t.Run(c.name, func(t *testing.T) {
			c.run(t, must(NewDepacketizer(Format{Name: "h264", Clock: 90000}, DepacketizerConfig{TrustMarker: c.trust})))
		})
	}
}

func TestH265Cases(t *testing.T) {
	for _, c := range h265Cases {
		t.Run(c.name, func(t *testing.T) {
			c.run(t, must(NewDepacketizer(Format{Name: "H265", Clock: 90000}, DepacketizerConfig{TrustMarker: c.trust})))
		})
	}
}

// TestMarkers sends pictures of several slices by senders with other ideas of
// the marker, and with losses: no torn unit, and without losses none missing.
func TestMarkers(t *testing.T) {
	for name, marked := range map[string]func(p Packet) bool{
		"every slice":  func(p Packet) bool { return p.Payload[0]&0x1f != h264FUA || p.Payload[1]&fuEnd != 0 },
		"every packet": func(Packet) bool { return true },
		"never":        func(Packet) bool { return false },
		"last packet":  func(p Packet) bool { return p.Marker },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(8) {
				rnd := rand.New(rand.NewPCG(seed, 3))
				s := streamOf(media.H264)
				frames := s.send(t, rnd, 200, 10)
				d := must(NewDepacketizer(s.format, DepacketizerConfig{}))
				byTime := map[uint32][]byte{}
				var units []Unit
				lost := false
				for i, f := range frames {
					byTime[f.packets[0].Timestamp] = f.payload
					for _, p := range f.packets {
						if i > 0 && seed > 0 && rnd.IntN(100) == 0 {
							lost = true
							continue
						}
						p.Marker = marked(p)
						units, _ = d.Append(units, p, lost)
						lost = false
					}
				}
				for _, u := range units {
					if !bytes.Equal(u.Payload, byTime[u.Timestamp]) {
						t.Fatalf("seed %d: torn unit at %d: %d bytes of %d", seed, u.Timestamp, len(u.Payload), len(byTime[u.Timestamp]))
					}
				}
				if seed == 0 && len(units) < len(frames)-1 {
					t.Errorf("%d units of %d frames", len(units), len(frames))
				}
			}
		})
	}
}

// TestFalseTrust has a sender that seemed to set the marker right and does not:
// the first such unit is reported, and later ones are whole.
func TestFalseTrust(t *testing.T) {
	rxCase{
		packets: []rx{
			{payload: h264Sets, ts: 1},
			{payload: "65888001", ts: 1},
			{payload: "65588002", ts: 1, marker: true}, // two slices, one marker
			{payload: "41888003", ts: 2, marker: true}, // so this is taken for whole
			{payload: "41588004", ts: 2, marker: true},
			{payload: "41888005", ts: 3, marker: true},
			{payload: "41588006", ts: 3, marker: true},
			{payload: "41888007", ts: 4},
		},
		want: []got{
			{payload: h264SetsOut + "0000000465888001" + "0000000465588002", ts: 1, key: true},
			{payload: "0000000441888003", ts: 2},
			{payload: "0000000441888005" + "0000000441588006", ts: 3, lost: true},
		},
		errs: []error{ErrMalformed},
	}.run(t, must(NewDepacketizer(Format{Name: "H264", Clock: 90000}, DepacketizerConfig{})))
}

// TestTrustMarker has units come out with their marker from the first on.
func TestTrustMarker(t *testing.T) {
	d := must(NewDepacketizer(Format{Name: "H264", Clock: 90000}, DepacketizerConfig{TrustMarker: true}))
	var units []Unit
	for i, p := range []Packet{{Payload: unhex(h264Sets), Marker: true}, {Payload: unhex("65888001"), Marker: true}} {
		units = must(d.Append(units, p, false))
		if len(units) != i {
			t.Fatalf("%d units after packet %d", len(units), i)
		}
	}
}

// TestInsertConfig puts parameter sets before key pictures that have none.
func TestInsertConfig(t *testing.T) {
	for _, s := range streams() {
		var sets, idr, trail []byte
		switch s.name {
		case "H264":
			sets, idr, trail = nal.Join(h264SPS, h264PPS), nal.Join(unhex("65888001")), nal.Join(unhex("41888001"))
		case "H265":
			sets, idr, trail = nal.Join(h265VPS, h265SPS, h265PPS), nal.Join(unhex("260180aa")), nal.Join(unhex("020180aa"))
		case "AV1":
			sets, idr, trail = av1C[4:], unhex("320310aaaa"), unhex("320330aaaa")
		default:
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			s.config.InsertConfig = true
			out := newSender(s)
			d := must(NewDepacketizer(s.format, DepacketizerConfig{TrustMarker: true}))
			for i, c := range []struct {
				key           bool
				payload, want []byte
			}{
				{true, idr, slices.Concat(sets, idr)},
				{false, trail, trail},
				{true, slices.Concat(sets, idr), slices.Concat(sets, idr)},
			} {
				var units []Unit
				for _, p := range must(out.send(&media.Packet{Track: s.track, Key: c.key, Payload: c.payload}, uint32(i))) {
					units = must(d.Append(units, p, false))
				}
				if len(units) != 1 || !bytes.Equal(units[0].Payload, c.want) || units[0].Key != c.key {
					t.Errorf("picture %d: %+v, want %x", i, units, c.want)
				}
			}
			if _, err := out.send(&media.Packet{Track: &media.Track{Codec: s.track.Codec}, Key: true, Payload: idr}, 9); err == nil {
				t.Error("a track without a configuration is no error")
			}
		})
	}
}

// TestIdleUnits leaves delimiters and filler out.
func TestIdleUnits(t *testing.T) {
	for _, c := range []struct {
		codec         media.Codec
		payload, want []byte
	}{
		{media.H264, nal.Join(unhex("09f0"), unhex("41888001"), unhex("0cffff80")), nal.Join(unhex("41888001"))},
		{media.H265, nal.Join(unhex("460150"), unhex("020180aa"), unhex("4c01ff80")), nal.Join(unhex("020180aa"))},
		{media.AV1, unhex("1200" + "320330aaaa" + "7a020080"), unhex("320330aaaa")},
	} {
		s := streamOf(c.codec)
		packets := must(newSender(s).send(&media.Packet{Track: s.track, Payload: c.payload}, 0))
		if len(packets) != 1 {
			t.Errorf("%v: %d packets", c.codec, len(packets))
		}
		if c.codec != media.AV1 && !bytes.Equal(packets[0].Payload, c.want[4:]) {
			t.Errorf("%v: %x", c.codec, packets[0].Payload)
		}
	}
}

func TestPacketizerRefuses(t *testing.T) {
	big := nal.Join(append(unhex("41888001"), make([]byte, 2000)...))
	for _, c := range []struct {
		name    string
		track   *media.Track
		cfg     PacketizerConfig
		payload []byte
		want    error
	}{
		{"mode 0", streamOf(media.H264).track, PacketizerConfig{SingleNAL: true}, big, ErrTooLarge},
		{"framing", streamOf(media.H264).track, PacketizerConfig{}, big[:100], ErrMalformed},
		{"H265 unit without a header", streamOf(media.H265).track, PacketizerConfig{}, unhex("0000000102"), ErrMalformed},
		{"H265 key unit without a header", streamOf(media.H265).track, PacketizerConfig{InsertConfig: true}, unhex("0000000126"), ErrMalformed},
		{"too many units", streamOf(media.H264).track, PacketizerConfig{}, bytes.Repeat(unhex("0000000141"), maxUnits+1), ErrTooLarge},
		{"AV1 framing", streamOf(media.AV1).track, PacketizerConfig{}, unhex("320330aa"), ErrMalformed},
		{"empty VP8", streamOf(media.VP8).track, PacketizerConfig{}, nil, ErrMalformed},
		{"empty VP9", streamOf(media.VP9).track, PacketizerConfig{}, nil, ErrMalformed},
		{"empty AAC", streamOf(media.AAC).track, PacketizerConfig{}, nil, ErrMalformed},
		{"large AAC", streamOf(media.AAC).track, PacketizerConfig{}, make([]byte, 8192), ErrTooLarge},
		{"large Opus", streamOf(media.Opus).track, PacketizerConfig{}, make([]byte, 1200), ErrTooLarge},
		{"half a sample", streamOf(media.L16).track, PacketizerConfig{}, make([]byte, 6), ErrMalformed},
		{"large MP3", streamOf(media.MP3).track, PacketizerConfig{}, make([]byte, 1<<16), ErrMalformed},
	} {
		z := must(NewPacketizer(c.track.Codec, c.cfg))
		before := []Payload{{Data: []byte{1}}}
		after, err := z.Append(before, &media.Packet{Track: c.track, Payload: c.payload, Key: c.cfg.InsertConfig})
		if !errors.Is(err, c.want) || len(after) != 1 {
			t.Errorf("%s: %d payloads, %v", c.name, len(after), err)
		}
	}
	if _, err := NewPacketizer(media.FLAC, PacketizerConfig{}); !errors.Is(err, ErrCodec) {
		t.Errorf("FLAC: %v", err)
	}
	if _, err := NewPacketizer(media.H264, PacketizerConfig{MaxPayload: 20}); err == nil {
		t.Error("payloads of 20 bytes are taken")
	}
}

// TestMaxUnit has the size of access units bounded.
func TestMaxUnit(t *testing.T) {
	for _, s := range streams() {
		if s.track.Codec.Kind() != media.Video {
			continue
		}
		d := must(NewDepacketizer(s.format, DepacketizerConfig{MaxUnit: 3000, TrustMarker: true}))
		rnd := rand.New(rand.NewPCG(1, 1))
		tooLarge, out := 0, 0
		for _, f := range s.send(t, rnd, 50, 10) {
			for _, p := range f.packets {
				units, err := d.Append(nil, p, false)
				if errors.Is(err, ErrTooLarge) {
					tooLarge++
				}
				for _, u := range units {
					if out++; len(u.Payload) > 3000 {
						t.Errorf("%s: unit of %d bytes", s.name, len(u.Payload))
					}
				}
			}
		}
		if tooLarge == 0 || out == 0 {
			t.Errorf("%s: %d units were too large, %d not", s.name, tooLarge, out)
		}
	}
}

// TestH265Header checks that ids of layer and sub-layer survive (RFC 7798
// 4.4.2: an aggregation packet has the lowest of its units).
func TestH265Header(t *testing.T) {
	var z h265Syntax
	low, high := []byte{0x02, 0x01, 1}, []byte{0x03, 0x0b, 1} // layers 0 and 33, sub-layers 0 and 2
	if got := z.aggregate(nil, [][]byte{high, low}); !bytes.Equal(got, []byte{0x60, 0x01}) {
		t.Errorf("aggregation of both: %x", got)
	}
	if got := z.aggregate(nil, [][]byte{high}); !bytes.Equal(got, []byte{0x61, 0x0b}) {
		t.Errorf("aggregation of the upper: %x", got)
	}
	f := z.fragment(nil, high, true, false)
	if head := z.unitHeader(f); !bytes.Equal(head[:], high[:2]) || h265.TypeOf(f) != h265.TypeFragment {
		t.Errorf("fragment %x gives back %x", f, head)
	}
}
