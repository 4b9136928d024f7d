package main

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// The kit's short runs end before a window closes by itself. Here bids lie far apart, partitions drift from each other by
// nearly the grace, and the application crashes with and without its state: the windowed queries give what brute force gives.
func TestWindowedQueriesAgainstBruteForce(t *testing.T) {
	for query, expected := range map[string]func([]Bid) []string{"q5": expectedQ5, "q7": expectedQ7, "q11": expectedQ11} {
		t.Run(query, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				bids := drawBids(r)
				want := expected(bids)
				if got := results(t, r, query, bids); !slices.Equal(got, want) {
					r.Fatalf("got  %v\nwant %v\nof %v", got, want, bids)
				}
			})
		})
	}
}

// drawBids makes bids in an order that is behind itself by less than the grace.
func drawBids(t *rapid.T) []Bid {
	small := rapid.Int64Range(1, 3)
	var bids []Bid
	var now int64
	for range rapid.IntRange(1, 60).Draw(t, "bids") {
		now += rapid.Int64Range(0, 3000).Draw(t, "step")
		bids = append(bids, Bid{
			Auction: small.Draw(t, "auction"), Bidder: small.Draw(t, "bidder"), Price: small.Draw(t, "price"),
			DateTime: max(0, now-rapid.Int64Range(0, grace.Milliseconds()-1).Draw(t, "behind")),
		})
	}
	return bids
}

// results runs a query on bids in any partitions, and returns its sorted output.
func results(t *testing.T, r *rapid.T, query string, bids []Bid) []string {
	const partitions = 3
	topo, err := build(query, "bench", "in", "out")
	if err != nil {
		r.Fatal(err)
	}
	d := topologytest.New(t, topo, topologytest.Partitions(partitions), topologytest.CommitEvery(rapid.IntRange(1, 20).Draw(r, "commit every")))
	in := topologytest.Input(d, "in", serde.Bytes, serde.Serde[Event](events{}))
	out := topologytest.Output(d, "out", serde.String, serde.String)
	crash := func() {
		if rapid.IntRange(0, 9).Draw(r, "crash") == 0 {
			d.Restart(topologytest.State(rapid.Bool().Draw(r, "with an empty disk")))
		}
	}
	send := func(e Event, partition int, timestamp int64) {
		in.Send(nil, e, topologytest.NullKey(), topologytest.ToPartition(partition), topologytest.AtMs(timestamp))
		crash()
	}
	last := int64(0)
	for _, b := range bids {
		last = max(last, b.DateTime)
		send(Event{Kind: BidEvent, Bid: b}, rapid.IntRange(0, partitions-1).Draw(r, "partition"), b.DateTime)
	}
	for p := range partitions {
		send(Event{Kind: MarkEvent, Mark: Mark{int32(p), partitions}}, p, last+3_600_000)
	}
	d.Commit()
	var got []string
	for _, o := range out.ReadAll() {
		got = append(got, o.Key+o.Value)
	}
	slices.Sort(got)
	return got
}

func expectedQ5(bids []Bid) (want []string) {
	type row struct{ start, auction int64 }
	size, advance := windowSize.Milliseconds(), windowAdvance.Milliseconds()
	counts := make(map[row]int64)
	most := make(map[int64]int64)
	for _, b := range bids {
		// A window does not start before the epoch.
		for start := b.DateTime / advance * advance; start > b.DateTime-size && start >= 0; start -= advance {
			r := row{start, b.Auction}
			counts[r]++
			most[start] = max(most[start], counts[r])
		}
	}
	for r, n := range counts {
		if n == most[r.start] {
			want = append(want, fmt.Sprintf(`%d{"auction":%d,"count":%d,"start":%d,"end":%d}`, r.start, r.auction, n, r.start, r.start+size))
		}
	}
	slices.Sort(want)
	return want
}

func expectedQ7(bids []Bid) (want []string) {
	size := windowSize.Milliseconds()
	best := make(map[int64]Bid)
	for _, b := range bids {
		start := b.DateTime / size * size
		o, ok := best[start]
		switch {
		case !ok, b.Price > o.Price,
			b.Price == o.Price && (b.Auction < o.Auction || b.Auction == o.Auction &&
				(b.Bidder < o.Bidder || b.Bidder == o.Bidder && b.DateTime < o.DateTime)):
			best[start] = b
		}
	}
	for start, b := range best {
		want = append(want, fmt.Sprintf(`%d{"start":%d,"end":%d,"price":%d,"auction":%d,"bidder":%d,"dateTime":%d}`,
			start, start, start+size, b.Price, b.Auction, b.Bidder, b.DateTime))
	}
	slices.Sort(want)
	return want
}

func expectedQ11(bids []Bid) (want []string) {
	times := make(map[int64][]int64)
	for _, b := range bids {
		times[b.Bidder] = append(times[b.Bidder], b.DateTime)
	}
	gap := windowSize.Milliseconds()
	for bidder, at := range times {
		slices.Sort(at)
		for len(at) > 0 {
			n := 1
			for n < len(at) && at[n]-at[n-1] <= gap {
				n++
			}
			want = append(want, fmt.Sprintf(`%d{"start":%d,"end":%d,"count":%d}`, bidder, at[0], at[n-1], n))
			at = at[n:]
		}
	}
	slices.Sort(want)
	return want
}
