package cost

import "time"

// Busy keeps the processor busy until the clock and, where it is known, the processor's time have gone on by more than d.
func Busy(d time.Duration) {
	for start := now(); now().since(start) <= d; {
	}
}
