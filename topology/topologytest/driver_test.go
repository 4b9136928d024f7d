package topologytest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// failing catches what fails a test.
type failing struct{ testing.TB }

func (failing) Helper()                           {}
func (failing) Cleanup(func())                    {}
func (failing) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func failureOf(f func()) (message string) {
	defer func() { message = fmt.Sprint(recover()) }()
	f()
	return ""
}

func build(t testing.TB, add func(b *topology.Builder)) *topology.Topology {
	t.Helper()
	b := topology.NewBuilder("app")
	add(b)
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

func counting(t testing.TB) *topology.Topology {
	return build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).
			MapValues(func(_, v string) string {
				if v == "boom" {
					panic("no " + v)
				}
				return v
			}, topology.Named("check")).
			GroupByKey().Count("counts").ToStream().To("out")
	})
}

func TestMistakesOfATestFailIt(t *testing.T) {
	d := topologytest.New(failing{t}, counting(t))
	for want, do := range map[string]func(){
		`there is no topic "inn"; topology "app" has app-counts-changelog, in, out`:     func() { topologytest.Input(d, "inn", serde.String, serde.String) },
		`topic "out" has no more records`:                                               func() { topologytest.Output(d, "out", serde.String, serde.Int64).Read() },
		`topology "app" has no store "count"`:                                           func() { topologytest.KeyValue[string, int64](d, "count") },
		`store "counts" is a *state.KeyValueStore[string,int64], not a state.KeyValueR`: func() { topologytest.KeyValue[string, string](d, "counts") },
		`topology "app" has no operator "checks"`:                                       func() { d.Received("checks") },
		`option Partitions names topic "inn"`: func() {
			topologytest.New(failing{t}, counting(t), topologytest.Partitions(2, "inn"))
		},
		`topic "in" has 1 partitions and no partition 7`: func() {
			topologytest.Input(d, "in", serde.String, serde.String).Send("k", "v", topologytest.ToPartition(7))
		},
		`operator "check", task 0_0, topic "in", partition 0, offset 0, key "k": panic: no boom`: func() {
			topologytest.Input(d, "in", serde.String, serde.String).Send("k", "boom")
		},
	} {
		if got := failureOf(do); !strings.Contains(got, want) {
			t.Errorf("the test fails with %q, want %q", got, want)
		}
	}
}

func TestSendErrReturnsTheFailureWhileItLasts(t *testing.T) {
	down := errors.New("down")
	var fail error
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).
			Process(func(_ *operators.Context, forward operators.Forward[string, string]) (operators.Forward[string, string], error) {
				return func(r *operators.Record[string, string]) error {
					if fail != nil {
						return fail
					}
					return forward(r)
				}, nil
			}).To("out")
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	out := topologytest.Output(d, "out", serde.String, serde.String)
	in.Send("a", "1", topologytest.AtMs(1))
	fail = down
	if err := in.SendErr("a", "2", topologytest.AtMs(2)); !errors.Is(err, down) {
		t.Fatalf("error is %v", err)
	}
	if err := in.SendErr("a", "3", topologytest.AtMs(3)); !errors.Is(err, down) {
		t.Fatalf("error after a failure is %v", err)
	}
	fail = nil
	d.Restart(topologytest.KeptState)
	if got := fmt.Sprint(out.ReadAll()); got != "[a=1@1 a=2@2 a=3@3]" {
		t.Errorf("records are %s", got)
	}
}

func TestRecordsKeepEverything(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).To("out")
	})
	d := topologytest.New(t, topo, topologytest.Partitions(3), topologytest.StartAt(time.UnixMilli(500)))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	out := topologytest.Output(d, "out", serde.String, serde.String)

	in.Send("k", "v", topologytest.Header("trace", "1"), topologytest.Header("trace", "2"))
	r := out.Read()
	if h, ok := r.Header("trace"); r.String() != "k=v@500" || len(r.Headers) != 2 || h != "1" || !ok {
		t.Errorf("record is %v with headers %v", r, r.Headers)
	}
	if want := operators.KeyPartition([]byte("k"), 3); r.Partition != want || r.Offset != 0 {
		t.Errorf("record is at %d/%d, want %d/0", r.Partition, r.Offset, want)
	}
	in.Delete("k", topologytest.AtMs(7))
	in.Send("", "v", topologytest.NullKey(), topologytest.AtMs(8), topologytest.ToPartition(2))
	in.Send("", "", topologytest.AtMs(9))
	if got := fmt.Sprint(out.ReadAll()); got != "[k=null@7 null=v@8 =@9]" {
		t.Errorf("records are %s", got)
	}
}

func TestBytesThatDoNotDecode(t *testing.T) {
	for _, skip := range []bool{true, false} {
		d := topologytest.New(t, build(t, func(b *topology.Builder) {
			var opts []topology.NodeOption
			if skip {
				opts = append(opts, topology.SkipUndecodable())
			}
			b.Stream("in", serde.String, serde.Int64, opts...).To("out")
		}))
		in := topologytest.Input(d, "in", serde.String, serde.Int64)
		err := in.SendErr("k", 0, topologytest.ValueBytes([]byte("short")), topologytest.AtMs(1))
		var refused *operators.DecodeError
		if skip {
			if want := []topologytest.Drop{{Operator: "source-0", Reason: operators.UndecodableRecord, Records: 1}}; err != nil || !slices.Equal(d.Dropped(), want) {
				t.Errorf("error is %v, dropped is %v", err, d.Dropped())
			}
		} else if !errors.As(err, &refused) || !strings.Contains(err.Error(), `operator "source-0", task 0_0, topic "in", partition 0, offset 0, key "k": decode value`) {
			t.Errorf("error is %v", err)
		}
	}
}

func TestOutputsShowCommittedRecordsOnly(t *testing.T) {
	d := topologytest.New(t, counting(t), topologytest.CommitEvery(3))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	out := topologytest.Output(d, "out", serde.String, serde.Int64)
	in.Send("a", "", topologytest.AtMs(1))
	in.Send("a", "", topologytest.AtMs(2))
	if !out.Empty() {
		t.Error("uncommitted records are visible")
	}
	if n, _ := topologytest.KeyValue[string, int64](d, "counts").Get("a"); n != 2 {
		t.Errorf("the store has %d", n)
	}
	d.Restart(topologytest.KeptState) // the two run again
	in.Send("a", "", topologytest.AtMs(3))
	if got := fmt.Sprint(out.ReadAll()); got != "[a=1@1 a=2@2 a=3@3]" {
		t.Errorf("records are %s", got)
	}
	in.Send("a", "", topologytest.AtMs(4))
	d.Commit()
	if got := fmt.Sprint(out.ReadAll()); got != "[a=4@4]" {
		t.Errorf("records are %s", got)
	}
	if n := d.Received("check"); n != 4 {
		t.Errorf("operator got %d records since the restart", n)
	}
}

func TestKeysSpreadOverPartitionsAndComeTogether(t *testing.T) {
	d := topologytest.New(t, counting(t), topologytest.Partitions(4, "in"), topologytest.CacheBytes(1))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	for i := range 100 {
		in.Send(fmt.Sprint("key-", i%20), "")
	}
	counts := topologytest.KeyValue[string, int64](d, "counts")
	rows := counts.All()
	if len(rows) != 20 || slices.ContainsFunc(rows, func(r state.Row[string, int64]) bool { return r.Value != 5 }) {
		t.Errorf("rows are %v", rows)
	}
	if n, ok := counts.Get("key-7"); n != 5 || !ok {
		t.Errorf("key-7 has %d, %v", n, ok)
	}
	if _, ok := counts.Get("key-20"); ok {
		t.Error("key-20 has a row")
	}
}
