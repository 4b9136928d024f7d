package declarative_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/filetest"
)

// Tasks on several goroutines evaluate the same expressions, whose constants they share.
func TestExpressionsRunOnManyGoroutines(t *testing.T) {
	f, err := declarative.Load("f.yaml", []byte(`
application: a
streams:
  s:
    topic: in
    steps:
      - filter: value.n in [1, 2, 3] && value.n % 1 == 0
      - map_values: {list: "[1, 2.5, {a: 1}]", twice: value.n * 2, const: "[1, 2]"}
      - to: out
`))
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	problems := make(chan string, 1000)
	for g := range 4 {
		done.Go(func() {
			for range 25 {
				n := int64(1 + g%3)
				for _, p := range filetest.Run(f, declarative.Case{
					Partitions: 1,
					Input:      []declarative.Step{{Value: map[string]any{"n": n}}, {Value: map[string]any{"n": int64(9)}}},
					Output: map[string][]declarative.Expected{"out": {{Value: map[string]any{
						"list": []any{int64(1), 2.5, map[string]any{"a": int64(1)}}, "twice": 2 * n, "const": []any{int64(1), int64(2)},
					}}}},
				}) {
					problems <- fmt.Sprint(g, ": ", p)
				}
			}
		})
	}
	done.Wait()
	close(problems)
	for p := range problems {
		t.Error(p)
	}
}
