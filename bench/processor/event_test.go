package main

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// jsonBid is a bid as encoding/json/v2 reads it.
type jsonBid struct {
	Auction  int64  `json:"auction"`
	Bidder   int64  `json:"bidder"`
	Price    int64  `json:"price"`
	Channel  string `json:"channel"`
	URL      string `json:"url"`
	DateTime int64  `json:"dateTime"`
	Extra    string `json:"extra"`
}

func (b jsonBid) bid() Bid { return Bid(b) }

func drawBid(t *rapid.T) jsonBid {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~"\\\n\t\x00]{0,40}`))
	n := rapid.Int64()
	return jsonBid{
		n.Draw(t, "auction"), n.Draw(t, "bidder"), n.Draw(t, "price"), text.Draw(t, "channel"), text.Draw(t, "url"),
		n.Draw(t, "dateTime"), text.Draw(t, "extra"),
	}
}

// A bid is written byte for byte as encoding/json/v2 writes it, and read back.
func TestBidsAreWrittenAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBid(t)
		want, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := bids{}.Append([]byte("x"), b.bid())
		if err != nil || string(got) != "x"+string(want) {
			t.Fatalf("%s, %v, want %s", got, err, want)
		}
		if back, err := (bids{}).Decode(want); err != nil || back != b.bid() {
			t.Fatalf("%+v, %v", back, err)
		}
	})
}

// However an event is written (order of members, unknown ones, white space, escapes) and whatever is wanted of it, the
// wanted fields are read, and the others stay zero.
func TestEventsAreReadHoweverTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := fields(rapid.IntRange(0, int(wholeBid)).Draw(t, "want"))
		b := drawBid(t)
		bid := members(t, map[string]any{
			"auction": b.Auction, "bidder": b.Bidder, "price": b.Price, "channel": b.Channel, "url": b.URL,
			"dateTime": b.DateTime, "extra": b.Extra, "unknown": []any{1.5e-3, true, nil, map[string]any{"auction": 7, "": "]}"}},
		})
		in := []byte(members(t, map[string]any{
			"event_type": 2, "bid": jsontext.Value(bid), "person": nil, "auction": map[string]any{"id": "{"}, "extra": "}",
		}))
		got, err := events{want}.Decode(in)
		if err != nil {
			t.Fatalf("%v in %s", err, in)
		}
		if whole := b.bid(); got.Kind != BidEvent || got.Bid != whole.only(want) {
			t.Fatalf("got %+v of %s", got, in)
		}
	})
}

// members writes an object with its members in any order, and with white space and escapes.
func members(t *rapid.T, of map[string]any) string {
	var parts []string
	for name, v := range of {
		value, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		text := string(value)
		if s, ok := v.(string); ok && rapid.Bool().Draw(t, "escape") {
			text = escaped(s)
		}
		quoted := `"` + name + `"`
		if rapid.Bool().Draw(t, "escape name") {
			quoted = escaped(name)
		}
		parts = append(parts, quoted+space(t)+":"+space(t)+text+space(t))
	}
	return space(t) + "{" + space(t) + strings.Join(rapid.Permutation(parts).Draw(t, "order"), ","+space(t)) + "}" + space(t)
}

func space(t *rapid.T) string { return rapid.StringMatching(`[ \t\r\n]{0,2}`).Draw(t, "space") }

// escaped writes a string with nothing but \uXXXX, surrogate pairs included.
func escaped(s string) string {
	ascii, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return `""`
	}
	var b strings.Builder
	b.WriteByte('"')
	var plain string
	if err := json.Unmarshal(ascii, &plain); err != nil {
		panic(err)
	}
	for _, r := range plain {
		if r > 0xffff {
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x`, 0xd800+r>>10)
			r = 0xdc00 + r&0x3ff
		}
		fmt.Fprintf(&b, `\u%04X`, r)
	}
	b.WriteByte('"')
	return b.String()
}

// only is the bid with nothing but some fields.
func (b Bid) only(want fields) (o Bid) {
	for f, copy := range map[fields]func(){
		auction: func() { o.Auction = b.Auction }, bidder: func() { o.Bidder = b.Bidder }, price: func() { o.Price = b.Price },
		channel: func() { o.Channel = b.Channel }, url: func() { o.URL = b.URL }, extra: func() { o.Extra = b.Extra },
		dateTime: func() { o.DateTime = b.DateTime },
	} {
		if want&f != 0 {
			copy()
		}
	}
	return o
}

func TestMarksAndOtherEvents(t *testing.T) {
	for in, want := range map[string]Event{
		`{"event_type":9,"person":null,"auction":null,"bid":null,"partition":3,"partitions":4}`: {Kind: MarkEvent, Mark: Mark{3, 4}},
		`{"event_type":0,"person":{`:         {Kind: PersonEvent}, // it stops at the kind
		`{"event_type":1,"auction":x`:        {Kind: AuctionEvent},
		`{"person":{"id":1},"event_type":0}`: {Kind: PersonEvent},
	} {
		if got, err := (events{auction | wholeMark}).Decode([]byte(in)); err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	mark := Event{Kind: MarkEvent, Mark: Mark{1, 2}}
	b, err := events{wholeMark}.Append(nil, mark)
	if back, e := (events{wholeMark}).Decode(b); err != nil || e != nil || back != mark {
		t.Errorf("%s, %v: %+v, %v", b, err, back, e)
	}
}

func TestBrokenEventsAreErrors(t *testing.T) {
	bid := func(member string) string { return `{"event_type":2,"bid":{` + member + `}}` }
	for in, want := range map[string]string{
		``:                               "want {",
		`[]`:                             "want {",
		`{}`:                             "without event_type",
		`{"event_type":2}`:               "missing",
		`{"event_type":2,"bid":null}`:    "missing",
		`{"event_type":"2"}`:             "want an integer",
		`{"event_type":2,}`:              "nothing after ,",
		`{"event_type":2 "bid":{}}`:      "want , or }",
		`{"event_type" 2}`:               "want :",
		`{event_type:2}`:                 "want a string",
		`{"a":[1,],"event_type":2}`:      "nothing after ,",
		`{"a":[1 2],"event_type":2}`:     "want , or ]",
		`{"a":-,"event_type":2}`:         "want a value",
		`{"a":01,"event_type":2}`:        "leading zero",
		`{"a":1.,"event_type":2}`:        "want a value",
		`{"a":nul,"event_type":2}`:       "want a value",
		`{"event_type":9,"partition":1}`: "missing",
		`{"event_type":9,"partition":-1,"partitions":1}`:         "out of range",
		`{"event_type":9,"partition":0,"partitions":4294967296}`: "out of range",
		bid(`"auction":1`):                   "missing",
		bid(`"auction":1.0`):                 "fraction",
		bid(`"auction":1e3`):                 "exponent",
		bid(`"auction":-`):                   "want an integer",
		bid(`"auction":007`):                 "leading zero",
		bid(`"auction":9223372036854775808`): "out of range",
		bid(`"auction":null`):                "want an integer",
		bid(`"channel":"a`):                  "string without end",
		bid(`"channel":"a\`):                 "escape",
		bid(`"channel":"\x"`):                "escape",
		bid(`"channel":"\ud800"`):            "escape",
		bid(`"channel":"\ud800\u0041"`):      "escape",
		bid("\"channel\":\"a\x01b\""):        "control character",
		bid("\"channel\":\"a\xffb\""):        "not UTF-8",
		`{"a":` + strings.Repeat("[", 2000):  "too deep",
	} {
		if got, err := (events{wholeBid | wholeMark}).Decode([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %+v, error %v, want %q", in, got, err, want)
		}
	}
	if _, err := (bids{}).Append(nil, Bid{Channel: "\xff"}); err == nil {
		t.Error("a string that is not UTF-8 was written")
	}
}

// Whatever the bytes are: no panic, nothing that JSON forbids is taken for a bid, and bids read as encoding/json/v2 reads them.
func FuzzBid(f *testing.F) {
	f.Add([]byte(`{"auction":1,"bidder":2,"price":3,"channel":"a\"\u00e9","url":"é","dateTime":4,"extra":"","x":[{}]}`))
	f.Add([]byte(bidJSON))
	f.Fuzz(func(t *testing.T, in []byte) {
		_, _ = events{wholeBid | wholeMark}.Decode(in)
		got, err := bids{}.Decode(in)
		if err != nil {
			return
		}
		var want jsonBid
		if err := json.Unmarshal(in, &want, jsontext.AllowDuplicateNames(true)); err != nil || got != want.bid() {
			t.Fatalf("%q: %+v, want %+v, %v", in, got, want, err)
		}
	})
}
