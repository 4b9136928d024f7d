package declarative_test

import (
	"fmt"

	"github.com/rivusio/rivusio/declarative"
)

func ExampleLoad() {
	f, err := declarative.Load("large.yaml", []byte(`
application: large-orders
streams:
  orders:
    topic: orders
    steps:
      - filter: value.cents > 100
        name: large
      - to: large-orders
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(f.Topology.Describe())
	// Output:
	// Topology: large-orders
	//   Sub-topology: 0
	//     Source: source-0 (topic: orders)
	//       --> large
	//     Operator: large
	//       --> sink-2
	//     Sink: sink-2 (topic: large-orders)
}

func ExampleLoad_mistakes() {
	_, err := declarative.Load("orders.yaml", []byte(`
application: orders
streams:
  orders:
    topic: orders
    steps:
      - filtre: value.cents > 100
      - select_key: valu.customer
`))
	fmt.Println(err)
	// Output: orders.yaml:7:9: streams.orders.steps[0]: unknown key "filtre", did you mean "filter"?
}

func ExampleExpression() {
	f, err := declarative.Expression("--key", "value.id + '-' + string(value.n * 2)")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f(map[string]any{"id": "a", "n": int64(21)}))
	// Output: a-42 <nil>
}

func ExampleLoadCases() {
	cases, err := declarative.LoadCases("orders.test.yaml", []byte("tests:\n  - {name: one, input: [{value: 1}]}\n"))
	fmt.Println(cases[0].Name, cases[0].Place, err)
	// Output: one orders.test.yaml:2:5 <nil>
}
