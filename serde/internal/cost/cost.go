package cost

import (
	"runtime/metrics"
	"testing"
	"time"
)

// The bounds of one message.
const (
	MaxBytes = 64 << 20
	MaxTime  = 100 * time.Millisecond
)

// tries is how often a call may take too long before it does.
const tries = 5

// Message runs f, which reads one message, within the bounds. It returns f's error.
func Message(t testing.TB, name string, f func() error) error {
	t.Helper()
	return Within(t, name, MaxTime, f)
}

// Within runs f within MaxBytes and a bound of time, the best of a few runs; the race detector has no bound of time. It returns
// f's error.
func Within(t testing.TB, name string, maxTime time.Duration, f func() error) error {
	t.Helper()
	best := time.Hour
	var err error
	for range tries {
		bytes, start := Allocated(), now()
		err = f()
		best = min(best, now().since(start))
		if n := Allocated() - bytes; n > MaxBytes {
			t.Errorf("%s: it allocated %d MiB, want at most %d", name, n>>20, MaxBytes>>20)
		}
		if best <= maxTime || RaceDetector {
			return err
		}
	}
	t.Errorf("%s: it took %v each time, want at most %v", name, best, maxTime)
	return err
}

// Allocated is how many bytes the process has allocated so far.
func Allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// moment is a time of the clock and, where it is known, of the processor.
type moment struct {
	clock     time.Time
	processor time.Duration // of this process; 0 if it is not known
}

func now() moment { return moment{time.Now(), processorTime()} }

func (m moment) since(start moment) time.Duration {
	took := m.clock.Sub(start.clock)
	if m.processor > 0 {
		took = min(took, m.processor-start.processor)
	}
	return took
}
