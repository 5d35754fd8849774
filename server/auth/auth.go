// Package auth decides who may publish and play.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"sync/atomic"

	"sluice/server/hub"
)

// Config holds the tokens. An empty list means that everybody may.
type Config struct {
	PublishTokens []string `yaml:"publish_tokens"`
	PlayTokens    []string `yaml:"play_tokens"`
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

// Authorize returns hub.ErrUnauthorized for a session without a valid token.
// A publishing token may play as well.
func (a *Auth) Authorize(_ context.Context, action hub.Action, s hub.Session) error {
	cfg := a.cfg.Load()
	switch action {
	case hub.ActionPublish:
		if len(cfg.PublishTokens) == 0 || has(cfg.PublishTokens, s.Token) {
			return nil
		}
	case hub.ActionPlay:
		if len(cfg.PlayTokens) == 0 || has(cfg.PlayTokens, s.Token) || has(cfg.PublishTokens, s.Token) {
			return nil
		}
	}
	return hub.ErrUnauthorized
}

// has compares in a time that tells nothing of the tokens.
func has(tokens []string, given string) bool {
	g := sha256.Sum256([]byte(given))
	found := 0
	for _, t := range tokens {
		h := sha256.Sum256([]byte(t))
		found |= subtle.ConstantTimeCompare(h[:], g[:])
	}
	return found == 1
}
