package e2e

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// outbound is what a publisher's page says of its picture.
type outbound struct {
	Now   float64 // s, of the page's clock
	State string
	Video struct {
		FramesSent, NackCount, PliCount, KeyFramesEncoded int
		PacketsSent, RetransmittedPacketsSent             int
		FrameWidth, FrameHeight                           int
		TargetBitrate                                     float64
	}
}

func (p *tab) outbound() outbound {
	p.t.Helper()
	return eval[outbound](p, `(async () => {
		const s = await e2e.stats();
		return { now: performance.now() / 1000, state: s.state, video: s.outvideo ?? {} };
	})()`)
}

// recorder is an ffmpeg that plays by RTMP and keeps what it gets.
type recorder struct {
	*process
	file string
}

func record(t *testing.T, url string) *recorder {
	t.Helper()
	file := filepath.Join(t.TempDir(), "recording.flv")
	return &recorder{file: file, process: background(t, "ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-progress", "pipe:1",
		"-stats_period", "0.5", "-i", url, "-map", "0", "-c", "copy", "-y", file)}
}

var frameLine = regexp.MustCompile(`(?m)^frame=(\d+)$`)

// frames is how many pictures are in the recording by now.
func (r *recorder) frames() int {
	all := frameLine.FindAllStringSubmatch(r.log.String(), -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1][1])
	return n
}

// finish ends the recording as ffmpeg's q key does.
func (r *recorder) finish() {
	r.t.Helper()
	select {
	case <-r.done:
		r.t.Error("the recording has ended by itself")
	default:
	}
	_ = r.cmd.Process.Signal(os.Interrupt)
	<-r.done
}

// camera makes Chromium's fake camera show the marked pictures.
func camera(t *testing.T) chromedp.ExecAllocatorOption {
	t.Helper()
	file := filepath.Join(t.TempDir(), "camera.y4m")
	ffmpeg(t, "-v", "error", "-filter_complex", markedVideo, "-map", "[v]", "-frames:v", "64", file)
	return chromedp.Flag("use-file-for-fake-video-capture", file)
}

// TestWHIPOnBadNetworks: a browser's stream lives through bad networks, and what
// a player records of it has no torn picture.
func TestWHIPOnBadNetworks(t *testing.T) {
	g := start(t)
	path := newBadPath(t, g)
	p := browse(t, camera(t)).publisher(path, "live/cam")
	g.live("live/cam", 2)
	rec := record(t, "rtmp://"+g.rtmp+"/live/cam")
	g.until("the recording runs", func() bool { return rec.frames() > 20 })
	session := g.rtcSessions("live/cam")[0].ID

	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			path.set(n.impairment)
			p.lasts(settling)
			before, frames, got, lost := p.outbound(), rec.frames(), g.videoGot(t, "live/cam"), path.relay.Load().up.seen().lost
			p.lasts(spell)
			after, now := p.outbound(), g.videoGot(t, "live/cam")
			lost = path.relay.Load().up.seen().lost - lost
			seconds := after.Now - before.Now
			sent, recorded := float64(after.Video.FramesSent-before.Video.FramesSent)/seconds, float64(rec.frames()-frames)/seconds
			plis := after.Video.PliCount - before.Video.PliCount
			t.Logf("sent %.1f fps of %dx%d at %.0f kbit/s, recorded %.1f fps; %d packets lost on the way, %d NACKs, %d sent again, %d recovered, %d given up; %d PLIs, %d key frames",
				sent, after.Video.FrameWidth, after.Video.FrameHeight, after.Video.TargetBitrate/1000, recorded,
				lost, after.Video.NackCount-before.Video.NackCount, after.Video.RetransmittedPacketsSent-before.Video.RetransmittedPacketsSent,
				now.Resent-got.Resent, now.Lost-got.Lost, plis, after.Video.KeyFramesEncoded-before.Video.KeyFramesEncoded)
			share := minShare
			if n.repairs && n.delay > 0 {
				share = minShareLong
			}
			if recorded < share*sent || recorded < minRecorded {
				t.Errorf("%.1f pictures a second are recorded of %.1f that were sent", recorded, sent)
			}
			if n.repairs && lost > 20 && (after.Video.NackCount == before.Video.NackCount || now.Resent == got.Resent) {
				t.Error("the loss has no effect: nothing was asked for again, or nothing came")
			}
			if plis > 2*int(seconds) {
				t.Errorf("%d PLIs in %.0f s", plis, seconds)
			}
		})
	}
	t.Run("five seconds of darkness", func(t *testing.T) {
		path.set(impairment{dark: true})
		p.lasts(5 * time.Second)
		if !g.stream("live/cam").Live {
			t.Error("the stream is not live any more")
		}
		frames, begin := rec.frames(), time.Now()
		path.set(impairment{})
		// ffmpeg's last word may be of half a second before the dark.
		g.until("the recording goes on", func() bool { return rec.frames() > frames+45 })
		took := time.Since(begin)
		t.Logf("30 to 45 pictures were recorded %v after the dark", took.Round(10*time.Millisecond))
		if took > maxRecovery+1500*time.Millisecond { // what the pictures last
			t.Errorf("recovery took %v", took)
		}
	})
	if list := g.rtcSessions("live/cam"); len(list) != 1 || list[0].ID != session {
		t.Errorf("the session is not the one that it was: %+v", list)
	}
	rec.finish()
	checkWhole(t, rec.file)
}

// A share of the pictures that the browser sends must get through to players, and
// minRecorded a second: browsers send less where they think the way is narrow. A
// packet that is lost twice is given up, and over a long way the next key frame
// takes its time.
const (
	minShare     = 0.7
	minShareLong = 0.5
	minRecorded  = 5
)

// videoGot is what the API says of the picture of a stream's publisher.
func (g *gateway) videoGot(t *testing.T, stream string) (track struct{ Resent, Lost, KeyRequests int }) {
	t.Helper()
	for _, s := range g.rtcSessions(stream) {
		for _, k := range s.Tracks {
			if k.Kind == "video" && s.Protocol == "whip" {
				track.Resent, track.Lost, track.KeyRequests = k.Resent, k.Lost, k.KeyRequests
				return track
			}
		}
	}
	t.Errorf("the API has no picture of %s", stream)
	return track
}

// broken are ffmpeg's words for pictures that it had to make up, on whatever
// level it says them.
var broken = regexp.MustCompile(`(?i)frame num gap|concealing|error while decoding|reference picture missing|missing reference|` +
	`mmco: unref short failure|no frame!|invalid data|left block unavailable|top block unavailable|corrupt`)

// checkWhole looks for torn pictures in a file, and at its time line.
func checkWhole(t *testing.T, file string) {
	t.Helper()
	// In the file's own time base, as pictures of a camera are not exactly a 30th of a second apart.
	if said, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", file, "-enc_time_base", "-1", "-f", "null", "-").CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("ffmpeg on the recording: %v %s", err, said)
	}
	if signs := decodingFaults(t, file); len(signs) > 0 {
		t.Errorf("the recording has %d signs of torn pictures, the first: %q", len(signs), signs[:min(5, len(signs))])
	}
	total, torn, widest := marks(t, file)
	t.Logf("%d pictures, the brightness of the mark differs by %d at most", total, widest)
	if torn > 0 || total == 0 {
		t.Errorf("%d of %d pictures are torn", torn, total)
	}
	last := map[string]float64{}
	for _, kind := range []string{"v", "a"} {
		times := dts(t, file, kind)
		if !slices.IsSorted(times) {
			t.Errorf("the time of the %s packets goes back", kind)
		}
		gap := 0.0
		for i := 1; i < len(times); i++ {
			gap = max(gap, times[i]-times[i-1])
		}
		if n := len(times); n > 0 {
			last[kind] = times[n-1]
			t.Logf("%s: %d packets in %.1f s, the longest gap %.2f s", kind, n, times[n-1]-times[0], gap)
		} else {
			t.Errorf("no %s packets were recorded", kind)
		}
	}
	if apart := math.Abs(last["v"] - last["a"]); apart > maxApart {
		t.Errorf("picture and sound end %.2f s apart", apart)
	}
}

// maxApart is by how many seconds picture and sound may end at different times: a
// little more than a missing packet is waited for.
const maxApart = 1.0

// decodingFaults returns what ffmpeg says of pictures that it could not decode
// whole.
func decodingFaults(t *testing.T, file string) (signs []string) {
	t.Helper()
	said, err := exec.Command("ffmpeg", "-v", "debug", "-i", file, "-f", "null", "-").CombinedOutput()
	if err != nil {
		t.Errorf("ffmpeg: %v", err)
	}
	for line := range strings.Lines(string(said)) {
		if broken.MatchString(line) {
			signs = append(signs, strings.TrimSpace(line))
		}
	}
	return signs
}

// marks looks at the left column of each picture: torn are those that were put
// together of two, widest is by how much the brightness differs within one.
func marks(t *testing.T, file string) (total, torn, widest int) {
	t.Helper()
	const rows = 36
	column := ffmpeg(t, "-v", "quiet", "-i", file, "-vf", fmt.Sprintf("crop=iw/20:ih:iw/40:0,scale=1:%d:flags=area,format=gray", rows),
		"-fps_mode", "passthrough", "-f", "rawvideo", "-")
	for picture := range slices.Chunk(column, rows) {
		spread := int(slices.Max(picture)) - int(slices.Min(picture))
		widest = max(widest, spread)
		if spread > 28 {
			torn++
		}
	}
	return len(column) / rows, torn, widest
}

// TestTornRecording shows that checkWhole sees what it looks for.
func TestTornRecording(t *testing.T) {
	whole := marked(t)
	if signs := decodingFaults(t, whole); len(signs) > 0 {
		t.Errorf("faults of a whole recording: %q", signs)
	}
	if total, torn, widest := marks(t, whole); total == 0 || torn > 0 {
		t.Errorf("%d of %d whole pictures are torn, by %d", torn, total, widest)
	}
	missing := filepath.Join(t.TempDir(), "missing.flv")
	ffmpeg(t, "-v", "error", "-i", whole, "-map", "0:v", "-c", "copy", "-bsf:v", "noise=drop='eq(mod(n,60),30)'", missing)
	if len(decodingFaults(t, missing)) == 0 {
		t.Error("no fault is seen where pictures are missing")
	}
	spoilt := filepath.Join(t.TempDir(), "spoilt.flv")
	ffmpeg(t, "-v", "error", "-i", whole, "-map", "0:v", "-c", "copy", "-bsf:v", "noise=amount='if(eq(mod(n,10),5),-2000,0)'", spoilt)
	if _, torn, _ := marks(t, spoilt); torn == 0 {
		t.Error("no torn picture is seen where slices are spoilt")
	}
}

// dts returns the decoding times of a file's packets in seconds.
func dts(t *testing.T, file, kind string) (times []float64) {
	t.Helper()
	out := output(t, "ffprobe", "-v", "error", "-select_streams", kind, "-show_entries", "packet=dts_time", "-of", "csv=p=0", file)
	for line := range strings.Lines(string(out)) {
		field := strings.Trim(line, ",\r\n ")
		if field == "" {
			continue // the side data of a packet
		}
		v, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatalf("ffprobe: %q", line)
		}
		times = append(times, v)
	}
	return times
}
