package relay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/server/hub"
	"sluice/server/redact"
)

// Config is what a user can set.
type Config struct {
	// Pull are the streams that come from other servers.
	Pull []Pull `yaml:"pull"`
	// Push are the streams that go to other servers.
	Push []Push `yaml:"push"`
	// Retry is the wait before the second attempt. It doubles with each attempt
	// that fails, up to RetryMax.
	Retry    time.Duration `yaml:"retry"`
	RetryMax time.Duration `yaml:"retry_max"`
	// StopAfter is how long a pull on demand goes on after the last viewer.
	StopAfter time.Duration `yaml:"stop_after"`
}

// Options are how one relay connects.
type Options struct {
	// Transport is how RTSP carries its media: tcp (which "" means), udp, or
	// auto, which is UDP, and TCP where nothing arrives.
	Transport string `yaml:"transport"`
	// Insecure takes any certificate of the other server.
	Insecure bool `yaml:"insecure"`
}

// Pull is a stream that comes from another server.
type Pull struct {
	// Stream is its name here.
	Stream string `yaml:"stream"`
	// URL is where it comes from. It may have a user and a password.
	URL string `yaml:"url"`
	// OnDemand connects only while somebody watches.
	OnDemand bool    `yaml:"on_demand"`
	Options  Options `yaml:",inline"`
}

// Push sends streams to another server while they are published here.
type Push struct {
	// Stream names the streams.
	Stream hub.Pattern `yaml:"stream"`
	// URL is where they go. {path} stands for the name of the stream, {app} and
	// {stream} for its parts.
	URL     string  `yaml:"url"`
	Options Options `yaml:",inline"`
}

// DefaultConfig returns the configuration that an empty file means.
func DefaultConfig() Config {
	return Config{Retry: time.Second, RetryMax: 30 * time.Second, StopAfter: 10 * time.Second}
}

// Validate returns an error that names the first bad value. It shows no URL, as
// there may be secrets in it.
func (c Config) Validate() error {
	names := make(map[string]bool)
	for i, p := range c.Pull {
		name, err := hub.ParseName(p.Stream)
		if err == nil && names[name] {
			err = errors.New("there is another pull of this stream")
		}
		if err == nil {
			err = checkTarget(p.URL, p.Options)
		}
		if err != nil {
			return fmt.Errorf("pull %d (%s): %w", i+1, p.Stream, err)
		}
		names[name] = true
	}
	for i, p := range c.Push {
		err := p.Stream.Validate()
		if err == nil {
			err = checkTarget(p.URL, p.Options)
		}
		if err == nil && strings.Contains(string(p.Stream), "*") && expand(p.URL, "a/b") == p.URL {
			err = errors.New("url: streams of a pattern need {path}, {app} or {stream} in it, or all go to one place")
		}
		if err != nil {
			return fmt.Errorf("push %d (%s): %w", i+1, p.Stream, err)
		}
	}
	switch {
	case c.Retry < 100*time.Millisecond:
		return errors.New("retry: at least 100ms")
	case c.RetryMax < c.Retry:
		return errors.New("retry_max: no less than retry")
	case c.StopAfter < 0:
		return errors.New("stop_after can't be negative")
	}
	return nil
}

func checkTarget(url string, o Options) error {
	scheme, rest, ok := strings.Cut(url, "://")
	switch {
	case !ok || scheme == "" || rest == "":
		return errors.New("url: must have the form scheme://host/path")
	case !slices.Contains([]string{"", "tcp", "udp", "auto"}, o.Transport):
		return fmt.Errorf("transport: %q is none of tcp, udp, auto", o.Transport)
	}
	return nil
}

// schemeOf returns the scheme of a URL, in lower case.
func schemeOf(url string) string {
	scheme, _, _ := strings.Cut(url, "://")
	return strings.ToLower(scheme)
}

// expand puts a stream's name into a URL.
func expand(url, name string) string {
	i := strings.LastIndexByte(name, '/')
	return strings.NewReplacer("{path}", name, "{app}", name[:max(i, 0)], "{stream}", name[i+1:]).Replace(url)
}

// hostOf returns the host of a URL, with its port if it has one.
func hostOf(url string) string {
	_, host, _ := strings.Cut(redact.URL(url), "://")
	host, _, _ = strings.Cut(host, "/")
	return host
}
