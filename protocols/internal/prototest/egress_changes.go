package prototest

import (
	"errors"
	"testing"

	"sluice/server/hub"
	"sluice/server/media"
)

// comesBack: players stay, and what comes is one stream whose time rises.
func comesBack(_ *testing.T, r *egressRig) {
	v := r.begin()
	r.steps(groupSize)
	for range 2 {
		r.pub.Close(nil)
		r.publish()
		r.steps(groupSize + 3)
	}
	r.all(v)
}

// replaced: players go over to the publisher that took the stream.
func replaced(t *testing.T, r *egressRig) {
	v := r.begin()
	r.steps(groupSize)
	old := r.pub
	r.publish()
	r.steps(2 * groupSize)
	if err := old.Write(picture(r.video, 0, r.size)); !errors.Is(err, hub.ErrReplaced) {
		t.Errorf("the publisher before hears %v", err)
	}
	old.Close(nil)
	r.steps(groupSize)
	r.all(v)
}

// formChanges: new parameter sets are in force from their key frame on, for
// those that are there and for those that come.
func formChanges(_ *testing.T, r *egressRig) {
	v := r.begin()
	r.group()
	r.use(H264Larger())
	r.steps(2 * groupSize)
	r.all(v)
	late := r.play().read()
	late.next()
	r.use(H264())
	r.group()
	r.steps(groupSize)
	r.all(v)
	r.all(late)
}

// soundChanges: from AAC to Opus, and back. Players get it as it is, or as AAC.
// There pictures may be missing up to a key frame.
func soundChanges(t *testing.T, r *egressRig) {
	v := r.begin(func(w *rules) {
		w.jumps = true
		if !r.Opus {
			w.sound = AAC()
		}
	})
	for _, sound := range []*media.Track{Opus(), AAC()} {
		r.group()
		r.use(sound)
		r.steps(3 * groupSize)
		if r.SoundChangeEnds {
			if err := v.ended(); err == nil {
				t.Error("the player ends without a reason")
			}
			v = r.play().read()
		}
		r.all(v)
		v.until(media.Audio, v.count[media.Audio])
	}
	if v.tracks.Audio == nil || v.tracks.Audio.Codec != media.AAC {
		t.Errorf("in the end the tracks are %+v", v.tracks)
	}
}
