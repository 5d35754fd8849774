package mpa

import (
	"errors"
	"math/rand/v2"
	"testing"

	"sluice/server/media"
	"sluice/server/transcode/internal/sndtest"
)

func TestRefuses(t *testing.T) {
	for _, track := range []media.Track{
		{Codec: media.MP3},
		{Codec: media.MP3, SampleRate: 44100},
		{Codec: media.MP3, SampleRate: 44100, Channels: 3},
		{Codec: media.MP2, SampleRate: 96000, Channels: 2},
	} {
		if _, err := New(&track); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%+v: %v", track, err)
		}
	}
}

// layerIII encodes a tone so that frames need bits of those before them.
func layerIII(tb testing.TB) [][]byte {
	tb.Helper()
	pcm := sndtest.Music(48000, 2, 48000)
	return frames(tb, sndtest.FFmpeg(tb, sndtest.Bytes(pcm), "-f", "f32le", "-ar", "48000", "-ac", "2", "-i", "pipe:0",
		"-c:a", "libmp3lame", "-b:a", "96k", "-write_xing", "0", "-id3v2_version", "0", "-f", "mp3", "pipe:1"))
}

// Who joins a stream hears silence, not errors, until its frames are whole; who
// misses a frame hears of those that need it; and both are then in step.
func TestReservoir(t *testing.T) {
	list := layerIII(t)
	whole := decodeAll(t, list)
	size := len(whole) / len(list)
	const from = 20
	late, _ := decoder(t, list[0])
	lossy, _ := decoder(t, list[0])
	lost := 0
	for i, f := range list {
		if i < from {
			if _, err := lossy.Decode(f, nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want := whole[i*size : (i+1)*size]
		got, err := late.Decode(f, nil)
		switch {
		case err != nil:
			t.Fatalf("who joins, frame %d: %v", i, err)
		case i == from && sndtest.RMS(got) > 0:
			t.Error("the first frame was whole: this tests nothing")
		case i > from+8 && sndtest.SNR(want, got) < 80:
			t.Errorf("who joins, frame %d: %.1f dB", i, sndtest.SNR(want, got))
		}
		if i == from {
			lossy.Lose()
			continue
		}
		got, err = lossy.Decode(f, nil)
		switch {
		case errors.Is(err, ErrReservoir):
			lost++
		case err != nil:
			t.Fatalf("who missed one, frame %d: %v", i, err)
		case i > from+8 && sndtest.SNR(want, got) < 80:
			t.Errorf("who missed one, frame %d: %.1f dB", i, sndtest.SNR(want, got))
		}
	}
	if lost == 0 || lost > 8 {
		t.Errorf("%d frames needed the one that was lost", lost)
	}
}

func TestInvalid(t *testing.T) {
	list := layerIII(t)
	good := list[3]
	// MPEG-1, two channels: the side information begins after 4 bytes, and the
	// first granule after 20 bits of that.
	set := func(bit int, bits ...byte) []byte {
		b := append([]byte{}, good...)
		for i, v := range bits {
			at := 32 + bit + i
			b[at/8] = b[at/8]&^(128>>(at%8)) | v<<(7-at%8)
		}
		return b
	}
	for _, c := range []struct {
		name  string
		frame []byte
		want  error
	}{
		{"nothing", nil, ErrInvalid},
		{"no header", []byte("0123456789"), ErrInvalid},
		{"cut", good[:len(good)-1], ErrTruncated},
		{"another rate", append([]byte{0xff, 0xfb, 0x90, 0x64}, good[4:]...), ErrInvalid},
		{"more values than lines", set(20+12, 1, 1, 1, 1, 1, 1, 1, 1, 1), ErrInvalid},
		{"reserved block type", set(20+12+9+8+4, 1, 0, 0), ErrInvalid},
		{"more main data than there are", set(20, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), ErrTruncated},
	} {
		d, _ := decoder(t, list[0])
		for _, f := range list[:3] {
			if _, err := d.Decode(f, nil); err != nil {
				t.Fatal(err)
			}
		}
		before := []float32{1, 2}
		if dst, err := d.Decode(c.frame, before); !errors.Is(err, c.want) || len(dst) != len(before) {
			t.Errorf("%s: %d values, %v, want %v", c.name, len(dst), err, c.want)
		}
	}
	d, err := New(&media.Track{Codec: media.MP2, SampleRate: 48000, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	reserved := make([]byte, 576)
	copy(reserved, []byte{0xff, 0xfd, 0xa4, 0xc0})
	for i := range reserved[4:] {
		reserved[4+i] = 0xff
	}
	if _, err := d.Decode(reserved, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("reserved scale factor: %v", err)
	}
}

// FuzzDecode decodes whatever comes, after good frames and before them: samples
// are in range and whole frames, or there is an error.
func FuzzDecode(f *testing.F) {
	heads := [][4]byte{
		{0xff, 0xfb, 0xe4, 0x00},
		{0xff, 0xfb, 0xe4, 0x70},
		{0xff, 0xf3, 0xe0, 0x50},
		{0xff, 0xf2, 0xe8, 0xc0},
		{0xff, 0xe3, 0xa8, 0xc0},
		{0xff, 0xfd, 0xa4, 0x40},
		{0xff, 0xfc, 0x24, 0xc0},
		{0xff, 0xf5, 0x84, 0x10},
	}
	for i, head := range heads {
		rnd := rand.New(rand.NewPCG(1, uint64(i)))
		b := append([]byte{}, head[:]...)
		for range 900 {
			b = append(b, byte(rnd.Uint32()))
		}
		f.Add(byte(i), b)
		if head[1]&6 == 2 {
			f.Add(byte(i), newGenerator(f, head, 1).frame())
		}
	}
	f.Fuzz(func(t *testing.T, i byte, frame []byte) {
		d, _ := decoder(t, heads[int(i)%len(heads)][:])
		var pcm []float32
		for range 3 {
			before := len(pcm)
			var err error
			if pcm, err = d.Decode(frame, pcm); err != nil && len(pcm) != before || err == nil && len(pcm) != before+d.FrameLen()*d.channels {
				t.Fatalf("%d values of %d, %v", len(pcm)-before, d.FrameLen()*d.channels, err)
			}
		}
		for _, v := range pcm {
			if !(v >= -1 && v <= 1) {
				t.Fatalf("a sample of %v", v)
			}
		}
		if len(d.reservoir) > maxReach {
			t.Fatalf("%d bytes are kept", len(d.reservoir))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	list := layerIII(b)
	d, _ := decoder(b, list[0])
	pcm := make([]float32, 0, 2*1152)
	b.ReportAllocs()
	begin, n := sndtest.CPU(), 0
	for b.Loop() {
		var err error
		if pcm, err = d.Decode(list[n%len(list)], pcm[:0]); err != nil && !errors.Is(err, ErrReservoir) {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric((sndtest.CPU()-begin).Seconds()*1000/(float64(n)*0.024), "ms/s")
}
