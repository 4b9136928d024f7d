package operators_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/operators"
)

// The chain is the hot path: it must not allocate, whatever a benchmark says today.
func TestChainDoesNotAllocate(t *testing.T) {
	var sum int64
	end := func(r *record) error { sum += r.Value; return nil }
	c := newContext()
	chain := operators.Enter(c, operators.Filter(func(_ string, v int64) bool { return v > 1 }, plain,
		operators.Enter(c, operators.MapValues(func(_ string, v int64) int64 { return v * 2 }, plain, plain, end))))
	r := &record{Key: "k", Value: 21}
	if n := testing.AllocsPerRun(1000, func() { _ = chain(r) }); n != 0 {
		t.Errorf("%v allocations per record, want 0", n)
	}
	if sum == 0 {
		t.Error("nothing came through")
	}
}

// A null value that the serde cannot carry never reaches user code, and a null key does, as the zero value.
func TestNullsStayOutOfUserCode(t *testing.T) {
	var got []record
	end := func(r *record) error { got = append(got, *r); return nil }
	bad := func(string, int64) bool { t.Error("a predicate was shown a null value"); return true }
	null := &record{Key: "k", NullValue: true}
	c := newContext()
	for name, chain := range map[string]operators.Forward[string, int64]{
		"filter":     operators.Filter(bad, plain, end),
		"map values": operators.MapValues(func(k string, v int64) int64 { bad(k, v); return v }, plain, plain, end),
		"branch":     operators.Branch([]func(string, int64) bool{bad}, plain, []operators.Forward[string, int64]{nil, end}),
		"peek":       operators.Peek(func(k string, v int64) { bad(k, v) }, plain, end),
	} {
		got = nil
		if err := chain(null); err != nil || len(got) != 1 || !got[0].NullValue || got[0].Key != "k" {
			t.Errorf("%s: a null value came out as %+v, error %v", name, got, err)
		}
	}
	for name, chain := range map[string]operators.Forward[string, int64]{
		"map":        operators.Map(c, func(k string, v int64) (string, int64) { bad(k, v); return k, v }, plain, plain, end),
		"select key": operators.SelectKey(c, func(k string, v int64) string { bad(k, v); return k }, plain, plain, end),
		"flat map":   operators.FlatMap(c, func(k string, v int64, _ func(string, int64)) { bad(k, v) }, plain, plain, end),
	} {
		got = nil
		before := c.Dropped[operators.NullValue]
		if err := chain(null); err != nil || len(got) != 0 || c.Dropped[operators.NullValue] != before+1 {
			t.Errorf("%s: a null value came out as %+v, was counted %d times, error %v", name, got, c.Dropped[operators.NullValue]-before, err)
		}
	}
	got = nil
	keyless := &record{Value: 3, NullKey: true}
	if err := operators.MapValues(func(k string, v int64) int64 { return v + int64(len(k)) }, plain, plain, end)(keyless); err != nil || len(got) != 1 || !got[0].NullKey || got[0].Value != 3 {
		t.Errorf("a record without a key came out as %+v, error %v", got, err)
	}
}

func TestErrorsNameTheOperatorAndThePlace(t *testing.T) {
	scope := &operators.Scope{Task: "0_3"}
	scope.Begin(operators.Origin{Topic: "orders", Partition: 3, Offset: 17}, []byte("a\x00b"), 5, nil)
	cause := errors.New("out of stock")
	inner := operators.Enter(operators.NewContext("inner", scope), func(*record) error { return cause })
	outer := operators.Enter(operators.NewContext("outer", scope), operators.Forward[string, int64](inner))
	err := outer(&record{})
	want := `operator "inner", task 0_3, topic "orders", partition 3, offset 17, key "a\x00b": out of stock`
	if err == nil || err.Error() != want || !errors.Is(err, cause) {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// Keys land where every other client with Kafka's default partitioner puts them.
func TestKeyPartitionIsKafkas(t *testing.T) {
	theirs := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key")
		n := rapid.Int32Range(1, 1000).Draw(t, "partitions")
		want := theirs.Partition(&kgo.Record{Key: key}, int(n))
		if got := operators.KeyPartition(key, n); int(got) != want {
			t.Fatalf("key %x of %d partitions: %d, want %d", key, n, got, want)
		}
	})
}
