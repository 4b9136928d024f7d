package local_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// lossyValue is a value of which JSON loses a field.
type lossyValue struct {
	N    int64
	Lost string `json:"-"`
}

// counted is an exact serde that counts what it decodes.
type counted struct {
	serde.Serde[int64]
	decoded *int
}

func (counted) Exact() bool { return true }

func (c counted) Decode(b []byte) (int64, error) {
	*c.decoded++
	return c.Serde.Decode(b)
}

// tripled is another serde of the same type: what it reads is not what was written.
type tripled struct{ serde.Serde[int64] }

func (tripled) Exact() bool { return true }

func (s tripled) Decode(b []byte) (int64, error) {
	n, err := s.Serde.Decode(b)
	return 3 * n, err
}

// Rounds have the same results as one record at a time. Values are handed over only where nobody can tell: an exact serde decodes
// what comes from outside, one that loses something decodes everything, and so does a reader whose serde is not the writer's.
func TestStagedHandsOverWhatIsExact(t *testing.T) {
	run := func(staged bool) (results string, decoded int) {
		exact := counted{serde.Int64, &decoded}
		graph := build(t, func(b *topology.Builder) {
			key := func(_ string, n int64) string { return fmt.Sprint(n % 7) }
			in := b.Stream("in", serde.String, exact)
			in.SelectKey(key).Repartition("exact").To("out")
			in.MapValues(func(_ string, n int64) lossyValue { return lossyValue{n, "seen"} }).WithSerdes(serde.String, serde.JSON[lossyValue]()).
				SelectKey(func(_ string, v lossyValue) string { return v.Lost + "x" }).Repartition("lossy").
				MapValues(func(_ string, v lossyValue) lossyValue { return lossyValue{N: v.N + int64(len(v.Lost))} }).To("lossy-out")
			in.To("between")
			b.Stream("between", serde.String, serde.Serde[int64](tripled{serde.Int64})).To("tripled")
		}).Graph()
		b := broker(t, map[string]int32{"in": 3, "out": 3, "lossy-out": 3, "between": 3, "tripled": 3})
		r := start(t, local.Config{Graph: graph, Broker: b, CommitEvery: 1 << 30, Staged: staged})
		if staged && !r.CanRunStaged() {
			t.Fatal("it cannot run staged")
		}
		for i := range 1_000 {
			value, _ := serde.Int64.Append(nil, int64(i))
			if _, err := b.Append("in", int32(i%3), operators.Input{Key: []byte("k"), Value: value, Timestamp: int64(i)}); err != nil {
				t.Fatal(err)
			}
			if i%300 == 299 {
				if err := r.RunStaged(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.RunStaged(); err != nil {
			t.Fatal(err)
		}
		if err := r.Commit(); err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		for _, topic := range []string{"out", "lossy-out", "tripled"} {
			records, _ := b.Read(topic, nil)
			byPartition := make([]string, 3)
			for _, rec := range records {
				byPartition[rec.Partition] += fmt.Sprintf("%s %d: %s=%q\n", topic, rec.Partition, rec.Key, rec.Value)
			}
			fmt.Fprint(&text, byPartition)
		}
		return text.String(), decoded
	}
	want, all := run(false)
	got, fewer := run(true)
	if got != want {
		t.Errorf("staged:\n%.2000s\nrecord by record:\n%.2000s", got, want)
	}
	if all != 2_000 || fewer != 1_000 {
		t.Errorf("%d values were decoded record by record, want 2,000; %d in rounds, want 1,000", all, fewer)
	}
}
