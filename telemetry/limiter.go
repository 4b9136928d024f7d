package telemetry

import (
	"sync"
	"time"
)

// limiter allows so many things in a second, and as many at once. Any number of goroutines may ask it.
type limiter struct {
	perSecond float64
	mu        sync.Mutex
	left      float64
	asked     time.Time
}

func newLimiter(perSecond int) *limiter {
	return &limiter{perSecond: float64(perSecond), left: float64(perSecond), asked: time.Now()}
}

func (l *limiter) allow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.left = min(l.perSecond, l.left+now.Sub(l.asked).Seconds()*l.perSecond)
	l.asked = now
	if l.left < 1 {
		return false
	}
	l.left--
	return true
}
