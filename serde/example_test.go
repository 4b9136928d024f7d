package serde_test

import (
	"fmt"
	"time"

	"github.com/rivusio/rivusio/serde"
)

// show prints the bytes of v and what they decode to.
func show[T any](s serde.Serde[T], v T) {
	b, err := s.Append(nil, v)
	if err != nil {
		fmt.Println(err)
		return
	}
	back, err := s.Decode(b)
	fmt.Printf("%q %v %v\n", b, back, err)
}

func ExampleFor() {
	type CustomerID string
	type Customer struct {
		Name string
		Tier int
	}
	show(serde.For[CustomerID](), "c-1")
	show(serde.For[int64](), 258)
	show(serde.For[Customer](), Customer{"Ada", 2})
	fmt.Println(serde.For[chan int]())
	// Output:
	// "c-1" c-1 <nil>
	// "\x00\x00\x00\x00\x00\x00\x01\x02" 258 <nil>
	// "{\"Name\":\"Ada\",\"Tier\":2}" {Ada 2} <nil>
	// <nil>
}

func ExampleForKey() {
	type Seat struct{ Row, Number int }
	show(serde.ForKey[Seat](), Seat{3, 14})
	fmt.Println(serde.ForKey[map[string]int](), serde.ForKey[float64]())
	// Output:
	// "{\"Row\":3,\"Number\":14}" {3 14} <nil>
	// <nil> <nil>
}

func ExampleJSON() {
	s := serde.JSON[map[string]int]()
	show(s, map[string]int{"b": 2, "a": 1})
	_, err := s.Decode([]byte(`{"a":1} rest`))
	fmt.Println(err)
	// Output:
	// "{\"a\":1,\"b\":2}" map[a:1 b:2] <nil>
	// serde: JSON[map[string]int]: 12 bytes (7b 22 61 22 3a 31 7d 20 …): jsontext: invalid character 'r' after top-level value after offset 8
}

func ExampleNullable() {
	s := serde.Nullable(serde.String)
	isNull := serde.IsNull(s)
	fmt.Println(isNull(serde.None[string]()), isNull(serde.Some("")))
	show(s, serde.Some("a"))
	fmt.Println(s.Decode(nil))
	// Output:
	// true false
	// "a" {a true} <nil>
	// { false} <nil>
}

func ExamplePointer() {
	s := serde.Pointer(serde.Int64)
	v, err := s.Decode([]byte{0, 0, 0, 0, 0, 0, 0, 7})
	fmt.Println(*v, err)
	v, err = s.Decode(nil)
	fmt.Println(v, err)
	// Output:
	// 7 <nil>
	// <nil> <nil>
}

func ExampleIsNull() {
	fmt.Println(serde.IsNull(serde.String) == nil)
	fmt.Println(serde.IsNull(serde.Pointer(serde.String))(nil))
	// Output:
	// true
	// true
}

func Example_scalars() {
	show(serde.String, "käse")
	show(serde.Bytes, []byte{1, 2})
	show(serde.Int64, -1)
	show(serde.Int32, 1)
	show(serde.Float64, 1)
	show(serde.Bool, true)
	show(serde.Time, time.Unix(0, 256_999_999))
	// Output:
	// "käse" käse <nil>
	// "\x01\x02" [1 2] <nil>
	// "\xff\xff\xff\xff\xff\xff\xff\xff" -1 <nil>
	// "\x00\x00\x00\x01" 1 <nil>
	// "?\xf0\x00\x00\x00\x00\x00\x00" 1 <nil>
	// "\x01" true <nil>
	// "\x00\x00\x00\x00\x00\x00\x01\x00" 1970-01-01 00:00:00.256 +0000 UTC <nil>
}
