package auth

import (
	"errors"
	"testing"

	"sluice/server/hub"
)

func TestAuthorize(t *testing.T) {
	closed := Config{PublishTokens: []string{"pub"}, PlayTokens: []string{"one", "two"}}
	for _, c := range []struct {
		cfg    Config
		action hub.Action
		token  string
		ok     bool
	}{
		{Config{}, hub.ActionPublish, "", true},
		{Config{}, hub.ActionPlay, "", true},
		{closed, hub.ActionPublish, "pub", true},
		{closed, hub.ActionPublish, "one", false},
		{closed, hub.ActionPublish, "", false},
		{closed, hub.ActionPlay, "two", true},
		{closed, hub.ActionPlay, "pub", true},
		{closed, hub.ActionPlay, "tw", false},
		{closed, "delete", "pub", false},
	} {
		err := New(c.cfg).Authorize(t.Context(), c.action, hub.Session{Token: c.token})
		if c.ok && err != nil || !c.ok && !errors.Is(err, hub.ErrUnauthorized) {
			t.Errorf("%s with %q: %v", c.action, c.token, err)
		}
	}
	a := New(closed)
	a.SetConfig(Config{})
	if a.Authorize(t.Context(), hub.ActionPublish, hub.Session{}) != nil {
		t.Error("SetConfig has no effect")
	}
}
