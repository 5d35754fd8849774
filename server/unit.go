package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
)

// Running is a started service.
type Running interface {
	// Stop ends the service and waits for its goroutines. It stops being
	// gentle when ctx is done.
	Stop(ctx context.Context) error
}

// Unit is one service with its configuration.
type Unit struct {
	Name string
	// Config is what the service is started with. On reload a unit restarts
	// where its Config differs, by reflect.DeepEqual.
	Config any
	// Start starts the service. It returns once the service listens, so that
	// an address in use is an error of the start.
	Start func() (Running, error)
	// Reconfigure, where not nil, takes a new Config without a restart.
	Reconfigure func()
}

// Server runs units.
type Server struct {
	log   *slog.Logger
	units []started
}

type started struct {
	Unit
	running Running
}

// New returns a server that runs nothing yet.
func New(log *slog.Logger) *Server { return &Server{log: log} }

// Start starts the units in their order. Where one fails, those before it are
// stopped again, within ctx.
func (s *Server) Start(ctx context.Context, units []Unit) error {
	for _, u := range units {
		if err := s.startUnit(u); err != nil {
			return errors.Join(err, s.Stop(ctx))
		}
	}
	return nil
}

func (s *Server) startUnit(u Unit) error {
	r, err := u.Start()
	if err != nil {
		return fmt.Errorf("%s: %w", u.Name, err)
	}
	s.units = append(s.units, started{u, r})
	return nil
}

// Reload brings the running units to what the new list says: units that are
// gone are stopped, changed ones restarted, new ones started; the others are
// not touched. A changed unit that can't start with its new configuration
// goes on with the old one, and the error says so. ctx bounds the stopping.
func (s *Server) Reload(ctx context.Context, units []Unit) error {
	var errs []error
	var kept []started
	for _, old := range s.units {
		i := slices.IndexFunc(units, func(u Unit) bool { return u.Name == old.Name })
		if i < 0 {
			errs = append(errs, s.stopUnit(ctx, old))
			continue
		}
		now, err := s.change(ctx, old, units[i])
		errs = append(errs, err)
		if now.running != nil {
			kept = append(kept, now)
		}
	}
	s.units = kept
	for _, u := range units {
		if !slices.ContainsFunc(kept, func(k started) bool { return k.Name == u.Name }) {
			errs = append(errs, s.startUnit(u))
		}
	}
	return errors.Join(errs...)
}

func (s *Server) change(ctx context.Context, old started, u Unit) (started, error) {
	if reflect.DeepEqual(old.Config, u.Config) {
		return old, nil
	}
	s.log.Info("service reload", "service", u.Name)
	if u.Reconfigure != nil {
		u.Reconfigure()
		return started{u, old.running}, nil
	}
	if err := s.stopUnit(ctx, old); err != nil {
		s.log.Warn("service stop", "service", u.Name, "error", err)
	}
	r, err := u.Start()
	if err == nil {
		return started{u, r}, nil
	}
	err = fmt.Errorf("%s: the new configuration does not start, the old one goes on: %w", u.Name, err)
	r, again := old.Start()
	if again != nil {
		return started{}, errors.Join(err, again)
	}
	return started{old.Unit, r}, err
}

// Stop stops all units, the last first.
func (s *Server) Stop(ctx context.Context) error {
	var errs []error
	for _, u := range slices.Backward(s.units) {
		errs = append(errs, s.stopUnit(ctx, u))
	}
	s.units = nil
	return errors.Join(errs...)
}

func (s *Server) stopUnit(ctx context.Context, u started) error {
	if err := u.running.Stop(ctx); err != nil {
		return fmt.Errorf("%s: stop: %w", u.Name, err)
	}
	return nil
}
