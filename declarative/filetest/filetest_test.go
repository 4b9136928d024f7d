package filetest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/filetest"
)

const file = `
application: sums
streams:
  s:
    pattern: "numbers-.*"
    steps:
      - group_by_key:
      - reduce: {store: sums, add: aggregate + value}
      - to_stream:
      - headers: {set: {by: '"sums"'}}
      - to: out
`

const tests = `
tests:
  - name: right
    input:
      - {topic: numbers-a, key: a, value: 1, timestamp: 5}
      - advance: 10s
      - {topic: numbers-b, key: a, value: 2}
    output:
      out:
        - {key: a, value: 1, timestamp: 5, headers: {by: sums}, partition: 0}
        - {key: a, value: 3, timestamp: 1970-01-01T00:00:10Z}
    tables:
      sums: [{key: a, value: 3}]
  - name: wrong
    partitions: 2
    input:
      - {topic: numbers-a, key: a, value: {x: [1, 2]}, headers: {h: v}}
      - {topic: numbers-a, key: b, value: 1}
      - {topic: numbers-a, key: c, value: 1}
    output:
      out:
        - {key: b, value: {x: [1, 3], y: 1}, timestamp: 1, partition: 9, headers: {h: w}}
        - {key: b, value: 1}
      more:
        - {key: x}
    tables:
      sums: [{key: a, value: 1}, {key: z, value: 1}]
      others: []
  - name: fails
    input:
      - {topic: numbers-a, key: a, value: 1}
      - {topic: numbers-a, key: a, value: {}}
    error: invalid operation
  - name: fails otherwise
    input:
      - {topic: numbers-a, key: a, value: 1}
      - {topic: numbers-a, key: a, value: {}}
    error: out of memory
  - name: does not fail
    input:
      - {topic: numbers-a, key: a, value: 1}
    output: {out: [{key: a, value: 1}]}
    error: anything
  - name: unread
    input:
      - {topic: letters, key: a, value: 1}
`

// Every difference is said, and nothing else.
func TestRun(t *testing.T) {
	f, err := declarative.Load("f.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	cases, err := declarative.LoadCases("f.test.yaml", []byte(tests))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"wrong": {
			`topic more, record 1: missing, want {"key":"x","value":null}`,
			`topic out, record 1: key: got "a", want "b"`,
			`topic out, record 1: value.x[1]: got 2, want 3`,
			`topic out, record 1: value.y: got nothing, want 1`,
			`topic out, record 1: timestamp: got 0, want 1`,
			`topic out, record 1: partition: got `,
			`topic out, record 1: headers.by: got "sums", want nothing`,
			`topic out, record 1: headers.h: got "v", want "w"`,
			`topic out, record 3: not wanted, got {"topic":"out","key":"c","value":1,"timestamp":0,"headers":{"by":"sums"},"partition":`,
			`tables: no table keeps its rows in a store "others"`,
			`store sums, key "a": value: got {"x":[1,2]}, want 1`,
			`store sums: no row of key "z", want 1`,
			`store sums: a row of key "b" is not wanted, it is 1`,
			`store sums: a row of key "c" is not wanted, it is 1`,
		},
		"fails otherwise": {`the input fails with "input 2: operator \"sums-reduce\"`},
		"does not fail":   {`the input did not fail, want an error with "anything"`},
		"unread":          {`the input fails: `},
	}
	for _, c := range cases {
		got := filetest.Run(f, c)
		if len(got) != len(want[c.Name]) || slices.ContainsFunc(want[c.Name], func(w string) bool {
			return !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) })
		}) {
			t.Errorf("%s:\n%s\nwant\n%s", c.Name, strings.Join(got, "\n"), strings.Join(want[c.Name], "\n"))
		}
	}
}

func ExampleRun() {
	f, err := declarative.Load("doubles.yaml", []byte(`
application: doubles
streams:
  numbers:
    topic: numbers
    steps:
      - map_values: value * 2
      - to: doubles
tests:
  - name: numbers are doubled
    input:
      - {value: 21}
    output:
      doubles:
        - {value: 43}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, problem := range filetest.Run(f, f.Cases[0]) {
		fmt.Println(problem)
	}
	// Output: topic doubles, record 1: value: got 42, want 43
}
