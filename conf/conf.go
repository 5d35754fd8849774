package conf

import (
	"fmt"
	"log/slog"

	"sluice/protocols/hls"
	"sluice/protocols/httpflv"
	"sluice/protocols/httpmp4"
	"sluice/protocols/httpts"
	"sluice/protocols/rtmp"
	"sluice/protocols/rtsp"
	"sluice/server/api"
	"sluice/server/auth"
	"sluice/server/httpd"
	"sluice/server/hub"
	"sluice/server/record"
	"sluice/server/relay"
	"sluice/server/tlscert"
	"sluice/server/transcode"
	"sluice/signaling"
	"sluice/webrtc"
)

// Config is the whole file. Each section belongs to the package that it names.
type Config struct {
	Log       Log              `yaml:"log"`
	Hub       hub.Config       `yaml:"hub"`
	Auth      auth.Config      `yaml:"auth"`
	TLS       tlscert.Config   `yaml:"tls"`
	HTTP      httpd.Config     `yaml:"http"`
	HTTPFLV   httpflv.Config   `yaml:"httpflv"`
	HTTPMP4   httpmp4.Config   `yaml:"httpmp4"`
	HLS       hls.Config       `yaml:"hls"`
	HTTPTS    httpts.Config    `yaml:"httpts"`
	RTMP      rtmp.Config      `yaml:"rtmp"`
	RTSP      rtsp.Config      `yaml:"rtsp"`
	WebRTC    webrtc.Config    `yaml:"webrtc"`
	Signaling signaling.Config `yaml:"signaling"`
	Transcode transcode.Config `yaml:"transcode"`
	Relay     relay.Config     `yaml:"relay"`
	Record    record.Config    `yaml:"record"`
	API       api.Config       `yaml:"api"`
}

// Log is how the program logs.
type Log struct {
	// Level is debug, info, warn or error.
	Level slog.Level `yaml:"level"`
	// Format is text or json.
	Format string `yaml:"format"`
}

// Default returns what an empty file means.
func Default() Config {
	return Config{
		Log:       Log{Format: "text"},
		Hub:       hub.DefaultConfig(),
		HTTP:      httpd.DefaultConfig(),
		HTTPFLV:   httpflv.DefaultConfig(),
		HTTPMP4:   httpmp4.DefaultConfig(),
		HLS:       hls.DefaultConfig(),
		HTTPTS:    httpts.DefaultConfig(),
		RTMP:      rtmp.DefaultConfig(),
		RTSP:      rtsp.DefaultConfig(),
		WebRTC:    webrtc.DefaultConfig(),
		Signaling: signaling.DefaultConfig(),
		Transcode: transcode.DefaultConfig(),
		Relay:     relay.DefaultConfig(),
		Record:    record.DefaultConfig(),
		API:       api.DefaultConfig(),
	}
}

// Validate returns an error that names the section and the key.
func (c Config) Validate() error {
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return fmt.Errorf("log: format: %q is neither text nor json", c.Log.Format)
	}
	for _, s := range []struct {
		name  string
		check interface{ Validate() error }
	}{
		{"hub", c.Hub},
		{"auth", c.Auth},
		{"tls", c.TLS},
		{"httpflv", c.HTTPFLV},
		{"httpmp4", c.HTTPMP4},
		{"hls", c.HLS},
		{"httpts", c.HTTPTS},
		{"rtmp", c.RTMP},
		{"rtsp", c.RTSP},
		{"webrtc", c.WebRTC},
		{"signaling", c.Signaling},
		{"transcode", c.Transcode},
		{"relay", c.Relay},
		{"record", c.Record},
		{"api", c.API},
	} {
		if err := s.check.Validate(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}
