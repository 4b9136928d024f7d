package operators_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
)

// prices is a global table of the example.
func prices(k string) (cents, timestamp int64, ok bool, err error) {
	cents, ok = map[string]int64{"tea": 250, "cake": 400}[k]
	return cents, 0, ok, nil
}

func ExampleJoinGlobal() {
	item := func(order string, n int64) string { return order[2:] }
	cost := func(_ string, n, cents int64) int64 { return n * cents }
	chain := operators.JoinGlobal(newContext(), prices, item, nil, cost, plain, show)
	for _, order := range []string{"1:tea", "2:cake", "3:water"} {
		if err := chain(&record{Key: order, Value: 2}); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 1:tea 500
	// 2:cake 800
}

func ExampleLeftJoinGlobal() {
	item := func(order string, n int64) string { return order[2:] }
	cost := func(_ string, n int64, cents serde.Optional[int64]) int64 {
		if !cents.OK {
			return -1
		}
		return n * cents.Value
	}
	chain := operators.LeftJoinGlobal(newContext(), prices, item, nil, cost, plain, show)
	for _, order := range []string{"1:tea", "3:water"} {
		if err := chain(&record{Key: order, Value: 2}); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 1:tea 500
	// 3:water -1
}

// Rule 72: what is null on which side.
func TestNullsOfGlobalJoins(t *testing.T) {
	key := func(k string, v int64) string { return fmt.Sprint(k, v) }
	isNull := func(k string) bool { return k == "0" }
	table := func(k string) (int64, int64, bool, error) {
		if k == "0" {
			t.Error("a null key was looked up")
		}
		if k == "k1" || k == "1" {
			return 10, 0, true, nil
		}
		return 0, 0, false, nil
	}
	out := operators.Nulls[string, int64]{Value: func(v int64) bool { return v == 11 }}
	var got []string
	end := func(r *record) error {
		got = append(got, fmt.Sprintf("%s %d %v %v @%d", r.Key, r.Value, r.NullKey, r.NullValue, r.Timestamp))
		return nil
	}
	records := []record{
		{Key: "k", Value: 1, Timestamp: 1},
		{Value: 1, NullKey: true, Timestamp: 2},    // is looked up under "1"
		{Value: 0, NullKey: true, Timestamp: 3},    // the key made of it is null
		{Key: "k", Value: 2, Timestamp: 4},         // no row
		{Key: "k", NullValue: true, Timestamp: 5},  // nothing to join
		{NullKey: true, NullValue: true, Value: 0}, // nor here
	}
	inner, left := newContext(), newContext()
	for _, c := range []struct {
		name  string
		c     *operators.Context
		chain operators.Forward[string, int64]
		want  string
		drops [2]uint64 // null keys, null values
	}{
		{"inner", inner, operators.JoinGlobal(inner, table, key, isNull, func(_ string, v, row int64) int64 { return v + row }, out, end),
			"[k 11 false true @1  11 true true @2]", [2]uint64{1, 2}},
		{"left", left, operators.LeftJoinGlobal(left, table, key, isNull, func(_ string, v int64, row serde.Optional[int64]) int64 { return v + row.Value }, out, end),
			"[k 11 false true @1  11 true true @2  0 true false @3 k 2 false false @4]", [2]uint64{0, 2}},
	} {
		got = nil
		for i := range records {
			if err := c.chain(&records[i]); err != nil {
				t.Fatal(err)
			}
		}
		if s := fmt.Sprint(got); s != c.want {
			t.Errorf("%s: got  %s\nwant %s", c.name, s, c.want)
		}
		if drops := [2]uint64{c.c.Dropped[operators.NullKey], c.c.Dropped[operators.NullValue]}; drops != c.drops {
			t.Errorf("%s: dropped %v, want %v", c.name, drops, c.drops)
		}
	}
}

func TestGlobalJoinsReturnErrorsOfLookups(t *testing.T) {
	broken := errors.New("broken")
	table := func(string) (int64, int64, bool, error) { return 0, 0, true, broken }
	key := func(k string, _ int64) string { return k }
	end := func(*record) error { t.Error("a result came out"); return nil }
	for name, chain := range map[string]operators.Forward[string, int64]{
		"inner": operators.JoinGlobal(newContext(), table, key, nil, func(_ string, v, row int64) int64 { return v }, plain, end),
		"left":  operators.LeftJoinGlobal(newContext(), table, key, nil, func(_ string, v int64, _ serde.Optional[int64]) int64 { return v }, plain, end),
	} {
		if err := chain(&record{Key: "k"}); !errors.Is(err, broken) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
