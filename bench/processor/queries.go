package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// queries are the topologies of the benchmark by name, each from the topic `in` to the topic `out`. ../README.md defines
// what they compute.
var queries = map[string]func(b *topology.Builder, in, out string){
	"raw":                 raw,
	"q0":                  q0,
	"q1":                  q1,
	"q2":                  q2,
	"q3":                  q3,
	"q5":                  q5,
	"q7":                  q7,
	"q8":                  q8,
	"q11":                 q11,
	"keyed-count":         func(b *topology.Builder, in, out string) { keyedCount(b, in, out, topology.EmitOnCommit()) },
	"keyed-count-nocache": func(b *topology.Builder, in, out string) { keyedCount(b, in, out) },
	"shuffle":             shuffle,
}

// build makes the topology of a query as an application.
func build(query, application, in, out string) (*topology.Topology, error) {
	add, ok := queries[query]
	if !ok {
		return nil, fmt.Errorf("there is no query %q; there are %s", query, strings.Join(slices.Sorted(maps.Keys(queries)), ", "))
	}
	b := topology.NewBuilder(application)
	add(b, in, out)
	return b.Build()
}

const (
	windowSize    = 10 * time.Second
	windowAdvance = 2 * time.Second
	grace         = 4 * time.Second
)

// raw copies every record.
func raw(b *topology.Builder, in, out string) {
	b.Stream(in, serde.Bytes, serde.Bytes).To(out)
}

// bidStream is the bids of the input, of which only the wanted fields are read.
func bidStream(b *topology.Builder, in string, want fields) topology.Stream[[]byte, Bid] {
	return b.Stream(in, serde.Bytes, events{want}).
		Filter(func(_ []byte, e Event) bool { return e.Kind == BidEvent }).
		MapValues(func(_ []byte, e Event) Bid { return e.Bid })
}

// q0 decodes and encodes all bids.
func q0(b *topology.Builder, in, out string) {
	bidStream(b, in, wholeBid).To(out)
}

// q1 converts the prices of all bids.
func q1(b *topology.Builder, in, out string) {
	bidStream(b, in, wholeBid).
		MapValues(func(_ []byte, bid Bid) Bid {
			bid.Price = bid.Price * 908 / 1000
			return bid
		}).
		To(out)
}

// AuctionPrice is a result of q2.
type AuctionPrice struct {
	Auction int64 `json:"auction"`
	Price   int64 `json:"price"`
}

// q2 selects the bids for some auctions.
func q2(b *topology.Builder, in, out string) {
	bidStream(b, in, auction|price).
		Filter(func(_ []byte, bid Bid) bool { return bid.Auction%123 == 0 }).
		MapValues(func(_ []byte, bid Bid) AuctionPrice { return AuctionPrice{bid.Auction, bid.Price} }).
		To(out)
}

// markedBids are the bids as a key and a value, and the end marks between them.
func markedBids[V any](b *topology.Builder, in string, want fields, of func(Bid) (int64, V)) topology.Stream[int64, Marked[V]] {
	return marked(b, in, want, func(e Event) bool { return e.Kind == BidEvent }, func(e Event) (int64, V) { return of(e.Bid) })
}

// marked are the events that keep accepts as a key and a value, and the end marks between them.
func marked[V any](b *topology.Builder, in string, want fields, keep func(Event) bool, of func(Event) (int64, V)) topology.Stream[int64, Marked[V]] {
	return b.Stream(in, serde.Bytes, events{want | wholeMark}).
		Filter(func(_ []byte, e Event) bool { return e.Kind == MarkEvent || keep(e) }).
		Map(func(_ []byte, e Event) (int64, Marked[V]) {
			if e.Kind == MarkEvent {
				return e.Mark.key(), markFrom[V](e.Mark)
			}
			k, v := of(e)
			return k, value(v)
		})
}

// q5 finds the auctions with the most bids in each window. It counts each auction's bids in each window and then
// compares the counts of a window.
//
// An end mark that comes to a windowed aggregate is a record like any other, an hour later than all bids: it closes
// their windows and opens some of its own, which never close.
func q5(b *topology.Builder, in, out string) {
	bids := gathered(b, markedBids(b, in, auction, func(bid Bid) (int64, Vote) { return bid.Auction, Vote{} }), "by-auction")
	counts := bids.GroupByKey().
		Windowed(windows.Hopping(windowSize, windowAdvance).Grace(grace)).OnClose().
		Count("counts").
		ToStream(windows.Key[int64]).
		Process(byWindow)
	// Operators below one stream run in the order in which they are declared, and so is what they leave for later. Here it
	// matters: the mark must follow the counts that it makes the aggregate emit.
	waiting := b.KeyValueStore("waiting", serde.Int64, serde.For[Marked[Count]]())
	marks := bids.
		Filter(func(_ int64, v Marked[Vote]) bool { return v.isMark() }).
		MapValues(func(_ int64, v Marked[Vote]) Marked[Count] { return markFrom[Count](v.Mark) }).
		Process(afterwards(waiting), waiting)

	// The tasks of the first step emit their windows at different times, at the end many at once; hence the long grace.
	gathered(b, counts.Merge(marks), "by-window").
		GroupByKey().
		Windowed(windows.Tumbling(windowAdvance).Grace(30*time.Second)).OnClose().
		Aggregate("most-bids", func() Most { return Most{} }, addCount).
		ToStream(windows.Key[int64]).
		FlatMap(func(w windows.Keyed[int64], m Most, emit func(int64, Hot)) {
			for _, auction := range m.Auctions {
				emit(w.Key, Hot{Auction: auction, Bids: m.Bids, Start: w.Key, End: w.Key + windowSize.Milliseconds()})
			}
		}).
		WithSerdes(decimal{}, serde.For[Hot]()).
		To(out)
}

// byWindow makes the start of the window the key and the timestamp.
func byWindow(_ *operators.Context, next forward[Count]) (operators.Forward[windows.Keyed[int64], int64], error) {
	var o operators.Record[int64, Marked[Count]]
	return func(r *operators.Record[windows.Keyed[int64], int64]) error {
		o = operators.Record[int64, Marked[Count]]{Key: r.Key.Start, Timestamp: r.Key.Start, Value: value(Count{r.Key.Key, r.Value})}
		return next(&o)
	}, nil
}

// addCount keeps the auctions with the most bids.
func addCount(_ int64, v Marked[Count], m Most) Most {
	switch c := v.Value; {
	case v.isMark() || c.Bids < m.Bids:
	case c.Bids > m.Bids:
		m.Bids, m.Auctions = c.Bids, append(m.Auctions[:0], c.Auction)
	default:
		m.Auctions = append(m.Auctions, c.Auction)
	}
	return m
}

// q7 finds the bid with the highest price in each window.
func q7(b *topology.Builder, in, out string) {
	tumbling := windows.Tumbling(windowSize).Grace(grace)
	offers := markedBids(b, in, auction|bidder|price|dateTime, func(bid Bid) (int64, Offer) {
		start, _ := tumbling.Starts(bid.DateTime)
		return start, Offer{bid.Price, bid.Auction, bid.Bidder, bid.DateTime}
	})
	gathered(b, offers, "by-window").
		GroupByKey().
		Windowed(tumbling).OnClose().
		Reduce("highest", higher).
		ToStream(windows.Key[int64]).
		Map(func(w windows.Keyed[int64], v Marked[Offer]) (int64, Highest) {
			o := v.Value
			return w.Key, Highest{w.Start, w.End, o.Price, o.Auction, o.Bidder, o.DateTime}
		}).
		WithSerdes(decimal{}, serde.For[Highest]()).
		To(out)
}

// higher is the offer of the higher price, else the smaller one.
func higher(a, b Marked[Offer]) Marked[Offer] {
	if a.isMark() || !b.isMark() && a.Value.less(b.Value) {
		return b
	}
	return a
}

// Visit is a result of q11: a session of bids.
type Visit struct {
	Start int64 `json:"start"`
	End   int64 `json:"end"`
	Count int64 `json:"count"`
}

// q11 counts the bids of each bidder's sessions.
func q11(b *topology.Builder, in, out string) {
	bids := markedBids(b, in, bidder, func(bid Bid) (int64, Vote) { return bid.Bidder, Vote{} })
	gathered(b, bids, "by-bidder").
		GroupByKey().
		Sessions(windows.Session(windowSize).Grace(grace)).OnClose().
		Count("sessions").
		ToStream(windows.Key[int64]).
		Map(func(w windows.Keyed[int64], n int64) (int64, Visit) { return w.Key, Visit{w.Start, w.End, n} }).
		WithSerdes(decimal{}, serde.For[Visit]()).
		To(out)
}

// keyedCount counts the records of each key.
func keyedCount(b *topology.Builder, in, out string, opts ...topology.StoreOption) {
	b.Stream(in, serde.String, unread{}).
		GroupByKey().
		Count("counts", opts...).
		ToStream().
		WithSerdes(serde.String, decimal{}).
		To(out)
}

// decimal is the serde of a number in decimal digits.
type decimal struct{}

func (decimal) Append(dst []byte, n int64) ([]byte, error) { return strconv.AppendInt(dst, n, 10), nil }
func (decimal) Decode(b []byte) (int64, error)             { return strconv.ParseInt(string(b), 10, 64) }
