package avro_test

import (
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/avro"
)

// bid is a record of twelve fields.
type bid struct {
	Auction int64     `avro:"auction"`
	Bidder  int64     `avro:"bidder"`
	Price   int64     `avro:"price"`
	Channel string    `avro:"channel"`
	URL     string    `avro:"url"`
	At      time.Time `avro:"at"`
	Rate    float64   `avro:"rate"`
	Open    bool      `avro:"open"`
	Count   int32     `avro:"count"`
	Extra   string    `avro:"extra"`
	Note    *string   `avro:"note"`
	Steps   []int64   `avro:"steps"`
}

func aBid() bid {
	return bid{1007, 1013, 12_345, "Google", "https://www.nexmark.com/item.htm?query=1", time.UnixMilli(1_700_000_000_000).UTC(), 0.25, true, 3,
		"some more text", text("a note"), []int64{1, 2, 3}}
}

func benchmark[T any](b *testing.B, s serde.Serde[T], v T) {
	b.Helper()
	encoded, err := s.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		buffer := make([]byte, 0, 4096)
		for b.Loop() {
			if _, err := s.Append(buffer, v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Decode(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The cost of one record; docs/avro.md has the figures.
func BenchmarkSerdes(b *testing.B) {
	typed := avro.Must(avro.Typed[bid](""))
	encoded, err := typed.Append(nil, aBid())
	if err != nil {
		b.Fatal(err)
	}
	dynamic := avro.Must(avro.Dynamic(typed.Schema().Text))
	v, err := dynamic.Decode(encoded)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("typed", func(b *testing.B) { benchmark(b, serde.Serde[bid](typed), aBid()) })
	b.Run("dynamic", func(b *testing.B) { benchmark(b, serde.Serde[any](dynamic), v) })
	b.Run("json", func(b *testing.B) { benchmark(b, serde.JSON[bid](), aBid()) })
	b.Run("jsonany", func(b *testing.B) { benchmark(b, serde.JSONAny(), v) })
}
