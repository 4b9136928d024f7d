package plugins

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/rivusio/rivusio/pipes"
)

// FailureLogConfig configures the error handler log.
type FailureLogConfig struct {
	Level slog.Level `yaml:"level" default:"WARN" doc:"DEBUG, INFO, WARN or ERROR"`
	Rate  int64      `yaml:"rate" default:"10" min:"1" max:"1000000" doc:"most lines in a second; the next line tells how many messages had none"`
}

// failureLog logs some failures of each second.
type failureLog struct {
	FailureLogConfig
	logger *slog.Logger

	mu      sync.Mutex
	second  time.Time // begin of the present second
	lines   int64     // in it
	without int64     // failures since the last line
}

func newFailureLog(logger *slog.Logger) func(FailureLogConfig) (pipes.FailureHandler, error) {
	return func(c FailureLogConfig) (pipes.FailureHandler, error) {
		l := &failureLog{FailureLogConfig: c, logger: logger}
		return l.handle, nil
	}
}

func (l *failureLog) handle(ctx context.Context, f pipes.Failure) pipes.Decision {
	without, ok := l.take(time.Now())
	if !ok {
		return pipes.Skip
	}
	attrs := []slog.Attr{slog.String("operator", f.Operator), slog.String("origin", f.Origin.String()), slog.Any("error", f.Err)}
	if without > 0 {
		attrs = append(attrs, slog.Int64("not_logged", without))
	}
	l.logger.LogAttrs(ctx, l.Level, "message failed and was dropped", attrs...)
	return pipes.Skip
}

// take says whether a failure is logged, and how many before it were not.
func (l *failureLog) take(now time.Time) (without int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.second) >= time.Second {
		l.second, l.lines = now, 0
	}
	if l.lines == l.Rate {
		l.without++
		return 0, false
	}
	l.lines++
	without, l.without = l.without, 0
	return without, true
}
