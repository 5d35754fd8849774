package hub

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatch sees each change that duties act upon, and nothing of packets.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(DefaultConfig(), Options{})
		defer h.Close()
		old := publish(t, h, "live/old")
		defer old.Close(nil)
		w := h.Watch()
		defer w.Close()
		expect := func(what string, want ...string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			got, err := w.Next(ctx)
			if len(want) == 0 && errors.Is(err, context.DeadlineExceeded) {
				return
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, %v; want %v", what, got, err, want)
			}
		}
		expect("a stream that was there", "live/old")
		expect("nothing")

		p := publish(t, h, "live/a")
		expect("a publisher that has sent nothing", "live/a")
		p.Announce(h264)
		p.Announce(aac)
		p.Write(video(0, 10))
		expect("a publisher whose tracks are known", "live/a")
		p.Write(video(1, 10))
		expect("a packet")
		p.Announce(opus)
		expect("another track", "live/a")
		v, sub := play(t, h, "live/a", AllCodecs)
		expect("the first viewer", "live/a")
		v2, sub2 := play(t, h, "live/a", AllCodecs)
		sub2.Close()
		v2.Close(nil)
		expect("the second viewer")
		sub.Close()
		v.Close(nil)
		expect("the last viewer left", "live/a")
		p.Close(nil)
		old.Close(nil)
		expect("publishers left", "live/a", "live/old")
	})
}

func TestKick(t *testing.T) {
	h := New(DefaultConfig(), Options{})
	defer h.Close()
	p := publish(t, h, "live/a")
	defer p.Close(nil)
	v, sub := play(t, h, "live/a", AllCodecs)
	defer v.Close(nil)
	defer sub.Close()
	if h.Kick("nobody") {
		t.Error("kicked a session that is not there")
	}
	for _, s := range []interface {
		ID() string
		Context() context.Context
	}{p, v} {
		if !h.Kick(s.ID()) || !errors.Is(context.Cause(s.Context()), ErrKicked) {
			t.Errorf("not kicked: %v", context.Cause(s.Context()))
		}
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern Pattern
		name    string
		want    bool
	}{
		{"live/a", "live/a", true},
		{"live/a", "live/ab", false},
		{"*", "live/a/b", true},
		{"live/*", "live/a/b", true},
		{"live/*", "lives/a", false},
		{"*/cam*", "live/cam1", true},
		{"*/cam*", "live/x", false},
		{"a*a", "a", false},
		{"a*b*c", "a/b/c", true},
		{"a*b*c", "a/c", false},
		{"*b*b*", "ab", false},
	} {
		if got := c.pattern.Match(c.name); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, got)
		}
	}
	for p, ok := range map[Pattern]bool{"": false, "live/ a": false, "live/*": true, "a?": false} {
		if err := p.Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", p, err)
		}
	}
}
