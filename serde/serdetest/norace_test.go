//go:build !race

package serdetest_test

const raceDetector = false
