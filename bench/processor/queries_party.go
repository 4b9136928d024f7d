package main

import (
	"errors"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// Sale is a result of q3.
type Sale struct {
	Name    string `json:"name"`
	City    string `json:"city"`
	State   string `json:"state"`
	Auction int64  `json:"auction"`
}

// Seller is a result of q8.
type Seller struct {
	Name  string `json:"name"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`
}

// q3 joins auctions of a category with the persons of some states who sell them. A row has the person, or the auctions
// that wait for the person; each pair leaves when its second half comes.
func q3(b *topology.Builder, in, out string) {
	parties := b.KeyValueStore("parties", serde.Int64, serde.For[Party]())
	b.Stream(in, serde.Bytes, events{wholePerson | wholeAuction}).
		Filter(func(_ []byte, e Event) bool {
			switch e.Kind {
			case AuctionEvent:
				return e.Auction.Category == 10
			case PersonEvent:
				return e.Person.State == "OR" || e.Person.State == "ID" || e.Person.State == "CA"
			default:
				return false
			}
		}).
		Map(func(_ []byte, e Event) (int64, Party) { return e.party() }).
		Repartition("by-person").
		Process(func(c *operators.Context, next operators.Forward[int64, Sale]) (operators.Forward[int64, Party], error) {
			return joinParties(parties.In(c), next), nil
		}, parties).
		WithSerdes(decimal{}, serde.For[Sale]()).
		To(out)
}

// party is a person or an auction as one half of the join by person.
func (e Event) party() (person int64, p Party) {
	if e.Kind == PersonEvent {
		return e.Person.ID, Party{Known: true, Name: e.Person.Name, City: e.Person.City, State: e.Person.State}
	}
	return e.Auction.Seller, Party{Auctions: []int64{e.Auction.ID}}
}

func joinParties(rows state.KeyValue[int64, Party], next operators.Forward[int64, Sale]) operators.Forward[int64, Party] {
	var o operators.Record[int64, Sale]
	return func(r *operators.Record[int64, Party]) error {
		row, _, err := rows.Get(r.Key)
		if err != nil {
			return err
		}
		person, auctions := row, r.Value.Auctions
		if r.Value.Known {
			person, auctions = r.Value, row.Auctions
		}
		if !person.Known {
			row.Auctions = append(row.Auctions, auctions...)
			return rows.Put(r.Key, row)
		}
		for _, auction := range auctions {
			o = operators.Record[int64, Sale]{Key: r.Key, Value: Sale{person.Name, person.City, person.State, auction}, Timestamp: r.Timestamp}
			if err := next(&o); err != nil {
				return err
			}
		}
		if !r.Value.Known {
			return nil
		}
		return rows.Put(r.Key, person)
	}
}

// Newcomer is what q8 knows of a person in a window.
type Newcomer struct {
	Name          string
	Created, Sold bool
}

// Serde is the default serde of newcomers.
func (Newcomer) Serde() serde.Serde[Newcomer] { return newcomerSerde{} }

type newcomerSerde struct{}

const (
	flagCreated byte = 1 << iota
	flagSold
)

func (newcomerSerde) Append(dst []byte, n Newcomer) ([]byte, error) {
	var flags byte
	if n.Created {
		flags |= flagCreated
	}
	if n.Sold {
		flags |= flagSold
	}
	return append(append(dst, flags), n.Name...), nil
}

func (newcomerSerde) Decode(b []byte) (Newcomer, error) {
	if len(b) == 0 {
		return Newcomer{}, errors.New("newcomer without flags")
	}
	return Newcomer{Name: string(b[1:]), Created: b[0]&flagCreated != 0, Sold: b[0]&flagSold != 0}, nil
}

// q8 finds the persons who sell something in the window in which they were created.
func q8(b *topology.Builder, in, out string) {
	halves := marked(b, in, personID|personName|seller,
		func(e Event) bool { return e.Kind == PersonEvent || e.Kind == AuctionEvent },
		func(e Event) (int64, Newcomer) {
			if e.Kind == PersonEvent {
				return e.Person.ID, Newcomer{Name: e.Person.Name, Created: true}
			}
			return e.Auction.Seller, Newcomer{Sold: true}
		})
	gathered(b, halves, "by-person").
		GroupByKey().
		Windowed(windows.Tumbling(windowSize).Grace(grace)).OnClose().
		Aggregate("newcomers", func() Newcomer { return Newcomer{} }, func(_ int64, v Marked[Newcomer], n Newcomer) Newcomer {
			n.Created = n.Created || v.Value.Created
			n.Sold = n.Sold || v.Value.Sold
			if v.Value.Created {
				n.Name = v.Value.Name
			}
			return n
		}).
		ToStream(windows.Key[int64]).
		Filter(func(_ windows.Keyed[int64], n Newcomer) bool { return n.Created && n.Sold }).
		Map(func(w windows.Keyed[int64], n Newcomer) (int64, Seller) { return w.Key, Seller{n.Name, w.Start, w.End} }).
		WithSerdes(decimal{}, serde.For[Seller]()).
		To(out)
}
