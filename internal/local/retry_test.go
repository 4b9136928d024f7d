package local_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

// Whenever transactions commit or abort, processes restart and disks are lost: each record of an operator that is tried again
// comes out once, or is a dead letter once, and those of a key keep their order.
func TestRetriesAreExactlyOnce(t *testing.T) {
	for seed := range uint64(60) {
		retriesOnce(t, rand.New(rand.NewPCG(seed, 7)))
	}
}

func retriesOnce(t *testing.T, r *rand.Rand) {
	const records, partitions = 150, 2
	attempts := 2 + r.IntN(3)
	flaky := rand.New(rand.NewPCG(r.Uint64(), 0))
	topo := build(t, func(b *topology.Builder) {
		policy := topology.DeadLetter("dead").Retry(topology.Retries{
			Attempts: attempts, Backoff: time.Duration(1+r.IntN(200)) * time.Millisecond, MaxParked: 1 + r.IntN(records),
		})
		b.Stream("in", serde.String, serde.String).
			Process(func(_ *operators.Context, next operators.Forward[string, string]) (operators.Forward[string, string], error) {
				return func(rec *operators.Record[string, string]) error {
					if strings.HasPrefix(rec.Key, "x") || flaky.IntN(4) == 0 {
						return errors.New("down")
					}
					return next(rec)
				}, nil
			}, topology.Named("call"), topology.OnError(policy)).
			MarkAsPartitioned().
			To("out")
	})
	b := broker(t, map[string]int32{"in": partitions, "out": partitions, "dead": 1})
	want := make(map[string][]string)
	for i := range records {
		key := fmt.Sprintf("%c%d", "abcx"[r.IntN(4)], i%partitions)
		want[key] = append(want[key], fmt.Sprint(i))
		if _, err := b.Append("in", int32(i%partitions), operators.Input{Key: []byte(key), Value: fmt.Append(nil, i), Timestamp: int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	cfg := local.Config{
		Graph: topo.Graph(), Broker: b, Backend: state.NewMemory(), CommitEvery: 1 + r.IntN(20),
		BeforeCommit: func() error {
			if r.IntN(6) == 0 {
				return errDisturbed
			}
			return nil
		},
	}
	run, err := local.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		if err := errors.Join(run.Run(), run.Advance(50*time.Millisecond)); err != nil {
			if !errors.Is(err, errDisturbed) {
				t.Fatal(err)
			}
			cfg.Now = run.Now()
			if err := interrupt(&run, cfg, r); err != nil {
				t.Fatal(err)
			}
		}
		if out, dead := recordsOf(b, "out"), recordsOf(b, "dead"); len(out)+len(dead) >= records {
			break
		}
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	got, dead := make(map[string][]string), 0
	for _, rec := range slices.Concat(recordsOf(b, "out"), recordsOf(b, "dead")) {
		key := string(rec.Key)
		got[key] = append(got[key], string(rec.Value))
		if _, ok := operators.HeaderValue(rec.Headers, operators.DeadLetterOperator); ok {
			dead++
		} else if key[0] == 'x' {
			t.Errorf("%s has a result", key)
		}
	}
	if dead == 0 {
		t.Error("there are no dead letters")
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if key[0] != 'x' { // results and dead letters of the others lie in two topics
			slices.SortFunc(got[key], func(a, b string) int { return slices.Index(want[key], a) - slices.Index(want[key], b) })
		}
		if !slices.Equal(got[key], want[key]) {
			t.Errorf("%s has %v\nwant %v", key, got[key], want[key])
		}
	}
	inOrder(t, recordsOf(b, "out"), want)
}

// inOrder checks that the records of each key come as they were sent.
func inOrder(t *testing.T, records []local.Record, sent map[string][]string) {
	t.Helper()
	last := make(map[string]int)
	for _, rec := range records {
		key := string(rec.Key)
		at := slices.Index(sent[key], string(rec.Value))
		if before, ok := last[key]; ok && at <= before {
			t.Errorf("%s: %s comes after %s", key, rec.Value, sent[key][before])
		}
		last[key] = at
	}
}

func recordsOf(b *local.Broker, topic string) []local.Record {
	records, _ := b.Read(topic, nil)
	return records
}
