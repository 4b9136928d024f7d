//go:build !race

package protobuf_test

const raceDetector = false
