package auth

import (
	"errors"
	"slices"
	"testing"

	"sluice/server/hub"
)

func TestAuthorize(t *testing.T) {
	closed := Config{PublishTokens: []string{"pub"}, PlayTokens: []string{"one", "two"}}
	users := Config{Users: []User{{Name: "cam", Password: "c", Publish: true}, {Name: "ann", Password: "a", Play: true}}}
	for _, c := range []struct {
		cfg    Config
		action hub.Action
		token  string
		user   string
		ok     bool
	}{
		{users, hub.ActionPublish, "c", "cam", true},
		{users, hub.ActionPublish, "a", "ann", false},
		{users, hub.ActionPublish, "c", "ann", false},
		{users, hub.ActionPublish, "", "cam", false},
		{users, hub.ActionPublish, "", "", false},
		{users, hub.ActionPlay, "a", "ann", true},
		{users, hub.ActionPlay, "c", "cam", true},
		{users, hub.ActionPlay, "c", "", false},
		{Config{Users: users.Users[:1]}, hub.ActionPlay, "", "", true},
		{Config{}, hub.ActionPublish, "", "", true},
		{Config{}, hub.ActionPlay, "", "", true},
		{closed, hub.ActionPublish, "pub", "", true},
		{closed, hub.ActionPublish, "pub", "anybody", true},
		{closed, hub.ActionPublish, "one", "", false},
		{closed, hub.ActionPublish, "", "", false},
		{closed, hub.ActionPlay, "two", "", true},
		{closed, hub.ActionPlay, "pub", "", true},
		{closed, hub.ActionPlay, "tw", "", false},
		{closed, "delete", "pub", "", false},
	} {
		err := New(c.cfg).Authorize(t.Context(), c.action, hub.Session{Token: c.token, User: c.user})
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

func TestSecrets(t *testing.T) {
	a := New(Config{
		PublishTokens: []string{"pub"}, PlayTokens: []string{"one"},
		Users: []User{{Name: "ann", Password: "a", Play: true}, {Name: "cam", Password: "c", Publish: true}},
	})
	for _, c := range []struct {
		action hub.Action
		user   string
		want   []string
	}{
		{hub.ActionPlay, "ann", []string{"a", "one", "pub"}},
		{hub.ActionPlay, "cam", []string{"c", "one", "pub"}},
		{hub.ActionPublish, "ann", []string{"pub"}},
		{hub.ActionPublish, "cam", []string{"c", "pub"}},
		{hub.ActionPlay, "", []string{"one", "pub"}},
	} {
		if got := a.Secrets(c.action, hub.Session{User: c.user}); !slices.Equal(got, c.want) {
			t.Errorf("%s by %q: %q, want %q", c.action, c.user, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		user User
		ok   bool
	}{
		{User{Name: "a", Password: "p", Play: true}, true},
		{User{Password: "p", Play: true}, false},
		{User{Name: "a:b", Password: "p", Play: true}, false},
		{User{Name: "a", Play: true}, false},
		{User{Name: "a", Password: "p"}, false},
	} {
		if err := (Config{Users: []User{c.user}}).Validate(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.user, err)
		}
	}
}
