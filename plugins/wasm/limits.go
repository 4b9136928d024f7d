package wasm

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Limits bound what modules may use. The zero value has the defaults.
type Limits struct {
	// Time is for one call: one message, or a start with its configuration. Default 1s.
	Time time.Duration
	// MemoryBytes is for the memory of one instance, in whole pages of 64 KiB. Default 64 MiB.
	MemoryBytes int64
	// OutputBytes is for the answer to one message. Default 4 MiB.
	OutputBytes int64
	// Messages is how many an answer may have. Default 10,000.
	Messages int
	// Instances is how many of one pipe may work at once. Default the number of processors.
	Instances int
	// ModuleBytes is for the file of a module. Default 32 MiB.
	ModuleBytes int64
}

const pageBytes = 64 << 10

// withDefaults is the limits with those that are not set.
func (l Limits) withDefaults() Limits {
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	if l.Time == 0 {
		l.Time = time.Second
	}
	def(&l.MemoryBytes, 64<<20)
	def(&l.OutputBytes, 4<<20)
	def(&l.ModuleBytes, 32<<20)
	if l.Messages == 0 {
		l.Messages = 10_000
	}
	if l.Instances == 0 {
		l.Instances = runtime.GOMAXPROCS(0)
	}
	return l
}

// Validate returns all mistakes, joined.
func (l Limits) Validate() error {
	l = l.withDefaults()
	var errs []error
	bad := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf("wasm: limits: "+format, args...))
		}
	}
	bad(l.Time < 0, "Time is %v, want more than 0", l.Time)
	bad(l.MemoryBytes < pageBytes || l.MemoryBytes > 4<<30 || l.MemoryBytes%pageBytes != 0, "MemoryBytes is %d, want 65536 to 4294967296 in steps of 65536", l.MemoryBytes)
	bad(l.OutputBytes < 0 || l.OutputBytes > 1<<30, "OutputBytes is %d, want 1 to 1073741824", l.OutputBytes)
	bad(l.Messages < 0, "Messages is %d, want more than 0", l.Messages)
	bad(l.Instances < 0 || l.Instances > 10_000, "Instances is %d, want 1 to 10000", l.Instances)
	bad(l.ModuleBytes < 0, "ModuleBytes is %d, want more than 0", l.ModuleBytes)
	return errors.Join(errs...)
}
