//go:build race

package jsonschema_test

const raceDetector = true
