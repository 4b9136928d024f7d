package windows

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// mistakes collects what is wrong with a definition.
type mistakes []error

// add adds one.
func (m *mistakes) add(format string, args ...any) {
	*m = append(*m, fmt.Errorf("windows: "+format, args...))
}

// whole wants whole milliseconds.
func (m *mistakes) whole(name string, d time.Duration) {
	if d%time.Millisecond != 0 {
		m.add("%s is %v, want whole milliseconds", name, d)
	}
}

// notNegative wants 0 or more.
func (m *mistakes) notNegative(name string, d time.Duration) {
	if d < 0 {
		m.add("%s is %v, want 0 or more", name, d)
	}
}

// together wants that a time and a grace fit into a time.Duration.
func (m *mistakes) together(name string, d, grace time.Duration) {
	if d > 0 && grace > math.MaxInt64-d {
		m.add("%s %v and grace %v are together longer than %v", name, d, grace, time.Duration(math.MaxInt64))
	}
}

// err is all of them, joined, or nil.
func (m mistakes) err() error { return errors.Join(m...) }

// withGrace is a description with the grace, if there is one.
func withGrace(s string, grace time.Duration) string {
	if grace == 0 {
		return s
	}
	return fmt.Sprintf("%s, grace %v", s, grace)
}
