package conformance

import (
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

var update = flag.Bool("update", false, "write differences.txt anew")

// different are the scenarios with other results than those of Kafka Streams, with what each of them shows.
func different(t *testing.T) (names []string, shown string) {
	t.Helper()
	scenarios, err := Load("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range scenarios {
		if !s.quirky() {
			continue
		}
		if r := Run(s); r.Verdict == Different {
			names = append(names, s.Name)
			r.write(&b)
		}
	}
	if len(names) == 0 {
		t.Fatal("no scenario is different")
	}
	return names, b.String()
}

// What comes out instead of what Kafka Streams gives is as fixed as everything else: differences.txt has each record and
// row of it, beside what was expected.
func TestDifferences(t *testing.T) {
	const golden = "differences.txt"
	_, got := different(t)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if problems := differ(nil, golden, strings.Split(string(want), "\n"), strings.Split(got, "\n")); len(problems) > 0 {
		t.Error(strings.Join(problems, "\n"))
	}
}

// difference is a line of the table of deliberate differences in docs/semantics.md.
type difference struct {
	line  string
	tests []string // names of scenarios and of tests
}

var quoted = regexp.MustCompile("`([^`]+)`")

func differences(t *testing.T) (lines []difference) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "semantics.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "## Deliberate differences\n")
	if !ok {
		t.Fatal("docs/semantics.md has no deliberate differences")
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	for line := range strings.Lines(rest) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| What Kafka") {
			continue
		}
		if len(cells) != 3 {
			t.Errorf("line has %d columns, want 3: %s", len(cells), line)
			continue
		}
		d := difference{line: line}
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			d.tests = append(d.tests, m[1])
		}
		if len(d.tests) == 0 {
			t.Errorf("line names no test: %s", line)
		}
		lines = append(lines, d)
	}
	return lines
}

// Every scenario that comes out different belongs to one line of the table, and every test that the table names exists.
func TestDifferencesAreListed(t *testing.T) {
	names, _ := different(t)
	claimed := make(map[string]int)
	tests := testNames(t)
	for _, d := range differences(t) {
		for _, name := range d.tests {
			if strings.HasPrefix(name, "Test") {
				if !slices.Contains(tests, name) {
					t.Errorf("there is no %s: %s", name, d.line)
				}
				continue
			}
			found, err := filepath.Glob(filepath.Join("scenarios", name+".json"))
			if err != nil || len(found) == 0 {
				t.Errorf("there is no scenario %s: %s", name, d.line)
			}
			for _, n := range names {
				if ok, _ := path.Match(name, n); ok {
					claimed[n]++
				}
			}
		}
	}
	for _, n := range names {
		if claimed[n] != 1 {
			t.Errorf("scenario %s is different, and docs/semantics.md has %d lines for it, want 1", n, claimed[n])
		}
	}
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// testNames are those of the tests of the repository, also of those that the pages of docs/semantics show.
func testNames(t *testing.T) (names []string) {
	t.Helper()
	root := filepath.Join("..", "..")
	for _, dir := range []string{"docs/semantics", "engine", "integration", "internal", "operators", "state", "topology", "windows"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(file string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(file, "_test.go") && path.Ext(file) != ".md" {
				return err
			}
			code, err := os.ReadFile(file)
			for _, m := range testFunc.FindAllStringSubmatch(string(code), -1) {
				names = append(names, m[1])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// The first record fails in Kafka Streams, so the scenario says nothing about what should come out.
func TestSlidingDifferenceOfZero(t *testing.T) {
	s := load(t, "windows-sliding/difference-zero")
	record := func(step int, at, n int64) Record {
		return Record{Step: step, Topic: "out", Key: AnyKey{Base: s.Steps[0].Key, Windowed: true, Window: windows.Window{Start: at, End: at}}, Value: numberValue(n), Timestamp: at}
	}
	s.Expect = Expect{
		Records: []Record{record(0, 5, 1), record(1, 5, 2), record(2, 6, 1), record(3, 0, 1), record(4, 0, 2)},
		Stores: map[string][]Row{"c": {
			{Key: record(0, 0, 0).Key, Value: numberValue(2), Timestamp: 0}, {Key: record(0, 5, 0).Key, Value: numberValue(2), Timestamp: 5},
			{Key: record(0, 6, 0).Key, Value: numberValue(1), Timestamp: 6},
		}},
	}
	if r := Run(s); r.Verdict != Passed {
		t.Errorf("%v: %s", r.Verdict, strings.Join(r.Problems, "\n"))
	}
}

// sent takes what a task writes.
type sent struct{ values []string }

func (s *sent) Buffer() []byte { return nil }

func (s *sent) Send(o *operators.Output) error {
	s.values = append(s.values, string(o.Value))
	return nil
}

func (*sent) Log(string, int32, []byte, []byte) error { return nil }

// Kafka Streams serves inputs with equal timestamps in an order that depends on what went before.
func TestEqualTimestampsGoByTopic(t *testing.T) {
	b := topology.NewBuilder("app")
	b.StreamOf(topology.Topics("c", "a", "b"), serde.String, serde.String).To("out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := topo.Graph().NewPlan(func(string) (int32, bool) { return 1, true }, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out sent
	task, err := task.New(task.Config{
		Plan: plan, SubTopology: topo.Graph().SubTopologies[0], Budget: state.NewBudget(0), Collector: &out,
		WallClock: func() int64 { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, topic := range task.Topics() {
		task.Start(i, 0)
		for offset, ts := range []int64{1, 5, 5, 7} {
			task.Add(i, &operators.Input{Key: []byte("k"), Value: []byte(fmt.Sprint(topic, ts)), Timestamp: ts, Offset: int64(offset)})
		}
		task.Advance(i, 4, 4)
	}
	if _, err := task.Process(20); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(out.values); got != "[a1 b1 c1 a5 a5 b5 b5 c5 c5 a7 b7 c7]" {
		t.Errorf("order is %s", got)
	}
}

// How a producer of Kafka spreads records without keys depends on its batches; here on their number only.
func TestRecordsWithoutKeysTakeTurns(t *testing.T) {
	b := topology.NewBuilder("app")
	b.Stream("in", serde.String, serde.String).To("out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	d := topologytest.New(t, topo, topologytest.Partitions(2, "out"))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	for range 1025 {
		in.Send("", "v", topologytest.NullKey())
	}
	for i, r := range topologytest.Output(d, "out", serde.String, serde.String).ReadAll() {
		if want := int32(i / 512 % 2); r.Partition != want {
			t.Fatalf("record %d is on partition %d, want %d", i, r.Partition, want)
		}
	}
}

// What Kafka Streams accepts, to do something that its user will not have meant or cannot rely on.
func TestOnlyKafkaStreamsBuildsThese(t *testing.T) {
	type texts = topology.Stream[string, string]
	add := func(a, b string) string { return a + b }
	value := func(_, v string) string { return v }
	for want, build := range map[string]func(b *topology.Builder, in texts){
		"it has no sink": func(*topology.Builder, texts) {},
		`store "unused" is used by no operator`: func(b *topology.Builder, in texts) {
			b.KeyValueStore("unused", serde.String, serde.String)
			in.To("out")
		},
		"store name is empty":                      func(_ *topology.Builder, in texts) { in.GroupByKey().Count("") },
		"needs a repartition topic in front of it": func(_ *topology.Builder, in texts) { in.SelectKey(value).ToTable("").ToStream().To("out") },
		"needs the rows of a table that keeps none": func(b *topology.Builder, in texts) {
			in.JoinTable(b.Table("rows", "", serde.String, serde.String), func(_, v, row string) string { return v + row }).To("out")
		},
		"needs the old rows of a table that keeps none": func(b *topology.Builder, _ texts) {
			b.Table("rows", "", serde.String, serde.String).GroupBy(func(k, v string) (string, string) { return v, k }).Count("n")
		},
		"read twice, and with the option Timestamp": func(b *topology.Builder, in texts) {
			in.Merge(b.Stream("in", serde.String, serde.String, topology.Timestamp(func(string, string, operators.RecordContext, int64) int64 { return 0 }))).To("out")
		},
		"have different serdes, so equal keys would lie on different partitions": func(b *topology.Builder, in texts) {
			in.WithSerdes(serde.JSON[string](), serde.String).Join(in, windows.Within(time.Second), "j", func(_, a, b string) string { return a + b }).To("out")
		},
		"which is the changelog of store n": func(_ *topology.Builder, in texts) { in.GroupByKey().Count("n"); in.To("app-n-changelog") },
		"has the option SourceAsChangelog, so it must be read from the start": func(b *topology.Builder, _ texts) {
			b.Table("rows", "rows", serde.String, serde.String, topology.SourceAsChangelog(), topology.StartFrom(topology.Latest()))
		},
		"GlobalTable of rows does not take the option Timestamp": func(b *topology.Builder, in texts) {
			b.GlobalTable("rows", "rows", serde.String, serde.String, topology.Timestamp(func(string, string, operators.RecordContext, int64) int64 { return 0 }))
		},
		"emits on close and has the option EmitOnCommit": func(_ *topology.Builder, in texts) {
			in.GroupByKey().Windowed(windows.Tumbling(time.Second)).OnClose().Reduce("r", add, topology.EmitOnCommit())
		},
	} {
		b := topology.NewBuilder("app")
		build(b, b.Stream("in", serde.String, serde.String))
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}
