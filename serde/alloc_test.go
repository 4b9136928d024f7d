//go:build !race

package serde_test

import (
	"testing"

	"github.com/rivusio/rivusio/serde"
)

// Encoding and decoding what holds no pointers allocates nothing, for a type of one's own and JSON as well.
// (The race detector makes sync.Pool drop things at random.)
func TestFlatValuesDoNotAllocate(t *testing.T) {
	for name, round := range map[string]func(){
		"Int64":            roundTrip(t, serde.Int64, 5),
		"type of int64":    roundTrip(t, serde.For[cents](), 5),
		"Float64":          roundTrip(t, serde.Float64, 5),
		"type of bool":     roundTrip(t, serde.For[flag](), true),
		"Nullable(Int64)":  roundTrip(t, serde.Nullable(serde.Int64), serde.Some[int64](5)),
		"String, empty":    roundTrip(t, serde.String, ""),
		"type, empty text": roundTrip(t, serde.For[customerID](), ""),
		"JSON":             roundTrip(t, serde.JSON[point](), point{1, -2}),
	} {
		if n := testing.AllocsPerRun(100, round); n != 0 {
			t.Errorf("%s: %v allocations a round trip", name, n)
		}
	}
}

func roundTrip[T any](t testing.TB, s serde.Serde[T], v T) func() {
	buffer := make([]byte, 0, 1024)
	return func() {
		b, err := s.Append(buffer, v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Decode(b); err != nil {
			t.Fatal(err)
		}
	}
}
