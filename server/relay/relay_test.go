package relay

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sluice/server/hub"
	"sluice/server/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a protocol whose attempts the test can see and end.
type fake struct {
	mu    sync.Mutex
	began []time.Duration // since the start of the test
	ended []error         // causes for which attempts had to end
	start time.Time
	// lag is how long an attempt takes to end.
	lag time.Duration
	// fail ends an attempt at once, where it returns an error.
	fail func(attempt int) error
}

func (f *fake) do(ctx context.Context, j Job) error {
	f.mu.Lock()
	f.began = append(f.began, time.Since(f.start))
	n := len(f.began)
	f.mu.Unlock()
	if f.fail != nil {
		if err := f.fail(n); err != nil {
			return err
		}
	}
	if j.Session.Protocol == "pull" {
		pub, err := j.Hub.Publish(ctx, j.Session)
		if err != nil {
			return err
		}
		defer pub.Close(nil)
		pub.Announce(&media.Track{Codec: media.PCMA, SampleRate: 8000, Channels: 1})
	}
	<-ctx.Done()
	time.Sleep(f.lag)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = append(f.ended, context.Cause(ctx))
	return context.Cause(ctx)
}

func (f *fake) attempts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.began)
}

func (f *fake) ends() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ended)
}

type rig struct {
	*Service
	hub        *hub.Hub
	pull, push *fake
	log        bytes.Buffer
}

func start(t *testing.T, edit func(*Config, *rig)) *rig {
	t.Helper()
	now := time.Now()
	r := &rig{pull: &fake{start: now}, push: &fake{start: now}, hub: hub.New(hub.DefaultConfig(), hub.Options{})}
	cfg := DefaultConfig()
	edit(&cfg, r)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := Start(cfg, r.schemes(), r.hub, slog.New(slog.NewTextHandler(&r.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	r.Service = s
	return r
}

func (r *rig) schemes() map[string]Scheme {
	return map[string]Scheme{"pull": {Pull: r.pull.do}, "push": {Push: r.push.do}}
}

func (r *rig) stop(t *testing.T) {
	t.Helper()
	if err := r.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	r.hub.Close()
}

func (r *rig) expect(t *testing.T, what string, f *fake, attempts, ends int) {
	t.Helper()
	synctest.Wait()
	if f.attempts() != attempts || f.ends() != ends {
		t.Errorf("%s: %d attempts, %d ended; want %d, %d", what, f.attempts(), f.ends(), attempts, ends)
	}
}

// TestRetry: the pauses grow up to the longest, and are short again after a
// session that lasted.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *Config, r *rig) {
			c.Pull = []Pull{{Stream: "live/a", URL: "pull://user:secret@host/a?token=secret"}}
			c.RetryMax = 8 * time.Second
			r.pull.fail = func(int) error { return errors.New("no") }
		})
		defer r.stop(t)
		time.Sleep(time.Minute)
		synctest.Wait()
		r.pull.mu.Lock()
		var pauses []time.Duration
		for i := 1; i < len(r.pull.began); i++ {
			pauses = append(pauses, r.pull.began[i]-r.pull.began[i-1])
		}
		r.pull.fail = nil
		r.pull.mu.Unlock()
		for i, want := range []time.Duration{1, 2, 4, 8, 8, 8} {
			if want *= time.Second; pauses[i] < want || pauses[i] > want*5/4+1 {
				t.Errorf("pause %d: %v, want about %v", i, pauses[i], want)
			}
		}
		time.Sleep(time.Minute)
		n := r.pull.attempts()
		p := r.hub.Find("live/a").Publisher()
		p.Kick()
		synctest.Wait()
		r.expect(t, "connected", r.pull, n, 0)
		if log := r.log.String(); strings.Contains(log, "secret") || !strings.Contains(log, "pull://host/a") {
			t.Errorf("log: %s", log)
		}
	})
}

func TestOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *Config, _ *rig) {
			c.Pull = []Pull{{Stream: "a", URL: "pull://host/a", OnDemand: true}}
		})
		defer r.stop(t)
		time.Sleep(time.Minute)
		r.expect(t, "nobody watches", r.pull, 0, 0)
		play := func(internal bool) *hub.Viewer {
			v, err := r.hub.Play(t.Context(), hub.Session{Stream: "live/a", Internal: internal}, hub.AllCodecs)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		own := play(true)
		time.Sleep(time.Minute)
		r.expect(t, "the server itself watches", r.pull, 0, 0)
		v := play(false)
		time.Sleep(lookEvery)
		r.expect(t, "somebody watches", r.pull, 1, 0)
		v.Close(nil)
		time.Sleep(5 * time.Second)
		r.expect(t, "the last viewer has left", r.pull, 1, 0)
		v = play(false)
		time.Sleep(time.Minute)
		r.expect(t, "another came in time", r.pull, 1, 0)
		v.Close(nil)
		time.Sleep(12 * time.Second)
		r.expect(t, "nobody came", r.pull, 1, 1)
		own.Close(nil)
		v = play(false)
		r.expect(t, "the first viewer after that", r.pull, 2, 1)
		v.Close(nil)
	})
}

func TestPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *Config, _ *rig) {
			c.Push = []Push{{Stream: "live/*", URL: "push://host/{app}/x-{stream}?{path}"}, {Stream: "other", URL: "push://host/o"}}
		})
		defer r.stop(t)
		publish := func(name string) *hub.Publisher {
			p, err := r.hub.Publish(t.Context(), hub.Session{Stream: name})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		r.expect(t, "nothing is published", r.push, 0, 0)
		a, b := publish("live/a"), publish("apart/b")
		r.expect(t, "one stream of two matches", r.push, 1, 0)
		a.Close(nil)
		time.Sleep(5 * time.Second)
		a = publish("live/a")
		r.expect(t, "the publisher came back", r.push, 1, 0)
		a.Close(nil)
		time.Sleep(40 * time.Second)
		r.expect(t, "it stayed away", r.push, 1, 1)
		a = publish("live/a")
		r.expect(t, "it is back after all", r.push, 2, 1)

		cfg := r.cfg
		cfg.Push = cfg.Push[1:]
		if err := r.SetConfig(cfg); err != nil {
			t.Fatal(err)
		}
		r.expect(t, "not configured any more", r.push, 2, 2)
		a.Close(nil)
		b.Close(nil)
	})
}

// TestReload: what has not changed goes on, what has takes its stream over.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *Config, r *rig) {
			c.Pull = []Pull{{Stream: "live/a", URL: "pull://host/a"}, {Stream: "live/b", URL: "pull://host/b"}}
			r.pull.lag = time.Second
		})
		defer r.stop(t)
		r.expect(t, "two", r.pull, 2, 0)
		cfg := r.cfg
		cfg.Pull = []Pull{cfg.Pull[0], {Stream: "live/b", URL: "pull://host/c"}}
		if err := r.SetConfig(cfg); err != nil {
			t.Fatal(err)
		}
		r.expect(t, "one changed", r.pull, 3, 1)
		if st := r.hub.Find("live/b"); st == nil || st.Publisher() == nil {
			t.Error("the stream of the one that changed is not there")
		}
		cfg.Pull = []Pull{{Stream: "live/x", URL: "push://host"}}
		if err := r.SetConfig(cfg); err == nil {
			t.Error("a scheme that can't pull")
		}
		r.expect(t, "refused", r.pull, 3, 1)
	})
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Config)
	}{
		{"name", func(c *Config) { c.Pull = []Pull{{Stream: "../a", URL: "a://b"}} }},
		{"twice", func(c *Config) { c.Pull = []Pull{{Stream: "a", URL: "a://b"}, {Stream: "live/a", URL: "a://c"}} }},
		{"no URL", func(c *Config) { c.Pull = []Pull{{Stream: "a"}} }},
		{"no scheme", func(c *Config) { c.Pull = []Pull{{Stream: "a", URL: "secret@host/a"}} }},
		{"transport", func(c *Config) {
			c.Pull = []Pull{{Stream: "a", URL: "a://secret@b", Options: Options{Transport: "x"}}}
		}},
		{"pattern", func(c *Config) { c.Push = []Push{{Stream: "a b", URL: "a://b"}} }},
		{"all to one place", func(c *Config) { c.Push = []Push{{Stream: "live/*", URL: "a://secret@b/c"}} }},
		{"retry", func(c *Config) { c.Retry = 0 }},
		{"retry max", func(c *Config) { c.RetryMax = c.Retry / 2 }},
		{"stop after", func(c *Config) { c.StopAfter = -1 }},
	} {
		cfg := DefaultConfig()
		c.edit(&cfg)
		if err := cfg.Validate(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	good := DefaultConfig()
	good.Push = []Push{{Stream: "*", URL: "a://b/{path}"}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	if got := expand("x://h/{app}/{stream}/{path}", "a/b/c"); got != "x://h/a/b/c/a/b/c" {
		t.Error(got)
	}
}
