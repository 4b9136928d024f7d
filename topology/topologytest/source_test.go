package topologytest_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

func TestSeveralTopicsAreOneSource(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		// Two readings of one set are one source, and its consumers are served as declared (rule 7).
		first := b.StreamOf(topology.Topics("b", "a"), serde.String, serde.String)
		second := b.StreamOf(topology.Topics("a", "b"), serde.String, serde.String)
		first.MapValues(func(_, v string) string { return v + "1" }).To("out")
		second.MapValues(func(_, v string) string { return v + "2" }).To("out")
		first.MapValues(func(_, v string) string { return v + "3" }).To("out")
	})
	if sub := topo.Describe().SubTopologies; len(sub) != 1 || !slices.Equal(sub[0].Nodes[0].ReadsTopics, []string{"a", "b"}) || sub[0].Nodes[1].Op == "source" {
		t.Errorf("description is %v", topo.Describe())
	}
	// A task exists up to the largest count.
	d := topologytest.New(t, topo, topologytest.Partitions(3, "b"))
	if got := d.Tasks(); !slices.Equal(got, []string{"0_0", "0_1", "0_2"}) {
		t.Errorf("tasks are %v", got)
	}
	a, b := topologytest.Input(d, "a", serde.String, serde.String), topologytest.Input(d, "b", serde.String, serde.String)
	out := topologytest.Output(d, "out", serde.String, serde.String)
	a.Send("k", "x", topologytest.AtMs(1))
	b.Send("k", "y", topologytest.AtMs(2), topologytest.ToPartition(2))
	if got := fmt.Sprint(out.ReadAll()); got != "[k=x1@1 k=x2@1 k=x3@1 k=y1@2 k=y2@2 k=y3@2]" {
		t.Errorf("records are %s", got)
	}
}

func TestPatternMatchesTopics(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.StreamOf(topology.Pattern("orders-.*|returns"), serde.String, serde.String).
			SelectKey(func(k, v string) string { return v }).
			GroupByKey().Count("n").ToStream().To("out")
		b.StreamOf(topology.Pattern(".*-n-.*"), serde.String, serde.String).To("sink") // internal topics are not data
	})
	d := topologytest.New(t, topo, topologytest.Topics(2, "orders-1", "xorders-2", "returns", "returns2", "__returns"))
	if got := d.Tasks(); !slices.Equal(got, []string{"0_0", "0_1", "1_0", "1_1"}) {
		t.Errorf("tasks are %v", got)
	}
	out := topologytest.Output(d, "out", serde.String, serde.Int64)
	for i, topic := range []string{"orders-1", "xorders-2", "returns", "returns2", "__returns"} {
		topologytest.Input(d, topic, serde.String, serde.String).Send("k", topic, topologytest.AtMs(int64(i)))
	}
	if got := fmt.Sprint(out.ReadAll()); got != "[orders-1=1@0 returns=1@2]" {
		t.Errorf("records are %s", got)
	}
	d.AddTopic("orders-new", 1)
	topologytest.Input(d, "orders-new", serde.String, serde.String).Send("k", "returns", topologytest.AtMs(9))
	if got := fmt.Sprint(out.ReadAll()); got != "[returns=2@9]" {
		t.Errorf("records are %s", got)
	}
	// More partitions than the changelog and the repartition topic have do not fit.
	got := failureOf(func() {
		d := topologytest.New(failing{t}, topo, topologytest.Topics(2, "orders-1"))
		d.AddTopic("orders-2", 3)
	})
	if !strings.Contains(got, `topic "app-n-changelog" has 2 partitions, want 3`) {
		t.Errorf("the test fails with %q", got)
	}
}

func TestPatternWithoutTopicsWaits(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.StreamOf(topology.Pattern("in-.*"), serde.String, serde.String).
			GroupBy(func(_, v string) string { return v }).Count("n").ToStream().To("out")
	})
	d := topologytest.New(t, topo)
	if got := d.Tasks(); len(got) != 0 {
		t.Errorf("tasks are %v", got)
	}
	d.AddTopic("in-1", 2)
	topologytest.Input(d, "in-1", serde.String, serde.String).Send("k", "v", topologytest.AtMs(1))
	if n, _ := topologytest.KeyValue[string, int64](d, "n").Get("v"); n != 1 {
		t.Errorf("count is %d", n)
	}
}

// The topics of one topology must not belong to two sources, and a join over several topics needs them alike.
func TestSourcesThatOverlap(t *testing.T) {
	str := serde.String
	for want, add := range map[string]func(b *topology.Builder){
		`topic "b" is read by two sources of different topics: a, b, and b, c`: func(b *topology.Builder) {
			b.StreamOf(topology.Topics("a", "b"), str, str).To("out")
			b.StreamOf(topology.Topics("b", "c"), str, str).To("out")
		},
		`topic "a1" is read by two sources of different topics: a1, and pattern a.`: func(b *topology.Builder) {
			b.Stream("a1", str, str).To("out")
			b.StreamOf(topology.Pattern("a."), str, str).To("out")
		},
		`topic "a" is read as a table and as a table`: func(b *topology.Builder) {
			b.Table("a", "x", str, str)
			b.Table("a", "y", str, str)
		},
		`pattern of topics "(" is not a regular expression`: func(b *topology.Builder) {
			b.StreamOf(topology.Pattern("("), str, str).To("out")
		},
		`StreamOf got no topic`: func(b *topology.Builder) { b.StreamOf(topology.Topics(), str, str).To("out") },
		`topic "a" is read twice, and with the option Timestamp`: func(b *topology.Builder) {
			b.Stream("a", str, str).To("out")
			b.Stream("a", str, str, topology.Timestamp(byValue)).To("out")
		},
		`operator "in" reads keys of string and values of int64, but has a Timestamp of other types`: func(b *topology.Builder) {
			b.Stream("a", str, serde.Int64, topology.Timestamp(byValue), topology.Named("in")).To("out")
		},
		`operator "in" has a nil function`: func(b *topology.Builder) {
			var f func(k, v string, r operators.RecordContext, partitionTime int64) int64
			b.Stream("a", str, str, topology.Timestamp(f), topology.Named("in")).To("out")
		},
		`ToTable t does not take the option Timestamp`: func(b *topology.Builder) {
			b.Stream("a", str, str).ToTable("t", topology.Timestamp(byValue))
		},
	} {
		b := topology.NewBuilder("app")
		add(b)
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v\nwant %s", err, want)
		}
	}
	topo := build(t, func(b *topology.Builder) {
		b.StreamOf(topology.Pattern("a."), str, str).
			JoinTable(b.Table("rows", "rows", str, str), func(k, v, row string) string { return v }, topology.Named("join")).To("out")
	})
	for want, opts := range map[string][]topologytest.Option{
		`operator "join" needs inputs with the same number of partitions, but "rows" has 1 and "a1" has 1 and "a2" has 2`: {
			topologytest.Topics(1, "a1"), topologytest.Topics(2, "a2"),
		},
	} {
		if got := failureOf(func() { topologytest.New(failing{t}, topo, opts...) }); !strings.Contains(got, want) {
			t.Errorf("the test fails with %q, want %q", got, want)
		}
	}
	topo = build(t, func(b *topology.Builder) {
		b.StreamOf(topology.Pattern("a.*"), str, str, topology.Named("as")).To("out")
		b.StreamOf(topology.Pattern(".*b"), str, str, topology.Named("bs")).To("out")
	})
	if got, want := failureOf(func() { topologytest.New(failing{t}, topo, topologytest.Topics(1, "ab")) }),
		`topic "ab" matches the patterns of "as" and of "bs", but one source must read it`; !strings.Contains(got, want) {
		t.Errorf("the test fails with %q, want %q", got, want)
	}
}

// byValue takes the number behind the last @ of a value, else the largest timestamp so far.
func byValue(_, v string, r operators.RecordContext, partitionTime int64) int64 {
	if _, text, ok := strings.Cut(v, "@"); ok {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err == nil {
			return ms
		}
		return -1
	}
	return partitionTime
}

func TestTimestampIsExtracted(t *testing.T) {
	var contexts []string
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String, topology.Named("source"), topology.Timestamp(
			func(k, v string, r operators.RecordContext, partitionTime int64) int64 {
				contexts = append(contexts, fmt.Sprint(r.Origin, r.HasOrigin, r.Timestamp, len(r.Headers), partitionTime))
				return byValue(k, v, r, partitionTime)
			})).Repartition("hop").To("out")
		b.Table("rows", "rows", serde.String, serde.String, topology.Timestamp(byValue)).ToStream().To("rows-out")
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	out := topologytest.Output(d, "out", serde.String, serde.String)
	in.Send("k", "a@50", topologytest.AtMs(1), topologytest.Header("h", "x"))
	in.Send("k", "b@20", topologytest.AtMs(2))
	in.Send("k", "c@bad", topologytest.AtMs(3))
	in.Send("k", "d", topologytest.AtMs(4))
	in.Delete("k", topologytest.AtMs(5))                          // nothing to extract from
	d.Restart(topologytest.EmptyState)                            // the partition's time is durable
	in.Send("k", "e", topologytest.AtMs(-7))                      // the record's own time does not matter
	in.Send("k", "f@9223372036854775807")                         // beyond MaxTimestamp
	in.Send("k", "g", topologytest.AtMs(6))                       // and that moved no time
	want := "[k=a@50@50 k=b@20@20 k=d@50 k=null@5 k=e@50 k=g@50]" // once: not again behind the repartition topic
	if got := fmt.Sprint(out.ReadAll()); got != want {
		t.Errorf("records are %s\nwant        %s", got, want)
	}
	if want := []topologytest.Drop{{Operator: "source", Reason: operators.InvalidTime, Records: 1}}; !slices.Equal(d.Dropped(), want) {
		t.Errorf("dropped %v since the restart, want %v", d.Dropped(), want)
	}
	if got := fmt.Sprint(contexts[:2]); got != "[{in 0 0} true 1 1 -1 {in 0 1} true 2 0 50]" {
		t.Errorf("the extractor saw %s", got)
	}
	rows := topologytest.Input(d, "rows", serde.String, serde.String)
	rows.Send("k", "row@7")
	if r, ok := topologytest.KeyValue[string, string](d, "rows").Row("k"); !ok || r.Timestamp != 7 {
		t.Errorf("row is %v", r)
	}
}

// The task takes the record that is older by the extracted timestamp, and aborts take nothing of it away.
func TestExtractedTimestampsSurviveAnAbort(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String, topology.Timestamp(byValue)).To("out")
	})
	d := topologytest.New(t, topo, topologytest.CommitEvery(3))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "a@50")
	d.Commit()
	in.Send("k", "b@90")
	d.Restart(topologytest.KeptState)
	in.Send("k", "c")
	d.Commit()
	if got := fmt.Sprint(topologytest.Output(d, "out", serde.String, serde.String).ReadAll()); got != "[k=a@50@50 k=b@90@90 k=c@90]" {
		t.Errorf("records are %s", got)
	}
}

// A table whose topic is its changelog is after the loss of a disk what it was, at any commit.
func TestSourceAsChangelog(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		rows := b.Table("rows", "rows", serde.String, serde.String, topology.SourceAsChangelog(), topology.Timestamp(byValue), topology.SkipUndecodable(),
			topology.StoreSerdes(serde.String, serde.JSON[string]()))
		b.Stream("in", serde.String, serde.String).JoinTable(rows, func(_, v, row string) string { return v + row }).To("out")
	})
	if got := topo.Describe().String(); !strings.Contains(got, "Store: rows (key-value; restored from: rows)") || strings.Contains(got, "changelog") {
		t.Errorf("description is %s", got)
	}
	d := topologytest.New(t, topo, topologytest.Partitions(2), topologytest.CommitEvery(4))
	rows := topologytest.Input(d, "rows", serde.String, serde.String)
	store := topologytest.KeyValue[string, string](d, "rows")
	for i := range 100 {
		k := fmt.Sprint("k", i*7%13)
		switch i % 5 {
		case 0:
			rows.Delete(k)
		case 1:
			rows.Send("", "", topologytest.NullKey())
		case 2:
			rows.Send(k, "x@-5") // dropped, so the row before it stays
		case 3:
			rows.Send(k, fmt.Sprint("v@", 1000-i))
		default:
			rows.Send(k, "now")
		}
		if i%9 != 0 {
			continue
		}
		d.Commit()
		want := store.All()
		d.Restart(topologytest.EmptyState)
		if got := store.All(); !slices.Equal(got, want) || len(got) > 0 && d.Restored("rows") == 0 {
			t.Fatalf("after %d records: restored %v\nwant %v", i+1, got, want)
		}
		d.Restart(topologytest.KeptState)
		if got := store.All(); !slices.Equal(got, want) || d.Restored("rows") > 0 {
			t.Fatalf("after %d records: kept %v\nwant %v", i+1, got, want)
		}
	}
	if len(store.All()) < 3 {
		t.Errorf("the table has %v only", store.All())
	}
}

func TestSourceAsChangelogMistakes(t *testing.T) {
	str := serde.String
	for want, add := range map[string]func(b *topology.Builder){
		`Table of t has the option SourceAsChangelog, but no store name`: func(b *topology.Builder) {
			b.Table("t", "", str, str, topology.SourceAsChangelog())
		},
		`Table of t has the options SourceAsChangelog and NoChangelog`: func(b *topology.Builder) {
			b.Table("t", "t", str, str, topology.SourceAsChangelog(), topology.NoChangelog())
		},
		`StartFrom would leave rows out`: func(b *topology.Builder) {
			b.Table("t", "t", str, str, topology.SourceAsChangelog(), topology.StartFrom(topology.Latest()))
		},
		`aggregation n does not take the option SourceAsChangelog`: func(b *topology.Builder) {
			b.Stream("t", str, str).GroupByKey().Count("n", topology.SourceAsChangelog())
		},
		`topic "t" is read from two start positions`: func(b *topology.Builder) {
			b.Stream("t", str, str, topology.StartFrom(topology.Latest())).To("out")
			b.Stream("t", str, str).To("out")
		},
		`topic "t" is read from a time in the future: StartFrom(Ago(-1s))`: func(b *topology.Builder) {
			b.Stream("t", str, str, topology.StartFrom(topology.Ago(-time.Second))).To("out")
		},
		`To out does not take the option StartFrom`: func(b *topology.Builder) {
			b.Stream("t", str, str).To("out", topology.StartFrom(topology.Latest()))
		},
	} {
		b := topology.NewBuilder("app")
		add(b)
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v\nwant %s", err, want)
		}
	}
}
