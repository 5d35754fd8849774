package flv

import (
	"sluice/protocols/container/amf"
	"sluice/server/media"
)

// Metadata returns the body of the script tag that describes the tracks to a
// player of this form: the publisher's own onMetaData, if ts.Data has it, with
// what is known of the tracks put right, and without the fields of tracks that
// the player doesn't get (E.5).
func (f Form) Metadata(ts media.Tracks) ([]byte, error) {
	fields := publisherFields(ts.Data)
	fields = f.videoFields(fields, ts.Video)
	fields = f.audioFields(fields, ts.Audio)
	return amf.Append0(nil, "onMetaData", amf.ECMAArray(fields))
}

// publisherFields reads the publisher's onMetaData; what can't be read is left out.
func publisherFields(t *media.Track) amf.Object {
	if t == nil || t.Config == nil {
		return nil
	}
	values, _ := amf.Decode0(t.Config)
	for _, v := range values {
		if o := amf.Properties(v); o != nil {
			return append(amf.Object(nil), o...)
		}
	}
	return nil
}

func (f Form) videoFields(o amf.Object, t *media.Track) amf.Object {
	if t == nil {
		return without(o, "width", "height", "videocodecid", "videodatarate", "framerate")
	}
	if t.Width > 0 && t.Height > 0 {
		o = with(o, "width", float64(t.Width))
		o = with(o, "height", float64(t.Height))
	}
	return f.codecField(o, "videocodecid", t)
}

func (f Form) audioFields(o amf.Object, t *media.Track) amf.Object {
	if t == nil {
		return without(o, "audiocodecid", "audiodatarate", "audiosamplerate", "audiosamplesize", "audiochannels", "stereo")
	}
	if t.SampleRate > 0 {
		o = with(o, "audiosamplerate", float64(t.SampleRate))
	}
	if t.Channels > 0 {
		o = with(o, "audiochannels", float64(t.Channels))
		o = with(o, "stereo", t.Channels > 1)
	}
	return f.codecField(o, "audiocodecid", t)
}

func (f Form) codecField(o amf.Object, name string, t *media.Track) amf.Object {
	id, err := f.CodecID(t)
	if err != nil {
		return without(o, name)
	}
	return with(o, name, float64(id))
}

// with returns o with the property set, in its old place if it has one.
func with(o amf.Object, name string, v amf.Value) amf.Object {
	for i := range o {
		if o[i].Name == name {
			o[i].Value = v
			return o
		}
	}
	return append(o, amf.Property{Name: name, Value: v})
}

func without(o amf.Object, names ...string) amf.Object {
	kept := o[:0]
	for _, p := range o {
		drop := false
		for _, n := range names {
			drop = drop || p.Name == n
		}
		if !drop {
			kept = append(kept, p)
		}
	}
	return kept
}
