package protobuf

import (
	"errors"
	"fmt"
)

// shownBytes bounds how much of a refused payload an error shows.
const shownBytes = 8

var errNull = errors.New("a nil message is Kafka's null, which has no bytes")

// shown describes a payload by its length and first bytes.
func shown(b []byte) string {
	if len(b) <= shownBytes {
		return fmt.Sprintf("%d bytes (% x)", len(b), b)
	}
	return fmt.Sprintf("%d bytes (% x …)", len(b), b[:shownBytes])
}
