package engine

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

// joiningGlobal looks every value of a stream up in a global table, and in a global store that counts.
func joiningGlobal(t *testing.T, opts ...topology.StoreOption) *topology.Topology {
	b := topology.NewBuilder("global")
	rows := b.GlobalTable("rows", "rows", serde.String, serde.String, opts...)
	counts := b.GlobalStore("events", serde.String, serde.String, "counts", serde.String, serde.Int64,
		func(_ *operators.Context, rows state.KeyValue[string, int64]) (operators.Forward[string, string], error) {
			return func(r *operators.Record[string, string]) error {
				n, _, err := rows.Get("all")
				if err != nil {
					return err
				}
				return rows.Put("all", n+1)
			}, nil
		}, opts...)
	b.Stream("in", serde.String, serde.String).
		LeftJoinGlobal(rows, func(_, v string) string { return v }, func(_, v string, row serde.Optional[string]) string { return v + "=" + row.Value }).
		Process(func(c *operators.Context, forward operators.Forward[string, string]) (operators.Forward[string, string], error) {
			return func(r *operators.Record[string, string]) error {
				n, _, err := counts.In(c).Get("all")
				if err != nil {
					return err
				}
				return forward(&operators.Record[string, string]{Key: r.Key, Value: fmt.Sprint(r.Value, " ", n), Timestamp: r.Timestamp})
			}, nil
		}).
		To("out")
	return must[*topology.Topology](t)(b.Build())
}

var globalTopics = map[string]int32{"in": 3, "rows": 3, "events": 2, "out": 1}

// rowsFrom are rows, each on the partition of its number.
func rowsFrom(from, n int, value string) []in {
	ins := make([]in, n)
	for i := range ins {
		ins[i] = in{key: fmt.Sprint("row-", from+i), value: fmt.Sprint(value, from+i), ms: time.Now().UnixMilli(), partition: int32((from + i) % 3)}
	}
	return ins
}

// ask sends a record for each key, and returns what came out last for each.
func (r *rig) ask(keys ...string) map[string]string {
	r.t.Helper()
	var ins []in
	for i, k := range keys {
		ins = append(ins, in{key: k, value: k, ms: int64(i), partition: int32(i % 3)})
	}
	r.produce("in", ins...)
	r.awaitCaughtUp("global", "in")
	answers := make(map[string]string)
	for _, rec := range r.read("out") {
		answers[string(rec.Key)] = string(rec.Value)
	}
	return answers
}

func wantAnswers(t *testing.T, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("answers are %v\nwant        %v", got, want)
	}
}

func (p *process) global(store string) GlobalInfo {
	p.t.Helper()
	for _, g := range p.Globals() {
		if g.Store == store {
			return g
		}
	}
	p.t.Fatalf("no global store %q in %+v", store, p.Globals())
	return GlobalInfo{}
}

func (p *process) awaitGlobal(store string, position int64) {
	p.t.Helper()
	await(p.t, "the global store to follow", func() bool {
		sum := int64(0)
		for _, in := range p.global(store).Inputs {
			sum += in.Position
		}
		return sum >= position
	})
}

// recreate makes a topic anew, empty, and a client that knows of no other one.
func (r *rig) recreate(topic string, partitions int32) {
	r.t.Helper()
	if _, err := r.adm.DeleteTopics(r.t.Context(), topic); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.adm.CreateTopic(r.t.Context(), partitions, 1, nil, topic); err != nil {
		r.t.Fatal(err)
	}
	r.cl = r.client(r.t, append(quick(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	r.adm = kadm.NewClient(r.cl)
}

// All of a table is there before the first record, with any guarantee and number of workers; then it follows its topic.
func TestGlobalTableIsReadBeforeAnythingAndThenFollowed(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, globalTopics)
			r.produce("rows", rowsFrom(0, 3000, "old ")...)
			r.produce("events", rowsFrom(0, 2, "")...)
			r.produce("in", in{key: "early", value: "row-2999"})
			c := r.config("one")
			c.Guarantee, c.Workers, c.CacheBytes = g, 3, 1<<16
			p := r.start(joiningGlobal(t), c)
			p.awaitRunning()
			r.awaitCaughtUp("global", "in")
			if got := p.global("rows"); !got.Ready || got.Restore.Records != 3000 || got.Restore.Missing != 0 || got.Restore.Empty != 1 {
				t.Errorf("rows are %+v", got)
			}
			wantAnswers(t, r.ask("row-1", "row-2", "missing"), map[string]string{
				"early": "row-2999=old 2999 2", "row-1": "row-1=old 1 2", "row-2": "row-2=old 2 2", "missing": "missing= 2",
			})
			r.produce("rows", rowsFrom(1, 1, "new ")...)
			if err := r.cl.ProduceSync(t.Context(), &kgo.Record{Topic: "rows", Partition: 2, Key: []byte("row-2")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			p.awaitGlobal("rows", 3002)
			wantAnswers(t, r.ask("row-1", "row-2", "row-4"), map[string]string{
				"early": "row-2999=old 2999 2", "row-1": "row-1=new 1 2", "row-2": "row-2= 2", "missing": "missing= 2", "row-4": "row-4=old 4 2",
			})
			p.mustEnd()
		})
	})
}

// A start on kept state reads what came since the last one; on an empty disk, or in memory, it reads all.
func TestGlobalTableIsReadFromWhereItEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, globalTopics)
		r.produce("rows", rowsFrom(0, 300, "")...)
		r.produce("events", in{key: "a"}, in{key: "b", partition: 1})
		c := r.config("one")
		restored := func(topo *topology.Topology, end func(*process), rows, events int64) {
			t.Helper()
			p := r.start(topo, c)
			p.awaitRunning()
			if got := [2]int64{p.global("rows").Restore.Records, p.global("counts").Restore.Records}; got != [2]int64{rows, events} {
				t.Errorf("read %v records of rows and events, want %d and %d", got, rows, events)
			}
			if got, want := r.ask("row-299")["row-299"], "row-299=299 2"; got != want {
				t.Errorf("answer is %s, want %s", got, want)
			}
			end(p)
		}
		stop, kill := (*process).mustEnd, (*process).kill
		restored(joiningGlobal(t), stop, 300, 2)
		r.produce("rows", rowsFrom(300, 40, "")...)
		restored(joiningGlobal(t), kill, 40, 0)
		restored(joiningGlobal(t), stop, 0, 0)
		c.StateDir = t.TempDir()
		restored(joiningGlobal(t), stop, 340, 2)
		restored(joiningGlobal(t, topology.InMemory()), stop, 340, 2)
		restored(joiningGlobal(t, topology.InMemory()), stop, 340, 2)
	})
}

// Transactions: what was aborted is not in the table, and an open one below the end is waited for.
func TestGlobalTableWaitsForOpenTransactions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, globalTopics)
		r.produce("rows", rowsFrom(0, 3, "")...)
		aborted := r.openTransaction("aborted", "rows", 0)
		if err := aborted.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		open := r.openTransaction("open", "rows", 1)
		p := r.start(joiningGlobal(t), r.config("one"))
		time.Sleep(20 * time.Second)
		if p.State() != Starting || p.Ready() {
			t.Errorf("the process is %v while a transaction is open", p.State())
		}
		if err := open.ProduceSync(t.Context(), &kgo.Record{Topic: "rows", Partition: 1, Key: []byte("row-7"), Value: []byte("late")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := open.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		p.awaitRunning()
		p.awaitGlobal("rows", 3+2+3)
		if got := r.ask("row-7")["row-7"]; got != "row-7=late 0" {
			t.Errorf("answer is %s", got)
		}
		p.mustEnd()
	})
}

// State that the topic cannot bring up to date is built anew.
func TestGlobalTableIsBuiltAnew(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, r *rig){
		"topic is shorter": func(t *testing.T, r *rig) {
			r.recreate("rows", 3)
			r.produce("rows", rowsFrom(3, 2, "new ")...)
		},
		"topic has fewer partitions": func(t *testing.T, r *rig) {
			r.recreate("rows", 2)
			for i := range 30 { // so that the offsets alone tell nothing
				r.produce("rows", in{key: "row-3", value: "new 3", ms: time.Now().UnixMilli(), partition: int32(i % 2)}, in{key: "row-4", value: "new 4", ms: time.Now().UnixMilli(), partition: int32(i % 2)})
			}
		},
		"records are deleted": func(t *testing.T, r *rig) {
			r.produce("rows", rowsFrom(60, 30, "lost ")...)
			var offsets kadm.Offsets
			offsets.Add(kadm.Offset{Topic: "rows", Partition: 1, At: 25})
			if _, err := r.adm.DeleteRecords(t.Context(), offsets); err != nil {
				t.Fatal(err)
			}
			r.produce("rows", rowsFrom(3, 2, "new ")...)
		},
		"down for long": func(t *testing.T, r *rig) {
			compact := "compact"
			if _, err := r.adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "cleanup.policy", Value: &compact}}, "rows"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(13 * time.Hour)
			r.produce("rows", rowsFrom(3, 2, "new ")...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, globalTopics)
				r.produce("rows", rowsFrom(0, 60, "old ")...)
				c := r.config("one")
				p := r.start(joiningGlobal(t), c)
				p.awaitRunning()
				p.mustEnd()
				change(t, r)
				p = r.start(joiningGlobal(t), c)
				p.awaitRunning()
				if got := p.global("rows").Restore; got.Rebuilt != 1 || got.Kept != 0 {
					t.Errorf("rows were restored as %+v, want a rebuild", got)
				}
				want := map[string]string{"row-3": "row-3=new 3 0", "row-4": "row-4=new 4 0", "row-1": "row-1= 0"}
				if name == "down for long" {
					want["row-1"] = "row-1=old 1 0"
				}
				wantAnswers(t, r.ask("row-1", "row-3", "row-4"), want)
				p.mustEnd()
			})
		})
	}
}

// Records that are gone while the table follows its topic stop the App; the next start builds the table anew.
func TestGlobalTableThatLosesRecordsStopsTheApp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, globalTopics)
		r.produce("rows", rowsFrom(0, 3, "old ")...)
		c := r.config("one")
		p := r.start(joiningGlobal(t), c)
		p.awaitRunning()
		r.recreate("rows", 3)
		r.produce("rows", rowsFrom(3, 300, "new ")...)
		err := p.wait()
		var loss *DataLossError
		if !errors.As(err, &loss) || loss.Topic != "rows" {
			t.Fatalf("error is %v", err)
		}
		wantError(t, err, `global store "rows": the next start builds it anew`)
		p = r.start(joiningGlobal(t), c)
		p.awaitRunning()
		wantAnswers(t, r.ask("row-0", "row-3"), map[string]string{"row-0": "row-0= 0", "row-3": "row-3=new 3 0"})
		p.mustEnd()
	})
}

func TestErrorsOfGlobalTablesStopTheApp(t *testing.T) {
	numbers := func(t *testing.T, opts ...topology.StoreOption) *topology.Topology {
		b := topology.NewBuilder("global")
		rows := b.GlobalTable("rows", "rows", serde.String, serde.Int64, opts...)
		b.Stream("in", serde.String, serde.String).
			JoinGlobal(rows, func(_, v string) string { return v }, func(_, v string, n int64) string { return fmt.Sprint(v, n) }).To("out")
		return must[*topology.Topology](t)(b.Build())
	}
	bad := in{key: "the key", value: "bad", partition: 1}
	const place = `engine: global store "rows": operator "rows-source", task global, topic "rows", partition 1, offset 0, key "the key": decode value`
	bubble(t, func(t *testing.T) { // at the start
		r := newRig(t, globalTopics)
		r.produce("rows", bad)
		p := r.start(numbers(t), r.config("one"))
		wantError(t, p.wait(), place)
		if p.State() != Failed {
			t.Errorf("state is %v", p.State())
		}
	})
	bubble(t, func(t *testing.T) { // later
		r := newRig(t, globalTopics)
		p := r.start(numbers(t), r.config("one"))
		p.awaitRunning()
		r.produce("rows", bad)
		wantError(t, p.wait(), place)
	})
	bubble(t, func(t *testing.T) { // skipped and counted
		r := newRig(t, globalTopics)
		r.produce("rows", bad)
		p := r.start(numbers(t, topology.SkipUndecodable()), r.config("one"))
		p.awaitRunning()
		p.awaitGlobal("rows", 1)
		ops := p.global("rows").Operators
		if len(ops) != 2 || ops[0].Node != "rows-source" || ops[0].Dropped[operators.UndecodableRecord] != 1 {
			t.Errorf("operators are %+v", ops)
		}
		p.mustEnd()
	})
	bubble(t, func(t *testing.T) { // missing topic
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		err := r.start(numbers(t), r.config("one")).wait()
		wantError(t, err, `input topic "rows" of "rows-source" does not exist`)
	})
}

// A table with many partitions and rows is written and read at once by several workers, while it changes.
func TestGlobalTableUnderTraffic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, globalTopics)
		c := r.config("one")
		c.Workers, c.CacheBytes = 3, 1<<14
		p := r.start(joiningGlobal(t), c)
		p.awaitRunning()
		for round := range 20 {
			r.produce("rows", rowsFrom(0, 30, fmt.Sprint(round, " "))...)
			var ins []in
			for i := range 90 {
				k := fmt.Sprint("row-", i%30)
				ins = append(ins, in{key: k, value: k, ms: int64(round), partition: int32(i % 3)})
			}
			r.produce("in", ins...)
			time.Sleep(100 * time.Millisecond)
		}
		r.awaitCaughtUp("global", "in")
		p.mustEnd()
		// Whatever round each saw: it was a whole row, and for a key on one partition never an older one than before.
		last := make(map[string]int)
		for _, rec := range r.read("out") {
			var round, number, n int
			row := strings.TrimPrefix(string(rec.Value), string(rec.Key)+"=")
			if row == " 0" {
				row = fmt.Sprintf("0 %s 0", strings.TrimPrefix(string(rec.Key), "row-"))
			}
			if _, err := fmt.Sscan(row, &round, &number, &n); err != nil || fmt.Sprint("row-", number) != string(rec.Key) {
				t.Fatalf("answer of %s is %s: %v", rec.Key, rec.Value, err)
			}
			if round < last[string(rec.Key)] {
				t.Errorf("%s: round %d after %d", rec.Key, round, last[string(rec.Key)])
			}
			last[string(rec.Key)] = round
		}
		if len(last) != 30 {
			t.Errorf("answers of %d keys", len(last))
		}
	})
}

// A processor of the user's that does not return shows, and holds up neither the tasks nor the stop.
func TestGlobalStoreHeldUpByUserCode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, globalTopics)
		release := make(chan struct{})
		b := topology.NewBuilder("global")
		b.GlobalStore("events", serde.String, serde.String, "counts", serde.String, serde.String,
			func(*operators.Context, state.KeyValue[string, string]) (operators.Forward[string, string], error) {
				return func(*operators.Record[string, string]) error { <-release; return nil }, nil
			})
		b.Stream("in", serde.String, serde.String).To("out")
		c := r.config("one")
		c.StallTimeout = 10 * time.Second
		p := r.start(must[*topology.Topology](t)(b.Build()), c)
		p.awaitRunning()
		time.Sleep(30 * time.Second)
		if !p.Live() {
			t.Error("the process is not live while nothing comes")
		}
		r.produce("events", in{key: "a"})
		await(t, "the process to say that it is held up", func() bool { return !p.Live() })
		if got := r.ask("a"); got["a"] != "a" {
			t.Errorf("answers are %v", got)
		}
		began := time.Now()
		p.mustEnd()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the stop took %v", took)
		}
		close(release)
		time.Sleep(time.Second)
	})
}
