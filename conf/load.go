package conf

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// EnvPrefix begins the name of every environment variable that overrides a
// key: SLUICE_SECTION_KEY.
const EnvPrefix = "SLUICE_"

// Load reads the file, applies the environment (as os.Environ gives it) and
// validates. An empty path means the defaults. Errors of the file name the
// line.
func Load(path string, environ []string) (Config, error) {
	c := Default()
	var text []byte
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return c, fmt.Errorf("config: %w", err)
		}
		if err := decode(text, &c); err != nil {
			return c, fmt.Errorf("config: %s: %w", path, err)
		}
	}
	if err := override(&c, environ); err != nil {
		return c, fmt.Errorf("config: %w", err)
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("config: %s: %w", path, whereInvalid(text, err))
	}
	return c, nil
}

// decode is strict: an unknown key is an error with its line.
func decode(text []byte, into any) error {
	if empty(text) {
		return nil // the decoder would clear the defaults
	}
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(into)
	var positioned yaml.Error
	switch {
	case errors.As(err, &positioned):
		return errors.New(yaml.FormatError(err, false, true))
	case err != nil:
		return whereDecode(text, into, err)
	}
	return nil
}

// override sets the keys that the environment names. A list is given as in
// YAML: [a, b], or a single value.
func override(c *Config, environ []string) error {
	known := map[string]reflect.Value{}
	collect(reflect.ValueOf(c).Elem(), EnvPrefix, known)
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, EnvPrefix) {
			continue
		}
		field, ok := known[name]
		if !ok {
			return fmt.Errorf("environment variable %s: no such key", name)
		}
		if err := set(field, value); err != nil {
			return fmt.Errorf("environment variable %s: %w", name, err)
		}
	}
	return nil
}

// collect finds the settable leaves below v.
func collect(v reflect.Value, prefix string, into map[string]reflect.Value) {
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		name := prefix + strings.ToUpper(key)
		if f := v.Field(i); f.Kind() == reflect.Struct {
			collect(f, name+"_", into)
		} else {
			into[name] = f
		}
	}
}

func set(field reflect.Value, value string) error {
	if field.Kind() == reflect.String {
		field.SetString(value)
		return nil
	}
	if field.Kind() == reflect.Slice && !strings.HasPrefix(strings.TrimSpace(value), "[") {
		value = "[" + value + "]"
	}
	fresh := reflect.New(field.Type())
	if err := yaml.Unmarshal([]byte(value), fresh.Interface()); err != nil {
		return fmt.Errorf("%q does not fit: %s", value, strings.SplitN(err.Error(), "\n", 2)[0])
	}
	field.Set(fresh.Elem())
	return nil
}
