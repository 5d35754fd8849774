package main

import (
	"context"

	"sluice/conf"
	"sluice/server"
	"sluice/server/api"
	"sluice/server/httpd"
)

// units lists the services: the one place that knows them all.
func (g *gateway) units(cfg conf.Config) []server.Unit {
	return []server.Unit{
		{
			Name: "http", Config: cfg.HTTP,
			Start: func(context.Context) (server.Running, error) {
				return httpd.Start(cfg.HTTP, g.cert.TLS(), nil, g.log)
			},
		},
		{
			Name: "api", Config: cfg.API,
			Start: func(context.Context) (server.Running, error) {
				return api.Start(cfg.API, api.Sources{Hub: g.hub, Version: version}, g.log)
			},
		},
	}
}
