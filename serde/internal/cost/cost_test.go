package cost_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde/internal/cost"
)

// log is a test that fails into a list.
type log struct {
	testing.TB
	errors []string
}

func (l *log) Helper() {}
func (l *log) Errorf(format string, args ...any) {
	l.errors = append(l.errors, fmt.Sprintf(format, args...))
}

var kept []byte

func TestBounds(t *testing.T) {
	const maxTime = 10 * time.Millisecond
	cause := errors.New("cause")
	for name, c := range map[string]struct {
		f    func() error
		want string
	}{
		"cheap":  {func() error { return cause }, ""},
		"memory": {func() error { kept = make([]byte, cost.MaxBytes+1); return cause }, "it allocated 64 MiB"},
		"busy":   {func() error { cost.Busy(maxTime); return cause }, "each time"},
	} {
		l := &log{TB: t}
		if err := cost.Within(l, name, maxTime, c.f); err != cause {
			t.Errorf("%s: %v", name, err)
		}
		text := strings.Join(l.errors, "\n")
		if name == "busy" && cost.RaceDetector {
			c.want = ""
		}
		if c.want == "" && text != "" || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
	kept = nil
}
