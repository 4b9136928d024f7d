package local_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

// service is a pipe that waits, and sees to it that it is called as it may be.
type service struct {
	t     *testing.T
	rand  *rand.Rand
	limit int // calls of each task
	byKey bool

	mu    sync.Mutex
	calls map[byte]int // by partition
	keys  map[string]bool
	most  int
	opens int
	open  bool
}

func (s *service) Open(context.Context) error {
	s.opens++
	s.open = true
	return nil
}

func (s *service) Close() error {
	s.open = false
	return nil
}

// Process takes PARTITION KEY NUMBER.
func (s *service) Process(ctx context.Context, in string) (string, error) {
	partition, key := in[0], in[:2]
	s.mu.Lock()
	s.calls[partition]++
	s.most = max(s.most, s.calls[partition])
	if !s.open || s.calls[partition] > s.limit || s.byKey && s.keys[key] {
		s.t.Errorf("call with %q: open %v, %d calls at once, same key %v", in, s.open, s.calls[partition], s.keys[key])
	}
	s.keys[key] = true
	wait := time.Duration(s.rand.IntN(10)) * time.Millisecond
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls[partition]--
		s.keys[key] = false
	}()
	select {
	case <-time.After(wait):
		return in + "!", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// TestThroughIsExactlyOnce runs pipes that wait under commits, aborts, restarts and lost disks at any moment.
func TestThroughIsExactlyOnce(t *testing.T) {
	for _, order := range []operators.Order{operators.OrderByKey, operators.OrderByInput, operators.Unordered} {
		for seed := range uint64(40) {
			synctest.Test(t, func(t *testing.T) { throughOnce(t, order, rand.New(rand.NewPCG(seed, uint64(order)))) })
		}
	}
}

const (
	throughPartitions = 2
	throughRecords    = 120
)

var errDisturbed = errors.New("disturbed")

func throughOnce(t *testing.T, order operators.Order, r *rand.Rand) {
	limit := 1 + r.IntN(8)
	s := &service{t: t, rand: rand.New(rand.NewPCG(r.Uint64(), 0)), limit: limit, byKey: order == operators.OrderByKey, calls: make(map[byte]int), keys: make(map[string]bool)}
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).
			Through[string](s, "flights", topology.Concurrency(limit), topology.Ordering(order)).
			Through[string](pipes.Func[string, string](func(_ context.Context, v string) (string, error) { return v + "?", nil }), "").
			To("out")
	})
	b := broker(t, map[string]int32{"in": throughPartitions, "out": throughPartitions})
	for i := range throughRecords {
		p := int32(i % throughPartitions)
		key := fmt.Sprintf("%d%c", p, 'a'+rune(r.IntN(5)))
		if _, err := b.Append("in", p, operators.Input{Key: []byte(key), Value: fmt.Appendf(nil, "%s%03d", key, i), Timestamp: int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	cfg := local.Config{
		Graph: topo.Graph(), Broker: b, Backend: state.NewMemory(), Beside: true, CommitEvery: 1 + r.IntN(20),
		BeforeCommit: func() error {
			if r.IntN(6) == 0 {
				return errDisturbed
			}
			return nil
		},
	}
	run, err := local.New(cfg)
	for ; err == nil; err = interrupt(&run, cfg, r) {
		if err = errors.Join(run.Drain(), run.Commit()); err == nil {
			break
		}
		if !errors.Is(err, errDisturbed) {
			t.Fatal(err)
		}
	}
	if err = errors.Join(err, run.Close()); err != nil || s.open {
		t.Fatal(err, s.open)
	}
	checkThrough(t, b, order, topo)
	if limit > 2 && order != operators.OrderByKey && s.most < 2 {
		t.Errorf("at most %d calls at once, want up to %d", s.most, limit)
	}
}

// interrupt makes the runtime go on from the last commit, as the same process or as another one.
func interrupt(run **local.Runtime, cfg local.Config, r *rand.Rand) (err error) {
	if r.IntN(2) == 0 {
		return (*run).Abort()
	}
	if err := (*run).Close(); err != nil {
		return err
	}
	cfg.EmptyState = r.IntN(2) == 0
	*run, err = local.New(cfg)
	return err
}

func checkThrough(t *testing.T, b *local.Broker, order operators.Order, topo *topology.Topology) {
	t.Helper()
	in, _ := b.Read("in", nil)
	out, _ := b.Read("out", nil)
	if len(in) != len(out) {
		t.Fatalf("%d results of %d records", len(out), len(in))
	}
	by := func(records []local.Record, suffix string) map[string][]string {
		m := make(map[string][]string)
		for _, r := range records {
			k := string(r.Key) // one key lies in one partition on both sides
			if order == operators.OrderByInput {
				k = k[:1]
			}
			m[k] = append(m[k], string(r.Value)+suffix)
		}
		if order == operators.Unordered {
			for _, values := range m {
				slices.Sort(values)
			}
		}
		return m
	}
	want, got := by(in, "!?"), by(out, "")
	for k := range want {
		if strings.Join(want[k], " ") != strings.Join(got[k], " ") {
			t.Fatalf("order %d, key %s: results %v\nwant %v", order, k, got[k], want[k])
		}
	}
	live := make(map[string]bool)
	rows, _ := b.Read("app-flights-changelog", nil)
	for _, r := range rows {
		if len(r.Key) > 0 && r.Value != nil {
			live[fmt.Sprint(r.Partition, r.Key)] = true
		} else {
			delete(live, fmt.Sprint(r.Partition, r.Key))
		}
	}
	if len(live) > throughPartitions { // the time record of each partition
		t.Errorf("%d rows are left in the changelog", len(live))
	}
}
