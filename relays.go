package main

import (
	"context"
	"crypto/tls"

	"sluice/protocols/rtmp"
	"sluice/protocols/rtsp"
	"sluice/server"
	"sluice/server/relay"
)

// relaySchemes are the protocols that relays can use, by the scheme of their
// URLs.
func relaySchemes() map[string]relay.Scheme {
	byRTMP := relay.Scheme{
		Pull: func(ctx context.Context, j relay.Job) error {
			return rtmp.Pull(ctx, rtmpClient(j.Options), j.URL, j.Hub, j.Session, j.Log)
		},
		Push: func(ctx context.Context, j relay.Job) error {
			return rtmp.Push(ctx, rtmpClient(j.Options), j.URL, j.Hub, j.Session, j.Log)
		},
	}
	byRTSP := relay.Scheme{
		Pull: func(ctx context.Context, j relay.Job) error {
			return rtsp.Pull(ctx, rtspClient(j.Options), j.URL, j.Hub, j.Session, j.Log)
		},
		Push: func(ctx context.Context, j relay.Job) error {
			return rtsp.Push(ctx, rtspClient(j.Options), j.URL, j.Hub, j.Session, j.Log)
		},
	}
	return map[string]relay.Scheme{"rtmp": byRTMP, "rtmps": byRTMP, "rtsp": byRTSP, "rtsps": byRTSP}
}

func rtspClient(o relay.Options) *rtsp.Client {
	return &rtsp.Client{Lower: rtsp.Lower(o.Transport), TLS: relayTLS(o)}
}

func rtmpClient(o relay.Options) *rtmp.Client {
	c := rtmp.NewClient()
	c.TLS = relayTLS(o)
	return c
}

// relayTLS is what a relay wants of the other server's certificate.
func relayTLS(o relay.Options) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.Insecure}
}

// startRelay starts the relays. A reload leaves those alone that it does not
// change.
func (g *gateway) startRelay(cfg relay.Config) (server.Running, error) {
	s, err := relay.Start(cfg, relaySchemes(), g.hub, g.log)
	if err != nil {
		return nil, err
	}
	g.relay = s
	return s, nil
}

// relayUnit is the unit of the relays.
func (g *gateway) relayUnit(cfg relay.Config) server.Unit {
	u := unit("relay", cfg, g.startRelay)
	u.Reconfigure = func() {
		if err := g.relay.SetConfig(cfg); err != nil {
			g.log.Error("relay: the new configuration is not used", "error", err)
		}
	}
	return u
}
