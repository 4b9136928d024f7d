package jsonschema_test

import (
	"fmt"

	"github.com/rivusio/rivusio/serde/jsonschema"
)

func ExampleOf() {
	type order struct {
		ID    string `json:"id"`
		Count int    `json:"count"`
	}
	f, err := jsonschema.Of[order](`{"properties": {"count": {"type": "integer", "minimum": 1}}}`)
	if err != nil {
		panic(err)
	}
	b, err := f.Append(nil, order{ID: "o-1", Count: 2})
	fmt.Println(string(b), err)

	_, err = f.Append(nil, order{ID: "o-1"})
	fmt.Println(err != nil)
	// Output:
	// {"id":"o-1","count":2} <nil>
	// true
}

func ExampleAny() {
	f, err := jsonschema.Any(`{"type": "array"}`)
	if err != nil {
		panic(err)
	}
	read, err := f.Reader(f.Schema())
	if err != nil {
		panic(err)
	}
	fmt.Println(read([]byte(`[1, "two"]`)))
	// Output: [1 two] <nil>
}
