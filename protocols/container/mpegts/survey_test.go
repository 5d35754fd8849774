package mpegts

import (
	"bytes"
	"testing"
	"time"

	"sluice/server/media"
)

// surveyed is a second of pictures and sound, and where each unit ends.
func surveyed(t testing.TB) (file []byte, ends []int) {
	t.Helper()
	m := NewMuxer(MuxerConfig{})
	aac := &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2}
	if err := m.SetTracks(media.Tracks{Audio: aac}); err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		at := time.Duration(i) * 40 * time.Millisecond
		var err error
		file, err = m.AppendPacket(file, &media.Packet{Track: aac, DTS: at, PTS: at, Payload: bytes.Repeat([]byte{byte(i)}, 400)})
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(file))
	}
	return file, ends
}

func TestSurvey(t *testing.T) {
	file, ends := surveyed(t)
	x, err := Survey(bytes.NewReader(file), int64(len(file)))
	if err != nil || x.Size != int64(len(file)) || x.Duration != time.Second {
		t.Fatalf("got %+v, %v", x, err)
	}
	for cut := range file {
		x, err := Survey(bytes.NewReader(file[:cut]), int64(cut))
		if err != nil {
			t.Fatal(err)
		}
		if x.Size%PacketSize != 0 || x.Size > int64(cut) || cut%PacketSize == 0 && x.Size != int64(cut) {
			t.Fatalf("cut at %d: whole to %d", cut, x.Size)
		}
		units := 0
		for _, e := range ends {
			if e <= cut {
				units++
			}
		}
		if most := time.Duration(units+1) * 40 * time.Millisecond; x.Duration > most {
			t.Fatalf("cut at %d: %v of %v", cut, x.Duration, most)
		}
	}
	torn := bytes.Clone(file)
	torn[len(torn)-PacketSize] = 0
	if x, err := Survey(bytes.NewReader(torn), int64(len(torn))); err != nil || x.Size > int64(ends[23]) {
		t.Errorf("with a broken last packet: %+v, %v", x, err)
	}
}

// TestSurveyAcrossTheWrap: the clock starts anew each 26 hours.
func TestSurveyAcrossTheWrap(t *testing.T) {
	m := NewMuxer(MuxerConfig{})
	aac := &media.Track{Codec: media.AAC, Config: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2}
	var file []byte
	for i := range 100 {
		at := media.FromClock(1<<clockBits-ClockRate+int64(i)*3600, ClockRate)
		var err error
		if file, err = m.AppendPacket(file, &media.Packet{Track: aac, DTS: at, PTS: at, Payload: make([]byte, 400)}); err != nil {
			t.Fatal(err)
		}
	}
	if x, err := Survey(bytes.NewReader(file), int64(len(file))); err != nil || x.Duration != 4*time.Second {
		t.Errorf("%v, %v", x.Duration, err)
	}
}

func FuzzSurvey(f *testing.F) {
	file, _ := surveyed(f)
	f.Add(file[:PacketSize*8])
	f.Add(file[:PacketSize*3+7])
	f.Fuzz(func(t *testing.T, file []byte) {
		x, err := Survey(bytes.NewReader(file), int64(len(file)))
		if err != nil || x.Size%PacketSize != 0 || x.Size > int64(len(file)) || x.Duration < 0 {
			t.Errorf("%+v, %v", x, err)
		}
	})
}
