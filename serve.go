package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"sluice/conf"
	"sluice/server"
	"sluice/server/auth"
	demosource "sluice/server/demo"
	"sluice/server/httpd"
	"sluice/server/hub"
	"sluice/server/record"
	"sluice/server/relay"
	"sluice/server/tlscert"
	"sluice/server/transcode"
	"sluice/web"
	"sluice/webrtc"
)

// stopTime is how long sessions may take to say good-bye, at the end and where a
// service restarts.
const stopTime = 5 * time.Second

// watchEvery is how often the configuration file is looked at.
const watchEvery = 2 * time.Second

// gateway is the running program.
type gateway struct {
	log   *slog.Logger
	level *slog.LevelVar
	hub   *hub.Hub
	auth  *auth.Auth
	cert  *tlscert.Source
	demo  bool
	// begun is the configuration that the program has started with.
	begun conf.Config

	// What answers on the shared HTTP listeners.
	flv, ts, mp4, hls, rtsp, whip, records httpd.Slot
	// recordAPI answers on the API's listener.
	recordAPI httpd.Slot
	engine    atomic.Pointer[webrtc.Service]
	ports     atomic.Pointer[web.Ports] // what the watch page tells other players

	relay    *relay.Service
	recorder atomic.Pointer[record.Service]
}

// serve runs the server until ctx is done.
func serve(ctx context.Context, file string, demo bool, stdout, stderr io.Writer) error {
	seen := modTime(file) // before it is read, so that no change is missed
	cfg, err := loadConfig(file)
	if err != nil {
		return err
	}
	g := &gateway{level: new(slog.LevelVar), auth: auth.New(cfg.Auth), demo: demo, begun: cfg}
	g.level.Set(cfg.Log.Level)
	g.log = newLogger(cfg.Log, g.level, stderr)
	if g.cert, err = tlscert.New(cfg.TLS, g.log); err != nil {
		return err
	}
	silence, err := transcode.Silence()
	if err != nil {
		return err
	}
	g.hub = hub.New(cfg.Hub, hub.Options{
		Log: g.log, Authorize: g.auth.Authorize, Secrets: g.auth.Secrets, Transcoders: transcode.Table(cfg.Transcode, g.log), Silence: silence,
	})

	srv := server.New(g.log)
	if err := srv.Start(ctx, g.units(cfg)); err != nil {
		return err
	}
	g.log.Info("sluice started", "version", version)
	printURLs(stdout, cfg, demo)
	g.loop(ctx, srv, file, seen)
	g.log.Info("sluice stops")
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err = srv.Stop(stopping)
	g.hub.Close()
	return err
}

// loop reloads the configuration on SIGHUP and when the file is not that of
// the time seen any more.
func (g *gateway) loop(ctx context.Context, srv *server.Server, file string, seen time.Time) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		case <-tick.C:
			now := modTime(file)
			if now.Equal(seen) {
				continue
			}
			seen = now
		}
		g.reload(ctx, srv, file)
	}
}

func modTime(file string) time.Time {
	st, err := os.Stat(file)
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

func (g *gateway) reload(ctx context.Context, srv *server.Server, file string) {
	cfg, err := loadConfig(file)
	if err == nil {
		g.level.Set(cfg.Log.Level)
		g.hub.SetConfig(cfg.Hub)
		g.auth.SetConfig(cfg.Auth)
		stopping, cancel := context.WithTimeout(ctx, stopTime)
		defer cancel()
		err = srv.Reload(stopping, g.units(cfg))
	}
	if err != nil {
		g.log.Error("reload failed, what ran before goes on", "error", err)
		return
	}
	g.log.Info("configuration reloaded")
	if was := g.begun; cfg.TLS != was.TLS || cfg.Transcode != was.Transcode || cfg.Log.Format != was.Log.Format {
		g.log.Warn("tls, transcode and log.format are read at the start only: restart for what has changed of them")
	}
}

func newLogger(cfg conf.Log, level slog.Leveler, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// printURLs says where to look, once everything listens.
func printURLs(w io.Writer, cfg conf.Config, demo bool) {
	name := "live/test110"
	if demo {
		name = demosource.Name
	}
	host := func(addr string) string {
		if strings.HasPrefix(addr, ":") {
			return "localhost" + addr
		}
		return addr
	}
	page, rtmp, rtsp := host(cfg.HTTP.Listen), host(cfg.RTMP.Listen), host(cfg.RTSP.Listen)
	for _, line := range []struct{ what, scheme, addr, path string }{
		{"what is live", "http", page, "/"},
		{"watch in a browser", "http", page, "/" + name},
		{"publish from a browser", "http", page, "/live/test110/publish"},
		{"publish with OBS or ffmpeg", "rtmp", rtmp, "/live/test110"},
		{"play by RTMP", "rtmp", rtmp, "/" + name},
		{"play by RTSP", "rtsp", rtsp, "/" + name},
		{"play by HLS", "http", page, "/" + name + ".m3u8"},
		{"play by HTTP-FLV", "http", page, "/" + name + ".flv"},
		{"play by HTTP-TS", "http", page, "/" + name + ".ts"},
		{"play as fragmented MP4", "http", page, "/" + name + ".mp4"},
	} {
		if line.addr != "" { // the listener is on
			fmt.Fprintf(w, "  %-28s %s://%s%s\n", line.what, line.scheme, line.addr, line.path)
		}
	}
}
