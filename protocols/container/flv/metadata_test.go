package flv

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/protocols/container/amf"
	"sluice/server/media"
)

func TestMetadata(t *testing.T) {
	video := &media.Track{Codec: media.H265, Width: 1280, Height: 720}
	sound := &media.Track{Codec: media.AAC, SampleRate: 44100, Channels: 2}
	own, err := amf.Append0(nil, "onMetaData", amf.ECMAArray{
		{Name: "encoder", Value: "OBS"},
		{Name: "audiocodecid", Value: "mp4a"},
		{Name: "width", Value: 1.0},
		{Name: "videodatarate", Value: 2500.0},
	})
	if err != nil {
		t.Fatal(err)
	}
	data := &media.Track{Codec: media.Script, Config: own}
	for _, c := range []struct {
		name string
		form Form
		ts   media.Tracks
		want amf.ECMAArray
	}{
		{"nothing", Form{}, media.Tracks{}, amf.ECMAArray{}},
		{
			"publisher's fields stay, and are put right",
			Form{LegacyHEVC: true},
			media.Tracks{Video: video, Audio: sound, Data: data},
			amf.ECMAArray{
				{Name: "encoder", Value: "OBS"},
				{Name: "audiocodecid", Value: 10.0},
				{Name: "width", Value: 1280.0},
				{Name: "videodatarate", Value: 2500.0},
				{Name: "height", Value: 720.0},
				{Name: "videocodecid", Value: 12.0},
				{Name: "audiosamplerate", Value: 44100.0},
				{Name: "audiochannels", Value: 2.0},
				{Name: "stereo", Value: true},
			},
		},
		{
			"a track that the player doesn't get is not described",
			Form{},
			media.Tracks{Audio: sound, Data: data},
			amf.ECMAArray{
				{Name: "encoder", Value: "OBS"},
				{Name: "audiocodecid", Value: 10.0},
				{Name: "audiosamplerate", Value: 44100.0},
				{Name: "audiochannels", Value: 2.0},
				{Name: "stereo", Value: true},
			},
		},
		{
			"unreadable metadata is left out",
			Form{},
			media.Tracks{Data: &media.Track{Codec: media.Script, Config: []byte{2, 0, 9}}},
			amf.ECMAArray{},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := c.form.Metadata(c.ts)
			if err != nil {
				t.Fatal(err)
			}
			got, err := amf.Decode0(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]amf.Value{"onMetaData", c.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
