package replay_test

import (
	"context"
	"encoding/json/v2"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/replay"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// spend is the example orders with a table of how many customers a tier has beside it, and with what a mistake can change.
type spend struct {
	window   windows.TimeWindow
	keep     func(string, orders.Order) bool
	customer func(string, orders.Order) string
	left     bool
	sale     func(string, orders.Order, orders.Customer) orders.Sale
	tier     func(string, orders.Sale) string
	add      func(string, orders.Sale, orders.Totals) orders.Totals
	leave    func(string, orders.Customer, int64) int64
	time     func(string, orders.Order, operators.RecordContext, int64) int64
	twice    bool
	updates  bool
}

func right() spend {
	return spend{
		window:   orders.Window,
		keep:     func(_ string, o orders.Order) bool { return o.Cents > 0 },
		customer: func(_ string, o orders.Order) string { return o.Customer },
		sale: func(_ string, o orders.Order, c orders.Customer) orders.Sale {
			return orders.Sale{Tier: c.Tier, Cents: o.Cents}
		},
		tier: func(_ string, s orders.Sale) string { return s.Tier },
		add: func(_ string, s orders.Sale, t orders.Totals) orders.Totals {
			return orders.Totals{Orders: t.Orders + 1, Cents: t.Cents + s.Cents}
		},
		leave: func(_ string, _ orders.Customer, n int64) int64 { return n - 1 },
		time:  func(_ string, _ orders.Order, r operators.RecordContext, _ int64) int64 { return r.Timestamp },
	}
}

func (s spend) topology() (*topology.Topology, error) {
	b := topology.NewBuilder("orders")
	customers := b.Table(orders.CustomersTopic, "customers-by-id", serde.String, orders.CustomerSerde)
	customers.GroupBy(func(id string, c orders.Customer) (string, orders.Customer) { return c.Tier, c }, topology.Named("customers-by-tier")).
		Aggregate("customers-of-tier", func() int64 { return 0 }, func(_ string, _ orders.Customer, n int64) int64 { return n + 1 }, s.leave).
		ToStream().To("customers-of-tier")
	var options []topology.NodeOption
	if s.time != nil {
		options = append(options, topology.Timestamp(s.time))
	}
	paid := b.Stream(orders.OrdersTopic, serde.String, orders.OrderSerde, options...).
		Filter(s.keep, topology.Named("paid")).
		SelectKey(s.customer, topology.Named("by-customer"))
	var sales topology.Stream[string, orders.Sale]
	if s.left {
		sales = paid.LeftJoinTable(customers, func(id string, o orders.Order, c serde.Optional[orders.Customer]) orders.Sale {
			return s.sale(id, o, c.Value)
		}, topology.Named("orders-by-customer"))
	} else {
		sales = paid.JoinTable(customers, s.sale, topology.Named("orders-by-customer"))
	}
	w := sales.GroupBy(s.tier, topology.Named("sales-by-tier")).Windowed(s.window)
	if !s.updates {
		w = w.OnClose()
	}
	totals := w.Aggregate("spend-by-tier", func() orders.Totals { return orders.Totals{} }, s.add).ToStream(windows.Key, topology.Named("totals"))
	totals.To(orders.TotalsTopic, topology.Named("totals-sink"))
	if s.twice {
		totals.To(orders.TotalsTopic, topology.Named("totals-again"))
	}
	return b.Build()
}

// side replays a topology for a comparison.
func side(t testing.TB, topo *topology.Topology, m *memory) replay.Side {
	return func(ctx context.Context, to io.Writer) error {
		w := replay.NewLines(topo, to, true)
		if _, err := replay.Run(ctx, replay.Config{Topology: topo, Source: m.again(), Results: w.Write, StateDir: t.TempDir()}); err != nil {
			return err
		}
		return w.Flush()
	}
}

func compare(t testing.TB, before, after *topology.Topology, m *memory, o replay.DiffOptions) *replay.Comparison {
	t.Helper()
	o.Dir = t.TempDir()
	c, err := replay.Diff(t.Context(), side(t, before, m), side(t, after, m), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A version has no difference to itself.
func TestDiffOfAVersionToItself(t *testing.T) {
	topo := build(t, right().topology)
	m := shop(2, 3_000)
	c := compare(t, topo, build(t, right().topology), m, replay.DiffOptions{})
	if !c.Equal() || c.Same < 100 || len(c.Differences) != 0 {
		t.Errorf("%+v", c.Counts)
	}
}

// Every mistake is found, and what is named first is the key at which the results part.
func TestMistakesAreFound(t *testing.T) {
	m := shop(2, 1_500)
	before := build(t, right().topology)
	for _, c := range []struct {
		name    string
		mistake func(*spend)
		kind    replay.Kind // of the first difference
		fields  string
	}{
		{"the window is 1 ms longer", func(s *spend) { s.window = windows.Tumbling(10_001 * time.Millisecond).Grace(20 * time.Second) }, replay.Removed, ""},
		{"the grace is too short", func(s *spend) { s.window = windows.Tumbling(10 * time.Second).Grace(time.Second) }, replay.Changed, "value"},
		{"the filter is gone", func(s *spend) { s.keep = func(string, orders.Order) bool { return true } }, replay.Changed, "value"},
		{"the filter lets nothing paid pass", func(s *spend) { s.keep = func(_ string, o orders.Order) bool { return o.Cents >= 0 } }, replay.Changed, "value.orders"},
		{"the join is by the order in the place of the customer", func(s *spend) { s.customer = func(_ string, o orders.Order) string { return o.ID } }, replay.Removed, ""},
		{"the join is a left one", func(s *spend) { s.left = true }, replay.Added, ""},
		{"the group is by the wrong side of the join", func(s *spend) {
			s.sale = func(id string, o orders.Order, _ orders.Customer) orders.Sale {
				return orders.Sale{Tier: id, Cents: o.Cents}
			}
		}, replay.Added, ""},
		{"the sum is of eight bits", func(s *spend) {
			s.add = func(_ string, x orders.Sale, t orders.Totals) orders.Totals {
				return orders.Totals{Orders: t.Orders + 1, Cents: int64(int8(t.Cents + x.Cents))}
			}
		}, replay.Changed, "value.cents"},
		{"who leaves is not subtracted", func(s *spend) { s.leave = func(_ string, _ orders.Customer, n int64) int64 { return n } }, replay.Changed, "value"},
		{"the time is a second early", func(s *spend) {
			s.time = func(_ string, _ orders.Order, r operators.RecordContext, _ int64) int64 { return r.Timestamp - 1_000 }
		}, replay.Changed, "timestamp value"},
		{"results are written twice", func(s *spend) { s.twice = true }, replay.Added, ""},
		{"windows tell each update", func(s *spend) { s.updates = true }, replay.Added, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := right()
			c.mistake(&s)
			after := build(t, s.topology)
			got := compare(t, before, after, m, replay.DiffOptions{Limit: 3})
			if got.Equal() || len(got.Differences) == 0 {
				t.Fatal("the mistake was not found")
			}
			first := got.Differences[0]
			if first.Kind != c.kind || !strings.HasPrefix(strings.Join(first.Fields, " "), c.fields) {
				t.Errorf("the first difference is %s %q of %s", first.Kind, first.Fields, first.Key)
			}
			if keys := parting(t, before, after, m); !slices.Contains(keys, first.Topic+string(first.Key)) {
				t.Errorf("the first difference is at %s %s, want one of %s", first.Topic, first.Key, keys)
			}
		})
	}
}

// parting is where the results of two topologies part: the keys of which the one has written another sequence of values than the
// other at the first input record for which that is so.
func parting(t *testing.T, before, after *topology.Topology, m *memory) []string {
	var sides [2]map[string][]replay.Line
	for i, topo := range []*topology.Topology{before, after} {
		sides[i] = make(map[string][]replay.Line)
		var text strings.Builder
		if err := side(t, topo, m)(t.Context(), &text); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			var l replay.Line
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			key := l.Topic + string(l.Key)
			sides[i][key] = append(sides[i][key], l)
		}
	}
	first := int64(1 << 60)
	var keys []string
	for key := range maps.Keys(sides[0]) {
		if _, ok := sides[1][key]; !ok {
			sides[1][key] = nil
		}
	}
	for key, after := range sides[1] {
		before := sides[0][key]
		n := 0
		for n < min(len(before), len(after)) && string(before[n].Value) == string(after[n].Value) && before[n].Timestamp == after[n].Timestamp {
			n++
		}
		at := int64(1 << 60)
		if n < len(before) {
			at = min(at, before[n].Input)
		}
		if n < len(after) {
			at = min(at, after[n].Input)
		}
		if at < first {
			first, keys = at, nil
		}
		if at == first {
			keys = append(keys, key)
		}
	}
	return keys
}

// The input records that led to a difference are found again.
func TestExplain(t *testing.T) {
	m := shop(2, 3_000)
	before, after := right(), right()
	after.keep = func(_ string, o orders.Order) bool { return o.Cents >= 0 }
	c := compare(t, build(t, before.topology), build(t, after.topology), m, replay.DiffOptions{})
	d := c.Differences[0]
	e, err := replay.Explain(t.Context(), replay.Config{Topology: build(t, after.topology), Source: m.again(), StateDir: t.TempDir()}, &d)
	if err != nil {
		t.Fatal(err)
	}
	var value orders.Totals
	if err := json.Unmarshal(d.New.Value, &value); err != nil {
		t.Fatal(err)
	}
	if int64(e.Total) != value.Orders+1 { // those of the window, and the one that closed it
		t.Errorf("%d input records led to %d orders", e.Total, value.Orders)
	}
	if last := e.Records[len(e.Records)-1]; last.Place != d.Cause() || len(e.Records) != min(e.Total, 10) {
		t.Errorf("%+v", e.Records)
	}
}

// What is ignored does not count, and what cannot be is an error.
func TestIgnore(t *testing.T) {
	m := shop(2, 1_000)
	s := right()
	s.add = func(_ string, x orders.Sale, t orders.Totals) orders.Totals {
		return orders.Totals{Orders: t.Orders + 1, Cents: t.Cents + x.Cents + 1}
	}
	before, after := build(t, right().topology), build(t, s.topology)
	if c := compare(t, before, after, m, replay.DiffOptions{}); c.Equal() {
		t.Error("no difference")
	}
	for _, rule := range []string{"value", "value.cents"} {
		if c := compare(t, before, after, m, replay.DiffOptions{Ignore: []string{rule}}); !c.Equal() || c.Same == 0 {
			t.Errorf("%s: %+v", rule, c.Counts)
		}
	}
	for _, rule := range []string{"", "key", "value.", "value..a"} {
		if _, err := replay.Diff(t.Context(), nil, nil, replay.DiffOptions{Ignore: []string{rule}}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q cannot be ignored", rule)) {
			t.Errorf("%q: %v", rule, err)
		}
	}
}

// Records that run in rounds, one sub-topology after the other, have the results that they have one after the other. What extracts
// timestamps runs without rounds.
func TestRoundsAreNotSeen(t *testing.T) {
	for _, updates := range []bool{false, true} {
		var totals [2]strings.Builder
		for i, extracts := range []bool{false, true} {
			s := right()
			s.updates = updates
			if !extracts {
				s.time = nil
			}
			text, _ := lines(t, replay.Config{Topology: build(t, s.topology), Source: shop(4, 12_000).again(), CacheBytes: 1 << 20})
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, `{"topic":"`+orders.TotalsTopic) {
					totals[i].WriteString(line)
				}
			}
		}
		if totals[0].String() != totals[1].String() || strings.Count(totals[0].String(), "\n") < 100 {
			t.Errorf("updates %v: %d and %d bytes of results differ", updates, totals[0].Len(), totals[1].Len())
		}
	}
}
