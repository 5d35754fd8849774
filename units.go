package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"sluice/conf"
	"sluice/protocols/hls"
	"sluice/protocols/httpflv"
	"sluice/protocols/httpmp4"
	"sluice/protocols/httpts"
	"sluice/protocols/rtmp"
	"sluice/protocols/rtsp"
	"sluice/server"
	"sluice/server/api"
	"sluice/server/demo"
	"sluice/server/httpd"
	"sluice/server/hub"
	"sluice/server/record"
	"sluice/signaling"
	"sluice/web"
	"sluice/webrtc"
)

// units lists the services: the one place that knows them all. Listeners come
// last, so that what they serve is there.
func (g *gateway) units(cfg conf.Config) []server.Unit {
	g.ports.Store(&web.Ports{RTMP: portOf(cfg.RTMP.Listen), RTSP: portOf(cfg.RTSP.Listen)})
	list := []server.Unit{
		player(g, "httpflv", cfg.HTTPFLV, &g.flv, httpflv.New),
		player(g, "httpts", cfg.HTTPTS, &g.ts, httpts.New),
		player(g, "httpmp4", cfg.HTTPMP4, &g.mp4, httpmp4.New),
		player(g, "hls", cfg.HLS, &g.hls, hls.New),
		unit("webrtc", webrtcConfig{cfg.WebRTC, cfg.Signaling}, g.startWebRTC),
		unit("rtmp", cfg.RTMP, func(c rtmp.Config) (server.Running, error) {
			return rtmp.Start(c, g.cert.TLS(), g.hub, g.log)
		}),
		routed("rtsp", cfg.RTSP, &g.rtsp, func(c rtsp.Config) (*rtsp.Service, error) {
			return rtsp.Start(c, g.cert.TLS(), g.hub, g.log)
		}),
		g.recordUnit(cfg.Record),
		unit("http", cfg.HTTP, g.startHTTP),
		unit("api", cfg.API, g.startAPI),
		g.relayUnit(cfg.Relay),
	}
	if g.demo {
		list = append(list, unit("demo", struct{}{}, func(struct{}) (server.Running, error) {
			return demo.Start(g.hub, g.log)
		}))
	}
	return list
}

// unit ties a service to the part of the configuration that it is started with.
func unit[C any](name string, cfg C, start func(C) (server.Running, error)) server.Unit {
	return server.Unit{Name: name, Config: cfg, Start: func() (server.Running, error) { return start(cfg) }}
}

// stopper makes a function a server.Running.
type stopper func(context.Context) error

func (s stopper) Stop(ctx context.Context) error { return s(ctx) }

// service is a unit that answers on the shared HTTP listeners.
type service interface {
	httpd.Route
	server.Running
}

// routed ties such a service to its place on the listeners, too.
func routed[C any, S service](name string, cfg C, slot *httpd.Slot, start func(C) (S, error)) server.Unit {
	return unit(name, cfg, func(cfg C) (server.Running, error) {
		s, err := start(cfg)
		if err != nil {
			return nil, err
		}
		slot.Set(s)
		return stopper(func(ctx context.Context) error {
			slot.Set(nil)
			return s.Stop(ctx)
		}), nil
	})
}

// player is routed for services that need nothing but the hub.
func player[C any, S service](g *gateway, name string, cfg C, slot *httpd.Slot, start func(C, *hub.Hub, *slog.Logger) S) server.Unit {
	return routed(name, cfg, slot, func(cfg C) (S, error) { return start(cfg, g.hub, g.log), nil })
}

type webrtcConfig struct {
	engine    webrtc.Config
	signaling signaling.Config
}

func (g *gateway) startWebRTC(cfg webrtcConfig) (server.Running, error) {
	engine, err := webrtc.Open(cfg.engine, g.hub, g.log)
	if err != nil {
		return nil, err
	}
	g.engine.Store(engine)
	s := signaling.New(cfg.signaling, signaling.Options{
		Engine: engine, StreamName: hub.ParseName, Authorizer: signaling.AuthorizerFunc(g.authorize), Log: g.log,
	})
	g.whip.Set(s)
	return stopper(func(context.Context) error {
		g.whip.Set(nil)
		s.Close()
		engine.Close()
		return nil
	}), nil
}

// authorize asks for WHIP and WHEP what the hub asks for every session, before
// a client is told of TURN servers.
func (g *gateway) authorize(ctx context.Context, a signaling.Access) error {
	action := hub.ActionPlay
	if a.Action == signaling.Publish {
		action = hub.ActionPublish
	}
	err := g.auth.Authorize(ctx, action, hub.Session{Stream: a.Stream, Token: a.Token, Remote: a.Remote.String()})
	if errors.Is(err, hub.ErrUnauthorized) {
		return &signaling.Error{Code: signaling.CodeUnauthorized, Detail: err.Error()}
	}
	return err
}

func (g *gateway) startHTTP(cfg httpd.Config) (server.Running, error) {
	pages, err := web.New(web.Options{
		StreamName: hub.ParseName, Streams: g.liveStreams, SecurePort: portOf(cfg.ListenTLS),
		Ports: func() web.Ports { return *g.ports.Load() },
	})
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	// Every path that names a stream is a page, so the pages come last.
	return httpd.Start(cfg, g.cert.TLS(), []httpd.Route{&g.whip, &g.records, &g.hls, &g.flv, &g.ts, &g.mp4, &g.rtsp, pages}, g.log)
}

// portOf is the port of a listener's address; "" if it is off.
func portOf(listen string) string {
	_, port, _ := net.SplitHostPort(listen)
	return port
}

func (g *gateway) startAPI(cfg api.Config) (server.Running, error) {
	return api.Start(cfg, api.Sources{
		Hub: g.hub, Version: version,
		Sessions: map[string]func() any{"webrtc": func() any {
			if e := g.engine.Load(); e != nil {
				return e.Sessions()
			}
			return nil
		}},
		Handlers: g.recordHandlers(),
	}, g.log)
}

// recordUnit is the recorder. Unless its folder changes it takes a new
// configuration while it runs.
func (g *gateway) recordUnit(cfg record.Config) server.Unit {
	u := unit("record", cfg, g.startRecord)
	if s := g.recorder.Load(); s != nil && s.Dir() == cfg.Dir {
		u.Reconfigure = func() { s.SetConfig(cfg) }
	}
	return u
}

func (g *gateway) startRecord(cfg record.Config) (server.Running, error) {
	s, err := record.Start(cfg, g.hub, g.log)
	if err != nil {
		return nil, err
	}
	g.recorder.Store(s)
	g.recordAPI.Set(httpd.All(s.API()))
	g.records.Set(s.Files(g.auth.Authorize))
	return stopper(func(ctx context.Context) error {
		g.recorder.Store(nil)
		g.recordAPI.Set(nil)
		g.records.Set(nil)
		return s.Stop(ctx)
	}), nil
}

func (g *gateway) recordHandlers() map[string]http.Handler {
	m := make(map[string]http.Handler)
	for _, pattern := range record.Patterns() {
		m[pattern] = &g.recordAPI
	}
	return m
}

// liveStreams lists what the request's token may play.
func (g *gateway) liveStreams(r *http.Request) []web.Stream {
	var list []web.Stream
	token := r.URL.Query().Get("token")
	for _, s := range g.hub.Streams() {
		ts, live := s.Tracks()
		p := s.Publisher()
		sess := hub.Session{Stream: s.Name(), Token: token, Remote: r.RemoteAddr}
		if !live || p == nil || g.auth.Authorize(r.Context(), hub.ActionPlay, sess) != nil {
			continue
		}
		out := web.Stream{Name: s.Name(), Protocol: p.Info().Protocol, Viewers: len(s.Viewers())}
		for _, t := range ts.Media() {
			out.Codecs = append(out.Codecs, t.Codec.String())
		}
		list = append(list, out)
	}
	return list
}
