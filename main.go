// Sluice is a live media gateway: what goes in by RTMP, RTSP, MPEG-TS or WHIP comes
// out by these, HLS, FLV, MP4 and WHEP, from one binary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"sluice/conf"
	"sluice/server/relay"
)

// version is set by the build.
var version = "dev"

const usage = `sluice is a live media gateway.

usage: sluice [command] [flags]

  serve         run the server (the default): -c FILE, --demo
  check-config  read the configuration and say what is wrong with it: -c FILE
  healthcheck   ask a running server how it is, for containers: -url URL
  version       print the version
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "sluice:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("sluice "+command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	switch command {
	case "serve":
		file := flags.String("c", "", "configuration `file`; none means the defaults")
		demo := flags.Bool("demo", false, "publish a test picture with a tone as live/demo")
		if err := flags.Parse(args); err != nil {
			return err
		}
		return serve(ctx, *file, *demo, stdout, stderr)
	case "check-config":
		file := flags.String("c", "", "configuration `file`; none means the defaults")
		if err := flags.Parse(args); err != nil {
			return err
		}
		if _, err := loadConfig(*file); err != nil {
			return err
		}
		_, err := fmt.Fprintln(stdout, "the configuration is good")
		return err
	case "healthcheck":
		url := flags.String("url", "http://127.0.0.1:8083/healthz", "`URL` of the API's health page")
		if err := flags.Parse(args); err != nil {
			return err
		}
		return healthcheck(ctx, *url)
	case "version":
		_, err := fmt.Fprintf(stdout, "sluice %s %s/%s %s\n", version, runtime.GOOS, runtime.GOARCH, runtime.Version())
		return err
	case "help":
		_, err := io.WriteString(stdout, usage)
		return err
	default:
		return fmt.Errorf("unknown command %q; `sluice help` lists them", command)
	}
}

// loadConfig reads the configuration, and checks what conf can't know.
func loadConfig(file string) (conf.Config, error) {
	cfg, err := conf.Load(file, os.Environ())
	if err == nil {
		if err = relay.Check(cfg.Relay, relaySchemes()); err != nil {
			err = fmt.Errorf("config: relay: %w", err)
		}
	}
	return cfg, err
}

func healthcheck(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s", res.Status)
	}
	return nil
}
