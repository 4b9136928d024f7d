package declarative_test

import (
	"testing"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/filetest"
)

// Counts, whose values are int64 and not any, go wherever other values go; what is made of them is JSON.
func TestCounts(t *testing.T) {
	f, err := declarative.Load("counts.yaml", []byte(`
application: counts
tables:
  counts:
    from: in
    steps:
      - count: {store: counts}
      - filter: value != 7
  by-parity:
    from: counts
    steps:
      - group_by: '{key: value % 2 == 0 ? "even" : "odd", value: value}.key'
        name: parity
      - aggregate: {store: by-parity, initial: {sum: 0}, add: {sum: aggregate.sum + value}, subtract: {sum: aggregate.sum - value}}
  pairs:
    from: counts
    steps:
      - outer_join: {table: counts, value: [left, right], store: pairs}
        name: pairs
  windows:
    from: in
    steps:
      - window: {tumbling: 10s}
      - count: {store: windows}
streams:
  in:
    topic: in
    steps:
      - group_by_key:
  counted:
    from: counts
    steps:
      - to_stream:
      - filter: value > 0
      - filter: timestamp >= 0
      - log: 'key + " " + string(value)'
      - headers: {set: {n: string(value)}}
      - to: counted
  twice:
    merge: [counted, counted]
    steps:
      - map_values: value * 2
      - to: twice
  keyed:
    from: counted
    steps:
      - select_key: key + "!"
      - repartition: {name: keyed}
      - to: keyed
  again:
    from: counted
    steps:
      - group_by_key:
      - reduce: {store: most, add: "max(aggregate, value)"}
      - to_stream:
      - to: most
  joined:
    from: counted
    steps:
      - left_join: {table: counts, value: {left: left, right: right}}
      - to: joined
  parity:
    from: by-parity
    steps:
      - to_stream:
      - to: parity
  paired:
    from: pairs
    steps:
      - to_stream:
      - to: paired
  windowed:
    from: windows
    steps:
      - to_stream:
      - filter: window.start == 0
      - map: {key: key, value: [value, window.end]}
      - to: windowed
  flat:
    from: windows
    steps:
      - to_stream:
      - flat_map_values: 1..value
      - flat_map: {each: "[value]", key: string(window.start)}
      - serdes: {value: int64}
      - to: flat
`))
	if err != nil {
		t.Fatal(err)
	}
	cases, err := declarative.LoadCases("counts.test.yaml", []byte(`
tests:
  - name: counts
    input:
      - {key: a, value: 1, timestamp: 1000}
      - {key: a, value: 1, timestamp: 2000}
    output:
      counted: [{key: a, value: 1, headers: {n: "1"}}, {key: a, value: 2, headers: {n: "2"}}]
      twice: [{key: a, value: 2}, {key: a, value: 4}]
      keyed: [{key: a!, value: 1}, {key: a!, value: 2}]
      most: [{key: a, value: 1}, {key: a, value: 2}]
      joined: [{key: a, value: {left: 1, right: 1}}, {key: a, value: {left: 2, right: 2}}]
      parity: [{key: odd, value: {sum: 1}}, {key: odd, value: {sum: 0}}, {key: even, value: {sum: 2}}]
      paired: [{key: a, value: [1, 1]}, {key: a, value: [1, 1]}, {key: a, value: [2, 2]}, {key: a, value: [2, 2]}]
      windowed: [{key: a, value: [1, 10000]}, {key: a, value: [2, 10000]}]
      flat: [{key: "0", value: 1}, {key: "0", value: 1}, {key: "0", value: 2}]
    tables:
      counts: [{key: a, value: 2}]
      windows: [{key: {key: a, window: {start: 0, end: 10000}}, value: 2}]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range filetest.Run(f, cases[0]) {
		t.Error(p)
	}
}
