package plugins

import (
	"context"
	"sync"
	"time"
)

// ThrottleConfig configures the pipe throttle.
type ThrottleConfig struct {
	Rate  float64 `yaml:"rate" required:"true" min:"0.000001" max:"1000000000" doc:"messages per second"`
	Burst int     `yaml:"burst" default:"1" min:"1" doc:"how many may pass at once after a pause"`
}

// throttle lets a message pass each interval. It keeps the time at which the next one may.
type throttle struct {
	interval time.Duration
	burst    time.Duration // how far next may lie in the past

	mu   sync.Mutex
	next time.Time
}

func newThrottle(c ThrottleConfig) (Pipe, error) {
	interval := max(1, time.Duration(float64(time.Second)/c.Rate))
	burst := time.Duration(min(float64(c.Burst-1)*float64(interval), 1<<62))
	return &throttle{interval: interval, burst: burst}, nil
}

func (t *throttle) Process(ctx context.Context, m Message) ([]Message, error) {
	if wait := t.reserve(time.Now()); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	} else if err := ctx.Err(); err != nil {
		return nil, err
	}
	return []Message{m}, nil
}

// reserve takes the next turn and returns how long it is until then.
func (t *throttle) reserve(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if earliest := now.Add(-t.burst); t.next.Before(earliest) {
		t.next = earliest
	}
	wait := t.next.Sub(now)
	t.next = t.next.Add(t.interval)
	return wait
}
