//go:build race

package protobuf_test

const raceDetector = true
