package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/rivusio/rivusio/operators"
)

// levelled gives to a handler what another one would take.
type levelled struct {
	slog.Handler
	as slog.Handler
}

func (l levelled) Enabled(ctx context.Context, level slog.Level) bool {
	return l.as.Enabled(ctx, level)
}
func (l levelled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelled{l.Handler.WithAttrs(attrs), l.as}
}
func (l levelled) WithGroup(name string) slog.Handler {
	return levelled{l.Handler.WithGroup(name), l.as}
}

// Annotate is a handler that says of errors of operators where they happened: it adds operator, task, topic, partition and
// offset to log records with an [operators.Error] among their attributes. Keys are not among them.
func Annotate(h slog.Handler) slog.Handler { return annotated{h} }

type annotated struct{ slog.Handler }

func (a annotated) Handle(ctx context.Context, r slog.Record) error {
	var found *operators.Error
	r.Attrs(func(at slog.Attr) bool {
		err, ok := at.Value.Any().(error)
		return !ok || !errors.As(err, &found)
	})
	if found != nil {
		r = r.Clone()
		r.AddAttrs(slog.String("operator", found.Operator), slog.String("task", found.Task))
		if found.Origin.Topic != "" {
			r.AddAttrs(slog.String("topic", found.Origin.Topic), slog.Int("partition", int(found.Origin.Partition)), slog.Int64("offset", found.Origin.Offset))
		}
	}
	return a.Handler.Handle(ctx, r)
}

func (a annotated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return annotated{a.Handler.WithAttrs(attrs)}
}
func (a annotated) WithGroup(name string) slog.Handler { return annotated{a.Handler.WithGroup(name)} }

// What [Telemetry.LogHandler] lets through of one message.
const (
	LimitBurst    = 20
	LimitInterval = 10 * time.Second
)

// maxMessages is how many messages a limit remembers; of others nothing is held back.
const maxMessages = 1000

// Limit is a handler that lets through burst log records of one level and message in each interval, and holds the rest back.
// How many those were is said by the attribute suppressed: of the first record after the interval, or, if none of that message
// comes, of a copy of the last one held back that is logged with whatever comes then. Debug records are not limited.
func Limit(h slog.Handler, burst int, interval time.Duration) slog.Handler {
	return limited{h, &limit{burst: burst, interval: interval, messages: make(map[message]*repeats)}}
}

type limited struct {
	slog.Handler
	*limit
}

// limit is shared by a handler and those made of it.
type limit struct {
	burst    int
	interval time.Duration
	mu       sync.Mutex
	messages map[message]*repeats
	swept    time.Time
}

type message struct {
	level slog.Level
	text  string
}

// repeats is what came of a message in an interval.
type repeats struct {
	began      time.Time
	passed     int
	suppressed int
	last       slog.Record  // that was held back
	handler    slog.Handler // of the last
}

func (l limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limited{l.Handler.WithAttrs(attrs), l.limit}
}
func (l limited) WithGroup(name string) slog.Handler {
	return limited{l.Handler.WithGroup(name), l.limit}
}

func (l limited) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return l.Handler.Handle(ctx, r)
	}
	suppressed, pass := l.admit(l.Handler, r)
	var errs []error
	for _, old := range l.sweep(r) {
		old.last.AddAttrs(slog.Int("suppressed", old.suppressed))
		errs = append(errs, old.handler.Handle(ctx, old.last))
	}
	if pass {
		if suppressed > 0 {
			r = r.Clone()
			r.AddAttrs(slog.Int("suppressed", suppressed))
		}
		errs = append(errs, l.Handler.Handle(ctx, r))
	}
	return errors.Join(errs...)
}

// admit reports whether a record passes, and how many were held back before it.
func (l *limit) admit(h slog.Handler, r slog.Record) (suppressed int, pass bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := message{r.Level, r.Message}
	x := l.messages[m]
	switch {
	case x == nil && len(l.messages) >= maxMessages:
		return 0, true
	case x == nil:
		l.messages[m] = &repeats{began: r.Time, passed: 1}
		return 0, true
	case r.Time.Sub(x.began) >= l.interval:
		suppressed = x.suppressed
		*x = repeats{began: r.Time, passed: 1}
		return suppressed, true
	case x.passed < l.burst:
		x.passed++
		return 0, true
	}
	x.suppressed++
	x.last, x.handler = r.Clone(), h
	return 0, false
}

// sweep forgets messages whose interval is over, and returns those of which something was held back.
func (l *limit) sweep(now slog.Record) (old []*repeats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Time.Sub(l.swept) < l.interval {
		return nil
	}
	l.swept = now.Time
	for m, x := range l.messages {
		if now.Time.Sub(x.began) < l.interval {
			continue
		}
		delete(l.messages, m)
		if x.suppressed > 0 {
			old = append(old, x)
		}
	}
	return old
}
