package main

import (
	"errors"

	"github.com/rivusio/rivusio/serde"
)

// Person is what the queries read of somebody who bids or sells.
type Person struct {
	ID                int64
	Name, City, State string
}

// Auction is what the queries read of something for sale.
type Auction struct{ ID, Seller, Category int64 }

// scan reads the wanted fields of a person and returns those that were there.
func (p *Person) scan(s *scanner, want fields) (seen fields) {
	for s.enter('{'); s.more('}'); {
		f := personField(s.name()) & want
		switch f {
		case personID:
			p.ID = s.integer()
		case personName:
			p.Name = s.string()
		case city:
			p.City = s.string()
		case region:
			p.State = s.string()
		default:
			s.skip()
		}
		seen |= f
	}
	return seen
}

func personField(name []byte) fields {
	switch string(name) {
	case "id":
		return personID
	case "name":
		return personName
	case "city":
		return city
	case "state":
		return region
	default:
		return 0
	}
}

// scan reads the wanted fields of an auction and returns those that were there.
func (a *Auction) scan(s *scanner, want fields) (seen fields) {
	for s.enter('{'); s.more('}'); {
		f := auctionField(s.name()) & want
		switch f {
		case auctionID:
			a.ID = s.integer()
		case seller:
			a.Seller = s.integer()
		case category:
			a.Category = s.integer()
		default:
			s.skip()
		}
		seen |= f
	}
	return seen
}

func auctionField(name []byte) fields {
	switch string(name) {
	case "id":
		return auctionID
	case "seller":
		return seller
	case "category":
		return category
	default:
		return 0
	}
}

// string reads a string and copies it.
func (s *scanner) string() string {
	t := s.text()
	if s.err != nil {
		return ""
	}
	return t.in(string(s.b[t.from:t.to]), t.from)
}

func (p Person) append(dst []byte) []byte {
	dst = appendInt(dst, `{"id":`, p.ID)
	dst, _ = appendText(append(dst, `,"name":`...), p.Name)
	dst, _ = appendText(append(dst, `,"city":`...), p.City)
	dst, _ = appendText(append(dst, `,"state":`...), p.State)
	return append(dst, '}')
}

func (a Auction) append(dst []byte) []byte {
	dst = appendInt(dst, `{"id":`, a.ID)
	dst = appendInt(dst, `,"seller":`, a.Seller)
	dst = appendInt(dst, `,"category":`, a.Category)
	return append(dst, '}')
}

// Party is one half of a join by person: the person, or something that the person sells.
type Party struct {
	Known             bool // it is the person
	Name, City, State string
	Auctions          []int64 // that wait for the person
}

// Serde is the default serde of parties.
func (Party) Serde() serde.Serde[Party] { return partySerde{} }

type partySerde struct{}

func (partySerde) Append(dst []byte, p Party) ([]byte, error) {
	known := int64(0)
	if p.Known {
		known = 1
	}
	dst = appendInts(dst, known, int64(len(p.Name)), int64(len(p.City)), int64(len(p.State)))
	dst = append(append(append(dst, p.Name...), p.City...), p.State...)
	return appendInts(dst, p.Auctions...), nil
}

func (partySerde) Decode(b []byte) (p Party, err error) {
	var known int64
	var lengths [3]int64
	for _, to := range []*int64{&known, &lengths[0], &lengths[1], &lengths[2]} {
		if b, err = takeInt(b, to); err != nil {
			return p, err
		}
	}
	p.Known = known == 1
	for i, to := range []*string{&p.Name, &p.City, &p.State} {
		n := lengths[i]
		if n < 0 || n > int64(len(b)) {
			return p, errors.New("party cut off")
		}
		*to, b = string(b[:n]), b[n:]
	}
	for len(b) > 0 {
		var auction int64
		if b, err = takeInt(b, &auction); err != nil {
			return p, err
		}
		p.Auctions = append(p.Auctions, auction)
	}
	return p, nil
}
