package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

// clip is the media that all publishers of a soak send over and over.
type clip struct {
	file     string   // FLV, H264 and AAC
	pictures [][]byte // H264 in Annex B, 30 a second
	keys     []int    // the pictures that are key frames
	sound    [][]byte // Opus, 20 ms each
}

// encode makes the clip with ffmpeg.
func encode(t *testing.T) clip {
	t.Helper()
	c := clip{file: small.make(t, "10")}
	dir := t.TempDir()
	pictures, sound := filepath.Join(dir, "a.h264"), filepath.Join(dir, "a.ogg")
	ffmpeg(t, "-v", "error", "-i", c.file, "-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb", pictures,
		"-map", "0:a", "-c:a", "libopus", "-b:a", "48k", "-ar", "48000", "-page_duration", "20000", sound)
	c.pictures, c.keys = accessUnits(t, pictures)
	c.sound = opusPackets(t, sound)
	return c
}

// accessUnits returns the pictures of a file that has one slice for each, and
// which of them are key frames.
func accessUnits(t *testing.T, file string) (list [][]byte, keys []int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := h264reader.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var unit []byte
	for {
		n, err := r.NextNAL()
		if err != nil {
			return list, keys
		}
		unit = append(append(unit, 0, 0, 0, 1), n.Data...)
		switch n.UnitType {
		case h264reader.NalUnitTypeCodedSliceIdr:
			keys = append(keys, len(list))
			list, unit = append(list, unit), nil
		case h264reader.NalUnitTypeCodedSliceNonIdr:
			list, unit = append(list, unit), nil
		}
	}
}

// opusPackets returns the packets of an Ogg file that has one on each page.
func opusPackets(t *testing.T, file string) (list [][]byte) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, _, err := oggreader.NewWith(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		page, _, err := r.ParseNextPage()
		if err != nil {
			return list
		}
		if !bytes.HasPrefix(page, []byte("OpusTags")) {
			list = append(list, page)
		}
	}
}

// pionPublisher publishes by WHIP.
type pionPublisher struct {
	*pionPeer
	picture, sound *webrtc.TrackLocalStaticSample
	connected      chan struct{}
	wantsKey       atomic.Bool // the server asks for a key frame
}

// publishWHIP connects to a WHIP endpoint.
func publishWHIP(ctx context.Context, endpoint string, o pionOptions) (*pionPublisher, error) {
	pc, err := newPion(o)
	if err != nil {
		return nil, err
	}
	p := &pionPublisher{connected: make(chan struct{})}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			close(p.connected)
		}
	})
	add := func(mime, id string) *webrtc.TrackLocalStaticSample {
		track, terr := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, id, "soak")
		var sender *webrtc.RTPSender
		if terr == nil {
			sender, terr = pc.AddTrack(track)
		}
		if err = errors.Join(err, terr); terr == nil {
			go p.listen(sender)
		}
		return track
	}
	p.picture, p.sound = add(webrtc.MimeTypeH264, "picture"), add(webrtc.MimeTypeOpus, "sound")
	if err == nil {
		p.pionPeer, err = call(ctx, pc, endpoint)
	}
	if err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	select {
	case <-p.connected:
		return p, nil
	case <-time.After(patience):
		return nil, errors.Join(errors.New("no connection"), pc.Close())
	}
}

// listen hears what the server asks for, until the connection ends.
func (p *pionPublisher) listen(s *webrtc.RTPSender) {
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, r := range packets {
			switch r.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.wantsKey.Store(true)
			}
		}
	}
}

// send sends the clip in real time until the context ends.
func (p *pionPublisher) send(ctx context.Context, c clip) {
	const picture, sound = time.Second / 30, 20 * time.Millisecond
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	at := 0
	for pictures, packets := 0, 0; ; {
		now := time.Since(began)
		for ; time.Duration(pictures)*picture <= now; pictures++ {
			if p.wantsKey.Swap(false) {
				at = c.keys[pictures%len(c.keys)]
			}
			_ = p.picture.WriteSample(media.Sample{Data: c.pictures[at%len(c.pictures)], Duration: picture})
			at++
		}
		for ; time.Duration(packets)*sound <= now; packets++ {
			_ = p.sound.WriteSample(media.Sample{Data: c.sound[packets%len(c.sound)], Duration: sound})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// endpoint turns a stream's name into its WHIP or WHEP endpoint.
func (g *gateway) endpoint(stream, protocol string) string {
	return strings.Join([]string{"http://" + g.http, stream, protocol}, "/")
}
