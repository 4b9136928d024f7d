package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/rivusio/rivusio/serde"
)

// Vote is a bid in the first step of q5: only its key counts.
type Vote struct{}

// Serde writes a vote as no bytes.
func (Vote) Serde() serde.Serde[Vote] { return voteSerde{} }

type voteSerde struct{}

func (voteSerde) Append(dst []byte, _ Vote) ([]byte, error) { return dst, nil }
func (voteSerde) Decode(b []byte) (Vote, error) {
	if len(b) > 0 {
		return Vote{}, fmt.Errorf("vote of %d bytes, want none", len(b))
	}
	return Vote{}, nil
}

// Count is how many bids an auction had in a window.
type Count struct{ Auction, Bids int64 }

// Serde writes a count as two varints.
func (Count) Serde() serde.Serde[Count] { return countSerde{} }

type countSerde struct{}

func (countSerde) Append(dst []byte, c Count) ([]byte, error) {
	return appendInts(dst, c.Auction, c.Bids), nil
}

func (countSerde) Decode(b []byte) (Count, error) {
	var c Count
	err := decodeInts(b, &c.Auction, &c.Bids)
	return c, err
}

// Most is the auctions with the most bids in a window.
type Most struct {
	Bids     int64
	Auctions []int64
}

// Hot is a result of q5.
type Hot struct {
	Auction int64 `json:"auction"`
	Bids    int64 `json:"count"`
	Start   int64 `json:"start"`
	End     int64 `json:"end"`
}

// Offer is what q7 compares of a bid.
type Offer struct{ Price, Auction, Bidder, DateTime int64 }

// less reports whether b is better: of a higher price, or else smaller.
func (a Offer) less(b Offer) bool {
	return cmp.Or(cmp.Compare(b.Price, a.Price), cmp.Compare(a.Auction, b.Auction),
		cmp.Compare(a.Bidder, b.Bidder), cmp.Compare(a.DateTime, b.DateTime)) > 0
}

// Serde writes an offer as four varints.
func (Offer) Serde() serde.Serde[Offer] { return offerSerde{} }

type offerSerde struct{}

func (offerSerde) Append(dst []byte, o Offer) ([]byte, error) {
	return appendInts(dst, o.Price, o.Auction, o.Bidder, o.DateTime), nil
}

func (offerSerde) Decode(b []byte) (Offer, error) {
	var o Offer
	err := decodeInts(b, &o.Price, &o.Auction, &o.Bidder, &o.DateTime)
	return o, err
}

// Highest is a result of q7.
type Highest struct {
	Start    int64 `json:"start"`
	End      int64 `json:"end"`
	Price    int64 `json:"price"`
	Auction  int64 `json:"auction"`
	Bidder   int64 `json:"bidder"`
	DateTime int64 `json:"dateTime"`
}

// unread is the serde of values that nobody looks at: Decode does not either.
type unread struct{}

func (unread) Decode([]byte) (struct{}, error) { return struct{}{}, nil }
func (unread) Append(dst []byte, _ struct{}) ([]byte, error) {
	return dst, errors.New("a value that was not read cannot be written")
}
