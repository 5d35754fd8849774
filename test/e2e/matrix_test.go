package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMatrix publishes every medium by every inlet and plays it by every outlet.
// Players join in the middle of a group of pictures, and stay when the publisher
// is killed and comes back.
func TestMatrix(t *testing.T) {
	sources := allMedia(t)
	takes := map[string]*take{}
	for name, m := range sources {
		k := developed(t, m.file)
		takes[name] = &k
	}
	records := t.TempDir()
	config := filepath.Join(t.TempDir(), "sluice.yaml")
	rule := `record: {rules: [{match: "live/matrix*", formats: [flv, mpegts, fmp4], path: "{app}/{stream}"}]}`
	if err := os.WriteFile(config, []byte(rule), 0o600); err != nil {
		t.Fatal(err)
	}
	g := startWith(t, []string{"-c", config}, "WEBRTC_PEER_TIMEOUT=3s", "RECORD_DIR="+records, "RECORD_CLOSE_AFTER=2s")
	n := 0
	for _, in := range inlets() {
		for _, name := range in.media {
			n++
			stream := fmt.Sprintf("live/matrix%d", n)
			t.Run(in.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				matrixRow(t, g.in(t), in, outlets(records), sources[name], takes[name], stream)
			})
		}
	}
}

func matrixRow(t *testing.T, g *gateway, in inlet, outs []outlet, m medium, src *take, stream string) {
	kill := in.publish(t, g, stream, m)
	g.live(stream, 2)
	captures := make([]*capture, len(outs))
	wants := make([]want, len(outs))
	for i, o := range outs {
		wants[i] = o.want(m)
		captures[i] = o.record(t, g, stream, wants[i])
		if first := captures[0]; i == 0 {
			g.until("the first viewer is well in", func() bool { return first.pictures() > mediaGOP+mediaGOP/2 })
		}
	}
	has := func(what string, more int) {
		from := make([]int, len(captures))
		for i, r := range captures {
			from[i] = r.pictures()
		}
		lacking := func() (names []string) {
			for i, r := range captures {
				if !r.done() && r.pictures() < from[i]+more {
					names = append(names, fmt.Sprintf("%s has %d", outs[i].name, r.pictures()-from[i]))
				}
			}
			return names
		}
		deadline := time.Now().Add(20 * time.Second)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for len(lacking()) > 0 && time.Now().Before(deadline) {
			<-tick.C
		}
		if l := lacking(); len(l) > 0 {
			t.Errorf("%s: of %d pictures %s", what, more, strings.Join(l, ", "))
		}
	}
	has("first", 3*mediaFPS)
	kill()
	g.until("the publisher is gone", func() bool { return !g.stream(stream).Live })
	kill = in.publish(t, g, stream, m)
	has("after the publisher came back", 2*mediaFPS+10)
	for _, r := range captures {
		if r.after {
			kill()
		}
		r.stop()
	}
	kill()
	for i, r := range captures {
		var got take
		if r.take != nil {
			got = r.take()
		} else {
			got = developed(t, r.file)
		}
		v := compare(src, &got, wants[i])
		if s := r.said(); s != "" {
			v.fault("the player says: %.500s", s)
		}
		for _, f := range v.faults {
			t.Errorf("%s: %s", outs[i].name, f)
		}
		var av []string
		for _, r := range v.runs {
			av = append(av, fmt.Sprintf("%+.0f", r.av*1000))
		}
		t.Logf("%s: %s %s, A/V %s ms, %s", outs[i].name, v.video, v.audio, strings.Join(av, " "), spans(v.runs))
	}
}
