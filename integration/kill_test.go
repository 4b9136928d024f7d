//go:build integration

package integration_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/integration"
)

// sessionTimeout is the least that brokers allow by default.
const sessionTimeout = 6 * time.Second

// siege is two processes that are killed at random moments while readings come in.
type siege struct {
	t      *testing.T
	c      *cluster
	topics integration.Tallies
	procs  []*watched
	feed   *feed
	want   *reference
	rng    *rand.Rand
	killed int // processes
}

// besiege runs the topology under kills and returns when all readings are processed and the processes have ended in
// order. KILL_RECORDS, KILL_RATE (per second), KILL_COUNT and SEED change what it does.
func besiege(t *testing.T, application string, records int64, perSec, kills int, args ...string) *siege {
	t.Helper()
	c := connect(t)
	seed := setting(t, "SEED", rand.Uint64()>>1)
	records = setting(t, "KILL_RECORDS", records)
	kills = setting(t, "KILL_COUNT", kills)
	t.Logf("SEED=%d KILL_RECORDS=%d KILL_COUNT=%d", seed, records, kills)

	s := &siege{t: t, c: c, topics: c.tallies(application, 4), want: newReference(), rng: rand.New(rand.NewPCG(seed, 2))}
	if slices.Contains(args, "-answers") {
		s.topics.Answers = s.topics.Input + "-answers"
		args[slices.Index(args, "-answers")] += "=" + s.topics.Answers
		c.clean(application, s.topics.Answers)
		c.create(4, keepAll, s.topics.Answers)
	}
	args = append(args, "-session-timeout", sessionTimeout.String())
	for _, instance := range []string{"first", "second"} {
		s.procs = append(s.procs, tallying(t, s.topics, instance, args...))
	}
	over := make(chan struct{})
	s.feed = &feed{
		topic: s.topics.Input, from: newReadings(seed, 1_750_000_000_000), to: s.want, perSec: setting(t, "KILL_RATE", perSec), atLeast: records,
		goOn: func() bool {
			select {
			case <-over:
				return false
			default:
				return true
			}
		},
	}
	s.feed.start(t)
	s.start(s.procs)
	began := time.Now()
	for n := range kills {
		s.kill(n)
	}
	t.Logf("%d kills of %d processes in %v", kills, s.killed, time.Since(began).Round(time.Second))
	close(over)
	c.must("feed", <-s.feed.done)
	if s.topics.Answers != "" { // what is in flight is behind the committed offsets
		c.consumed(application, s.died, s.topics.Input)
		until(t, time.Minute, "all answers are there", func() bool { return c.count(s.topics.Answers) >= s.feed.written.Load() })
	}
	c.consumed(application, s.died, s.topics.Input, s.topics.Repartition())
	t.Logf("%d readings, the last one processed %v after it was written", s.feed.written.Load(), time.Since(s.feed.finished).Round(100*time.Millisecond))
	for _, p := range s.procs {
		p.stop()
	}
	return s
}

func (s *siege) died() error {
	for _, p := range s.procs {
		if err := p.died(); err != nil {
			return err
		}
	}
	return nil
}

func (s *siege) start(procs []*watched) {
	s.t.Helper()
	for _, p := range procs {
		p.start()
	}
}

// kill kills one process or both at a random moment. Most of the time both are at work; sometimes one is still starting.
// It starts them again soon, or, now and then, after their session has timed out.
func (s *siege) kill(n int) {
	s.t.Helper()
	if s.rng.IntN(5) > 0 {
		// A member that dies while it waits for an answer to its JoinGroup is waited for by the brokers as long as a rebalance may take.
		until(s.t, 3*time.Minute, fmt.Sprintf("all processes commit again before kill %d", n), func() bool {
			s.c.must("between kills", s.died())
			return s.procs[0].committing() && s.procs[1].committing()
		})
	}
	time.Sleep(s.upTo(2 * time.Second))
	s.c.must("between kills", s.died())
	victims := s.procs
	if one := s.rng.IntN(5); one > 0 {
		victims = s.procs[one%2 : one%2+1]
	}
	for _, p := range victims {
		p.kill()
		s.killed++
	}
	away := s.upTo(time.Second)
	if n%5 == 3 {
		away += sessionTimeout + time.Second
	}
	time.Sleep(away)
	s.start(victims)
}

func (s *siege) upTo(d time.Duration) time.Duration { return time.Duration(s.rng.Int64N(int64(d))) }

// TestExactlyOnceUnderKills is the test of the guarantee: nothing missing, nothing twice, and local state that is kept.
func TestExactlyOnceUnderKills(t *testing.T) {
	s := besiege(t, "integration-kill-eos", 1_000_000, 15_000, 16, "-workers", "2")
	compared := s.c.compare(s.topics, s.want)
	compared.exactly()
	if compared.differences > 0 {
		t.Errorf("outputs: %v", compared)
	}
	s.checkRestores(s.c.twoCommits(s.topics))
}

// TestCallsUnderKills has a pipe that waits in front of it all, with many readings in flight at every kill: each has one answer,
// those of a sensor are in the order of its readings, and all are tallied once.
func TestCallsUnderKills(t *testing.T) {
	s := besiege(t, "integration-kill-calls", 200_000, 6_000, 8, "-answers")
	compared := s.c.compare(s.topics, s.want)
	compared.exactly()
	if compared.differences > 0 {
		t.Errorf("outputs: %v", compared)
	}
	last, wrong := make(map[string]int64), 0
	s.c.read(s.topics.Answers, func(r *kgo.Record) {
		serial := int64(binary.BigEndian.Uint64(r.Value))
		if serial <= last[string(r.Key)] {
			if wrong++; wrong <= 5 {
				t.Errorf("sensor %s: answer %d comes after %d", r.Key, serial, last[string(r.Key)])
			}
		}
		last[string(r.Key)] = serial
	})
	if n, want := s.c.count(s.topics.Answers), s.feed.written.Load(); n != want {
		t.Errorf("%d answers to %d readings", n, want)
	}
}

// TestAtLeastOnceUnderKills shows that nothing is lost without transactions, though some readings count twice.
func TestAtLeastOnceUnderKills(t *testing.T) {
	s := besiege(t, "integration-kill-alos", 250_000, 15_000, 6, "-at-least-once")
	compared := s.c.compare(s.topics, s.want)
	compared.atLeast()
	if compared.differences > 0 {
		t.Errorf("outputs: %v", compared)
	}
	t.Logf("%d readings were counted again", compared.repeated())
	s.checkRestores(nil)
}

// TestKillsFindWrongOrder shows that the test of exactly-once notices an engine that commits offsets before what they
// stand for.
func TestKillsFindWrongOrder(t *testing.T) {
	s := besiege(t, "integration-kill-broken", 150_000, 15_000, 4, "-offsets-first")
	compared := s.c.compare(s.topics, s.want)
	compared.exactly()
	if compared.differences == 0 {
		t.Error("offsets were committed first, processes were killed, and the outputs are right: the comparison does not see losses, or the fault is none")
	}
	t.Logf("with offsets committed first there are %d differences", compared.differences)
}

var stores = []string{integration.TallyStore, integration.ReadingStore}

// storePartition is one partition of a store.
type storePartition struct {
	store     string
	partition int32
}

// twoCommits is, of each store partition, the most that two commits in a row wrote to its changelog: what a process that
// is killed can have committed and yet not have on its disk, since it writes a commit to disk beside the next interval.
func (c *cluster) twoCommits(topics integration.Tallies) map[storePartition]int64 {
	c.t.Helper()
	most := make(map[storePartition]int64)
	for _, store := range stores {
		type span struct{ before, now int64 }
		spans := make(map[int32]span)
		c.scan(topics.Changelog(store), func(r *kgo.Record) {
			at := spans[r.Partition]
			if !r.Attrs.IsControl() {
				at.now++
			} else if committed(r) {
				key := storePartition{store, r.Partition}
				most[key] = max(most[key], at.before+at.now)
				at.before, at.now = at.now, 0
			}
			spans[r.Partition] = at
		})
	}
	return most
}

// committed reports whether a control record ends a transaction with a commit: its key is a version and a type.
func committed(r *kgo.Record) bool {
	return len(r.Key) == 4 && binary.BigEndian.Uint16(r.Key[2:]) == 1
}

// checkRestores looks at every store partition that a process opened. One that the process had last must have been kept,
// with no more than limit to restore; one that another process had in between is counted apart; none may be given up.
// Without a limit there is none.
func (s *siege) checkRestores(limit map[storePartition]int64) {
	s.t.Helper()
	var all []opened
	aborted := 0
	for _, p := range s.procs {
		of, n := openedBy(p)
		all, aborted = append(all, of...), aborted+n
	}
	slices.SortStableFunc(all, func(a, b opened) int { return a.At.Compare(b.At) })
	var kept, returned, fresh []int64 // records restored
	owner, had := make(map[storePartition]string), make(map[string]bool)
	for _, e := range all {
		at := storePartition{e.Store, e.Partition}
		mine := fmt.Sprint(e.by, at)
		if e.Rebuilt || e.Empty && had[mine] {
			s.t.Errorf("%v was on the disk of %s, which gave it up: %+v", at, e.by, e.Event)
		}
		switch {
		case e.Empty:
			fresh = append(fresh, e.Records)
		case owner[at] != e.by:
			returned = append(returned, e.Records)
		default:
			kept = append(kept, e.Records)
			if most, ok := limit[at]; limit != nil && (!ok || e.Records > most) {
				s.t.Errorf("%v: %s restored %d records at %v, though two commits in a row wrote %d at most", at, e.by, e.Records, e.At, most)
			}
		}
		owner[at] = e.by
		had[mine] = had[mine] || e.Records > 0 || e.commits >= commitsOfAll
	}
	s.t.Logf("store partitions opened, with the records restored: kept %s, back from another process %s, new to the process %s; at most two commits wrote %v; %d transactions aborted",
		spread(kept), spread(returned), spread(fresh), limits(limit), aborted)
	if len(kept) == 0 {
		s.t.Error("no process opened a store partition that it had kept")
	}
}

// commitsOfAll is how many commits of a process surely wrote to all of its store partitions.
const commitsOfAll = 20

// opened is a store partition that a process opened.
type opened struct {
	integration.Event
	by      string
	commits int // of the process after that
}

// openedBy are the store partitions that the processes of a program opened, and how many transactions they aborted.
func openedBy(p *watched) (all []opened, aborted int) {
	for i, e := range p.update() {
		switch e.Kind {
		case integration.Aborted:
			aborted++
		case integration.Restored:
			o := opened{Event: e, by: p.name}
			for _, later := range p.events[i:] {
				if later.PID == e.PID && later.Kind == integration.Committed && later.Written > 0 {
					o.commits++
				}
			}
			all = append(all, o)
		}
	}
	return all, aborted
}

// spread describes numbers.
func spread(n []int64) string {
	if len(n) == 0 {
		return "0"
	}
	slices.Sort(n)
	return fmt.Sprintf("%d (median %d, most %d)", len(n), n[len(n)/2], n[len(n)-1])
}

func limits(limit map[storePartition]int64) string {
	var texts []string
	for at, n := range limit {
		texts = append(texts, fmt.Sprintf("%s/%d %d", at.store, at.partition, n))
	}
	slices.SortFunc(texts, cmp.Compare[string])
	return strings.Join(texts, ", ")
}
