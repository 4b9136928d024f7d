package main

import "testing"

const bidJSON = `{"event_type":2,"person":null,"auction":null,"bid":{"auction":120034,"bidder":40123,"price":28123456,` +
	`"channel":"channel-1234","url":"https://www.nexmark.com/abcde/fghij/klmno/item.htm?query=1&channel_id=1234",` +
	`"dateTime":1000012345,"extra":"qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjk"}}`

func BenchmarkDecodeEvent(b *testing.B) {
	for name, want := range map[string]fields{
		"whole bid":         wholeBid,
		"auction":           auction | wholeMark,
		"auction and price": auction | price,
		"up to dateTime":    auction | bidder | price | dateTime | wholeMark,
	} {
		b.Run(name, func(b *testing.B) {
			in := []byte(bidJSON)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (events{want}).Decode(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodeBid(b *testing.B) {
	e, err := events{wholeBid}.Decode([]byte(bidJSON))
	if err != nil {
		b.Fatal(err)
	}
	out := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if out, err = (bids{}).Append(out[:0], e.Bid); err != nil {
			b.Fatal(err)
		}
	}
}

// Reading whole bids allocates once, for all strings together; anything less does not allocate.
func TestDecodingAllocatesOnce(t *testing.T) {
	in := []byte(bidJSON)
	for want, allocs := range map[fields]float64{wholeBid: 1, auction | wholeMark: 0, wholeBid &^ (channel | url | extra): 0} {
		if n := testing.AllocsPerRun(100, func() { _, _ = events{want}.Decode(in) }); n != allocs {
			t.Errorf("fields %b: %v allocations, want %v", want, n, allocs)
		}
	}
}
