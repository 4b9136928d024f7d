package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/rivusio/rivusio/serde"
)

// Kind is what an event is about: the event_type of its JSON.
type Kind int64

// The kinds of events.
const (
	PersonEvent  Kind = 0
	AuctionEvent Kind = 1
	BidEvent     Kind = 2
	MarkEvent    Kind = 9
)

// Event is one Nexmark event, as far as its reader wanted it.
type Event struct {
	Kind    Kind
	Person  Person  // of a PersonEvent
	Auction Auction // of an AuctionEvent
	Bid     Bid     // of a BidEvent
	Mark    Mark    // of a MarkEvent
}

// Bid is one bid for an auction.
type Bid struct {
	Auction, Bidder int64
	Price           int64 // cents
	Channel, URL    string
	DateTime        int64 // ms since the epoch
	Extra           string
}

// Mark says that an origin has no more events. There are Origins of them, numbered from 0; the zero value is no mark.
type Mark struct {
	Origin, Origins int32
}

// fields is a set of members of an event.
type fields uint

const (
	auction fields = 1 << iota
	bidder
	price
	channel
	url
	dateTime
	extra
	partition
	partitions
	personID
	personName
	city
	region
	auctionID
	seller
	category

	wholePerson  = personID | personName | city | region
	wholeAuction = auctionID | seller | category
	wholeBid     = auction | bidder | price | channel | url | dateTime | extra
	wholeMark    = partition | partitions
)

// of is what is wanted of events of a kind.
func (f fields) of(k Kind) fields {
	switch k {
	case PersonEvent:
		return f & wholePerson
	case AuctionEvent:
		return f & wholeAuction
	case BidEvent:
		return f & wholeBid
	case MarkEvent:
		return f & wholeMark
	default:
		return 0
	}
}

// events is the serde of Nexmark events, which are JSON. Decode goes as far as it must: up to event_type where nothing is
// wanted of the kind, else up to the last field that is wanted, whose presence it demands. What it did not want is
// zero, and so it is in what Append writes of a bid.
type events struct{ want fields }

func (r events) Decode(b []byte) (Event, error) {
	s := scanner{b: b}
	var (
		e     Event
		texts bidTexts
		seen  fields
		typed bool
	)
	for s.enter('{'); s.more('}'); {
		switch string(s.name()) {
		case "event_type":
			e.Kind, typed = Kind(s.integer()), true
		case "person":
			if !s.null() {
				seen |= e.Person.scan(&s, r.want&wholePerson)
			}
		case "auction":
			if !s.null() {
				seen |= e.Auction.scan(&s, r.want&wholeAuction)
			}
		case "bid":
			if !s.null() {
				seen |= texts.scan(&s, &e.Bid, r.want, typed)
			}
		case "partition":
			e.Mark.Origin = count(&s)
			seen |= partition
		case "partitions":
			e.Mark.Origins = count(&s)
			seen |= partitions
		default:
			s.skip()
		}
		if typed && r.want.of(e.Kind)&^seen == 0 {
			break
		}
	}
	switch {
	case s.err != nil:
		return Event{}, s.err
	case !typed:
		return Event{}, errors.New("event without event_type")
	case r.want.of(e.Kind)&^seen != 0:
		return Event{}, fmt.Errorf("event of type %d: a field that this query reads is missing", e.Kind)
	}
	e.Bid.Channel, e.Bid.URL, e.Bid.Extra = texts.strings(b)
	return e, nil
}

// count reads a number from 0 to the largest int32.
func count(s *scanner) int32 {
	n := s.integer()
	if int64(int32(n)) != n || n < 0 {
		s.fail("number of partitions out of range")
	}
	return int32(n)
}

func (r events) Append(dst []byte, e Event) ([]byte, error) {
	before := dst
	dst = append(dst, `{"event_type":`...)
	dst = strconv.AppendInt(dst, int64(e.Kind), 10)
	switch e.Kind {
	case PersonEvent:
		dst = e.Person.append(append(dst, `,"person":`...))
	case AuctionEvent:
		dst = e.Auction.append(append(dst, `,"auction":`...))
	case BidEvent:
		dst = append(dst, `,"bid":`...)
		var err error
		if dst, err = (bids{}).Append(dst, e.Bid); err != nil {
			return before, err
		}
	case MarkEvent:
		dst = appendInt(dst, `,"partition":`, int64(e.Mark.Origin))
		dst = appendInt(dst, `,"partitions":`, int64(e.Mark.Origins))
	}
	return append(dst, '}'), nil
}

// bids is the serde of a bid as the JSON object of all its fields, in the order of the benchmark's definition.
type bids struct{}

// Serde is the default serde of bids.
func (Bid) Serde() serde.Serde[Bid] { return bids{} }

func (bids) Append(dst []byte, b Bid) ([]byte, error) {
	before := dst
	dst = appendInt(dst, `{"auction":`, b.Auction)
	dst = appendInt(dst, `,"bidder":`, b.Bidder)
	dst = appendInt(dst, `,"price":`, b.Price)
	dst, channelOK := appendText(append(dst, `,"channel":`...), b.Channel)
	dst, urlOK := appendText(append(dst, `,"url":`...), b.URL)
	dst = appendInt(dst, `,"dateTime":`, b.DateTime)
	dst, extraOK := appendText(append(dst, `,"extra":`...), b.Extra)
	if !channelOK || !urlOK || !extraOK {
		return before, errors.New("bid with a string that is not UTF-8")
	}
	return append(dst, '}'), nil
}

func appendInt(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(dst, name...), n, 10)
}

func (bids) Decode(b []byte) (Bid, error) {
	s := scanner{b: b}
	var (
		bid   Bid
		texts bidTexts
	)
	seen := texts.scan(&s, &bid, wholeBid, false)
	switch {
	case s.err != nil:
		return Bid{}, s.err
	case seen != wholeBid:
		return Bid{}, errors.New("bid: a field is missing")
	case !s.end():
		return Bid{}, errors.New("bid: more than one JSON value")
	}
	bid.Channel, bid.URL, bid.Extra = texts.strings(b)
	return bid, nil
}

// bidTexts are the strings of a bid where they were read.
type bidTexts struct{ channel, url, extra text }

// scan reads the wanted fields of a bid and returns those that were there. early: it need not go on behind the last one.
func (t *bidTexts) scan(s *scanner, b *Bid, want fields, early bool) (seen fields) {
	want &= wholeBid
	for s.enter('{'); s.more('}'); {
		f := bidField(s.name())
		switch f & want {
		case auction:
			b.Auction = s.integer()
		case bidder:
			b.Bidder = s.integer()
		case price:
			b.Price = s.integer()
		case dateTime:
			b.DateTime = s.integer()
		case channel:
			t.channel = s.text()
		case url:
			t.url = s.text()
		case extra:
			t.extra = s.text()
		default:
			s.skip()
		}
		seen |= f
		if early && want&^seen == 0 {
			break
		}
	}
	return seen
}

func bidField(name []byte) fields {
	switch string(name) {
	case "auction":
		return auction
	case "bidder":
		return bidder
	case "price":
		return price
	case "channel":
		return channel
	case "url":
		return url
	case "dateTime":
		return dateTime
	case "extra":
		return extra
	default:
		return 0
	}
}

// strings returns the strings of the bid out of the bytes that were scanned. They share one copy of the stretch of bytes in
// which they lie.
func (t *bidTexts) strings(b []byte) (channel, url, extra string) {
	base := min(t.channel.from, t.url.from, t.extra.from)
	all := string(b[base:max(t.channel.to, t.url.to, t.extra.to)])
	return t.channel.in(all, base), t.url.in(all, base), t.extra.in(all, base)
}
