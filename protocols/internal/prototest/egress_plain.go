package prototest

import (
	"testing"

	"sluice/server/media"
)

// roundTrip: every packet is what was published, and at its time.
func roundTrip(t *testing.T, r *egressRig) {
	v := r.begin()
	r.steps(7 * groupSize)
	r.all(v)
	if v.count[media.Video] < 6*groupSize || v.count[media.Audio] < 10*groupSize {
		t.Errorf("%d pictures, %d of sound", v.count[media.Video], v.count[media.Audio])
	}
}

func soundAlone(t *testing.T, r *egressRig) {
	r.video = nil
	v := r.begin()
	r.steps(5 * groupSize)
	r.all(v)
	if v.tracks.Video != nil {
		t.Errorf("there is %v too", v.tracks.Video.Codec)
	}
}

func picturesAlone(t *testing.T, r *egressRig) {
	r.audio = nil
	v := r.begin()
	r.steps(5 * groupSize)
	r.all(v)
	if v.tracks.Audio != nil {
		t.Errorf("there is %v too", v.tracks.Audio.Codec)
	}
}

// lateJoin: a player begins at the newest key frame, another that is there
// already notices nothing.
func lateJoin(t *testing.T, r *egressRig) {
	first := r.begin()
	r.group()
	r.group()
	key := len(r.sent[media.Video])
	r.steps(groupSize - 1)
	v := r.play().read()
	v.until(media.Video, key)
	if v.last[media.Video] != key {
		t.Errorf("begins at picture %d, not at %d", v.last[media.Video], key)
	}
	r.steps(3 * groupSize)
	r.all(v)
	r.all(first)
}

// viewerFirst: a player that came before the publisher gets all of it.
func viewerFirst(t *testing.T, r *egressRig) {
	w := r.play()
	r.viewers(1)
	r.publish()
	r.steps(groupSize - 1)
	v := w.read()
	v.until(media.Video, 0)
	if v.last[media.Video] != 0 {
		t.Errorf("begins at picture %d", v.last[media.Video])
	}
	r.steps(groupSize)
	r.all(v)
}

// kick: an operator's player hears the protocol's own error, others go on.
func kick(t *testing.T, r *egressRig) {
	v := r.begin()
	id := r.hub.Find(streamName).Viewers()[0].ID()
	other := r.play().read()
	other.next()
	if !r.hub.Kick(id) {
		t.Fatal("there is no such session")
	}
	if err := v.ended(); !r.Kicked(err) {
		t.Errorf("the player hears %v", err)
	}
	r.viewers(1)
	r.steps(groupSize)
	r.all(other)
}

// stop: it ends the players, those too that read nothing or wait for a stream.
func stop(t *testing.T, r *egressRig) {
	v := r.begin()
	r.play().open()
	r.viewers(2)
	r.stop()
	if err := v.ended(); err == nil {
		t.Error("the player ends without a reason")
	}
	r.viewers(0)
	r.step() // the publisher is none of the protocol's
}
