package rtmp

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/container/amf"
)

func TestCapabilities(t *testing.T) {
	for _, c := range []struct {
		name     string
		announce amf.Object
		want     Capabilities
		takes    []string
		not      []string
	}{
		{name: "none", announce: amf.Object{{Name: "app", Value: "live"}}, not: []string{"hvc1", "Opus"}},
		{
			name:     "version 1",
			announce: amf.Object{{Name: "fourCcList", Value: amf.Array{"av01", "hvc1", nil}}},
			want:     Capabilities{FourCCs: map[string]FourCCMask{"av01": 7, "hvc1": 7}},
			takes:    []string{"av01", "hvc1"}, not: []string{"vp09"},
		},
		{
			name: "version 2",
			announce: amf.Object{
				{Name: "videoFourCcInfoMap", Value: amf.Object{{Name: "hvc1", Value: 1.0}, {Name: "vp09", Value: 2.0}}},
				{Name: "audioFourCcInfoMap", Value: amf.ECMAArray{{Name: "Opus", Value: 5.0}, {Name: "fLaC", Value: "?"}}},
				{Name: "capsEx", Value: 3.0},
			},
			want:  Capabilities{FourCCs: map[string]FourCCMask{"hvc1": 1, "vp09": 2, "opus": 5}, Ex: ExReconnect | ExMultitrack},
			takes: []string{"hvc1", "Opus"}, not: []string{"vp09", "fLaC"},
		},
		{
			name:     "everything",
			announce: AllCapabilities().properties(),
			want:     Capabilities{FourCCs: map[string]FourCCMask{"*": 7}, Ex: 15},
			takes:    []string{"hvc1", "av01", "fLaC"},
		},
	} {
		got := parseCapabilities(c.announce)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if got.Enhanced() != (len(c.takes) > 0) {
			t.Errorf("%s: Enhanced() = %v", c.name, got.Enhanced())
		}
		for _, f := range c.takes {
			if !got.Takes(f) {
				t.Errorf("%s: does not take %s", c.name, f)
			}
		}
		for _, f := range c.not {
			if got.Takes(f) {
				t.Errorf("%s: takes %s", c.name, f)
			}
		}
	}
}
