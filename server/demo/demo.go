// Package demo publishes a built-in test picture with a tone, so that a
// newcomer sees and hears something with no other program.
package demo

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"time"

	"sluice/protocols/codec/h264"
	"sluice/server/hub"
	"sluice/server/media"
	"sluice/server/transcode/aac/enc"
)

// Name is the stream that the demo publishes.
const Name = "live/demo"

const (
	sampleRate = 48000
	channels   = 2
	bitrate    = 96000
	toneHz     = 440
	toneLevel  = 0.1
	gop        = 2 * fps
)

// Source is a running demo.
type Source struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// Start publishes to h until Stop.
func Start(h *hub.Hub, log *slog.Logger) (*Source, error) {
	p, err := newPlayer()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	pub, err := h.Publish(ctx, hub.Session{Stream: Name, Protocol: "demo", Internal: true})
	if err != nil {
		cancel(err)
		return nil, err
	}
	s := &Source{cancel: func() { cancel(hub.ErrShutdown) }, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		err := p.run(pub)
		pub.Close(err)
		if ctx.Err() == nil {
			log.Warn("demo ended", "error", err)
		}
	}()
	return s, nil
}

// Stop ends the demo.
func (s *Source) Stop(context.Context) error {
	s.cancel()
	<-s.done
	return nil
}

// player makes the packets.
type player struct {
	picture      []colour
	video        *encoder
	audio        *enc.Encoder
	vtrack       *media.Track
	atrack       *media.Track
	frame, block int
	pcm          []float32
}

func newPlayer() (*player, error) {
	p := &player{
		picture: make([]colour, columns*rows), video: newEncoder(columns, rows),
		pcm: make([]float32, enc.FrameLen*channels),
	}
	config, err := h264.NewConfig([][]byte{p.video.sps((rows*16-pixelHeight)/2, fps)}, [][]byte{p.video.pps()})
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	if p.vtrack, err = h264.Track(config.Append(nil)); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	p.audio, err = enc.New(enc.Config{SampleRate: sampleRate, Channels: channels, Bitrate: bitrate})
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	p.atrack = &media.Track{Codec: media.AAC, Config: p.audio.Config(), SampleRate: sampleRate, Channels: channels}
	return p, nil
}

// run writes pictures at their time, and the sound that belongs to them,
// until the publisher ends.
func (p *player) run(pub *hub.Publisher) error {
	pub.Announce(p.vtrack)
	pub.Announce(p.atrack)
	tick := time.NewTicker(time.Second / fps)
	defer tick.Stop()
	start, key := time.Now(), true
	for {
		select {
		case <-pub.Context().Done():
			return context.Cause(pub.Context())
		case <-pub.KeyFrameRequests():
			key = true
		case <-tick.C:
			for p.videoTime() <= time.Since(start) {
				if err := p.writeFrame(pub, key || p.frame%gop == 0); err != nil {
					return err
				}
				key = false
			}
		}
	}
}

func (p *player) videoTime() time.Duration { return time.Duration(p.frame) * time.Second / fps }

// audioTime is when the next sound frame begins to be heard.
func (p *player) audioTime() time.Duration {
	return media.FromClock(int64(p.block*enc.FrameLen-p.audio.Delay()), sampleRate)
}

func (p *player) writeFrame(pub *hub.Publisher, key bool) error {
	now := p.videoTime()
	draw(p.picture, p.frame)
	slice := p.video.encode(p.picture, key)
	p.frame++
	payload := binary.BigEndian.AppendUint32(nil, uint32(len(slice)))
	err := p.write(pub, &media.Packet{Track: p.vtrack, DTS: now, PTS: now, Key: key, Payload: append(payload, slice...)})
	for err == nil && p.audioTime() < p.videoTime() {
		at := p.audioTime()
		var frame []byte
		if frame, err = p.audio.Encode(p.tone(), nil); err == nil && at >= 0 {
			err = p.write(pub, &media.Packet{Track: p.atrack, DTS: at, PTS: at, Payload: frame})
		}
	}
	return err
}

func (p *player) write(pub *hub.Publisher, pkt *media.Packet) error {
	pub.Sent(len(pkt.Payload))
	return pub.Write(pkt)
}

// tone fills the next block of samples.
func (p *player) tone() []float32 {
	for i := range enc.FrameLen {
		n := p.block*enc.FrameLen + i
		v := float32(toneLevel * math.Sin(2*math.Pi*toneHz*float64(n%sampleRate)/sampleRate))
		p.pcm[channels*i], p.pcm[channels*i+1] = v, v
	}
	p.block++
	return p.pcm
}
