package flv

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"sluice/protocols/container/amf"
	"sluice/server/media"
)

// madeFile is a file of n pictures at 25 a second, a key frame each ten, with
// room for its index, and where each key frame stands.
func madeFile(t testing.TB, n, room int) (file []byte, keys []KeyFrame) {
	t.Helper()
	f := Form{}
	track := &media.Track{Codec: media.H264, Config: []byte{1, 66, 0, 30, 0xff, 0xe0, 0}, Width: 64, Height: 48}
	metadata, err := f.Metadata(media.Tracks{Video: track})
	if err != nil {
		t.Fatal(err)
	}
	if metadata, err = Reserve(metadata, room); err != nil {
		t.Fatal(err)
	}
	file = AppendTag(Header{Video: true}.Append(nil), TagScript, 0, metadata)
	seq, err := f.SequenceTag(track, 0)
	if err != nil {
		t.Fatal(err)
	}
	file = append(file, seq...)
	for i := range n {
		at := time.Duration(i) * 40 * time.Millisecond
		if i%10 == 0 {
			keys = append(keys, KeyFrame{at, int64(len(file))})
		}
		tag, err := f.Tag(&media.Packet{Track: track, DTS: at, PTS: at, Key: i%10 == 0, Payload: fmt.Appendf(nil, "picture %d", i)})
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, tag...)
	}
	return file, keys
}

func TestSurveyFindsWhatIsWhole(t *testing.T) {
	file, keys := madeFile(t, 25, 1000)
	whole, err := Survey(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if whole.Size != int64(len(file)) || whole.Tags != 25 || whole.Duration != time.Second || fmt.Sprint(whole.Keys) != fmt.Sprint(keys) {
		t.Fatalf("got %d bytes, %d tags, %v, keys %v", whole.Size, whole.Tags, whole.Duration, whole.Keys)
	}
	last := int64(0)
	for cut := range file {
		x, err := Survey(bytes.NewReader(file[:cut]), int64(cut))
		if err != nil {
			if cut >= HeaderSize+TagSize(1000) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			continue
		}
		if x.Size > int64(cut) || x.Size < last || int64(cut)-x.Size > int64(TagSize(64)) {
			t.Fatalf("cut at %d: whole to %d", cut, x.Size)
		}
		last = x.Size
	}
	if last == 0 {
		t.Error("no cut file was taken")
	}
	broken := bytes.Clone(file)
	broken[len(broken)-1]++ // the last tag's size
	if x, err := Survey(bytes.NewReader(broken), int64(len(broken))); err != nil || x.Tags != 24 {
		t.Errorf("a broken last tag: %d tags, %v", x.Tags, err)
	}
}

func TestCompleteFitsTheRoom(t *testing.T) {
	file, keys := madeFile(t, 1000, 700)
	x, err := Survey(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := Complete(x.Metadata, x.Index)
	if err != nil {
		t.Fatal(err)
	}
	if len(body) != 700 {
		t.Fatalf("%d bytes", len(body))
	}
	again, err := Complete(body, x.Index)
	if err != nil || !bytes.Equal(again, body) {
		t.Errorf("completed twice it is another: %v", err)
	}
	values, _ := amf.Decode0(body)
	o := amf.Properties(values[1])
	frames := amf.Properties(amf.Get[amf.Object](o, "keyframes"))
	times, positions := amf.Get[amf.Array](frames, "times"), amf.Get[amf.Array](frames, "filepositions")
	if len(times) != len(positions) || len(times) < 10 || len(times) >= len(keys) {
		t.Fatalf("%d times, %d positions of %d", len(times), len(positions), len(keys))
	}
	step := int(times[1].(float64) / 0.4)
	for i := range times {
		k := keys[i*step]
		if times[i] != k.Time.Seconds() || positions[i] != float64(k.Position) {
			t.Errorf("entry %d is %v at %v", i, times[i], positions[i])
		}
	}
	if amf.Get[float64](o, "duration") != 40 || amf.Get[float64](o, "filesize") != float64(len(file)) || amf.Get[float64](o, "width") != 64 {
		t.Errorf("metadata %v", o)
	}
	if _, err := Complete(make([]byte, 700), x.Index); err == nil {
		t.Error("no metadata is no error")
	}
	small, err := Form{}.Metadata(media.Tracks{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Complete(small, x.Index); !errors.Is(err, ErrNoRoom) {
		t.Errorf("no room: %v", err)
	}
	if _, err := Reserve(small, 1); !errors.Is(err, ErrNoRoom) {
		t.Errorf("no room: %v", err)
	}
}

// FuzzSurvey demands of whatever a disk holds that what is found whole can be
// completed and is then found again.
func FuzzSurvey(f *testing.F) {
	for _, size := range []int{3, 12} {
		file, _ := madeFile(f, size, 300)
		f.Add(file)
		f.Add(file[:len(file)-5])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		x, err := Survey(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		if x.Size > int64(len(file)) || x.Duration < 0 || len(x.Keys) > x.Tags {
			t.Fatalf("found %+v in %d bytes", x, len(file))
		}
		body, err := Complete(x.Metadata, x.Index)
		if err != nil {
			return
		}
		copy(file[HeaderSize+TagHeaderSize:], body)
		y, err := Survey(bytes.NewReader(file), x.Size)
		if err != nil || y.Size != x.Size || y.Tags != x.Tags {
			t.Fatalf("completed it is %+v, was %+v: %v", y, x, err)
		}
	})
}
