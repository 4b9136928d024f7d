package plugins

import (
	"testing"
	"time"
)

// Each key of the retries has its place in the policy.
func TestHTTPRetry(t *testing.T) {
	p := HTTPRetry{Retries: 4, Delay: 10 * time.Millisecond, Factor: 3, MaxDelay: 80 * time.Millisecond, Jitter: 0.5}.policy()
	if p.Retries != 4 || p.Jitter != 0.5 || p.DelayBefore(1) != 10*time.Millisecond || p.DelayBefore(2) != 30*time.Millisecond || p.DelayBefore(3) != 80*time.Millisecond || p.Retryable == nil {
		t.Errorf("%+v", p)
	}
}
