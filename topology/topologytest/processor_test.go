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

type fixed = operators.FixedKeyRecord[string, string]

// A processor that keeps the key needs no repartition topic behind it, has its name and its stores.
func TestProcessValuesKeepsTheKey(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		last := b.KeyValueStore("last", serde.String, serde.String)
		unused := b.KeyValueStore("elsewhere", serde.String, serde.String)
		b.Stream("other", serde.String, serde.String).Process(func(c *operators.Context, next forward) (forward, error) {
			return next, nil
		}, unused, topology.Named("other")).To("out")
		b.Stream("in", serde.String, serde.String).ProcessValues(func(c *operators.Context, next operators.ForwardFixedKey[string, string]) (operators.ForwardFixedKey[string, string], error) {
			last := last.In(c)
			if unused.In(c) != nil || c.Store("elsewhere") != nil {
				t.Error("the processor has a store that it was not given")
			}
			var held fixed
			c.Schedule(10*time.Millisecond, operators.StreamClock, func(ms int64) error {
				if _, null := held.Key(); ms < 10 || null {
					return nil
				}
				late := held.WithValue("held")
				late.Timestamp = ms
				return next(&late)
			})
			return func(r *fixed) error {
				held = *r
				k, _ := r.Key()
				before, _, err := last.Get(k)
				if err != nil {
					return err
				}
				if err := last.Put(k, r.Value); err != nil {
					return err
				}
				o := r.WithValue(before + ">" + r.Value)
				return next(&o)
			}, nil
		}, topology.Named("changes"), last).GroupByKey().Count("n").ToStream().To("counts")
	})
	if got := topo.Describe(); len(got.Repartitions) != 0 || !strings.Contains(got.String(), "changes (stores: last)") {
		t.Errorf("description is %v", got)
	}
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "a", topologytest.AtMs(1))
	in.Send("k", "b", topologytest.AtMs(12))
	if got := fmt.Sprint(topologytest.Output(d, "counts", serde.String, serde.Int64).ReadAll()); got != "[k=1@1 k=2@12 k=3@12]" {
		t.Errorf("records are %s", got)
	}
}

func TestFixedKeyIsNotMadeUp(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).ProcessValues(func(_ *operators.Context, next operators.ForwardFixedKey[string, int64]) (operators.ForwardFixedKey[string, string], error) {
			return func(r *fixed) error { return next(&operators.FixedKeyRecord[string, int64]{Value: 1}) }, nil
		}, topology.Named("p")).To("out")
	})
	err := topologytest.Input(topologytest.New(t, topo), "in", serde.String, serde.String).SendErr("k", "v")
	if err == nil || !strings.Contains(err.Error(), `operator "p", task 0_0`) || !strings.Contains(err.Error(), "use WithValue") {
		t.Errorf("error is %v", err)
	}
}

func TestOutputsOfAProcessor(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		lengths := b.Output("lengths", serde.String, serde.Int64)
		bad := b.Output("bad", serde.String, serde.String)
		b.Stream("in", serde.String, serde.String).Process(func(c *operators.Context, next forward) (forward, error) {
			lengths, bad := lengths.In(c), bad.In(c)
			return func(r *record) error {
				if r.Value == "" {
					return bad(&record{Key: r.Key, Value: "empty", Timestamp: r.Timestamp})
				}
				n := operators.Record[string, int64]{Key: r.Value, Value: int64(len(r.Value)), Timestamp: r.Timestamp}
				return errors.Join(next(r), lengths(&n))
			}, nil
		}, topology.Named("check"), lengths, bad).To("out")
		lengths.Stream().GroupByKey().Reduce("sums", func(a, b int64) int64 { return a + b }).ToStream().To("sums")
		bad.Stream().To("bad")
	})
	if got := len(topo.Describe().Repartitions); got != 1 {
		t.Errorf("%d repartition topics, want one in front of sums", got)
	}
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	for i, v := range []string{"abc", "", "abc"} {
		in.Send("k", v, topologytest.AtMs(int64(i)))
	}
	for topic, want := range map[string]string{"out": "[k=abc@0 k=abc@2]", "bad": "[k=empty@1]"} {
		if got := fmt.Sprint(topologytest.Output(d, topic, serde.String, serde.String).ReadAll()); got != want {
			t.Errorf("%s has %s, want %s", topic, got, want)
		}
	}
	if got := fmt.Sprint(topologytest.Output(d, "sums", serde.String, serde.Int64).ReadAll()); got != "[abc=3@0 abc=6@2]" {
		t.Errorf("sums are %s", got)
	}
}

func TestMistakesWithProcessors(t *testing.T) {
	pass := func(_ *operators.Context, next forward) (forward, error) { return next, nil }
	other := topology.NewBuilder("other")
	foreign := other.KeyValueStore("s", serde.String, serde.String)
	for want, add := range map[string]func(b *topology.Builder, s topology.Stream[string, string]){
		`output "o" was given to no processor`: func(b *topology.Builder, s topology.Stream[string, string]) {
			b.Output("o", serde.String, serde.String)
		},
		`output "o" was given to the operators "a" and "b"`: func(b *topology.Builder, s topology.Stream[string, string]) {
			o := b.Output("o", serde.String, serde.String)
			s.Process(pass, o, topology.Named("a"))
			s.Process(pass, o, topology.Named("b"))
		},
		`Stream of output "o" was called before`: func(b *topology.Builder, s topology.Stream[string, string]) {
			b.Output("o", serde.String, serde.String).Stream()
		},
		`operator "a" was given an output that no builder made`: func(b *topology.Builder, s topology.Stream[string, string]) {
			s.Process(pass, topology.Named("a"), topology.Output[string, string]{})
		},
		`operator "a" was given a store handle that this builder did not make`: func(b *topology.Builder, s topology.Stream[string, string]) {
			s.Process(pass, topology.Named("a"), foreign)
		},
		`operator "v" has a nil function`: func(b *topology.Builder, s topology.Stream[string, string]) {
			s.ProcessValues[string](nil, topology.Named("v"))
		},
		`Wrap got a nil function`: func(b *topology.Builder, s topology.Stream[string, string]) { b.Wrap(nil) },
	} {
		b := topology.NewBuilder("app")
		s := b.Stream("in", serde.String, serde.String)
		s.To("out")
		add(b, s)
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v\nwant %s", err, want)
		}
	}
}

// What a processor opened is closed once for each life: after an abort, at a restart and at the end, also when it failed.
func TestProcessorsAreClosed(t *testing.T) {
	var log []string
	life := 0
	topo := processing(t, func(c *operators.Context, next forward) (forward, error) {
		life++
		me := life
		for _, what := range []string{"first", "second"} {
			c.OnClose(func() error {
				log = append(log, fmt.Sprint(what, me))
				return nil
			})
		}
		log = append(log, fmt.Sprintf("open%d %s %s %d/%d", me, c.Application(), c.Task(), c.Partition(), c.Tasks()))
		return func(r *record) error {
			if r.Value == "fail" && me == 1 {
				return errUser
			}
			return next(r)
		}, nil
	})
	t.Run("", func(t *testing.T) {
		d := topologytest.New(t, topo)
		in := topologytest.Input(d, "in", serde.String, serde.String)
		in.Send("k", "v")
		if err := in.SendErr("k", "fail"); !errors.Is(err, errUser) {
			t.Errorf("error is %v", err)
		}
		d.Abort()
		d.Restart(topologytest.KeptState)
		if got := fmt.Sprint(topologytest.Output(d, "out", serde.String, serde.String).ReadAll()); got != "[k=v@0 k=fail@0]" {
			t.Errorf("records are %s", got)
		}
	})
	want := []string{"open1 app 0_0 0/1", "second1", "first1", "open2 app 0_0 0/1", "second2", "first2", "open3 app 0_0 0/1", "second3", "first3"}
	if !slices.Equal(log, want) {
		t.Errorf("log is %q\nwant   %q", log, want)
	}
}

func TestFailingClosesNameTheOperator(t *testing.T) {
	for want, f := range map[string]func() error{
		`operator "process-1", task 0_0, at its close: user error`:        func() error { return errUser },
		`operator "process-1", task 0_0, at its close: panic: user error`: func() error { panic(errUser) },
	} {
		topo := processing(t, func(c *operators.Context, next forward) (forward, error) {
			c.OnClose(f)
			return next, nil
		})
		d := topologytest.New(failing{t}, topo)
		if got := failureOf(func() { d.Abort() }); !strings.Contains(got, want) {
			t.Errorf("error is %s\nwant %s", got, want)
		}
	}
	// What an init opened is closed although the init, or another one, failed.
	closed := 0
	topo := processing(t, func(c *operators.Context, next forward) (forward, error) {
		c.OnClose(func() error { closed++; return nil })
		panic(errUser)
	})
	failureOf(func() { topologytest.New(failing{t}, topo) })
	if closed != 1 {
		t.Errorf("closed %d times", closed)
	}
}

// A wrapper sees every operator with its name, and may change headers and refuse records.
func TestWrap(t *testing.T) {
	var log []string
	trace := func(prefix string) func(c *operators.Context, op string) operators.Hook {
		return func(c *operators.Context, op string) operators.Hook {
			if c.Operator() == "quiet" {
				return operators.Hook{}
			}
			return operators.Hook{
				Before: func(w *operators.Watched) error {
					path, _ := operators.HeaderValue(w.Headers, "path")
					log = append(log, fmt.Sprintf("%s>%s(%s) %d %T", prefix, c.Operator(), op, w.Timestamp, w.Record))
					if r, ok := w.Record.(*record); ok && r.Value == "refused" && op == "filter" {
						return errUser
					}
					if prefix == "a" {
						w.Headers = operators.WithHeader(w.Headers, "path", fmt.Appendf(nil, "%s/%s", path, c.Operator()))
					}
					return nil
				},
				After: func(_ *operators.Watched, err error) {
					log = append(log, fmt.Sprintf("%s<%s %v", prefix, c.Operator(), err))
				},
			}
		}
	}
	topo := build(t, func(b *topology.Builder) {
		b.Wrap(trace("a"))
		b.Wrap(trace("b"))
		b.Stream("in", serde.String, serde.String, topology.Named("src")).
			Filter(func(k, v string) bool { return true }, topology.Named("keep")).
			Peek(func(k, v string) {}, topology.Named("quiet")).
			To("out", topology.Named("snk"))
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "v", topologytest.AtMs(3))
	const rec = "*operators.Record[string,string]"
	want := []string{
		"a>src(source) 3 " + rec, "b>src(source) 3 " + rec, "a>keep(filter) 3 " + rec, "b>keep(filter) 3 " + rec,
		"a>snk(sink) 3 " + rec, "b>snk(sink) 3 " + rec, "b<snk <nil>", "a<snk <nil>", "b<keep <nil>", "a<keep <nil>", "b<src <nil>", "a<src <nil>",
	}
	if !slices.Equal(log, want) {
		t.Errorf("log is\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
	}
	r := topologytest.Output(d, "out", serde.String, serde.String).Read()
	if h, _ := r.Header("path"); h != "/src/keep/snk" {
		t.Errorf("headers are %v", r.Headers)
	}
	err := in.SendErr("k", "refused")
	if err == nil || !errors.Is(err, errUser) || !strings.Contains(err.Error(), `operator "keep", task 0_0, topic "in"`) {
		t.Errorf("error is %v", err)
	}
}

func TestTopicsChosenByRecord(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).ToChosen(func(k, v string, r operators.RecordContext) string {
			if v == "origin" {
				return fmt.Sprintf("%s%d%d%t%d%d", r.Origin.Topic, r.Origin.Partition, r.Origin.Offset, r.HasOrigin, r.Timestamp, len(r.Headers))
			}
			return v
		}, topology.Named("route"), topology.Partitioner(func(dst []int32, topic, k, _ string, partitions int32) []int32 {
			if k == "last" { // told the topic, and how many partitions that has
				return append(dst, partitions-int32(len(topic)/2))
			}
			return append(dst, operators.DefaultPartition)
		}))
		b.Stream("other", serde.String, serde.String).GroupByKey().Count("n").ToStream().To("out")
	})
	if got := topo.Describe().String(); !strings.Contains(got, "Sink: route (topic: chosen for each record)") {
		t.Errorf("description is %s", got)
	}
	d := topologytest.New(t, topo, topologytest.Topics(3, "eu", "us"), topologytest.Topics(1, "in01true71"))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "eu", topologytest.AtMs(1))
	in.Send("k", "origin", topologytest.AtMs(7), topologytest.Header("h", "x"))
	in.Send("k", "us", topologytest.AtMs(2))
	in.Send("k", "out", topologytest.AtMs(3))
	in.Delete("k") // says nothing about where
	eu := topologytest.Output(d, "eu", serde.String, serde.String)
	if r := eu.Read(); r.String() != "k=eu@1" || r.Partition != operators.KeyPartition([]byte("k"), 3) {
		t.Errorf("record is %v on %d", r, r.Partition)
	}
	in.Send("last", "eu", topologytest.AtMs(9))
	if r := eu.Read(); r.Partition != 2 {
		t.Errorf("record is %v on %d, want the last partition of eu", r, r.Partition)
	}
	for topic, want := range map[string]string{"us": "[k=us@2]", "in01true71": "[k=origin@7]", "out": "[k=out@3]"} {
		if got := fmt.Sprint(topologytest.Output(d, topic, serde.String, serde.String).ReadAll()); got != want {
			t.Errorf("%s has %s, want %s", topic, got, want)
		}
	}
	if want := []topologytest.Drop{{Operator: "route", Reason: operators.NullValue, Records: 1}}; !slices.Equal(d.Dropped(), want) {
		t.Errorf("dropped %v, want %v", d.Dropped(), want)
	}
	for topic, why := range map[string]string{"nowhere": "it does not exist", "": "its name is empty", "app-n-changelog": "it is an internal topic of the application"} {
		err := in.SendErr("key", topic)
		want := fmt.Sprintf(`operator "route", task 0_0, topic "in", partition 0, offset %%d, key "key": chosen topic %q: %s`, topic, why)
		before, after, _ := strings.Cut(want, "%d")
		if err == nil || !strings.HasPrefix(err.Error(), before) || !strings.HasSuffix(err.Error(), after) {
			t.Errorf("error is %v\nwant     %s", err, want)
		}
		d = topologytest.New(t, topo)
		in = topologytest.Input(d, "in", serde.String, serde.String)
	}
}
