// Package guest is for WebAssembly plugins that are written in Go: it speaks the contract of package plugins/wasm, so that a
// plugin is two functions. It is compiled into the plugin, not into the program that runs it:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags "-s -w" -o mask.wasm .
//
// A plugin registers itself when its package is initialised, since its main is never called:
//
//	var _ = guest.Register(guest.Plugin{Name: "mask", Doc: "Masks digits.", Process: process})
//
// Values are nil, bool, int64 (a whole number that fits), float64, string, []any and map[string]any. The package does without
// encoding/json and fmt, which would triple the size of a module.
//
// A panic ends the instance and is an error of the message; the next one has a new instance. There are no files, no network, no
// real clock and no goroutines that go on between calls.
package guest
