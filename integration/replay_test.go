//go:build integration

package integration_test

import (
	"bytes"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/operators"
)

// benchBinary is the queries of the benchmark; its generator of events is a module of its own.
var benchBinary = buildOnce("github.com/rivusio/rivusio/bench/processor")

// replayEvents is how many events a run is of. From 1,000,000 on the speeds are compared too.
func replayEvents(t *testing.T, otherwise int) int {
	text := os.Getenv("REPLAY_EVENTS")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("REPLAY_EVENTS: %v", err)
	}
	return n
}

// replayed is an application that ran, and is replayed.
type replayed struct {
	*cluster
	binary                     func() (string, error)
	application, input, output string
	args                       []string // of every command
	events                     int
	live                       time.Duration // CPU time
}

// run runs the application until done, and stops it.
func (r *replayed) run(feed func()) {
	r.t.Helper()
	p := newProgram(r.t, r.binary, r.application, append([]string{"run", "--state-dir", filepath.Join(r.t.TempDir(), "state"), "--cache-size", "10MiB", "--admin-address", "none"}, r.args...)...)
	p.start()
	feed()
	p.stop()
	state := p.process.cmd.ProcessState
	r.live = state.UserTime() + state.SystemTime()
}

// replay replays everything twice and compares the bytes; it returns the lines.
func (r *replayed) replay(more ...string) []byte {
	r.t.Helper()
	path, err := r.binary()
	r.must("build", err)
	var results [2][]byte
	best := 0.0
	for i := range results {
		to := filepath.Join(r.t.TempDir(), "results.jsonl")
		scratch := r.t.TempDir()
		args := slices.Concat([]string{"replay", "--output", to, "--scratch", scratch}, r.args, more)
		cmd := exec.Command(path, args...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			r.t.Fatalf("replay: %v\n%s", err, out)
		}
		left, err := os.ReadDir(scratch)
		if err != nil || len(left) > 0 {
			r.t.Errorf("the replay left %v, %v", left, err)
		}
		results[i], err = os.ReadFile(to)
		r.must("read results", err)
		used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		ratio := r.live.Seconds() / used.Seconds()
		r.t.Logf("%d events: %.0f per core-second live, %.0f replayed (%.2f times); %s", r.events, float64(r.events)/r.live.Seconds(), float64(r.events)/used.Seconds(), ratio, bytes.TrimSpace(out))
		best = max(best, ratio)
	}
	if r.events >= 1_000_000 && best < 1.5 {
		r.t.Errorf("a replay has %.2f times the speed of the live run, want 1.5", best)
	}
	if !bytes.Equal(results[0], results[1]) {
		r.t.Error("two replays have different bytes")
	}
	return results[0]
}

// interrupted begins a replay to topics and stops it: nothing is left of it.
func (r *replayed) interrupted(before string) {
	r.t.Helper()
	scratch, prefix := r.t.TempDir(), r.application+"-interrupted-"
	p := newProgram(r.t, r.binary, "interrupted", slices.Concat([]string{"replay", "--prefix", prefix, "--scratch", scratch}, r.args)...)
	p.start()
	until(r.t, 30*time.Second, "topics of the replay are there", func() bool {
		topics, err := r.adm.ListTopics(r.t.Context())
		return err == nil && topics.Has(prefix+r.output)
	})
	p.stop()
	if log := p.logTail(1 << 10); !strings.Contains(log, "interrupted: ") {
		r.t.Errorf("the replay was not interrupted: %s", log)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		r.t.Errorf("the interrupted replay left %v, %v", left, err)
	}
	if after := r.production(); after != before {
		r.t.Errorf("the interrupted replay left something:\n%s\nand before\n%s", after, before)
	}
}

// againstItself compares the program with itself, as another process.
func (r *replayed) againstItself() {
	r.t.Helper()
	path, err := r.binary()
	r.must("build", err)
	out, err := exec.Command(path, slices.Concat([]string{"replay", "--against", path, "--scratch", r.t.TempDir()}, r.args)...).Output()
	if err != nil || !bytes.HasSuffix(out, []byte(" 0 added, 0 removed, 0 changed\nno difference\n")) || bytes.Contains(out, []byte(": 0 same")) {
		r.t.Errorf("against itself: %v\n%s", err, out)
	}
}

// production is all that a replay must leave as it is: the ends of all topics, the groups with their offsets, and transactions.
func (c *cluster) production() string {
	c.t.Helper()
	ctx := c.t.Context()
	var text strings.Builder
	topics, err := c.adm.ListTopicsWithInternal(ctx)
	c.must("list topics", err)
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		ends, err := c.adm.ListEndOffsets(ctx, topic)
		c.must("list ends", err)
		for _, p := range slices.Sorted(maps.Keys(ends[topic])) {
			fmt.Fprintln(&text, "topic", topic, p, ends[topic][p].Offset)
		}
	}
	groups, err := c.adm.ListGroups(ctx)
	c.must("list groups", err)
	for _, group := range groups.Groups() {
		offsets, err := c.adm.FetchOffsets(ctx, group)
		c.must("offsets", err)
		for _, o := range offsets.Sorted() {
			fmt.Fprintln(&text, "group", group, o.Topic, o.Partition, o.At)
		}
	}
	transactions, err := c.adm.ListTransactions(ctx, nil, nil)
	c.must("list transactions", err)
	for _, x := range transactions.Sorted() {
		fmt.Fprintln(&text, "transaction", x.TxnID, x.ProducerID, x.State)
	}
	return text.String()
}

// shownLine is a result of a replay as far as it is compared with a topic.
type shownLine struct {
	Key       jsontext.Value `json:"key"`
	Value     jsontext.Value `json:"value"`
	Timestamp int64          `json:"timestamp"`
	Partition int32          `json:"partition"`
}

// resultsOf are the results of a replay, sorted.
func (c *cluster) resultsOf(lines []byte) (results []string) {
	for line := range bytes.Lines(lines) {
		var l shownLine
		c.must("line of a replay", json.Unmarshal(line, &l))
		results = append(results, fmt.Sprintf("%s %s %d %d", l.Key, l.Value, l.Timestamp, l.Partition))
	}
	slices.Sort(results)
	return results
}

// A replay of a query of the benchmark has the results of the live run, twice the same bytes, and production does not notice.
func TestReplayOfNexmark(t *testing.T) {
	c := connect(t)
	events := replayEvents(t, 200_000)
	r := &replayed{cluster: c, binary: benchBinary, application: "integration-replay-q5", input: "integration-replay-nexmark", events: events}
	r.output = r.application + "-out"
	r.args = []string{"--query", "q5", "--app-id", r.application, "--input", r.input, "--brokers", strings.Join(c.addresses, ",")}
	c.clean(r.application, r.input, r.output)
	generate := exec.Command("go", "run", ".", "gen", "--data", "nexmark", "--bootstrap", strings.Join(c.addresses, ","), "--topic", r.input, "--events", strconv.Itoa(events), "--partitions", "4")
	generate.Dir = filepath.Join("..", "bench", "kit")
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	c.create(4, keepAll, r.output)
	r.run(func() {
		c.consumed(r.application, func() error { return nil }, r.input, r.application+"-by-auction-repartition", r.application+"-by-window-repartition")
	})
	before := c.production()
	got := c.resultsOf(r.replay())
	if after := c.production(); after != before {
		t.Errorf("production was touched:\n%s\nand before\n%s", after, before)
	}
	r.interrupted(before)
	r.againstItself()
	var want []string
	c.read(r.output, func(rec *kgo.Record) {
		want = append(want, fmt.Sprintf("%s %s %d %d", rec.Key, rec.Value, rec.Timestamp.UnixMilli(), rec.Partition))
	})
	slices.Sort(want)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("a replay has %d results, the live run %d:\n%.2000s\n%.2000s", len(got), len(want), got, want)
	}
}

// The same for the example orders, with a table, and for a slice that begins where a snapshot of the stopped application ends.
func TestReplayOfOrders(t *testing.T) {
	c := connect(t)
	events := replayEvents(t, 100_000)
	r := &replayed{cluster: c, binary: processorBinary, application: "orders", input: orders.OrdersTopic, output: orders.TotalsTopic, events: events}
	r.args = []string{"--topology", "orders", "--brokers", strings.Join(c.addresses, ",")}
	c.clean(r.application, orders.OrdersTopic, orders.CustomersTopic, orders.TotalsTopic)
	c.create(4, keepAll, orders.OrdersTopic, orders.CustomersTopic, orders.TotalsTopic)
	f := &orderFeed{cluster: c, random: rand.New(rand.NewPCG(5, 6)), now: 1_750_000_000_000}
	f.customers()
	path, err := r.binary()
	c.must("build", err)
	snapshot := filepath.Join(t.TempDir(), "state.jsonl")
	half := 0
	consume := func() {
		c.consumed(r.application, func() error { return nil }, orders.OrdersTopic, "orders-orders-by-customer-repartition", "orders-sales-by-tier-repartition")
	}
	live := time.Duration(0)
	for round := range 2 {
		r.run(func() {
			for range 10 { // no partition is ahead of another one by more than the grace
				f.orders(events / 20)
				consume()
			}
			for range 2 { // what comes minutes later closes all windows
				f.now += 120_000
				f.orders(400)
				consume()
			}
		})
		live += r.live
		if round == 0 {
			half = int(c.count(r.output))
			if out, err := exec.Command(path, append([]string{"record", snapshot, "--state"}, r.args...)...).CombinedOutput(); err != nil {
				t.Fatalf("record: %v\n%s", err, out)
			}
		}
	}
	r.live = live
	before := c.production()
	whole := r.replay()
	got := c.resultsOf(whole)
	if after := c.production(); after != before {
		t.Errorf("production was touched:\n%s\nand before\n%s", after, before)
	}
	want, written := c.totals(r.output)
	if len(want) < 50 || !slices.Equal(got, want) {
		t.Errorf("a replay has %d results, the live run %d:\n%.2000s\n%.2000s", len(got), len(want), got, want)
	}
	to := filepath.Join(t.TempDir(), "rest.jsonl")
	if out, err := exec.Command(path, append([]string{"replay", "--snapshot", snapshot, "--output", to}, r.args...)...).CombinedOutput(); err != nil {
		t.Fatalf("replay: %v\n%s", err, out)
	}
	rest, err := os.ReadFile(to)
	c.must("read results", err)
	if tail := slices.Sorted(slices.Values(written[half:])); !slices.Equal(c.resultsOf(rest), tail) {
		t.Errorf("behind the snapshot are %d results, the live run wrote %d there", bytes.Count(rest, []byte("\n")), len(tail))
	}
}

// totals are the results in the topic of the example, as a replay shows them: sorted, and in the order of the commits.
func (c *cluster) totals(topic string) (sorted, written []string) {
	type result struct {
		text string
		at   time.Time
	}
	var results []result
	c.read(topic, func(rec *kgo.Record) {
		k, err := orders.TotalsKey.Decode(rec.Key)
		c.must("decode a key", err)
		key := fmt.Sprintf(`{"key":%q,"window":{"start":%d,"end":%d}}`, k.Key, k.Start, k.End)
		results = append(results, result{fmt.Sprintf("%s %s %d %d", key, rec.Value, rec.Timestamp.UnixMilli(), rec.Partition), time.UnixMilli(k.Start)})
	})
	slices.SortStableFunc(results, func(a, b result) int { return a.at.Compare(b.at) })
	for _, r := range results {
		written = append(written, r.text)
	}
	return slices.Sorted(slices.Values(written)), written
}

// orderFeed writes customers and orders.
type orderFeed struct {
	*cluster
	random *rand.Rand
	now    int64
	number int
}

func (f *orderFeed) send(records *[]*kgo.Record, topic, key string, value []byte, ms int64) {
	*records = append(*records, &kgo.Record{Topic: topic, Partition: operators.KeyPartition([]byte(key), 4), Key: []byte(key), Value: value, Timestamp: time.UnixMilli(ms)})
	if len(*records) == 5_000 {
		f.produce(*records...)
		*records = (*records)[:0]
	}
}

func (f *orderFeed) customers() {
	var records []*kgo.Record
	for i := range 200 {
		value, err := orders.CustomerSerde.Append(nil, orders.Customer{Tier: []string{"gold", "iron", "tin", "wood"}[i%4]})
		f.must("encode", err)
		f.send(&records, orders.CustomersTopic, "customer-"+strconv.Itoa(i), value, f.now-10_000)
	}
	f.produce(records...)
}

// orders are n of them, over ten seconds, none older than two more.
func (f *orderFeed) orders(n int) {
	var records []*kgo.Record
	for i := range n {
		o := orders.Order{ID: "order-" + strconv.Itoa(f.number), Customer: "customer-" + strconv.Itoa(f.random.IntN(200)), Cents: f.random.Int64N(10_000) - 100}
		value, err := orders.OrderSerde.Append(nil, o)
		f.must("encode", err)
		f.send(&records, orders.OrdersTopic, o.ID, value, f.now+int64(i)*10_000/int64(n)-f.random.Int64N(2_000))
		f.number++
	}
	f.produce(records...)
	f.now += 10_000
}
