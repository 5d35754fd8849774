package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSecondPublisher pushes a stream twice under each policy.
func TestSecondPublisher(t *testing.T) {
	first, second := zerolatency.make(t, "20"), bframes.make(t, "20")
	for _, policy := range []string{"refuse", "takeover", "standby"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel() // most of it is waiting for media in real time
			g := start(t, "HUB_SECOND_PUBLISHER="+policy)
			url := "rtmp://" + g.rtmp + "/live/twice"
			one := push(t, first, url)
			g.live("live/twice", 2)
			r := players[0].record(t, g, "live/twice", "")
			viewer := []*recording{r}
			has(g, viewer, false, 60)
			two := push(t, second, url)
			ones, twos := sums(tags(first), false), sums(tags(second), false)
			switch policy {
			case "refuse":
				<-two.done
				if two.cmd.ProcessState.Success() || !strings.Contains(two.log.String(), "publish") {
					t.Errorf("the second publisher is told nothing: %s", two.log)
				}
			case "takeover":
				<-one.done
			case "standby":
				g.until("the second publisher waits", func() bool { return strings.Count(g.log.String(), "stream=live/twice protocol=rtmp") >= 3 })
				has(g, viewer, false, 30)
				one.kill()
			}
			r.seen = len(sums(tags(r.file), false))
			has(g, viewer, false, 75)
			r.stop()
			got := tags(r.file)
			rising(t, policy, got)
			pictures := sums(got, false)
			last := pictures[len(pictures)-1]
			if policy == "refuse" && !inside(pictures, ones) {
				t.Error("the second publisher disturbs the first")
			}
			if policy != "refuse" && (!inside([]string{pictures[0]}, ones) || !inside([]string{last}, twos)) {
				t.Error("the viewer does not go from the first publisher to the second")
			}
			decodes(t, r.file)
		})
	}
}

// TestReload changes the configuration under a publisher and a viewer: new
// sessions see it, old ones go on. A bad file changes nothing.
func TestReload(t *testing.T) {
	config := filepath.Join(t.TempDir(), "sluice.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("hub: {second_publisher: refuse}\n")
	g := startWith(t, []string{"-c", config})
	push(t, zerolatency.make(t, "30"), "rtmp://"+g.rtmp+"/live/kept")
	g.live("live/kept", 2)
	viewers := []*recording{players[0].record(t, g, "live/kept", ""), players[2].record(t, g, "live/kept", "")}
	has(g, viewers, false, 30)

	reload := func(text, says string) {
		t.Helper()
		n := strings.Count(g.log.String(), says)
		write(text)
		_ = g.cmd.Process.Signal(syscall.SIGHUP)
		g.until("the reload", func() bool { return strings.Count(g.log.String(), says) > n })
	}
	reload("auth: {play_tokens: [eyes]}\nhttpflv: {write_timeout: 5s}\n", "reloaded")
	c := background(t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-i", players[0].url(g, "live/kept"), "-t", "1", "-f", "null", "-")
	<-c.done
	if c.cmd.ProcessState.Success() {
		t.Error("a player without the new token is let in")
	}
	reload("nonsense: true\n", "reload failed")
	has(g, viewers[:1], false, 90)
	viewers[0].stop()
	if s := g.stream("live/kept"); !s.Live {
		t.Error("the publisher is gone")
	}
	got := tags(viewers[0].file)
	rising(t, "the viewer", got)
	if p := sums(got, false); len(p) < 100 {
		t.Errorf("the viewer has %d pictures", len(p))
	}
}
