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
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

type (
	forward = operators.Forward[string, string]
	record  = operators.Record[string, string]
)

// processing is a topology with one processor between the topics in and out.
func processing(t testing.TB, init func(*operators.Context, forward) (forward, error)) *topology.Topology {
	return build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).Process(init).To("out")
	})
}

func drop(*record) error { return nil }

func TestSchedules(t *testing.T) {
	var ran []string
	at := func(what string) func(int64) error {
		return func(ms int64) error {
			ran = append(ran, fmt.Sprint(what, ms))
			return nil
		}
	}
	topo := processing(t, func(c *operators.Context, next forward) (forward, error) {
		c.Schedule(10*time.Millisecond, operators.StreamClock, at("stream "))
		c.Schedule(10*time.Millisecond, operators.WallClock, at("wall "))
		var once *operators.Schedule
		once = c.Schedule(20*time.Millisecond, operators.StreamClock, func(ms int64) error {
			once.Cancel()
			_, ok := c.Origin()
			c.Schedule(time.Millisecond, operators.StreamClock, at("added "))
			return next(&record{Key: "once", Value: fmt.Sprint(ms, c.Timestamp(), ok), Timestamp: ms})
		})
		return drop, nil
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	out := topologytest.Output(d, "out", serde.String, serde.String)
	for _, step := range []struct {
		do   func()
		want string
	}{
		// The first record of the task reaches the slot at 0; slots that are missed together give one call (rule 83).
		{func() { in.Send("k", "", topologytest.AtMs(0)) }, "[stream 0]"},
		{func() { in.Send("k", "", topologytest.AtMs(35)) }, "[stream 35 added 35]"},
		{func() { in.Send("k", "", topologytest.AtMs(34)) }, "[]"},
		{func() { in.Send("k", "", topologytest.AtMs(39)) }, "[added 39]"},
		{func() { in.Send("k", "", topologytest.AtMs(40)) }, "[stream 40 added 40]"},
		// The wall clock's slots begin when the schedule was made (rule 84).
		{func() { d.Advance(25 * time.Millisecond) }, "[wall 25]"},
		{func() { d.Advance(4 * time.Millisecond) }, "[]"},
		{func() { d.Advance(time.Millisecond) }, "[wall 30]"},
	} {
		ran = nil
		if step.do(); fmt.Sprint(ran) != step.want {
			t.Errorf("ran %v, want %s", ran, step.want)
		}
	}
	if got := fmt.Sprint(out.ReadAll()); got != "[once=0 0 false@0]" {
		t.Errorf("the cancelled schedule gave %s", got)
	}
}

func TestProcessorSeesItsRecord(t *testing.T) {
	var seen []string
	topo := processing(t, func(c *operators.Context, next forward) (forward, error) {
		return func(r *record) error {
			o, ok := c.Origin()
			seen = append(seen, fmt.Sprintf("%v %v %s task %s partition %d time %d stream %d wall %d", o, ok, c.Operator(), c.Task(), c.Partition(), c.Timestamp(), c.StreamTime(), c.WallClock()))
			return next(r)
		}, nil
	})
	d := topologytest.New(t, topo, topologytest.Partitions(2), topologytest.StartAt(time.UnixMilli(77)))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "", topologytest.AtMs(9), topologytest.ToPartition(1))
	in.Send("k", "", topologytest.AtMs(4), topologytest.ToPartition(1))
	in.Send("k", "", topologytest.AtMs(1), topologytest.ToPartition(0))
	want := []string{
		"{in 1 0} true process-1 task 0_1 partition 1 time 9 stream 9 wall 77",
		"{in 1 1} true process-1 task 0_1 partition 1 time 4 stream 9 wall 77",
		"{in 0 0} true process-1 task 0_0 partition 0 time 1 stream 1 wall 77",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("seen\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

func TestPartitioners(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).To("out", topology.Named("gate"), topology.Partitioner(func(dst []int32, _, k, v string, n int32) []int32 {
			switch v {
			case "none":
				return dst
			case "first":
				return append(dst, 0)
			case "all":
				for p := range n {
					dst = append(dst, p)
				}
				return dst
			case "default":
				return append(dst, operators.DefaultPartition)
			}
			return append(dst, n)
		}))
	})
	d := topologytest.New(t, topo, topologytest.Partitions(3, "out"))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	out := topologytest.Output(d, "out", serde.String, serde.String)
	for v, want := range map[string][]int32{"none": nil, "first": {0}, "all": {0, 1, 2}, "default": {operators.KeyPartition([]byte("key"), 3)}} {
		in.Send("key", v)
		var got []int32
		for _, r := range out.ReadAll() {
			got = append(got, r.Partition)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s goes to %v, want %v", v, got, want)
		}
	}
	if want := []topologytest.Drop{{Operator: "gate", Reason: operators.NoPartition, Records: 1}}; !slices.Equal(d.Dropped(), want) {
		t.Errorf("dropped %v, want %v", d.Dropped(), want)
	}
	err := in.SendErr("key", "beyond")
	if want := `operator "gate", task 0_0, topic "in", partition 0, offset 4, key "key": partitioner chose partition 3 of topic "out", which has 3`; err == nil || err.Error() != want {
		t.Errorf("error is %v\nwant     %s", err, want)
	}
}

var errUser = errors.New("user error")

// I9: whatever user code does wrong names the operator and the record.
func TestFailuresNameTheirPlace(t *testing.T) {
	boom := func(k, v string) string { panic(errUser) }
	const place = `, task 0_1, topic "in", partition 1, offset 0, key "the key": `
	type in = topology.Stream[string, string]
	for name, c := range map[string]struct {
		add  func(in)
		want string
	}{
		"panic of a function": {func(s in) { s.MapValues(boom, topology.Named("boom")).To("out") }, `operator "boom"` + place + "panic: user error"},
		"panic behind a sibling": {func(s in) {
			s.MapValues(func(k, v string) string { return v }, topology.Named("fine")).To("out")
			s.Filter(func(k, v string) bool { boom(k, v); return true }, topology.Named("filter")).To("out")
		}, `operator "filter"` + place + "panic: user error"},
		"panic after a child ran": {func(s in) {
			s.FlatMap(func(k, v string, emit func(string, string)) { emit(k, v); panic(errUser) }, topology.Named("flat")).
				MapValues(func(k, v string) string { return v }).To("out")
		}, `operator "flat"` + place + "panic: user error"},
		"panic of an aggregator": {func(s in) {
			s.GroupByKey().Aggregate("sum", func() string { panic(errUser) }, func(k, v, a string) string { return a }).ToStream().To("out")
		}, `operator "sum-aggregate"` + place + "panic: user error"},
		"error of a processor": {func(s in) {
			s.Process(func(*operators.Context, forward) (forward, error) {
				return func(*record) error { return errUser }, nil
			}).To("out")
		}, `operator "process-1"` + place + "user error"},
		"error of a serde": {func(s in) {
			s.WithSerdes(serde.String, refusing{serde.String}).To("out", topology.Named("sink"))
		}, `operator "sink"` + place + `encode value for topic "out": user error`},
		"timestamp": {func(s in) {
			s.Process(func(_ *operators.Context, next forward) (forward, error) {
				return func(r *record) error { return next(&record{Key: "k", Timestamp: -1}) }, nil
			}).To("out", topology.Named("sink"))
		}, `operator "sink"` + place + `record for topic "out" has the timestamp -1`},
		"schedule": {func(s in) {
			s.Process(func(c *operators.Context, _ forward) (forward, error) {
				c.Schedule(time.Second, operators.StreamClock, func(int64) error { panic(errUser) })
				return drop, nil
			}).To("out")
		}, `operator "process-1", task 0_1, in a schedule: panic: user error`},
		"panic at a commit": {func(s in) {
			s.GroupByKey().Count("n", topology.EmitOnCommit()).ToStream().
				MapValues(func(string, int64) string { panic(errUser) }, topology.Named("late")).To("out")
		}, `operator "late", task 0_1, at a commit: panic: user error`},
	} {
		topo := build(t, func(b *topology.Builder) { c.add(b.Stream("in", serde.String, serde.String)) })
		d := topologytest.New(t, topo, topologytest.Partitions(2, "in"))
		err := topologytest.Input(d, "in", serde.String, serde.String).SendErr("the key", "v", topologytest.ToPartition(1))
		var failure *operators.Error
		if !errors.As(err, &failure) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v\nwant %s", name, err, c.want)
		}
		if name != "timestamp" && !errors.Is(err, errUser) {
			t.Errorf("%s: the cause is lost in %v", name, err)
		}
	}
}

type refusing struct{ serde.Serde[string] }

func (refusing) Append(dst []byte, _ string) ([]byte, error) { return dst, errUser }

func TestFailureOfAnInitNamesTheOperator(t *testing.T) {
	for want, init := range map[string]func(*operators.Context, forward) (forward, error){
		`operator "process-1", task 0_0, at its start: user error`:                func(*operators.Context, forward) (forward, error) { return nil, errUser },
		`operator "process-1", task 0_0, at its start: init returned no function`: func(*operators.Context, forward) (forward, error) { return nil, nil },
		`operator "process-1", task 0_0, at its start: panic: user error`:         func(*operators.Context, forward) (forward, error) { panic(errUser) },
	} {
		if got := failureOf(func() { topologytest.New(failing{t}, processing(t, init)) }); !strings.Contains(got, want) {
			t.Errorf("error is %s\nwant %s", got, want)
		}
	}
}
