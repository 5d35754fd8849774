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
// is killed and comes back; then another joins. MATRIX names a file that the
// table of what was measured is written to: `make matrix`.
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
	ins, outs := inlets(), outlets(records)
	table := &matrixTable{cells: map[string]string{}}
	if file := os.Getenv("MATRIX"); file != "" {
		var columns []string
		for _, o := range outs {
			columns = append(columns, o.name)
		}
		t.Cleanup(func() { table.write(t, file, ins, append(columns, "Chromium WHEP")) })
	}
	// A publisher by WHIP on a busy machine may send sound long before its first picture.
	g := startWith(t, []string{"-c", config}, "HUB_TRACK_WAIT=10s", "WEBRTC_PEER_TIMEOUT=3s", "RECORD_DIR="+records, "RECORD_CLOSE_AFTER=2s")
	b := browse(t)
	n := 0
	for _, in := range ins {
		for _, name := range in.media {
			row := matrixRow{
				name: in.name + "/" + name, stream: fmt.Sprintf("live/matrix%d", n), in: in, outs: outs,
				m: sources[name], src: takes[name], table: table, again: outs[n%(len(outs)-3)],
			}
			n++
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				row.run(t, g.in(t), b.in(t))
			})
		}
	}
}

// matrixRow is a publisher and all its players.
type matrixRow struct {
	name, stream string
	in           inlet
	outs         []outlet
	again        outlet // who joins when the publisher has come back
	m            medium
	src          *take
	table        *matrixTable
}

func (r *matrixRow) run(t *testing.T, g *gateway, b *chromium) {
	kill := r.in.publish(t, g, r.stream, r.m)
	g.live(r.stream, 2)
	captures := make([]*capture, len(r.outs))
	for i, o := range r.outs {
		captures[i] = o.record(t, g, r.stream, o.want(r.m))
		if first := captures[0]; i == 0 {
			g.until("the first viewer is well in", func() bool { return first.pictures() > mediaGOP+mediaGOP/2 })
		}
	}
	var page *tab
	if r.inBrowser() {
		page = b.open(b.blank)
		defer page.close()
		page.whep(g, r.stream, "")
	}
	watchers := captures
	r.await(t, watchers, 3*mediaFPS)
	r.look(page)
	kill()
	g.until("the publisher is gone", func() bool { return !g.stream(r.stream).Live })
	kill = r.in.publish(t, g, r.stream, r.m)
	g.live(r.stream, 2)
	again := r.again.record(t, g, r.stream, r.again.want(r.m))
	r.await(t, append(watchers, again), 2*mediaFPS+10)
	r.look(page)
	again.stop()
	for _, c := range captures {
		if c.after {
			kill()
		}
		c.stop()
	}
	kill()
	for i, c := range captures {
		o := r.outs[i]
		w := o.want(r.m)
		r.table.set(r.name, o.name, r.judge(t, o.name, c, w).cell(w))
	}
	w := r.again.want(r.m)
	w.runs = 1
	if strings.HasPrefix(r.again.name, "HLS") {
		w.runs = 0 // its players begin some segments back
	}
	r.judge(t, r.again.name+", joined later", again, w)
}

// await waits until all players have so many more pictures.
func (r *matrixRow) await(t *testing.T, captures []*capture, more int) {
	from := make([]int, len(captures))
	for i, c := range captures {
		from[i] = c.pictures()
	}
	lacking := func() (names []string) {
		for i, c := range captures {
			if !c.done() && c.pictures() < from[i]+more {
				names = append(names, fmt.Sprintf("player %d has %d", i, c.pictures()-from[i]))
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
		t.Errorf("%s: of %d pictures %s", r.name, more, strings.Join(l, ", "))
	}
}

// judge compares what a player has with the source.
func (r *matrixRow) judge(t *testing.T, who string, c *capture, w want) verdict {
	var got take
	if c.take != nil {
		got = c.take()
	} else {
		got = developed(t, c.file)
	}
	v := compare(r.src, &got, w)
	if s := c.said(); s != "" {
		v.fault("the player says: %.500s", s)
	}
	for _, f := range v.faults {
		t.Errorf("%s to %s: %s", r.name, who, f)
	}
	t.Logf("%s to %s: %s %s; %s; %s", r.name, who, v.video, v.audio, v.cell(w), spans(v.runs))
	return v
}

// inBrowser reports whether Chromium watches this row: it decodes no H265, and
// each other medium and each inlet is watched once.
func (r *matrixRow) inBrowser() bool {
	switch r.name {
	case "RTMP/slices+AAC", "RTMP/B+PCMA", "RTSP TCP/slices+Opus", "RTSP UDP/B+AAC mono 22k", "WHIP/slices+PCMU",
		"RTMP/slices+MP3", "RTSP TCP/slices+MP3", "HTTP-TS/slices+MP3", "HTTP-TS/slices+MP2":
		return true
	}
	return false
}

// look wants a moving picture and the tone on a page.
func (r *matrixRow) look(page *tab) {
	if page == nil {
		return
	}
	page.moves()
	page.hears(mediaHz)
	s := page.stats()
	r.table.set(r.name, "Chromium WHEP", strings.ToLower(s.InVideo.Codec+", "+s.InAudio.Codec)+", seen and heard")
}
