package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// quick makes a client of a fake broker not wait for seconds after a fault.
func quick() []kgo.Opt {
	return []kgo.Opt{kgo.MetadataMinAge(20 * time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond })}
}

// rig is a fake cluster with topics and what a test does on it, in a bubble of virtual time.
type rig struct {
	*broker
	t   *testing.T
	cl  *kgo.Client
	adm *kadm.Client
}

func newRig(t *testing.T, topics map[string]int32, opts ...kfake.Opt) *rig {
	b := newBroker(t, opts...)
	r := &rig{broker: b, t: t, cl: b.client(t, append(quick(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)}
	r.adm = kadm.NewClient(r.cl)
	for topic, n := range topics {
		if _, err := r.adm.CreateTopic(t.Context(), n, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// config is one that reaches the rig.
func (r *rig) config(instance string) Config {
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("ENGINE_LOG") != "" { // the logs of tests that fail
		var buffer lockedBuffer
		log = slog.New(slog.NewTextHandler(&buffer, &slog.HandlerOptions{Level: slog.LevelDebug}))
		r.t.Cleanup(func() {
			if r.t.Failed() {
				r.t.Logf("log of %s:\n%s", instance, buffer.String())
			}
		})
	}
	return Config{
		Brokers: r.ListenAddrs(), Instance: instance, StateDir: r.t.TempDir(), Dialer: r.network.DialContext, Logger: log,
		tune: quick(),
	}
}

// produce writes keyed records; timestamps are in ms.
type in struct {
	key, value string
	ms         int64
	partition  int32
}

func (r *rig) produce(topic string, ins ...in) {
	r.t.Helper()
	records := make([]*kgo.Record, len(ins))
	for i, n := range ins {
		records[i] = &kgo.Record{Topic: topic, Partition: n.partition, Key: []byte(n.key), Value: []byte(n.value), Timestamp: time.UnixMilli(n.ms)}
	}
	if err := r.cl.ProduceSync(r.t.Context(), records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// read returns everything committed in a topic, in the order of each partition.
func (r *rig) read(topic string) []*kgo.Record {
	r.t.Helper()
	ends, err := r.adm.ListEndOffsets(r.t.Context(), topic)
	if err != nil {
		r.t.Fatal(err)
	}
	left := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	cl := r.client(r.t, append(quick(), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))...)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	var records []*kgo.Record
	for len(left) > 0 {
		f := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			r.t.Fatalf("topic %s: not all was read, still missing up to %v", topic, left)
		}
		f.EachRecord(func(rec *kgo.Record) {
			if rec.Offset+1 >= left[rec.Partition] {
				delete(left, rec.Partition)
			}
			if !rec.Attrs.IsControl() {
				records = append(records, rec)
			}
		})
	}
	return records
}

// counts reads a topic as a table of int64 by string: the last value of each key.
func (r *rig) counts(topic string) map[string]int64 {
	table := make(map[string]int64)
	for _, rec := range r.read(topic) {
		n, err := serde.Int64.Decode(rec.Value)
		if err != nil {
			r.t.Fatal(err)
		}
		table[string(rec.Key)] = n
	}
	return table
}

// process is an App that runs.
type process struct {
	*App
	t    *testing.T
	stop context.CancelFunc
	done chan error
}

func (r *rig) start(topo *topology.Topology, c Config) *process {
	r.t.Helper()
	app, err := New(topo, c)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{App: app, t: r.t, stop: cancel, done: make(chan error, 1)}
	go func() { p.done <- app.Run(ctx) }()
	r.t.Cleanup(cancel)
	return p
}

// end stops the App and returns what Run returned.
func (p *process) end() error {
	p.stop()
	return <-p.done
}

func (p *process) mustEnd() {
	p.t.Helper()
	if err := p.end(); err != nil {
		p.t.Fatalf("Run: %v", err)
	}
}

// await waits, in virtual time, until a condition holds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("waited a minute for %s", what)
}

// awaitCaughtUp waits until a process has committed everything in its inputs.
func (r *rig) awaitCaughtUp(app string, topics ...string) {
	r.t.Helper()
	await(r.t, "the group to catch up", func() bool {
		ends, err := r.adm.ListCommittedOffsets(r.t.Context(), topics...)
		if err != nil {
			r.t.Fatal(err)
		}
		committed, err := r.adm.FetchOffsets(r.t.Context(), app)
		if err != nil {
			return false
		}
		behind := false
		ends.Each(func(o kadm.ListedOffset) {
			c, ok := committed.Lookup(o.Topic, o.Partition)
			behind = behind || o.Offset > 0 && (!ok || c.At < o.Offset)
		})
		return !behind
	})
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func copying(t *testing.T) *topology.Topology {
	b := topology.NewBuilder("copy")
	b.Stream("in", serde.String, serde.String).To("out")
	return must[*topology.Topology](t)(b.Build())
}

func counting(t *testing.T) *topology.Topology {
	b := topology.NewBuilder("count")
	b.Stream("in", serde.String, serde.String).GroupByKey().Count("counts").ToStream().To("out")
	return must[*topology.Topology](t)(b.Build())
}

// windowedCount re-keys by value and counts per ten seconds, with a result for each update.
func windowedCount(t *testing.T) *topology.Topology {
	b := topology.NewBuilder("windowed")
	b.Stream("in", serde.String, serde.String).
		GroupBy(func(_, v string) string { return v }, topology.Named("by-value")).
		Windowed(windows.Tumbling(10 * time.Second).Grace(time.Hour)).
		Count("counts").
		ToStream(func(k string, w windows.Window) string { return k + "@" + strconv.FormatInt(w.Start, 10) }).
		To("out")
	return must[*topology.Topology](t)(b.Build())
}

// traffic is n records over some keys and partitions, ten of them in a second of event time.
func traffic(from, n int, partitions int32) []in {
	ins := make([]in, n)
	for i := range ins {
		k := from + i
		ins[i] = in{key: fmt.Sprintf("key-%d", k%17), value: fmt.Sprintf("value-%d", k%7), ms: int64(k) * 100, partition: int32(k%17) % partitions}
	}
	return ins
}

func wantKeyed(n int) map[string]int64 {
	want := make(map[string]int64)
	for _, i := range traffic(0, n, 1) {
		want[i.key]++
	}
	return want
}

func wantWindowed(n int) map[string]int64 {
	want := make(map[string]int64)
	for _, i := range traffic(0, n, 1) {
		want[fmt.Sprintf("%s@%d", i.value, i.ms/10_000*10_000)]++
	}
	return want
}

// eachGuarantee runs a test with both.
func eachGuarantee(t *testing.T, f func(t *testing.T, g Guarantee)) {
	for _, g := range []Guarantee{ExactlyOnce, AtLeastOnce} {
		t.Run(g.String(), func(t *testing.T) { f(t, g) })
	}
}

// kill ends the App as a signal does that cannot be caught: nothing is committed, aborted or left.
func (p *process) kill() {
	p.t.Helper()
	p.App.fail(errKilled)
	p.App.give()
	if err := <-p.done; !errors.Is(err, errKilled) {
		p.t.Fatalf("Run returned %v instead of being killed", err)
	}
}

var errKilled = errors.New("killed by the test")

// restored sums up what the tasks of an App restored.
func (p *process) restored() (sum RestoreProgress) {
	for _, t := range p.Tasks() {
		sum.Records += t.Restore.Records
		sum.Missing += t.Restore.Missing
		sum.Kept += t.Restore.Kept
		sum.Empty += t.Restore.Empty
		sum.Rebuilt += t.Restore.Rebuilt
	}
	return sum
}

func (p *process) awaitRunning() {
	p.t.Helper()
	await(p.t, "the process to run", func() bool {
		select {
		case err := <-p.done:
			p.t.Fatalf("Run ended: %v", err)
		default:
		}
		return p.Ready()
	})
}

// wait returns what Run returns by itself.
func (p *process) wait() error {
	select {
	case err := <-p.done:
		return err
	case <-time.After(5 * time.Minute):
		p.t.Fatal("Run goes on")
		return nil
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one that says %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

// openTransaction leaves a record in a transaction that does not end.
func (r *rig) openTransaction(txid, topic string, partition int32) *kgo.Client {
	r.t.Helper()
	cl := r.client(r.t, append(quick(), kgo.TransactionalID(txid), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionTimeout(time.Minute))...)
	if err := cl.BeginTransaction(); err != nil {
		r.t.Fatal(err)
	}
	if err := cl.ProduceSync(r.t.Context(), &kgo.Record{Topic: topic, Partition: partition, Key: []byte("\x00key-0"), Value: make([]byte, 16)}).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
	return cl
}

// wantEachOnce checks that a topic of counts, with a result for each update, has every count of every key once, in order:
// nothing is missing and nothing is there twice.
func (r *rig) wantEachOnce(topic string, want map[string]int64) {
	r.t.Helper()
	got := make(map[string]int64)
	for _, rec := range r.read(topic) {
		n, err := serde.Int64.Decode(rec.Value)
		if err != nil {
			r.t.Fatal(err)
		}
		key := string(rec.Key)
		if n != got[key]+1 {
			r.t.Errorf("%s: count %d comes after %d", key, n, got[key])
		}
		got[key] = n
	}
	if !maps.Equal(got, want) {
		r.t.Errorf("last counts are %v\nwant %v", got, want)
	}
}

// tally counts what an App tells its observer.
type tally struct {
	NoObserver
	commits, aborts, rebalances atomic.Int64
}

func (y *tally) CommitEnded(i CommitInfo) {
	if i.Aborted {
		y.aborts.Add(1)
	} else {
		y.commits.Add(1)
	}
}

func (y *tally) Rebalanced(RebalanceInfo) { y.rebalances.Add(1) }

// feed writes the traffic in steps, over a span of time, and waits until it is processed.
func (r *rig) feed(app string, from, n int, over time.Duration) {
	r.t.Helper()
	const steps = 50
	for i := range steps {
		r.produce("in", traffic(from+i*n/steps, (i+1)*n/steps-i*n/steps, 3)...)
		time.Sleep(over / steps)
	}
	r.awaitCaughtUp(app, "in")
}

// bubble runs a test in virtual time. The client holds a mutex over a whole rebalance, and in a bubble time stands still
// for whoever waits for it; the build tag synctests replaces its mutexes.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if !durableMutexes {
		t.Skip("needs go test -tags synctests")
	}
	synctest.Test(t, f)
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// freezer is a network whose connections can stand still.
type freezer struct {
	dial func(context.Context, string, string) (net.Conn, error)
	mu   sync.Mutex
	gate chan struct{} // nil: open
}

func (f *freezer) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate = make(chan struct{})
}

func (f *freezer) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.gate)
	f.gate = nil
}

func (f *freezer) wait() {
	f.mu.Lock()
	gate := f.gate
	f.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

func (f *freezer) dialContext(ctx context.Context, network, address string) (net.Conn, error) {
	f.wait()
	c, err := f.dial(ctx, network, address)
	return frozenConn{c, f}, err
}

type frozenConn struct {
	net.Conn
	f *freezer
}

func (c frozenConn) Read(b []byte) (int, error)  { c.f.wait(); return c.Conn.Read(b) }
func (c frozenConn) Write(b []byte) (int, error) { c.f.wait(); return c.Conn.Write(b) }
