package record

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/hub"
	"sluice/server/media"
)

// playable is what to open of a record.
func (b *bench) playable(r Record) string {
	name := filepath.Join(b.dir, filepath.FromSlash(r.File))
	if r.Format.folder() {
		name = filepath.Join(name, playlistName)
	}
	return name
}

func (b *bench) files(f Format) (list []Record) {
	for _, r := range b.svc.Records() {
		if r.Format == f {
			list = append(list, r)
		}
	}
	return list
}

// decoded returns the hash of each decoded picture or block of sound.
func decoded(t *testing.T, kind, name string) (hashes []string) {
	t.Helper()
	args := []string{"ffmpeg", "-v", "error", "-i", name, "-map", "0:" + kind}
	if kind == "a" {
		// Decoders of sound need what came before: compare what is coded.
		args = append(args, "-c", "copy")
		if strings.HasSuffix(name, ".ts") || strings.HasSuffix(name, ".m3u8") {
			args = append(args, "-bsf:a", "aac_adtstoasc")
		}
	}
	for line := range strings.Lines(tool(t, append(args, "-f", "framemd5", "-")...)) {
		if f := strings.Split(line, ","); len(f) >= 6 && line[0] != '#' {
			hashes = append(hashes, strings.TrimSpace(f[5]))
		}
	}
	return hashes
}

// TestEveryFormatHoldsTheSource records all formats at once in several files, and
// has ffmpeg find in them each picture and each block of sound of the source.
func TestEveryFormatHoldsTheSource(t *testing.T) {
	source, packets := encoded(t, "7")
	pictures, sound := decoded(t, "v", source), decoded(t, "a", source)
	cfg := rules(FLV, MPEGTS, FMP4, HLS)
	cfg.Rules[0].SegmentDuration = 3 * time.Second
	var b *bench
	run(t, cfg, nil, func(_ *testing.T, in *bench) {
		b = in
		p := b.publish("live/a")
		b.play(p, packets)
		synctest.Wait()
		p.Close(nil)
	})
	for f := range forms {
		records := b.files(f)
		if len(records) != 2 {
			t.Fatalf("%s: %d files", f, len(records))
		}
		var gotPictures, gotSound []string
		for i, r := range records {
			name := b.playable(r)
			gotPictures = append(gotPictures, decoded(t, "v", name)...)
			gotSound = append(gotSound, decoded(t, "a", name)...)
			if i == 0 {
				b.checkDuration(t, r)
			}
			if len(r.Tracks) != 2 || r.Tracks[0].Codec != "H264" || r.Tracks[1].Codec != "AAC" || r.Stream != "live/a" || r.Gaps != 0 {
				t.Errorf("%s: %+v", f, r)
			}
			if st, err := os.Stat(name); err != nil || !r.Format.folder() && st.Size() != r.Size {
				t.Errorf("%s: listed with %d bytes: %v, %v", r.File, r.Size, st, err)
			}
		}
		if !slices.Equal(gotPictures, pictures) {
			t.Errorf("%s: %d pictures of %d, or others", f, len(gotPictures), len(pictures))
		}
		if !slices.Equal(gotSound, sound) {
			t.Errorf("%s: %d blocks of sound of %d, or others", f, len(gotSound), len(sound))
		}
	}
}

// checkDuration has ffprobe say how long a record is and seek in it.
func (b *bench) checkDuration(t *testing.T, r Record) {
	t.Helper()
	name := b.playable(r)
	out := tool(t, "ffprobe", "-v", "error", "-show_entries", "format=duration,start_time", "-of", "csv=p=0", name)
	_, length, _ := strings.Cut(out, ",")
	// FLV says it, of the others ffprobe finds it out, from the first presentation.
	slack := 0.1
	if r.Format == FLV {
		slack = 0.001
	}
	if d, err := strconv.ParseFloat(length, 64); err != nil || math.Abs(d-r.Duration) > slack {
		t.Errorf("%s: ffprobe says %s, the recorder %v", r.File, out, r.Duration)
	}
	if r.Duration < 3 {
		return
	}
	at := tool(t, "ffprobe", "-v", "error", "-select_streams", "v", "-read_intervals", "3%+#1", "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", name)
	s, err := strconv.ParseFloat(strings.Split(at, ",")[0], 64)
	switch {
	case err != nil:
		t.Errorf("%s: a seek finds %s", r.File, at)
	case r.Format == HLS:
		// ffmpeg goes to the segment's start, this one's only.
	case s < 1.9 || s > 3.2, r.Format != MPEGTS && !strings.Contains(at, "K"):
		t.Errorf("%s: a seek to 3 s finds %s", r.File, at)
	}
}

func TestAPublisherThatIsBackSoonGoesOnInTheFile(t *testing.T) {
	cfg := rules(FLV)
	run(t, cfg, nil, func(t *testing.T, b *bench) {
		for _, away := range []time.Duration{5 * time.Second, 20 * time.Second, 0} {
			p := b.publish("live/a")
			b.play(p, made(0, 4*time.Second, h264Track, aacTrack))
			p.Close(nil)
			time.Sleep(away)
		}
		list := b.files(FLV)
		if len(list) != 1 || math.Abs(list[0].Duration-8) > 0.2 || list[0].Reason != errPublisherLeft.Error() {
			t.Errorf("finished: %+v", list)
		}
		if s := b.hub.Find("live/a"); s == nil || len(s.Viewers()) != 1 {
			t.Error("the third publisher is not recorded")
		}
		time.Sleep(20 * time.Second)
		if s := b.hub.Find("live/a"); s != nil || len(b.svc.Jobs()) != 0 {
			t.Error("the stream is held after its publisher has left")
		}
		list = b.files(FLV)
		if len(list) != 2 || math.Abs(list[1].Duration-4) > 0.1 || list[0].File == list[1].File {
			t.Errorf("finished: %+v", list)
		}
	})
}

func TestOtherCodecsBeginAFile(t *testing.T) {
	wide := *h264Track
	wide.Width = 1280
	for _, c := range []struct {
		name       string
		format     Format
		then       *media.Track
		audio      *media.Track // of the second part
		firstAudio *media.Track
		files      int
	}{
		{"another codec", FLV, h265Track, aacTrack, aacTrack, 2},
		{"another size in FLV", FLV, &wide, aacTrack, aacTrack, 1},
		{"another size in MP4", FMP4, &wide, aacTrack, aacTrack, 2},
		{"sound that comes later", FLV, h264Track, aacTrack, nil, 2},
		{"sound that stays away", FLV, h264Track, nil, aacTrack, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, rules(c.format), nil, func(t *testing.T, b *bench) {
				p := b.publish("live/a")
				if c.firstAudio == nil {
					p.Expect(media.Video)
				}
				b.play(p, made(0, 4*time.Second, h264Track, c.firstAudio))
				b.play(p, made(4*time.Second, 4*time.Second, c.then, c.audio))
				p.Close(nil)
				time.Sleep(20 * time.Second)
				list := b.files(c.format)
				if len(list) != c.files {
					t.Fatalf("%d files: %+v", len(list), list)
				}
				total := 0.0
				for _, r := range list {
					total += r.Duration
				}
				if math.Abs(total-8) > 0.2 {
					t.Errorf("%v s in all", total)
				}
			})
		})
	}
}

func TestRotation(t *testing.T) {
	cfg := rules(FLV)
	cfg.Rules[0].SegmentDuration = 2500 * time.Millisecond
	cfg.Rules[0].Path = "{app}/{stream}/{n}"
	cfg.Rules = append(cfg.Rules, Rule{Match: "other/*", Formats: []Format{MPEGTS}, SegmentSize: 64 << 10, Path: "{app}_{stream}"})
	run(t, cfg, nil, func(t *testing.T, b *bench) {
		p, q := b.publish("live/a"), b.publish("other/x/y")
		q.Expect(media.Video)
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.play(q, made(0, 20*time.Second, h264Track, nil))
		}()
		b.play(p, made(0, 10*time.Second, h264Track, aacTrack))
		<-done
		p.Close(nil)
		q.Close(nil)
		time.Sleep(20 * time.Second)
		list := b.files(FLV)
		if len(list) != 4 || list[0].File != "live/a/0001.flv" || list[3].File != "live/a/0004.flv" {
			t.Fatalf("by time: %+v", list)
		}
		for _, r := range list[:3] {
			if math.Abs(r.Duration-3) > 0.05 {
				t.Errorf("%s is %v s", r.File, r.Duration)
			}
		}
		list = b.files(MPEGTS)
		if len(list) < 2 || list[0].Size < 64<<10 || list[0].Size > 90<<10 || list[0].File != "other/x_y.ts" || list[1].File != "other/x_y-1.ts" {
			t.Fatalf("by size: %+v", list)
		}
	})
}

// TestARecordBySoundAlone records what has no pictures.
func TestARecordBySoundAlone(t *testing.T) {
	cfg := rules(FLV, FMP4, MPEGTS, HLS)
	cfg.Rules[0].SegmentDuration = 3 * time.Second
	run(t, cfg, nil, func(t *testing.T, b *bench) {
		p := b.publish("live/a")
		p.Expect(media.Audio)
		b.play(p, made(0, 8*time.Second, nil, aacTrack))
		p.Close(nil)
		time.Sleep(20 * time.Second)
		for f := range forms {
			list := b.files(f)
			if len(list) != 3 || math.Abs(list[0].Duration-3) > 0.1 {
				t.Errorf("%s: %+v", f, list)
			}
		}
	})
}

// TestPicturesThatComeLate: where pictures are expected, the record begins with
// them, and without them where they stay away.
func TestPicturesThatComeLate(t *testing.T) {
	for _, c := range []struct {
		name   string
		after  time.Duration // the first picture
		tracks int
		gone   time.Duration // of the sound that comes before
	}{{"late", 2 * time.Second, 2, 2 * time.Second}, {"never", time.Hour, 1, announced}} {
		t.Run(c.name, func(t *testing.T) {
			const length = 10 * time.Second
			run(t, rules(FLV), nil, func(t *testing.T, b *bench) {
				p := b.publish("live/a")
				p.Expect(media.Video, media.Audio)
				var list []*media.Packet
				for _, q := range made(0, length, h264Track, aacTrack) {
					if q.Kind() == media.Audio || q.DTS >= c.after {
						list = append(list, q)
					}
				}
				b.play(p, list)
				p.Close(nil)
				time.Sleep(time.Minute)
				got := b.files(FLV)
				if len(got) != 1 || len(got[0].Tracks) != c.tracks {
					t.Fatalf("%+v", got)
				}
				if d := length.Seconds() - c.gone.Seconds() - got[0].Duration; d < -0.1 || d > 0.7 /* which the first sound of a stream takes */ {
					t.Errorf("%v s are recorded", got[0].Duration)
				}
			})
		})
	}
}

func TestRequests(t *testing.T) {
	run(t, DefaultConfig(), nil, func(t *testing.T, b *bench) {
		for _, o := range []Order{
			{Stream: "a/../b", Format: FLV},
			{Stream: "a", Format: "avi"},
			{Stream: "a", Format: FLV, Path: "../{stream}"},
			{Stream: "a", Format: FLV, SegmentDuration: 1},
			{Stream: "a", Format: FLV, SegmentSize: 1},
			{Stream: "a", Format: FLV, Duration: -1},
		} {
			if _, err := b.svc.Record(o); err == nil {
				t.Errorf("%+v is taken", o)
			}
		}
		if _, err := os.Stat(filepath.Join(b.dir, ledgerDir)); !errors.Is(err, os.ErrNotExist) {
			t.Error("something was written")
		}
		early, err := b.svc.Record(Order{Stream: "a", Format: FLV, Duration: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		long, err := b.svc.Record(Order{Stream: "live/a", Format: FMP4, Path: "by hand"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if jobs := b.svc.Jobs(); len(jobs) != 2 || jobs[0].State != "waiting" {
			t.Errorf("running: %+v", jobs)
		}
		p := b.publish("live/a")
		b.play(p, made(0, 8*time.Second, h264Track, aacTrack))
		jobs := b.svc.Jobs()
		if len(jobs) != 1 || jobs[0].ID != long.ID || jobs[0].State != "recording" || jobs[0].Bytes == 0 || jobs[0].Duration < 6 || jobs[0].File != "by hand.mp4" {
			t.Errorf("running: %+v", jobs)
		}
		if !b.svc.End(long.ID) || b.svc.End(early.ID) || b.svc.End("nonsense") {
			t.Error("the wrong job was there to end")
		}
		synctest.Wait()
		p.Close(nil)
		flvs, mp4s := b.files(FLV), b.files(FMP4)
		if len(flvs) != 1 || math.Abs(flvs[0].Duration-3) > 0.2 || flvs[0].Reason != ErrLimit.Error() {
			t.Errorf("with a limit: %+v", flvs)
		}
		if len(mp4s) != 1 || math.Abs(mp4s[0].Duration-8) > 0.2 || mp4s[0].Reason != ErrStopped.Error() {
			t.Errorf("stopped: %+v", mp4s)
		}
	})
}

func TestAStoppedRuleWaitsForTheNextPublisher(t *testing.T) {
	run(t, rules(FLV), nil, func(t *testing.T, b *bench) {
		p := b.publish("live/a")
		b.play(p, made(0, 2*time.Second, h264Track, aacTrack))
		jobs := b.svc.Jobs()
		if len(jobs) != 1 || jobs[0].Rule != "live/*" {
			t.Fatalf("running: %+v", jobs)
		}
		b.svc.End(jobs[0].ID)
		b.play(p, made(2*time.Second, 2*time.Second, h264Track, aacTrack))
		if jobs := b.svc.Jobs(); len(jobs) != 0 {
			t.Errorf("it runs again: %+v", jobs)
		}
		p.Close(nil)
		synctest.Wait()
		p = b.publish("live/a")
		b.play(p, made(0, 2*time.Second, h264Track, aacTrack))
		if jobs := b.svc.Jobs(); len(jobs) != 1 {
			t.Errorf("the next publisher is not recorded: %+v", jobs)
		}
		// A rule that goes takes its records with it, the other comes.
		cfg := rules(FMP4)
		cfg.Dir = b.dir
		b.svc.SetConfig(cfg)
		b.play(p, made(2*time.Second, 2*time.Second, h264Track, aacTrack))
		if jobs := b.svc.Jobs(); len(jobs) != 1 || jobs[0].Format != FMP4 {
			t.Errorf("after the reload: %+v", jobs)
		}
		id := b.svc.Jobs()[0].ID
		// What does not concern a record does not end it.
		cfg.Rules = []Rule{{Match: "live/*", Formats: []Format{HLS, FMP4}, Keep: time.Hour}}
		b.svc.SetConfig(cfg)
		synctest.Wait()
		if jobs := b.svc.Jobs(); len(jobs) != 2 || jobs[0].ID != id {
			t.Errorf("after a reload that adds a format: %+v", jobs)
		}
		p.Close(nil)
	})
}

// TestNothingIsOverwritten records where somebody has put files.
func TestNothingIsOverwritten(t *testing.T) {
	cfg := rules(FLV)
	cfg.Path = "{stream}"
	cfg.Dir = t.TempDir()
	for _, name := range []string{"a.flv", "a-1.flv.part", "a-2.flv"} {
		if err := os.WriteFile(filepath.Join(cfg.Dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, cfg, nil, func(t *testing.T, b *bench) {
		p := b.publish("live/a")
		b.play(p, made(0, 2*time.Second, h264Track, aacTrack))
		synctest.Wait()
		// This one comes while the record is being written.
		if err := os.WriteFile(filepath.Join(cfg.Dir, "a-3.flv"), []byte("a-3.flv"), 0o600); err != nil {
			t.Fatal(err)
		}
		p.Close(nil)
		time.Sleep(20 * time.Second)
		if list := b.files(FLV); len(list) != 1 || list[0].File != "a-3-1.flv" {
			t.Errorf("finished: %+v", list)
		}
	})
	for _, name := range []string{"a.flv", "a-1.flv.part", "a-2.flv", "a-3.flv"} {
		if text, err := os.ReadFile(filepath.Join(cfg.Dir, name)); string(text) != name {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
}

// TestKickEndsARecorder: an operator may end it as any viewer.
func TestKickEndsARecorder(t *testing.T) {
	run(t, rules(FLV), nil, func(t *testing.T, b *bench) {
		p := b.publish("live/a")
		b.play(p, made(0, 2*time.Second, h264Track, aacTrack))
		for _, v := range p.Stream().Viewers() {
			v.Kick()
		}
		synctest.Wait()
		if list := b.files(FLV); len(list) != 1 || list[0].Reason != hub.ErrKicked.Error() {
			t.Errorf("finished: %+v", list)
		}
		if len(b.svc.Jobs()) != 0 {
			t.Error("it runs again")
		}
		p.Close(nil)
	})
}

func TestWhatAFormatCantCarryIsNamed(t *testing.T) {
	av1 := &media.Track{Codec: media.AV1, Config: []byte{0x81, 0, 0, 0}, Width: 64, Height: 48}
	run(t, rules(MPEGTS), nil, func(t *testing.T, b *bench) {
		p := b.publish("live/a")
		p.Expect(media.Video)
		b.play(p, made(0, 5*time.Second, av1, nil))
		if jobs := b.svc.Jobs(); len(jobs) != 1 || jobs[0].State != "failed" || jobs[0].Error != hub.ErrNothingPlayable.Error() {
			t.Errorf("running: %+v", jobs)
		}
		if n := b.log.count("can't be carried", "AV1"); n != 1 {
			t.Errorf("%d lines of the codec", n)
		}
		p.Close(nil)
		time.Sleep(20 * time.Second)
		p = b.publish("live/a")
		b.play(p, made(0, 5*time.Second, av1, aacTrack))
		if jobs := b.svc.Jobs(); len(jobs) != 1 || jobs[0].State != "recording" || len(jobs[0].Tracks) != 1 {
			t.Errorf("running: %+v", jobs)
		}
		p.Close(nil)
	})
}

// TestSoundThatAFormatCantCarryBecomesAAC records G.711.
func TestSoundThatAFormatCantCarryBecomesAAC(t *testing.T) {
	pcmu := &media.Track{Codec: media.PCMU, SampleRate: 8000, Channels: 1}
	_, packets := encoded(t, "3")
	packets = slices.DeleteFunc(packets, func(p *media.Packet) bool { return p.Kind() != media.Video })
	for i := range 150 {
		at := time.Duration(i) * 20 * time.Millisecond
		packets = append(packets, &media.Packet{Track: pcmu, DTS: at, PTS: at, Payload: make([]byte, 160)})
	}
	slices.SortStableFunc(packets, func(a, b *media.Packet) int { return int(a.DTS - b.DTS) })
	var b *bench
	run(t, rules(FLV, MPEGTS, FMP4, HLS), nil, func(_ *testing.T, in *bench) {
		b = in
		p := b.publish("live/a")
		b.play(p, packets)
		synctest.Wait()
		p.Close(nil)
	})
	for f := range forms {
		want := "aac"
		if f == FLV {
			want = "pcm_mulaw"
		}
		list := b.files(f)
		if len(list) != 1 || len(list[0].Tracks) != 2 {
			t.Fatalf("%s: %+v", f, list)
		}
		got := tool(t, "ffprobe", "-v", "error", "-select_streams", "a", "-count_packets",
			"-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0", b.playable(list[0]))
		name, count, _ := strings.Cut(strings.SplitN(got, "\n", 2)[0], ",")
		// A packet of AAC at 8 kHz is 128 ms, at the higher rates fewer.
		if n, err := strconv.Atoi(count); err != nil || name != want || n < 20 {
			t.Errorf("%s: ffprobe says %s", f, got)
		}
	}
}

func TestManyStreamsAtOnce(t *testing.T) {
	run(t, rules(FLV, FMP4), nil, func(t *testing.T, b *bench) {
		done := make(chan struct{})
		for i := range 8 {
			p := b.publish(fmt.Sprintf("live/s%d", i))
			go func() {
				b.play(p, made(0, 3*time.Second, h264Track, aacTrack))
				p.Close(nil)
				done <- struct{}{}
			}()
		}
		for range 8 {
			<-done
		}
		time.Sleep(20 * time.Second)
		if n := len(b.svc.Records()); n != 16 {
			t.Errorf("%d records", n)
		}
	})
}
