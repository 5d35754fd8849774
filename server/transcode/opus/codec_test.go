//go:build opus

package opus

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/server/transcode/internal/sndtest"
	"sluice/server/transcode/opus/internal/libopus"
)

func newEncoder(tb testing.TB, cfg EncoderConfig) *Encoder {
	tb.Helper()
	e, err := NewEncoder(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func newDecoder(tb testing.TB, channels int) *Decoder {
	tb.Helper()
	d, err := NewDecoder(channels)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// encodeAll encodes whole frames of pcm.
func encodeAll(tb testing.TB, e *Encoder, pcm []float32) [][]byte {
	tb.Helper()
	var packets [][]byte
	for n := e.FrameSize() * e.channels; len(pcm) >= n; pcm = pcm[n:] {
		p, err := e.Encode(pcm[:n], nil)
		if err != nil {
			tb.Fatal(err)
		}
		packets = append(packets, p)
	}
	return packets
}

func decodeAll(tb testing.TB, d *Decoder, packets [][]byte) []float32 {
	tb.Helper()
	var pcm []float32
	for _, p := range packets {
		var err error
		if pcm, err = d.Decode(p, pcm); err != nil {
			tb.Fatal(err)
		}
	}
	return pcm
}

func TestRoundTrip(t *testing.T) {
	for _, channels := range []int{1, 2} {
		in := sndtest.Music(SampleRate, channels, SampleRate)
		for _, frame := range []time.Duration{10, 20, 40, 60} {
			t.Run(fmt.Sprintf("%dch/%dms", channels, int(frame)), func(t *testing.T) {
				e := newEncoder(t, EncoderConfig{Channels: channels, Frame: frame * time.Millisecond})
				if want := int(frame) * 48; e.FrameSize() != want {
					t.Fatalf("FrameSize() = %d, want %d", e.FrameSize(), want)
				}
				out := decodeAll(t, newDecoder(t, channels), encodeAll(t, e, in))
				if len(out) < len(in)-e.FrameSize()*channels || len(out) > len(in) {
					t.Fatalf("%d samples in, %d out", len(in), len(out))
				}
				// The first frames of a codec are softer than its best.
				skip := SampleRate / 5 * channels
				got := sndtest.SNR(in[skip:], out[skip+e.Lookahead()*channels:])
				if got < 15 {
					t.Errorf("SNR %.1f dB, want 15", got)
				}
			})
		}
	}
}

// Native libopus, through ffmpeg, is the measure: our packets decode there to
// what our decoder makes of them, and they are as good as its own.
func TestAgainstNativeLibopus(t *testing.T) {
	in := sndtest.Music(SampleRate, 2, 3*SampleRate)
	raw := []string{"-f", "f32le", "-ar", "48000", "-ac", "2", "-i", "pipe:0"}
	native := sndtest.FFmpeg(t, sndtest.Bytes(in), append(raw, "-c:a", "libopus", "-b:a", "96k",
		"-compression_level", "5", "-f", "ogg", "pipe:1")...)
	decode := func(ogg []byte) []float32 {
		return sndtest.Floats(sndtest.FFmpeg(t, ogg, "-c:a", "libopus", "-f", "ogg", "-i", "pipe:0",
			"-f", "f32le", "-c:a", "pcm_f32le", "pipe:1"))
	}

	e := newEncoder(t, EncoderConfig{Bitrate: 96000})
	packets := encodeAll(t, e, in)
	theirs := decode(oggOpus(packets, 2, e.Lookahead(), e.FrameSize()))
	ours := decodeAll(t, newDecoder(t, 2), packets)[e.Lookahead()*2:]
	if got := sndtest.SNR(theirs, ours); got < 80 {
		t.Errorf("our decoder against libopus: %.1f dB, want 80", got)
	}

	skip := SampleRate / 2 * 2
	snr := sndtest.SNR(in[skip:], ours[skip:])
	ref := sndtest.SNR(in[skip:], decode(native)[skip:])
	size := 0
	for _, p := range packets {
		size += len(p)
	}
	t.Logf("SNR %.2f dB, native %.2f dB; %d bytes in Ogg native, %d of packets here", snr, ref, len(native), size)
	if snr < ref-1 {
		t.Errorf("SNR %.2f dB is more than 1 dB below native libopus (%.2f dB)", snr, ref)
	}
}

func TestDecodesEveryDuration(t *testing.T) {
	in := sndtest.Music(SampleRate, 2, 2*SampleRate)
	for _, ms := range []string{"2.5", "5", "10", "20", "40", "60", "80", "100", "120"} {
		ogg := sndtest.FFmpeg(t, sndtest.Bytes(in), "-f", "f32le", "-ar", "48000", "-ac", "2", "-i", "pipe:0",
			"-c:a", "libopus", "-b:a", "96k", "-frame_duration", ms, "-f", "ogg", "pipe:1")
		packets := oggPackets(t, ogg)
		preSkip := int(packets[0][10]) + int(packets[0][11])<<8
		out := decodeAll(t, newDecoder(t, 2), packets[2:])
		if got := sndtest.SNR(in[SampleRate:], out[SampleRate+preSkip*2:]); got < 12 {
			t.Errorf("%s ms: SNR %.1f dB", ms, got)
		}
	}
}

// A lost frame is heard as something like itself, and with in-band FEC as
// something more like itself.
func TestConcealAndFEC(t *testing.T) {
	voice := make([]float32, 4*SampleRate) // a buzz in syllables
	for i := range voice {
		voice[i] = (0.4 - 0.002*float32(i%400)) * float32(1+i/4800%2*2) / 3
	}
	e := newEncoder(t, EncoderConfig{Channels: 1, Bitrate: 24000, Loss: 20})
	packets := encodeAll(t, e, voice)
	var snr, level [2]float64
	for i, fec := range []bool{false, true} {
		whole, lossy := newDecoder(t, 1), newDecoder(t, 1)
		var ref, got []float32
		for k, p := range packets {
			frame, err := whole.Decode(p, nil)
			if err != nil {
				t.Fatal(err)
			}
			if k < 20 || k%10 != 5 {
				if _, err := lossy.Decode(p, nil); err != nil {
					t.Fatal(err)
				}
				continue
			}
			ref = append(ref, frame...)
			if fec {
				got, err = lossy.DecodeFEC(packets[k+1], 960, got)
			} else {
				got, err = lossy.Conceal(960, got)
			}
			if err != nil || len(got) != len(ref) {
				t.Fatalf("%d samples for %d, %v", len(got), len(ref), err)
			}
		}
		snr[i], level[i] = sndtest.SNR(ref, got), sndtest.RMS(got)/sndtest.RMS(ref)
	}
	t.Logf("lost frames against whole ones, concealed and by FEC: %.1f dB, level %.2f", snr, level)
	if level[0] < 0.3 || snr[1] < snr[0]+10 {
		t.Error("concealment is too soft, or FEC no better than it")
	}
}

func TestDTX(t *testing.T) {
	e := newEncoder(t, EncoderConfig{Channels: 1, DTX: true, Complexity: 7})
	small := 0
	for _, p := range encodeAll(t, e, make([]float32, 3*SampleRate)) {
		if len(p) <= 2 {
			small++
		}
	}
	if small < 100 {
		t.Errorf("%d of 150 packets of silence need not be sent", small)
	}
}

func TestRefuses(t *testing.T) {
	for _, cfg := range []EncoderConfig{
		{Channels: 3},
		{Channels: -1},
		{Bitrate: 5999},
		{Bitrate: 510001},
		{Complexity: 11},
		{Frame: 30 * time.Millisecond},
		{Loss: 101},
	} {
		if _, err := NewEncoder(cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
	if _, err := NewDecoder(6); err == nil {
		t.Error("a decoder of 6 channels: no error")
	}
	e := newEncoder(t, EncoderConfig{})
	if _, err := e.Encode(make([]float32, 960), nil); err == nil {
		t.Error("half a frame: no error")
	}
	d := newDecoder(t, 2)
	for _, p := range [][]byte{nil, {}, {0xff, 0xff}, {3, 0}, make([]byte, MaxPacket+1)} {
		if _, err := d.Decode(p, nil); !errors.Is(err, ErrPacket) {
			t.Errorf("packet of %d bytes: %v", len(p), err)
		}
	}
	for _, n := range []int{0, -120, 119, MaxSamples + 120} {
		if _, err := d.Conceal(n, nil); err == nil {
			t.Errorf("Conceal(%d): no error", n)
		}
	}
}

func TestResetAndBrokenHost(t *testing.T) {
	in := sndtest.Music(SampleRate, 2, SampleRate)
	e, d := newEncoder(t, EncoderConfig{}), newDecoder(t, 2)
	first := encodeAll(t, e, in)
	pcm := decodeAll(t, d, first)
	if err := errors.Join(e.Reset(), d.Reset()); err != nil {
		t.Fatal(err)
	}
	for i, p := range encodeAll(t, e, in) {
		if string(p) != string(first[i]) {
			t.Fatalf("packet %d after Reset differs", i)
		}
	}
	if again := decodeAll(t, d, first); sndtest.SNR(pcm, again) < 200 {
		t.Error("decoding after Reset differs")
	}

	d.mem[statePtr], d.mem[statePtr+3] = 0xff, 0x7f // an offset far outside
	if _, err := d.Decode(first[0], nil); !errors.Is(err, ErrBroken) {
		t.Errorf("a decoder with a spoilt state: %v", err)
	}
	if _, err := d.Decode(first[0], nil); !errors.Is(err, ErrBroken) {
		t.Errorf("again: %v", err)
	}
}

func TestExtremeSamples(t *testing.T) {
	e, d := newEncoder(t, EncoderConfig{Channels: 1}), newDecoder(t, 1)
	for _, x := range []float32{2, -2, float32(math.Inf(1)), float32(math.NaN()), 0} {
		pcm := make([]float32, 960)
		for i := range pcm {
			pcm[i] = x
		}
		p, err := e.Encode(pcm, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Decode(p, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// The memory has been cut down to what libopus uses: four times the deepest
// stack of any mode must fit.
func TestStackHasRoom(t *testing.T) {
	const mark = 0x55
	deepest := 0
	paint := func(mem []byte) []byte {
		stack := mem[libopus.DataEnd:libopus.StackTop]
		copy(stack, bytes.Repeat([]byte{mark}, len(stack)))
		return stack
	}
	measure := func(stack []byte) {
		untouched := len(stack) - len(bytes.TrimLeft(stack, string(rune(mark))))
		deepest = max(deepest, len(stack)-untouched)
	}
	noise := make([]float32, 2880*2)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = rnd.Float32() - 0.5
	}
	d := newDecoder(t, 2)
	for _, bitrate := range []int{6000, 24000, 32000, 64000, 510000} {
		for _, frame := range []time.Duration{10, 20, 60} {
			e := newEncoder(t, EncoderConfig{Bitrate: bitrate, Frame: frame * time.Millisecond, Complexity: 10, Loss: 20})
			for range 3 {
				stack := paint(e.mem)
				p, err := e.Encode(noise[:e.FrameSize()*2], nil)
				if err != nil {
					t.Fatal(err)
				}
				measure(stack)
				stack = paint(d.mem)
				_, err = d.DecodeFEC(p, e.FrameSize(), nil)
				_, err2 := d.Decode(p, nil)
				if err := errors.Join(err, err2); err != nil {
					t.Fatal(err)
				}
				measure(stack)
			}
		}
	}
	if room := libopus.StackTop - libopus.DataEnd; deepest == 0 || 4*deepest > room {
		t.Errorf("the stack went %d bytes deep of %d", deepest, room)
	}
}

func TestNoAllocations(t *testing.T) {
	in := sndtest.Music(SampleRate, 2, SampleRate)
	e, d := newEncoder(t, EncoderConfig{}), newDecoder(t, 2)
	packet, pcm := make([]byte, 0, 1500), make([]float32, 0, MaxSamples*2)
	at := 0
	if n := testing.AllocsPerRun(100, func() {
		p, err := e.Encode(in[at:at+1920], packet)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Decode(p, pcm); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Conceal(960, pcm); err != nil {
			t.Fatal(err)
		}
		at = (at + 1920) % (len(in) - 1920)
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func FuzzDecode(f *testing.F) {
	e := newEncoder(f, EncoderConfig{})
	for _, p := range encodeAll(f, e, sndtest.Music(SampleRate, 2, SampleRate/5)) {
		f.Add(p, false)
		f.Add(p[:len(p)/2], true)
	}
	d := newDecoder(f, 2)
	pcm := make([]float32, 0, MaxSamples*2)
	f.Fuzz(func(t *testing.T, packet []byte, fec bool) {
		if fec {
			if out, err := d.DecodeFEC(packet, 960, pcm); errors.Is(err, ErrBroken) || err == nil && len(out) != 1920 {
				t.Fatalf("%d samples, %v", len(out), err)
			}
		}
		out, err := d.Decode(packet, pcm)
		if errors.Is(err, ErrBroken) || len(out)%240 != 0 || len(out) > MaxSamples*2 {
			t.Fatalf("%d samples, %v", len(out), err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	in := sndtest.Music(SampleRate, 2, 5*SampleRate)
	for _, complexity := range []int{3, 5, 9} {
		b.Run(fmt.Sprint("complexity=", complexity), func(b *testing.B) {
			e := newEncoder(b, EncoderConfig{Complexity: complexity})
			dst := make([]byte, 0, 1500)
			at := 0
			b.ReportAllocs()
			begin := sndtest.CPU()
			for b.Loop() {
				if _, err := e.Encode(in[at:at+1920], dst); err != nil {
					b.Fatal(err)
				}
				at = (at + 1920) % (len(in) - 1920)
			}
			perSecond(b, begin)
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	packets := encodeAll(b, newEncoder(b, EncoderConfig{}), sndtest.Music(SampleRate, 2, 5*SampleRate))
	d := newDecoder(b, 2)
	dst := make([]float32, 0, MaxSamples*2)
	i := 0
	b.ReportAllocs()
	begin := sndtest.CPU()
	for b.Loop() {
		if _, err := d.Decode(packets[i%len(packets)], dst); err != nil {
			b.Fatal(err)
		}
		i++
	}
	perSecond(b, begin)
}

func BenchmarkNewEncoder(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newEncoder(b, EncoderConfig{})
	}
}

// perSecond reports the cost of a frame of 20 ms as CPU time per second of sound.
func perSecond(b *testing.B, begin time.Duration) {
	b.ReportMetric((sndtest.CPU()-begin).Seconds()*1000/float64(b.N)*50, "ms/s")
}
