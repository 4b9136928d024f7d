package pipes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Monitor follows what runs through pipes: how long it takes, how much fails, and whether that crosses a [Threshold]. Its figures
// are those of a window of time that slides in sixtieths, so it takes the same room whatever runs. All methods may be called by
// any goroutine. Make one with [NewMonitor].
type Monitor struct {
	mu         sync.Mutex
	window     time.Duration
	step       time.Duration
	steps      [monitorSteps]figures
	thresholds []*watched
	running    bool
	began      time.Time     // of the present run
	ran        time.Duration // of the last run, if there is none
}

const monitorSteps = 60

// figures are those of one step of time.
type figures struct {
	step          int64 // its number, from the epoch
	count, failed int64
	sum           time.Duration
	least, most   time.Duration
}

// Figures are what a [Monitor] saw in its window. Without a count the others mean nothing.
type Figures struct {
	Count, Failed          int64
	Average, Least, Most   time.Duration
	SuccessRate, ErrorRate float64       // 0 to 1
	Window                 time.Duration // that they are of
}

// PerSecond is the throughput over the window.
func (f Figures) PerSecond() float64 { return float64(f.Count) / f.Window.Seconds() }

// Threshold is a condition on the figures of a [Monitor], and what to do about it.
type Threshold struct {
	Name string
	// Over says whether the figures are over the threshold. It is asked when something is recorded and when the monitor is
	// read; without a count in the window it is not asked: then they are not.
	Over func(Figures) bool
	// For is how long they must be over it, without a break, before it fires. 0: it fires at once.
	For time.Duration
	// Fire is called once when it fires, and once with false when it is over. It must not use the monitor.
	Fire func(over bool, f Figures)
}

type watched struct {
	Threshold
	since time.Time // when the figures went over it; zero: they are not
	fired bool
}

// NewMonitor makes a monitor with a window of time, 60 ms at least, and thresholds.
func NewMonitor(window time.Duration, thresholds ...Threshold) (*Monitor, error) {
	var errs []error
	if window < monitorSteps*time.Millisecond {
		errs = append(errs, fmt.Errorf("pipes: a monitor's window is %v, want at least %v", window, monitorSteps*time.Millisecond))
	}
	m := &Monitor{window: window, step: window / monitorSteps}
	for _, t := range thresholds {
		if t.Over == nil || t.Fire == nil || t.For < 0 {
			errs = append(errs, fmt.Errorf("pipes: threshold %q needs Over and Fire, and For must not be negative", t.Name))
		}
		m.thresholds = append(m.thresholds, &watched{Threshold: t})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return m, nil
}

// Record adds one call that took some time and failed if err is not nil.
func (m *Monitor) Record(took time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	step := now.UnixNano() / int64(m.step)
	f := &m.steps[step%monitorSteps]
	if f.step != step || f.count == 0 {
		*f = figures{step: step, least: took, most: took}
	}
	f.count++
	if err != nil {
		f.failed++
	}
	f.sum += took
	f.least, f.most = min(f.least, took), max(f.most, took)
	if len(m.thresholds) > 0 {
		m.check(now)
	}
}

// Figures are those of the window that ends now.
func (m *Monitor) Figures() Figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.check(time.Now())
}

// check works out the figures and sees to the thresholds.
func (m *Monitor) check(now time.Time) Figures {
	all := Figures{Window: m.window}
	last := now.UnixNano() / int64(m.step)
	var sum time.Duration
	for _, f := range m.steps {
		if f.count == 0 || f.step <= last-monitorSteps {
			continue
		}
		if all.Count == 0 {
			all.Least = f.least
		}
		all.Count += f.count
		all.Failed += f.failed
		all.Least, all.Most = min(all.Least, f.least), max(all.Most, f.most)
		sum += f.sum
	}
	if all.Count > 0 {
		all.Average = sum / time.Duration(all.Count)
		all.ErrorRate = float64(all.Failed) / float64(all.Count)
		all.SuccessRate = 1 - all.ErrorRate
	}
	for _, t := range m.thresholds {
		t.check(all, now)
	}
	return all
}

func (t *watched) check(f Figures, now time.Time) {
	if f.Count == 0 || !t.Over(f) {
		t.since = time.Time{}
		if t.fired {
			t.fired = false
			t.Fire(false, f)
		}
		return
	}
	if t.since.IsZero() {
		t.since = now
	}
	if !t.fired && now.Sub(t.since) >= t.For {
		t.fired = true
		t.Fire(true, f)
	}
}

// Start begins a run. The time of the last one is forgotten.
func (m *Monitor) Start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running, m.began, m.ran = true, time.Now(), 0
}

// Stop ends a run. Without one it does nothing.
func (m *Monitor) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running {
		m.running, m.ran = false, time.Since(m.began)
	}
}

// RunTime is how long the present run takes so far, or took. 0 before the first.
func (m *Monitor) RunTime() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running {
		return time.Since(m.began)
	}
	return m.ran
}

// Monitored records the calls of a pipe; a run is its lifetime, if it is opened.
func Monitored[In, Out any](m *Monitor, p Pipe[In, Out]) Pipe[In, Out] {
	return monitored[In, Out]{m, &monitorLife{m}, p}
}

type monitored[In, Out any] struct {
	m    *Monitor
	life *monitorLife
	pipe Pipe[In, Out]
}

// monitorLife starts the run before the pipe is opened, and ends it after that is closed.
type monitorLife struct{ m *Monitor }

func (l *monitorLife) Open(context.Context) error { l.m.Start(); return nil }
func (l *monitorLife) Close() error               { l.m.Stop(); return nil }

func (m monitored[In, Out]) Process(ctx context.Context, in In) (Out, error) {
	began := time.Now()
	out, err := call(ctx, m.pipe, in)
	m.m.Record(time.Since(began), err)
	return out, err
}

func (m monitored[In, Out]) Name() string { return nameOf(m.pipe) }
func (m monitored[In, Out]) parts() []any { return []any{m.life, m.pipe} }
