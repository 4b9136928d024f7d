// Package storetest is what every state.Backend must pass, with the typed stores of package state on top: random operations
// against naive models, and the rules of leases, restore, rebuild and times.
//
// It does not crash the backend: whoever has a durable one tests that beside it.
package storetest
