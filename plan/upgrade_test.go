package plan_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

// partitions is that of all inputs and outputs unless a test says otherwise.
const partitions = 2

func build(t testing.TB, application string, f func(b *topology.Builder)) *topology.Topology {
	t.Helper()
	b := topology.NewBuilder(application)
	f(b)
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

// trial is an upgrade on one broker: the old version runs over the first part of some records, the new one over the rest.
type trial struct {
	t        testing.TB
	old, new *topology.Topology
	records  []sent
	switchAt int  // number of records before the upgrade
	inFlight bool // the old version stops while records are on their way between its sub-topologies
	loses    bool // the new version begins on empty disks
	moves    bool // its tasks move to other disks later
	back     bool // the old version comes back later, and is what the results are compared with
	rowsOnly bool // what is written is not compared
	tables   bool // of what is written, the last record of each key counts
	whole    bool // what both versions wrote is compared, in place of what came after the upgrade
}

type sent struct {
	topic     string
	partition int32
	record    operators.Input
}

// someRecords are records of the inputs a, b and rows; time goes on, and with late some are out of order.
func someRecords(r *rand.Rand, n int, late bool) []sent {
	records := make([]sent, n)
	now := int64(0)
	for i := range records {
		now += []int64{0, 1, 1, 2, 3, 9}[r.IntN(6)]
		at := now
		if late && r.IntN(4) == 0 {
			at = max(0, now-int64(r.IntN(12)))
		}
		key := []byte{"abcdefgh"[r.IntN(8)]}
		records[i] = sent{
			topic: []string{"a", "a", "a", "b", "rows"}[r.IntN(5)], partition: operators.KeyPartition(key, partitions),
			record: operators.Input{Key: key, Value: fmt.Appendf(nil, "%c", 'p'+rune(r.IntN(4))), Timestamp: at},
		}
	}
	for _, topic := range []string{"a", "b", "rows"} { // so that all windows close
		for p := range int32(partitions) {
			records = append(records, sent{topic, p, operators.Input{Key: fmt.Appendf(nil, "end-%d", p), Value: []byte("p"), Timestamp: now + 10_000}})
		}
	}
	return records
}

func (x *trial) broker() *local.Broker {
	b := local.NewBroker()
	for _, topic := range []string{"a", "b", "rows", "rows2", "out", "out2"} {
		if err := b.Create(topic, partitions); err != nil {
			x.t.Fatal(err)
		}
	}
	return b
}

func (x *trial) append(b *local.Broker, records []sent) {
	for _, r := range records {
		if _, err := b.Append(r.topic, r.partition, r.record); err != nil {
			x.t.Fatal(err)
		}
	}
}

var errStopped = errors.New("stopped")

// run lets a version process what there is on a broker.
func (x *trial) run(topo *topology.Topology, b *local.Broker, disk state.Backend, empty bool, commits int) error {
	cfg := local.Config{Graph: topo.Graph(), Broker: b, Backend: disk, EmptyState: empty}
	if commits > 0 {
		cfg.BeforeCommit = func() error {
			if commits--; commits < 0 {
				return errStopped
			}
			return nil
		}
	}
	r, err := local.New(cfg)
	if err != nil {
		return err
	}
	if err = r.Commit(); errors.Is(err, errStopped) {
		err = nil
	}
	return errors.Join(err, r.Close())
}

// results are the committed records of the outputs and the rows of changelogs.
type results struct {
	out  map[string]int    // how often each record is there
	rows map[string]string // by store, partition and key
}

func (x *trial) results(b *local.Broker, from map[string]local.Positions) results {
	got := results{make(map[string]int), make(map[string]string)}
	for _, topic := range []string{"out", "out2"} {
		records, _ := b.Read(topic, from[topic])
		if x.tables {
			last := make(map[string]local.Record)
			for _, r := range records {
				last[string(r.Key)] = r
			}
			records = slices.Collect(maps.Values(last))
		}
		for _, r := range records {
			got.out[fmt.Sprintf("%s %q=%q", topic, r.Key, r.Value)]++
		}
	}
	for _, s := range x.last().Graph().Stores {
		materialize(got.rows, b, s)
	}
	return got
}

// materialize adds the rows of a store, as its changelog has them. How stores in segments part time into buckets depends on their
// retention and is no matter of the rows.
func materialize(rows map[string]string, b *local.Broker, s *graph.Store) {
	kept := make(map[string][]byte)
	records, _ := b.Read(s.Changelog, nil)
	for _, r := range records {
		if len(r.Key) == 0 || r.Key[0] != byte(state.RowRecord) {
			continue
		}
		if at := fmt.Sprintf("%d %s", r.Partition, r.Key); r.Value == nil {
			delete(kept, at)
		} else {
			kept[at] = r.Value
		}
	}
	for _, at := range slices.Sorted(maps.Keys(kept)) {
		partition, key, _ := strings.Cut(at, " ")
		key = key[1:]
		if s.Kind != state.KindKeyValue && s.Kind != state.KindWindow {
			key = key[9:]
		}
		rows[fmt.Sprintf("%s/%s %q", s.Name, partition, key)] += fmt.Sprintf("%q", kept[at])
	}
}

func (x *trial) positions(b *local.Broker) map[string]local.Positions {
	at := make(map[string]local.Positions)
	for _, topic := range []string{"out", "out2"} {
		if !x.whole {
			_, at[topic] = b.Read(topic, nil)
		}
	}
	return at
}

// last is the version whose results are compared.
func (x *trial) last() *topology.Topology {
	if x.back {
		return x.old
	}
	return x.new
}

// want is what the new version does with all records from the start.
func (x *trial) want() (results, error) {
	b, disk := x.broker(), state.NewMemory()
	x.append(b, x.records[:x.switchAt])
	if err := x.run(x.last(), b, disk, false, 0); err != nil {
		return results{}, err
	}
	from := x.positions(b)
	x.append(b, x.records[x.switchAt:])
	if err := x.run(x.last(), b, disk, false, 0); err != nil {
		return results{}, err
	}
	return x.results(b, from), nil
}

// upgraded is what comes of the upgrade.
func (x *trial) upgraded() (results, error) {
	b, disk := x.broker(), state.NewMemory()
	x.append(b, x.records[:x.switchAt])
	commits := 0
	if x.inFlight {
		commits = x.switchAt / 2
	}
	if err := x.run(x.old, b, disk, false, commits); err != nil {
		x.t.Fatal(err)
	}
	if x.loses {
		disk = state.NewMemory()
	}
	from := x.positions(b)
	rest := x.records[x.switchAt:]
	for version := x.new; len(rest) > 0; version = x.last() {
		n := (len(rest) + 1) / 2
		x.append(b, rest[:n])
		if err := x.run(version, b, disk, false, 0); err != nil {
			return results{}, err
		}
		if rest = rest[n:]; x.moves {
			disk = state.NewMemory()
		}
	}
	return x.results(b, from), nil
}

// differs says how an upgrade differs from the new version over all records; "" if it does not.
func (x *trial) differs() string {
	got, err := x.upgraded()
	if err != nil {
		return err.Error()
	}
	want, err := x.want()
	if err != nil {
		x.t.Fatal(err)
	}
	if x.rowsOnly {
		want.out, got.out = nil, nil
	}
	var lines []string
	for _, line := range slices.Sorted(maps.Keys(want.out)) {
		if got.out[line] != want.out[line] {
			lines = append(lines, fmt.Sprintf("%s is there %d times, want %d", line, got.out[line], want.out[line]))
		}
		delete(got.out, line)
	}
	for _, line := range slices.Sorted(maps.Keys(got.out)) {
		lines = append(lines, fmt.Sprintf("%s is there %d times, want 0", line, got.out[line]))
	}
	for _, at := range slices.Sorted(maps.Keys(want.rows)) {
		if got.rows[at] != want.rows[at] {
			lines = append(lines, fmt.Sprintf("row %s is %s, want %s", at, got.rows[at], want.rows[at]))
		}
	}
	return strings.Join(lines, "\n")
}
