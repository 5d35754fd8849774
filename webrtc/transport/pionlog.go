package transport

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog lets pion log to slog, at debug level whatever pion calls it: what an
// operator must know of a session is said by the session itself.
type pionLog struct {
	log   *slog.Logger
	scope string
}

var (
	_ logging.LoggerFactory = pionLog{}
	_ logging.LeveledLogger = pionLog{}
)

func (l pionLog) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{log: l.log, scope: scope}
}

func (l pionLog) say(level, msg string) {
	l.log.Debug("pion", "says", msg, "scope", l.scope, "level", level)
}

func (l pionLog) sayf(level, format string, args []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.say(level, fmt.Sprintf(format, args...))
	}
}

func (l pionLog) Trace(string)                      {}
func (l pionLog) Tracef(string, ...any)             {}
func (l pionLog) Debug(msg string)                  { l.say("debug", msg) }
func (l pionLog) Debugf(format string, args ...any) { l.sayf("debug", format, args) }
func (l pionLog) Info(msg string)                   { l.say("info", msg) }
func (l pionLog) Infof(format string, args ...any)  { l.sayf("info", format, args) }
func (l pionLog) Warn(msg string)                   { l.say("warn", msg) }
func (l pionLog) Warnf(format string, args ...any)  { l.sayf("warn", format, args) }
func (l pionLog) Error(msg string)                  { l.say("error", msg) }
func (l pionLog) Errorf(format string, args ...any) { l.sayf("error", format, args) }
