package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// fake is a service that writes down what happens to it.
type fake struct {
	name string
	log  *[]string
}

func (f fake) Stop(context.Context) error {
	*f.log = append(*f.log, "stop "+f.name)
	return nil
}

func unit(log *[]string, name, cfg string) Unit {
	return Unit{Name: name, Config: cfg, Start: func() (Running, error) {
		if cfg == "bad" {
			return nil, errors.New("no")
		}
		*log = append(*log, "start "+name+cfg)
		return fake{name + cfg, log}, nil
	}}
}

func TestServer(t *testing.T) {
	for _, c := range []struct {
		name   string
		first  []string // unit and its one-letter configuration
		second []string
		want   string
		fails  bool
	}{
		{name: "nothing changes", first: []string{"a1", "b1"}, second: []string{"a1", "b1"}, want: ""},
		{name: "one changes", first: []string{"a1", "b1"}, second: []string{"a1", "b2"}, want: "stop b1, start b2"},
		{name: "comes and goes", first: []string{"a1", "b1"}, second: []string{"b1", "c1"}, want: "stop a1, start c1"},
		{name: "bad change", first: []string{"a1"}, second: []string{"abad"}, want: "stop a1, start a1", fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log []string
			list := func(names []string) (units []Unit) {
				for _, n := range names {
					units = append(units, unit(&log, n[:1], n[1:]))
				}
				return units
			}
			s := New(slog.New(slog.DiscardHandler))
			if err := s.Start(t.Context(), list(c.first)); err != nil {
				t.Fatal(err)
			}
			log = nil
			if err := s.Reload(t.Context(), list(c.second)); (err != nil) != c.fails {
				t.Errorf("Reload: %v", err)
			}
			if got := strings.Join(log, ", "); got != c.want {
				t.Errorf("did %q, want %q", got, c.want)
			}
			log = nil
			if err := s.Stop(t.Context()); err != nil || len(log) == 0 {
				t.Errorf("Stop: %v, %v", err, log)
			}
		})
	}
}

func TestFailedStartStopsWhatRuns(t *testing.T) {
	var log []string
	s := New(slog.New(slog.DiscardHandler))
	err := s.Start(t.Context(), []Unit{unit(&log, "a", "1"), unit(&log, "b", "1"), unit(&log, "c", "bad")})
	want := []string{"start a1", "start b1", "stop b1", "stop a1"}
	if err == nil || !slices.Equal(log, want) {
		t.Errorf("%v, did %v", err, log)
	}
}

func TestReconfigureDoesNotRestart(t *testing.T) {
	var log []string
	s := New(slog.New(slog.DiscardHandler))
	if err := s.Start(t.Context(), []Unit{unit(&log, "a", "1")}); err != nil {
		t.Fatal(err)
	}
	u := unit(&log, "a", "2")
	u.Reconfigure = func() { log = append(log, "reconfigure") }
	if err := s.Reload(t.Context(), []Unit{u}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"start a1", "reconfigure"}; !slices.Equal(log, want) {
		t.Errorf("did %v, want %v", log, want)
	}
}
