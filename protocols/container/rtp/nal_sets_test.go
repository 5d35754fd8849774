package rtp

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/codec/h264"
	"sluice/server/media"
)

// TestParameterSets changes them in band, all at once and one by one.
func TestParameterSets(t *testing.T) {
	s := streamOf(media.H264)
	d := must(NewDepacketizer(s.format, DepacketizerConfig{TrustMarker: true}))
	if diff := cmp.Diff(s.track, d.Track()); diff != "" {
		t.Fatalf("track by SDP (-want +got):\n%s", diff)
	}
	ts := uint32(0)
	send := func(units ...[]byte) *media.Track {
		t.Helper()
		var out []Unit
		for i, u := range units {
			var err error
			if out, err = d.Append(out, Packet{Payload: u, Timestamp: ts, Marker: i == len(units)-1}, false); err != nil {
				t.Fatal(err)
			}
		}
		ts += 3000
		if len(out) != 1 || out[0].Track != d.Track() {
			t.Fatalf("%d units", len(out))
		}
		return out[0].Track
	}
	idr := unhex("65888001")
	first := send(h264SPS, h264PPS, idr)
	if first != send(idr) || first != send(h264PPS, h264SPS, idr) {
		t.Error("a new track for the same parameter sets")
	}
	second := send(h264SPS2, h264PPS2, idr)
	want := must(h264.Track(must(h264.NewConfig([][]byte{h264SPS2}, [][]byte{h264PPS2})).Append(nil)))
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("new parameter sets (-want +got):\n%s", diff)
	}
	other := []byte{0x68, 0x50, 1} // PPS 1
	third := send(other, idr)
	c := must(h264.ParseConfig(third.Config))
	if diff := cmp.Diff([][]byte{h264PPS2, other}, c.PPS); diff != "" || len(c.SPS) != 1 {
		t.Errorf("another PPS (-want +got):\n%s", diff)
	}
	if third != send(idr) || first == second || second == third {
		t.Error("tracks are not told apart by pointer")
	}
}

// TestOddSets: parameter sets in the SDP as some cameras write them.
func TestOddSets(t *testing.T) {
	s := streamOf(media.H264)
	var plain, coded []string
	for _, set := range [][]byte{h264SPS, h264PPS} {
		plain = append(plain, base64.RawStdEncoding.EncodeToString(set))
		coded = append(coded, base64.StdEncoding.EncodeToString(append([]byte{0, 0, 0, 1}, set...)))
	}
	want := must(NewDepacketizer(Format{Name: "H264", Clock: 90000, Params: Params{"sprop-parameter-sets": s.format.Params["sprop-parameter-sets"]}}, DepacketizerConfig{})).Track()
	for name, value := range map[string]string{
		"no padding": strings.Join(plain, ","), "start codes": strings.Join(coded, ","), "a comma more": strings.Join(plain, " , ") + ",",
	} {
		d := must(NewDepacketizer(Format{Name: "H264", Clock: 90000, Params: Params{"sprop-parameter-sets": value}}, DepacketizerConfig{}))
		if d.Track() == nil || want == nil || !bytes.Equal(d.Track().Config, want.Config) {
			t.Errorf("%s: %v, want %v", name, d.Track(), want)
		}
	}
}
