package wasm

import "fmt"

// LoadError says why a file is no plugin.
type LoadError struct {
	File string
	Err  error
}

// Error names the file and the cause.
func (e *LoadError) Error() string { return fmt.Sprintf("plugin file %s: %v", e.File, e.Err) }

// Unwrap returns the cause.
func (e *LoadError) Unwrap() error { return e.Err }

// ABIError says that a module was made for another version of the contract.
type ABIError struct{ Have, Want int32 }

// Error tells both versions.
func (e *ABIError) Error() string {
	return fmt.Sprintf("its contract has version %d, this program speaks %d", e.Have, e.Want)
}

// PluginError is an error that a plugin reports about a message or its configuration.
type PluginError struct{ Message string }

// Error is what the plugin said, cut.
func (e *PluginError) Error() string { return cut(e.Message, 1000) }

// Fault is what a module did wrong.
type Fault int

// The faults.
const (
	Trapped  Fault = iota + 1 // it did what WebAssembly forbids, or ran out of memory and gave up
	TimedOut                  // it took longer than the limit
	Exited                    // it ended itself
	Forged                    // its answer cannot be what the contract says
)

// String is the fault in words.
func (f Fault) String() string {
	switch f {
	case Trapped:
		return "it trapped"
	case TimedOut:
		return "it took too long"
	case Exited:
		return "it exited"
	case Forged:
		return "its answer is wrong"
	}
	return fmt.Sprintf("fault %d", int(f))
}

// CallError is what a module did wrong in a call. Its instance is thrown away.
type CallError struct {
	Plugin string
	Fault  Fault
	Err    error
	Stderr string // what the instance wrote to standard error, its end
}

// Error names plugin, fault and cause.
func (e *CallError) Error() string {
	s := fmt.Sprintf("WebAssembly plugin %q: %v: %v", e.Plugin, e.Fault, e.Err)
	if e.Stderr != "" {
		s += fmt.Sprintf(" (it wrote %q)", cut(e.Stderr, 300))
	}
	return s
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// cut bounds what a message of a plugin puts into an error.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 { // not inside a rune
		n--
	}
	return s[:n] + "…"
}
