// Package auth decides who may publish and play.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"sluice/server/hub"
)

// Config holds what peers may show. Where nobody has a right by it, everybody
// has the right.
type Config struct {
	PublishTokens []string `yaml:"publish_tokens"`
	PlayTokens    []string `yaml:"play_tokens"`
	// Users are for protocols with names and passwords.
	Users []User `yaml:"users"`
}

// User is a name with a password, and what it may do.
type User struct {
	Name     string `yaml:"name"`
	Password string `yaml:"password"`
	Publish  bool   `yaml:"publish"`
	Play     bool   `yaml:"play"`
}

// Validate returns an error that names the first bad value.
func (c Config) Validate() error {
	for i, u := range c.Users {
		switch {
		case u.Name == "" || strings.Contains(u.Name, ":"):
			return fmt.Errorf("users: the name of user %d is empty, or has a colon", i+1)
		case u.Password == "":
			return fmt.Errorf("users: user %q has no password", u.Name)
		case !u.Publish && !u.Play:
			return fmt.Errorf("users: user %q may neither publish nor play", u.Name)
		}
	}
	return nil
}

// may reports whether the user may do it. Who may publish may play as well.
func (u User) may(a hub.Action) bool {
	return a == hub.ActionPublish && u.Publish || a == hub.ActionPlay && (u.Play || u.Publish)
}

// Auth checks the tokens of sessions.
type Auth struct{ cfg atomic.Pointer[Config] }

// New returns a checker.
func New(cfg Config) *Auth {
	a := &Auth{}
	a.SetConfig(cfg)
	return a
}

// SetConfig changes the tokens. Sessions that are there go on.
func (a *Auth) SetConfig(cfg Config) { a.cfg.Store(&cfg) }

// Authorize returns hub.ErrUnauthorized for a session without a valid token,
// and without the name and password of a user. A publishing token may play as
// well. A token may come as the password of any name.
func (a *Auth) Authorize(_ context.Context, action hub.Action, s hub.Session) error {
	cfg := a.cfg.Load()
	if cfg.open(action) || has(cfg.tokens(action), s.Token) || has(cfg.passwords(action, s.User), s.Token) {
		return nil
	}
	return hub.ErrUnauthorized
}

// Secrets returns what opens the way for a user: for protocols whose peers
// prove that they know a secret without saying it.
func (a *Auth) Secrets(action hub.Action, s hub.Session) []string {
	cfg := a.cfg.Load()
	return append(cfg.passwords(action, s.User), cfg.tokens(action)...)
}

// open reports whether everybody may do it.
func (c *Config) open(a hub.Action) bool {
	switch a {
	case hub.ActionPublish:
		return len(c.PublishTokens) == 0 && !slices.ContainsFunc(c.Users, func(u User) bool { return u.Publish })
	case hub.ActionPlay:
		return len(c.PlayTokens) == 0 && !slices.ContainsFunc(c.Users, func(u User) bool { return u.Play })
	default:
		return false
	}
}

func (c *Config) tokens(a hub.Action) []string {
	switch a {
	case hub.ActionPublish:
		return c.PublishTokens
	case hub.ActionPlay:
		return slices.Concat(c.PlayTokens, c.PublishTokens)
	default:
		return nil
	}
}

// passwords are those of the users of that name who may do it.
func (c *Config) passwords(a hub.Action, name string) []string {
	var list []string
	for _, u := range c.Users {
		if u.Name == name && u.may(a) {
			list = append(list, u.Password)
		}
	}
	return list
}

// has compares in a time that tells nothing of the tokens.
func has(tokens []string, given string) bool {
	g := sha256.Sum256([]byte(given))
	found := 0
	for _, t := range tokens {
		h := sha256.Sum256([]byte(t))
		found |= subtle.ConstantTimeCompare(h[:], g[:])
	}
	return found == 1 && given != ""
}
