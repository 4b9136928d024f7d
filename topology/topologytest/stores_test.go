package topologytest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// Processors have window and session stores, which come back from their changelogs.
func TestWindowAndSessionStoresOfProcessors(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		perWindow := b.WindowStore("windows", 10*time.Millisecond, time.Second, serde.String, serde.String)
		sessions := b.SessionStore("sessions", time.Second, serde.String, serde.String)
		b.Stream("in", serde.String, serde.String).Process(func(c *operators.Context, next forward) (forward, error) {
			perWindow, sessions := perWindow.In(c), sessions.In(c)
			return func(r *record) error {
				start := r.Timestamp / 10 * 10
				before, _, err := perWindow.Get(r.Key, start)
				if err != nil {
					return err
				}
				if err := perWindow.Put(r.Key, start, before+r.Value); err != nil {
					return err
				}
				w := windows.Window{Start: 0, End: 99}
				held, _, err := sessions.Get(r.Key, w)
				if err != nil {
					return err
				}
				if err := sessions.Put(r.Key, w, held+r.Value); err != nil {
					return err
				}
				return next(&record{Key: r.Key, Value: before + r.Value + "/" + held + r.Value, Timestamp: r.Timestamp})
			}, nil
		}, perWindow, sessions).To("out")
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "a", topologytest.AtMs(1))
	in.Send("k", "b", topologytest.AtMs(2))
	d.Restart(topologytest.EmptyState)
	in.Send("k", "c", topologytest.AtMs(12))
	in.Send("k", "d", topologytest.AtMs(3))
	if got := fmt.Sprint(topologytest.Output(d, "out", serde.String, serde.String).ReadAll()); got != "[k=a/a@1 k=ab/ab@2 k=c/abc@12 k=abd/abcd@3]" {
		t.Errorf("records are %s", got)
	}
}

func TestMistakesWithStoresOfProcessors(t *testing.T) {
	b := topology.NewBuilder("app")
	b.WindowStore("w", time.Second, time.Millisecond, serde.String, serde.String)
	b.SessionStore("s", 0, serde.String, serde.String, topology.EmitOnCommit())
	b.VersionedStore("v", -time.Second, serde.String, serde.String, topology.Retention(time.Second))
	b.ListStore("l", time.Microsecond, serde.String, serde.String)
	_, err := b.Build()
	for _, want := range []string{
		`store "v" has a history of -1s`, `store v does not take the option Retention`, `store "l" has a retention of 1µs`, `store "w" has windows of 1s and a retention of 1ms`, `store "s" has a retention of 0s`, `store s does not take the option EmitOnCommit`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v\nwant %s", err, want)
		}
	}
}

// scripted is a topology whose processor runs the command in the value of each record, and forwards what it says.
func scripted(t *testing.T, add func(b *topology.Builder) (topology.ProcessOption, func(c *operators.Context) func(key, command string, n int64, value string) (string, error))) *topology.Topology {
	return build(t, func(b *topology.Builder) {
		store, open := add(b)
		b.Stream("in", serde.String, serde.String).Process(func(c *operators.Context, next forward) (forward, error) {
			run := open(c)
			return func(r *record) error {
				var command, value string
				var n int64
				if _, err := fmt.Sscan(r.Value+" - -", &command, &n, &value); err != nil {
					return err
				}
				said, err := run(r.Key, command, n, value)
				if err != nil {
					return err
				}
				return next(&record{Key: r.Key, Value: said, Timestamp: r.Timestamp})
			}, nil
		}, store).To("out")
	})
}

// runScript sends "KEY: COMMAND => ANSWER" lines; a line "restart" empties the state and restores it from the changelog.
func runScript(t *testing.T, topo *topology.Topology, script string) {
	t.Helper()
	d := topologytest.New(t, topo, topologytest.CommitEvery(3), topologytest.CacheBytes(1))
	in, out := topologytest.Input(d, "in", serde.String, serde.String), topologytest.Output(d, "out", serde.String, serde.String)
	for line := range strings.Lines(strings.TrimSpace(script)) {
		line = strings.TrimSpace(line)
		if line == "restart" {
			d.Commit()
			d.Restart(topologytest.EmptyState)
			continue
		}
		key, rest, _ := strings.Cut(line, ": ")
		command, want, _ := strings.Cut(rest, " => ")
		in.Send(key, command, topologytest.AtMs(0))
		d.Commit()
		if got := out.Read().Value; got != want {
			t.Errorf("%s: %s => %s, want %s", key, command, got, want)
		}
	}
}

// What a versioned store takes, and what it refuses, is what Kafka Streams' VersionedKeyValueStore documents.
func TestVersionedStoreOfAProcessor(t *testing.T) {
	topo := scripted(t, func(b *topology.Builder) (topology.ProcessOption, func(c *operators.Context) func(key, command string, n int64, value string) (string, error)) {
		prices := b.VersionedStore("prices", 100*time.Millisecond, serde.String, serde.String)
		return prices, func(c *operators.Context) func(key, command string, n int64, value string) (string, error) {
			prices := prices.In(c)
			return func(key, command string, n int64, value string) (string, error) {
				switch command {
				case "put":
					latest, kept, err := prices.Put(key, value, n)
					return fmt.Sprintf("latest %v, kept %v", latest, kept), err
				case "delete":
					latest, kept, err := prices.Delete(key, n)
					return fmt.Sprintf("latest %v, kept %v", latest, kept), err
				case "as-of":
					r, found, err := prices.GetAsOf(key, n)
					return fmt.Sprintf("%s %v", r.Value, found), err
				case "history", "reverse":
					rows := prices.History(key, n, n+50)
					if command == "reverse" {
						rows = prices.ReverseHistory(key, n, n+50)
					}
					var said []string
					for r, err := range rows {
						if err != nil {
							return "", err
						}
						said = append(said, fmt.Sprintf("%s from %d", r.Value, r.From))
					}
					return strings.Join(said, ", "), nil
				}
				r, found, err := prices.Get(key)
				return fmt.Sprintf("%s %v", r.Value, found), err
			}
		}
	})
	runScript(t, topo, `
		tea: put 100 one => latest true, kept true
		tea: put 120 two => latest true, kept true
		tea: put 110 between => latest false, kept true
		tea: as-of 105 => one true
		tea: as-of 115 => between true
		tea: as-of 99 =>  false
		restart
		tea: get 0 => two true
		tea: delete 115 => latest false, kept true
		tea: as-of 117 =>  false
		tea: history 100 => two from 120, between from 110, one from 100
		tea: reverse 100 => one from 100, between from 110, two from 120
		tea: history 112 => two from 120, between from 110
		cup: put 205 new => latest true, kept true
		tea: put 104 late => latest false, kept false
		tea: delete 104 => latest false, kept false
		tea: put 105 edge => latest false, kept true
		restart
		tea: as-of 104 =>  false
		tea: as-of 107 => edge true
		tea: get 0 => two true
		tea: delete 205 => latest true, kept true
		tea: get 0 =>  false
		tea: as-of 204 => two true
		restart
		tea: get 0 =>  false
		cup: get 0 => new true`)
}

func TestListStoreOfAProcessor(t *testing.T) {
	topo := scripted(t, func(b *topology.Builder) (topology.ProcessOption, func(c *operators.Context) func(key, command string, n int64, value string) (string, error)) {
		waiting := b.ListStore("waiting", 100*time.Millisecond, serde.String, serde.String)
		return waiting, func(c *operators.Context) func(key, command string, n int64, value string) (string, error) {
			waiting := waiting.In(c)
			return func(key, command string, n int64, value string) (string, error) {
				rows := waiting.All()
				switch command {
				case "append":
					return "ok", waiting.Append(key, n, value)
				case "delete":
					return "ok", waiting.Delete(key, n)
				case "fetch":
					rows = waiting.Fetch(key, n, n+10)
				case "reverse":
					rows = waiting.ReverseFetch(key, n, n+10)
				case "keys":
					rows = waiting.FetchKeys("b", key, n, n+10)
				}
				var said []string
				for r, err := range rows {
					if err != nil {
						return "", err
					}
					said = append(said, fmt.Sprintf("%s=%s@%d", r.Key, r.Value, r.Timestamp))
				}
				return strings.Join(said, " "), nil
			}
		}
	})
	runScript(t, topo, `
		b: append 5 first => ok
		b: append 5 second => ok
		a: append 5 other => ok
		b: append 3 earlier => ok
		b: fetch 3 => b=earlier@3 b=first@5 b=second@5
		restart
		b: append 5 third => ok
		b: reverse 4 => b=third@5 b=second@5 b=first@5
		c: append 6 last => ok
		c: keys 0 => b=earlier@3 b=first@5 b=second@5 b=third@5 c=last@6
		b: delete 5 => ok
		b: all 0 => b=earlier@3 a=other@5 c=last@6
		a: append 104 new => ok
		restart
		a: all 0 => a=other@5 c=last@6 a=new@104
		b: append 4 late => ok
		b: fetch 0 => `)
}

// A processor reads the table of its partition, also what is not committed yet, and the rows come back from the topic.
func TestTableOfAProcessor(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		names := b.Table("names", "names", serde.String, serde.String, topology.SourceAsChangelog())
		b.Stream("in", serde.String, serde.String).Process(func(c *operators.Context, next forward) (forward, error) {
			rows := names.In(c)
			return func(r *record) error {
				var all []string
				for row, err := range rows.All() {
					if err != nil {
						return err
					}
					all = append(all, row.Key+" "+row.Value)
				}
				return next(&record{Key: r.Key, Value: strings.Join(all, ", "), Timestamp: r.Timestamp})
			}, nil
		}, names).To("out")
	})
	d := topologytest.New(t, topo, topologytest.Partitions(2), topologytest.CommitEvery(3), topologytest.CacheBytes(1))
	in, names := topologytest.Input(d, "in", serde.String, serde.String), topologytest.Input(d, "names", serde.String, serde.String)
	names.Send("a", "one", topologytest.ToPartition(0))
	names.Send("b", "two", topologytest.ToPartition(1))
	in.Send("k", "", topologytest.ToPartition(0))
	names.Send("c", "three", topologytest.ToPartition(0))
	in.Send("k", "", topologytest.ToPartition(0))
	d.Commit()
	d.Restart(topologytest.EmptyState)
	names.Delete("a", topologytest.ToPartition(0))
	in.Send("k", "", topologytest.ToPartition(0))
	in.Send("k", "", topologytest.ToPartition(1))
	d.Commit()
	if got := fmt.Sprint(topologytest.Output(d, "out", serde.String, serde.String).ReadAll()); got != "[k=a one@0 k=a one, c three@0 k=c three@0 k=b two@0]" {
		t.Errorf("records are %s", got)
	}
}

func TestMistakesWithTablesOfProcessors(t *testing.T) {
	pass := func(_ *operators.Context, next forward) (forward, error) { return next, nil }
	b := topology.NewBuilder("app")
	kept := topology.NewBuilder("other").Table("t", "t", serde.String, serde.String)
	b.Stream("in", serde.String, serde.String).
		Process(pass, topology.Named("a"), b.Table("t", "", serde.String, serde.String)).
		Process(pass, topology.Named("b"), kept).
		Process(pass, topology.Named("c"), topology.Table[string, string]{}).To("out")
	_, err := b.Build()
	for _, want := range []string{
		`operator "a" reads the rows of a table that keeps none of its own ("table-`, `operator "b" was given a table that this builder did not make`,
		`operator "c" was given a table that this builder did not make`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v\nwant %s", err, want)
		}
	}
	topo := build(t, func(b *topology.Builder) {
		rows := b.Table("t", "t", serde.String, serde.String)
		b.Stream("in", serde.String, serde.String).Process(pass, topology.Named("look"), rows).To("out")
	})
	if got := failureOf(func() { topologytest.New(failing{t}, topo, topologytest.Partitions(2, "in")) }); !strings.Contains(got, `"look"`) || !strings.Contains(got, `"t"`) {
		t.Errorf("with a table of another number of partitions the test fails with %q", got)
	}
}
