package prototest

import (
	"testing"

	"sluice/server/hub"
	"sluice/server/media"
)

// takeAll: every packet is what was published, and at its time.
func takeAll(t *testing.T, r *ingestRig) {
	v := r.view()
	r.publish(v)
	r.steps(8 * groupSize)
	r.all(v)
	if v.count[media.Video] < 7*groupSize || v.count[media.Audio] < 10*groupSize {
		t.Errorf("%d pictures, %d of sound", v.count[media.Video], v.count[media.Audio])
	}
	r.peer.Close()
	r.offAir()
}

// offAir waits until the stream has no publisher.
func (r *ingestRig) offAir() {
	r.t.Helper()
	until(r.t, "the publisher's end", func() bool {
		s := r.hub.Find(streamName)
		return s == nil || s.Publisher() == nil
	})
}

func takeSound(t *testing.T, r *ingestRig) {
	r.video = nil
	v := r.view()
	r.publish(v)
	r.steps(5 * groupSize)
	r.all(v)
	if ts, ok := r.hub.Find(streamName).Tracks(); !ok || ts.Video != nil {
		t.Errorf("the tracks are %+v", ts)
	}
}

func takePictures(t *testing.T, r *ingestRig) {
	r.audio = nil
	v := r.view()
	r.publish(v)
	r.steps(5 * groupSize)
	r.all(v)
	if ts, ok := r.hub.Find(streamName).Tracks(); !ok || ts.Audio != nil {
		t.Errorf("the tracks are %+v", ts)
	}
}

// takeNewForm: new parameter sets are in force from their key frame on.
func takeNewForm(_ *testing.T, r *ingestRig) {
	v := r.view()
	r.publish(v)
	r.group()
	r.group()
	r.use(H264Larger())
	r.group()
	r.group()
	r.use(H264())
	r.group()
	r.group()
	r.all(v)
}

func takeNewSound(t *testing.T, r *ingestRig) {
	v := r.view()
	r.publish(v)
	r.steps(3 * groupSize)
	r.all(v)
	r.use(Opus())
	if r.SoundChangeEnds {
		r.steps(2 * groupSize)
		if err := r.peer.Wait(); err == nil {
			t.Error("the publisher ends without a reason")
		}
		r.offAir()
		return
	}
	r.steps(2 * groupSize)
	r.use(AAC())
	r.steps(2 * groupSize)
	r.all(v)
	if v.tracks.Audio.Codec != media.AAC {
		t.Errorf("in the end the sound is %v", v.tracks.Audio.Codec)
	}
}

// refuse: a second publisher hears the protocol's own error, the first notices
// nothing.
func refuse(t *testing.T, r *ingestRig) {
	v := r.view()
	r.publish(v)
	r.steps(2 * groupSize)
	r.all(v)
	second, err := r.open()
	if err == nil {
		for n := 0; err == nil && n < groupSize; n++ {
			err = second.Write(picture(r.video, n, r.size)) // which may fail already
		}
		err = second.Wait()
	}
	if !r.Refused(err) {
		t.Errorf("the second publisher hears %v", err)
	}
	r.steps(2 * groupSize)
	r.all(v)
}

// takeAgain: the viewers stay, and their time rises.
func takeAgain(_ *testing.T, r *ingestRig) { r.thrice(func() { r.peer.Close() }) }

// abort: a connection that breaks makes room for the next publisher.
func abort(_ *testing.T, r *ingestRig) { r.thrice(func() { r.peer.Abort() }) }

// thrice publishes three times in a row for one viewer.
func (r *ingestRig) thrice(end func()) {
	r.t.Helper()
	v := r.view()
	for range 3 {
		r.publish(v)
		r.steps(2*groupSize + 3)
		r.all(v)
		end()
		r.offAir()
	}
}

func kickPublisher(t *testing.T, r *ingestRig) {
	v := r.view()
	r.publish(v)
	r.steps(2 * groupSize)
	r.all(v)
	if !r.hub.Kick(r.hub.Find(streamName).Publisher().ID()) {
		t.Fatal("there is no such session")
	}
	if err := r.peer.Wait(); !r.Kicked(err) {
		t.Errorf("the publisher hears %v", err)
	}
	r.offAir()
}

func stopPublisher(t *testing.T, r *ingestRig) {
	v := r.view()
	r.publish(v)
	r.steps(2 * groupSize)
	r.all(v)
	stopping := make(chan struct{})
	go func() {
		defer close(stopping)
		stopAll(t, r.inlet.Stop)
	}()
	if err := r.peer.Wait(); err == nil {
		t.Error("the publisher ends without a reason")
	}
	r.peer.Close()
	<-stopping
	r.offAir()
	other, err := r.hub.Publish(t.Context(), hub.Session{Stream: streamName, Internal: true})
	if err != nil {
		t.Fatalf("the stream is still taken: %v", err)
	}
	other.Close(nil)
}
