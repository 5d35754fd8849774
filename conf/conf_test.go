package conf

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sluice.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestErrorsNameTheLine(t *testing.T) {
	for _, c := range []struct {
		name, text string
		env        []string
		want       []string // parts of the error; none: it loads
	}{
		{name: "empty file"},
		{name: "comments only", text: "# nothing\n\n"},
		{name: "unknown key", text: "hub:\n  viewer_wait: 3s\n  viewer_weight: 3s\n", want: []string{"3:3", "viewer_weight"}},
		{name: "unknown section", text: "log:\n  level: info\nhubb: {}\n", want: []string{"3:1", "hubb"}},
		{name: "bad duration", text: "hub:\n\n  viewer_wait: soon\n", want: []string{"line 3", "hub.viewer_wait"}},
		{name: "bad level", text: "log:\n  level: loud\n", want: []string{"line 2", "loud"}},
		{name: "bad type", text: "hub:\n  max_viewers: many\n", want: []string{"2:16", "many"}},
		{name: "no YAML", text: "hub: [\n", want: []string{"1:"}},
		{name: "bad value", text: "hub:\n  viewer_wait: 1s\n  second_publisher: fight\n", want: []string{"line 3", "second_publisher", "fight"}},
		{name: "half a key pair", text: "tls:\n  cert: a.pem\n", want: []string{"line 2", "key"}},
		{name: "open API", text: "api:\n  listen: :8083\n", want: []string{"line 2", "token"}},
		{name: "bad environment", env: []string{"SLUICE_HUB_VIEWER_WAIT=soon"}, want: []string{"SLUICE_HUB_VIEWER_WAIT"}},
		{name: "unknown environment", env: []string{"SLUICE_HUB_VIEWER_WEIGHT=1"}, want: []string{"SLUICE_HUB_VIEWER_WEIGHT"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(write(t, c.text), c.env)
			if (err == nil) != (len(c.want) == 0) {
				t.Fatalf("Load: %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
	if _, err := Load("/no/such/file", nil); err == nil {
		t.Error("a missing file is no error")
	}
}

func TestTheEnvironmentOverrides(t *testing.T) {
	c, err := Load(write(t, "hub:\n  viewer_wait: 3s\n"), []string{
		"HOME=/", "SLUICE_HUB_VIEWER_WAIT=9s", "SLUICE_AUTH_PLAY_TOKENS=a,b", "SLUICE_AUTH_PUBLISH_TOKENS=[c]",
		"SLUICE_LOG_LEVEL=warn", "SLUICE_HTTP_LISTEN=:80",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Hub.ViewerWait != 9*time.Second || c.Log.Level != slog.LevelWarn || c.HTTP.Listen != ":80" ||
		!slices.Equal(c.Auth.PlayTokens, []string{"a", "b"}) || !slices.Equal(c.Auth.PublishTokens, []string{"c"}) {
		t.Errorf("got %+v", c)
	}
}

// TestTheAnnotatedFileSaysTheDefaults keeps sluice.yaml true: every value in
// it, commented out or not, is the default, and every key is there.
func TestTheAnnotatedFileSaysTheDefaults(t *testing.T) {
	text, err := os.ReadFile("sluice.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load("sluice.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := Default(); !equal(got, want) {
		t.Errorf("sluice.yaml gives\n%+v\nthe defaults are\n%+v", got, want)
	}
	have := entries(text)
	for _, key := range keys() {
		if _, ok := have[key]; !ok {
			t.Errorf("sluice.yaml does not explain %s", key)
		}
	}
}

// equal compares two configurations; a nil list equals an empty one.
func equal(a, b Config) bool {
	x, err := yaml.Marshal(a)
	y, err2 := yaml.Marshal(b)
	return err == nil && err2 == nil &&
		strings.ReplaceAll(string(x), "null", "[]") == strings.ReplaceAll(string(y), "null", "[]")
}

// keys returns the path of every key there is.
func keys() (list []string) {
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		for f := range t.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, path+key+".")
			} else {
				list = append(list, path+key)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return list
}
