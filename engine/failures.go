package engine

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rivusio/rivusio/operators"
)

// keptFailures is how many failures of each operator are remembered.
const keptFailures = 10

// FailureInfo is something that an operator failed for. It has neither key nor value of the record, unless the text of the
// error has.
type FailureInfo struct {
	Operator  string
	Task      string
	Topic     string // of the input record in work; "" if there was none
	Partition int32
	Offset    int64
	During    string // what was in work in the place of a record, such as "in a schedule"
	Error     string
	At        time.Time
	Attempts  int
	// Outcome is what was done: "fail", "skip", "dead-letter", or "retry" if the operator is tried again.
	Outcome string
}

// failureLog remembers the last failures of each operator.
type failureLog struct {
	mu         sync.Mutex
	byOperator map[string][]FailureInfo // the oldest first
}

func (l *failureLog) add(f FailureInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byOperator == nil {
		l.byOperator = make(map[string][]FailureInfo)
	}
	kept := l.byOperator[f.Operator]
	if len(kept) == keptFailures {
		kept = slices.Delete(kept, 0, 1)
	}
	l.byOperator[f.Operator] = append(kept, f)
}

// Failures are the last ten failures of each operator, by operator and then by time, whatever was done about them. Those of
// a process that has ended are gone.
func (a *App) Failures() []FailureInfo {
	l := &a.failures
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []FailureInfo
	for _, kept := range l.byOperator {
		all = append(all, kept...)
	}
	slices.SortStableFunc(all, func(a, b FailureInfo) int { return strings.Compare(a.Operator, b.Operator) })
	return all
}

// onFailure takes down what operators failed for and what was done about it.
func (a *App) onFailure(e *operators.Error, o operators.Outcome) {
	f := failureOf(e)
	f.Attempts, f.Outcome = o.Attempts, o.Decision.String()
	if o.Again {
		f.Outcome = "retry"
	}
	a.failures.add(f)
	a.cfg.Logger.LogAttrs(a.hard, slog.LevelWarn, "an operator failed for a record",
		slog.String("operator", f.Operator), slog.String("task", f.Task), slog.String("topic", f.Topic), slog.Int("partition", int(f.Partition)),
		slog.Int64("offset", f.Offset), slog.String("error", f.Error), slog.Int("attempts", f.Attempts), slog.String("outcome", f.Outcome))
	a.cfg.Observer.OperatorFailed(f)
}

func failureOf(e *operators.Error) FailureInfo {
	return FailureInfo{
		Operator: e.Operator, Task: e.Task, Topic: e.Origin.Topic, Partition: e.Origin.Partition, Offset: e.Origin.Offset, During: e.During,
		Error: e.Err.Error(), At: time.Now(), Attempts: 1, Outcome: operators.Fail.String(),
	}
}
