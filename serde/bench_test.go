package serde_test

import (
	"testing"

	"github.com/rivusio/rivusio/serde"
)

// Encoding and decoding what holds no pointers allocates nothing, for a type of one's own and JSON as well.
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

func benchmark[T any](b *testing.B, s serde.Serde[T], v T) {
	b.Helper()
	buffer, err := s.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = s.Append(buffer[:0], v)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = s.Decode(buffer)
		}
	})
}

func BenchmarkInt64(b *testing.B)        { benchmark(b, serde.Int64, 5) }
func BenchmarkTypeOfInt64(b *testing.B)  { benchmark(b, serde.For[cents](), 5) }
func BenchmarkString(b *testing.B)       { benchmark(b, serde.String, "customer-12345") }
func BenchmarkTypeOfString(b *testing.B) { benchmark(b, serde.For[customerID](), "customer-12345") }
func BenchmarkJSON(b *testing.B) {
	benchmark(b, serde.JSON[line](), line{SKU: "sku-1", Quantity: 3, Tags: []string{"a", "b"}})
}

func BenchmarkJSONOrder(b *testing.B) {
	note := "ring twice"
	benchmark(b, serde.JSON[order](), order{
		ID: "order-1", Cents: 1999, Paid: true, Weight: 1.25, Note: &note,
		Lines:    []line{{SKU: "sku-1", Quantity: 3, Tags: []string{"a", "b"}}},
		ByRegion: map[string]int64{"a": 1, "b": 2},
	})
}
