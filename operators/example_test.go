package operators_test

import (
	"fmt"
	"strings"

	"github.com/rivusio/rivusio/operators"
)

type record = operators.Record[string, int64]

// show ends the chain of an example.
func show(r *record) error {
	fmt.Println(r.Key, r.Value)
	return nil
}

// send runs numbers through a chain.
func send(chain operators.Forward[string, int64], values ...int64) {
	for _, v := range values {
		if err := chain(&record{Key: "n", Value: v}); err != nil {
			fmt.Println(err)
		}
	}
}

// plain is a stream whose serdes have no value for null.
var plain operators.Nulls[string, int64]

func newContext() *operators.Context { return operators.NewContext("example", new(operators.Scope)) }

func ExampleFilter() {
	send(operators.Filter(func(_ string, v int64) bool { return v%2 == 0 }, plain, show), 0, 1, 2, 3)
	// Output:
	// n 0
	// n 2
}

func ExampleFilterNot() {
	send(operators.FilterNot(func(_ string, v int64) bool { return v%2 == 0 }, plain, show), 0, 1, 2, 3)
	// Output:
	// n 1
	// n 3
}

func ExampleBranch() {
	named := func(name string) operators.Forward[string, int64] {
		return func(r *record) error { fmt.Println(name, r.Value); return nil }
	}
	small := func(_ string, v int64) bool { return v < 10 }
	even := func(_ string, v int64) bool { return v%2 == 0 }
	send(operators.Branch([]func(string, int64) bool{small, even}, plain, []operators.Forward[string, int64]{named("small"), named("even"), named("rest")}), 2, 11, 12)
	// Output:
	// small 2
	// rest 11
	// even 12
}

func ExamplePeek() {
	send(operators.Peek(func(_ string, v int64) { fmt.Println("saw", v) }, plain, show), 7)
	// Output:
	// saw 7
	// n 7
}

func ExampleMapValues() {
	send(operators.MapValues(func(_ string, v int64) int64 { return v * v }, plain, plain, show), 2, 3)
	// Output:
	// n 4
	// n 9
}

func ExampleMap() {
	send(operators.Map(newContext(), func(k string, v int64) (string, int64) { return k + k, v + 1 }, plain, plain, show), 1)
	// Output:
	// nn 2
}

func ExampleSelectKey() {
	send(operators.SelectKey(newContext(), func(_ string, v int64) string { return fmt.Sprint("key-", v%2) }, plain, plain, show), 1, 2)
	// Output:
	// key-1 1
	// key-0 2
}

func ExampleFlatMap() {
	split := func(k string, v int64, emit func(string, int64)) {
		for i := range v {
			emit(k, i)
		}
	}
	send(operators.FlatMap(newContext(), split, plain, plain, show), 2, 0, 1)
	// Output:
	// n 0
	// n 1
	// n 0
}

func ExampleFlatMapValues() {
	twice := func(_ string, v int64) []int64 { return []int64{v, v} }
	send(operators.FlatMapValues(newContext(), twice, plain, plain, show), 5)
	// Output:
	// n 5
	// n 5
}

func ExampleToStream() {
	changes := operators.ToStream(strings.ToUpper, plain, show)
	update := &operators.Record[string, operators.Change[int64]]{Key: "k", Value: operators.Change[int64]{New: 3}}
	if err := changes(update); err != nil {
		fmt.Println(err)
	}
	// Output:
	// K 3
}

func ExampleFan() {
	add := func(n int64) operators.Forward[string, int64] {
		return func(r *record) error { r.Value += n; return show(r) }
	}
	send(operators.Fan(add(10), add(100)), 1) // each gets a record of its own
	// Output:
	// n 11
	// n 101
}

func ExampleKeyPartition() {
	fmt.Println(operators.KeyPartition([]byte("user-1"), 6))
	// Output:
	// 2
}
