package avro_test

import (
	"fmt"

	"github.com/rivusio/rivusio/serde/avro"
)

func ExampleTyped() {
	type Payment struct {
		ID    string  `avro:"id"`
		Cents int64   `avro:"cents"`
		Note  *string `avro:"note"` // a union with null
	}
	payments, err := avro.Typed[Payment]("", avro.Namespace("shop"))
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := payments.Append(nil, Payment{ID: "p1", Cents: 250})
	fmt.Println(len(b), err)
	p, err := payments.Decode(b)
	fmt.Println(p.ID, p.Cents, p.Note, err)
	_, err = payments.Decode(b[:2])
	fmt.Println(err)
	// Output:
	// 6 <nil>
	// p1 250 <nil> <nil>
	// avro: shop.Payment: 2 bytes (04 70): field id: length 2 of string at offset 0, where 1 bytes are left
}

func ExampleDynamic() {
	payments := avro.Must(avro.Dynamic(`{"type":"record","name":"Payment","fields":[
		{"name":"id","type":"string"},
		{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
		{"name":"note","type":["null","string"]}]}`))
	b, err := payments.Append(nil, map[string]any{"id": "p1", "amount": 2.5, "note": "thanks"})
	fmt.Println(len(b), err)
	v, err := payments.Decode(b)
	fmt.Println(v, err)
	// Output:
	// 14 <nil>
	// map[amount:2.50 id:p1 note:thanks] <nil>
}

// What was written before a field was there has its default.
func ExampleFormat_Reader() {
	older := avro.Must(avro.Dynamic(`{"type":"record","name":"User","fields":[{"name":"name","type":"string"},{"name":"age","type":"int"}]}`))
	b, err := older.Append(nil, map[string]any{"name": "Ada", "age": 36})
	fmt.Println(err)

	type User struct {
		Name  string `avro:"name"`
		Age   int64  `avro:"age"`
		Level string `avro:"level,default=new"`
	}
	newer := avro.Must(avro.Typed[User](""))
	read, err := newer.Reader(older.Schema())
	fmt.Println(err)
	u, err := read(b)
	fmt.Printf("%+v %v\n", u, err)
	// Output:
	// <nil>
	// <nil>
	// {Name:Ada Age:36 Level:new} <nil>
}
