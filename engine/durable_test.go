//go:build synctests

package engine

// With the tag the client's mutexes are channels, so that a goroutine of a bubble that waits for one lets time go on.
const durableMutexes = true
