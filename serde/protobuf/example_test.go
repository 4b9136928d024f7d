package protobuf_test

import (
	"fmt"

	"github.com/rivusio/rivusio/serde/protobuf"
	"github.com/rivusio/rivusio/serde/protobuf/internal/orderpb"
)

func ExampleOf() {
	f, err := protobuf.Of[*orderpb.Money]()
	if err != nil {
		panic(err)
	}
	// With a registry: money := registry.Value(client, "money", f)
	payload, err := f.Append(nil, &orderpb.Money{Hundredths: 1250, Currency: "EUR"})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s: % x\n", f.Schema().Name, payload)

	read, err := f.Reader(f.Schema())
	if err != nil {
		panic(err)
	}
	v, err := read(payload)
	fmt.Println(v.GetHundredths(), v.GetCurrency(), err)
	// Output:
	// shop.Money: 00 08 c4 13 12 03 45 55 52
	// 1250 EUR <nil>
}

func ExampleMessage() {
	s, err := protobuf.Message[*orderpb.Money]()
	if err != nil {
		panic(err)
	}
	b, err := s.Append(nil, &orderpb.Money{Hundredths: 1250, Currency: "EUR"})
	fmt.Printf("% x %v\n", b, err)

	_, err = s.Decode(b[:4])
	fmt.Println(err != nil)
	// Output:
	// 08 c4 13 12 03 45 55 52 <nil>
	// true
}
