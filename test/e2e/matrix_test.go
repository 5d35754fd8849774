package e2e

import (
	"fmt"
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
	g := start(t, "WEBRTC_PEER_TIMEOUT=3s")
	n := 0
	for _, in := range inlets() {
		for _, name := range in.media {
			n++
			stream := fmt.Sprintf("live/matrix%d", n)
			t.Run(in.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				matrixRow(t, g.in(t), in, sources[name], takes[name], stream)
			})
		}
	}
}

func matrixRow(t *testing.T, g *gateway, in inlet, m medium, src *take, stream string) {
	kill := in.publish(t, g, stream, m)
	g.live(stream, 2)
	outs := outlets()
	recorders := make([]*capture, len(outs))
	wants := make([]want, len(outs))
	for i, o := range outs {
		wants[i] = o.want(m)
		recorders[i] = o.record(t, g, stream, wants[i])
	}
	has := func(what string, more int) {
		from := make([]int, len(recorders))
		for i, r := range recorders {
			from[i] = r.pictures()
		}
		lacking := func() (names []string) {
			for i, r := range recorders {
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
	for _, r := range recorders {
		r.stop()
	}
	kill()
	for i, r := range recorders {
		got := developed(t, r.file)
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
		t.Logf("%s: %s %s, A/V %s ms, %s", outs[i].name, v.video, v.audio, strings.Join(av, " "), describe(v.runs))
	}
}
