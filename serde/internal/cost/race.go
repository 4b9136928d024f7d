//go:build race

package cost

// RaceDetector says that the race detector is on: then no bound of time holds.
const RaceDetector = true
