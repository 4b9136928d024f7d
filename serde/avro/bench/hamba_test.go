package bench

import (
	"testing"
	"time"

	"github.com/hamba/avro/v2"
)

// schema and bid are those of the benchmark in the package above.
const schema = `{"type":"record","name":"bid","fields":[
	{"name":"auction","type":"long"},{"name":"bidder","type":"long"},{"name":"price","type":"long"},{"name":"channel","type":"string"},
	{"name":"url","type":"string"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"rate","type":"double"},
	{"name":"open","type":"boolean"},{"name":"count","type":"int"},{"name":"extra","type":"string"},
	{"name":"note","type":["null","string"],"default":null},{"name":"steps","type":{"type":"array","items":"long"}}]}`

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

func BenchmarkHamba(b *testing.B) {
	s, err := avro.Parse(schema)
	if err != nil {
		b.Fatal(err)
	}
	note := "a note"
	v := bid{1007, 1013, 12_345, "Google", "https://www.nexmark.com/item.htm?query=1", time.UnixMilli(1_700_000_000_000).UTC(), 0.25, true, 3,
		"some more text", &note, []int64{1, 2, 3}}
	encoded, err := avro.Marshal(s, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := avro.Marshal(s, v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var back bid
			if err := avro.Unmarshal(s, encoded, &back); err != nil {
				b.Fatal(err)
			}
		}
	})
}
