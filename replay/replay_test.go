package replay_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/replay"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// memory is a source of records in memory.
type memory struct {
	ranges     []replay.Range
	records    [][]operators.Input
	partitions map[string]int32
}

func (m *memory) Ranges() []replay.Range { return m.ranges }
func (m *memory) Close() error           { return nil }
func (m *memory) Partitions(topic string) (int32, bool) {
	n, ok := m.partitions[topic]
	return n, ok
}

func (m *memory) Next(_ context.Context, i int) (operators.Input, error) {
	if len(m.records[i]) == 0 {
		return operators.Input{}, io.EOF
	}
	in := m.records[i][0]
	m.records[i] = m.records[i][1:]
	return in, nil
}

// add appends a record behind a gap of skip offsets.
func (m *memory) add(topic string, partition int32, skip int64, in operators.Input) {
	i := slices.IndexFunc(m.ranges, func(r replay.Range) bool { return r.Topic == topic && r.Partition == partition })
	if i < 0 {
		i = len(m.ranges)
		m.ranges = append(m.ranges, replay.Range{Topic: topic, Partition: partition})
		m.records = append(m.records, nil)
	}
	in.Offset = m.ranges[i].To + skip
	m.ranges[i].To = in.Offset + 1
	m.records[i] = append(m.records[i], in)
}

// after is the same source, of which what lies before a share of each partition only warms up, or is left out.
func (m *memory) after(share float64, leaveOut bool) *memory {
	to := &memory{ranges: slices.Clone(m.ranges), records: slices.Clone(m.records), partitions: m.partitions}
	for i := range to.ranges {
		r := &to.ranges[i]
		r.From = int64(share * float64(r.To))
		if r.Topic == orders.CustomersTopic {
			r.From = r.To // a table is read up to the slice
		}
		if leaveOut && r.Topic == orders.OrdersTopic {
			r.Warm = r.From
			to.records[i] = slices.DeleteFunc(slices.Clone(to.records[i]), func(in operators.Input) bool { return in.Offset < r.From })
		}
	}
	return to
}

func (m *memory) again() *memory { return m.after(0, false).whole() }

func (m *memory) whole() *memory {
	for i := range m.ranges {
		m.ranges[i].From = m.ranges[i].Warm
	}
	return m
}

// shop is orders of some customers, in the order of time but for a few seconds, with gaps between offsets.
func shop(seed uint64, n int) *memory {
	m := &memory{partitions: map[string]int32{orders.OrdersTopic: 3, orders.CustomersTopic: 2, orders.TotalsTopic: 2}}
	random := rand.New(rand.NewPCG(seed, 1))
	encode := func(b []byte, err error) []byte {
		if err != nil {
			panic(err)
		}
		return b
	}
	for i := range 20 {
		key := fmt.Appendf(nil, "c%02d", i)
		m.add(orders.CustomersTopic, operators.KeyPartition(key, 2), 0, operators.Input{
			Key: key, Value: encode(orders.CustomerSerde.Append(nil, orders.Customer{Tier: []string{"gold", "iron", "tin"}[i%3]})), Timestamp: 1_000_000,
		})
	}
	m.add(orders.CustomersTopic, operators.KeyPartition([]byte("c03"), 2), 0, operators.Input{Key: []byte("c03"), Timestamp: 1_000_000 + int64(n)*50}) // is forgotten
	for i := range n {
		key := fmt.Appendf(nil, "o-%d", i)
		skip := int64(0)
		if random.IntN(50) == 0 {
			skip = random.Int64N(100)
		}
		if i == n/2 {
			skip = 25_000 // more than is passed over at once
		}
		o := orders.Order{ID: string(key), Customer: fmt.Sprintf("c%02d", random.IntN(21)), Cents: random.Int64N(1000) - 10}
		if i%40 == 0 {
			o.Cents = 0
		}
		m.add(orders.OrdersTopic, operators.KeyPartition(key, 3), skip, operators.Input{
			Key: key, Value: encode(orders.OrderSerde.Append(nil, o)), Timestamp: 1_000_000 + int64(i)*100 - random.Int64N(3_000),
		})
	}
	return m
}

func build(t testing.TB, f func() (*topology.Topology, error)) *topology.Topology {
	t.Helper()
	topo, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

// lines replays and returns the results as lines.
func lines(t testing.TB, cfg replay.Config) (string, *replay.Summary) {
	t.Helper()
	var out bytes.Buffer
	to := replay.NewLines(cfg.Topology, &out, false)
	cfg.Results = to.Write
	cfg.StateDir = t.TempDir()
	s, err := replay.Run(t.Context(), cfg)
	if err == nil {
		err = to.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), s
}

// Two replays give the same bytes, whatever the caches are, and a slice behind a warm-up gives what the whole gives there.
func TestReplaysAreEqual(t *testing.T) {
	topo := build(t, orders.Topology)
	m := shop(1, 5_000)
	whole, summary := lines(t, replay.Config{Topology: topo, Source: m.again()})
	if n := strings.Count(whole, "\n"); n < 100 || summary.Results[orders.TotalsTopic] != int64(n) || summary.Records != 5_021 || summary.Start != "nothing" {
		t.Fatalf("%d lines, %+v", n, summary)
	}
	if first, _, _ := strings.Cut(whole, "\n"); !strings.HasPrefix(first, `{"topic":"spend-by-tier","key":{"key":"`) || !strings.Contains(first, `"},"window":{"start":`) && !strings.Contains(first, `"window":{"start":`) {
		t.Error(first)
	}
	again, _ := lines(t, replay.Config{Topology: topo, Source: m.again(), CacheBytes: 1 << 12})
	if again != whole {
		t.Error("a second replay, with a small cache, has other results")
	}
	warm, summary := lines(t, replay.Config{Topology: topo, Source: m.after(0.5, false)})
	if summary.Warm < 2_000 || summary.Records < 2_000 || summary.Warm+summary.Records != 5_021 || summary.Start != "the records before the slice" {
		t.Errorf("%+v", summary)
	}
	if n := strings.Count(warm, "\n"); n < 50 || !strings.HasSuffix(whole, warm) {
		t.Errorf("%d results behind a warm-up are not the last of all", n)
	}
	cold, _ := lines(t, replay.Config{Topology: topo, Source: m.after(0.5, true)})
	if strings.HasSuffix(whole, cold) {
		t.Error("a slice without what comes before has the same results")
	}
}

// Gaps keep offsets as they are, so what depends on them is repeated too.
func TestOffsetsAreThoseOfTheSlice(t *testing.T) {
	b := topology.NewBuilder("offsets")
	b.Stream("in", serde.String, serde.String).To("out", topology.MessageIDs())
	topo := build(t, b.Build)
	m := &memory{partitions: map[string]int32{"in": 1}}
	m.add("in", 0, 70, operators.Input{Value: []byte("a"), Timestamp: 1})
	m.add("in", 0, 1_000_000, operators.Input{Value: []byte("b"), Timestamp: 2})
	m.ranges[0].Warm, m.ranges[0].From = 60, 60
	got, _ := lines(t, replay.Config{Topology: topo, Source: m})
	want := `{"topic":"out","key":null,"value":"a","timestamp":1,"headers":{"message-id":"in/0/70"},"partition":0}
{"topic":"out","key":null,"value":"b","timestamp":2,"headers":{"message-id":"in/0/1000071"},"partition":0}
`
	if got != want {
		t.Error(got)
	}
}

// passing is the topology that writes what it reads.
func passing() (*topology.Topology, error) {
	b := topology.NewBuilder("passing")
	b.Stream("in", serde.Bytes, serde.Bytes).To("out")
	return b.Build()
}

// Timestamps beyond any clock do not end a replay.
func TestTimestampsBeyondTheClock(t *testing.T) {
	m := &memory{partitions: map[string]int32{"in": 1}}
	for i, ms := range []int64{operators.MaxTimestamp, 5, 0} {
		m.add("in", 0, 0, operators.Input{Value: []byte{byte('a' + i)}, Timestamp: ms})
	}
	got, _ := lines(t, replay.Config{Topology: build(t, passing), Source: m})
	if strings.Count(got, "\n") != 3 {
		t.Error(got)
	}
}
