package serde_test

import (
	"testing"

	"github.com/rivusio/rivusio/serde"
)

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
