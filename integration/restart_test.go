//go:build integration

package integration_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/integration"
)

// TestRestart stops a process in order, kills it in the moment when it has committed and not yet written to its disk, and
// takes its disk away. Each time the next readings must go on exactly where the tallies stood, and what is restored must
// be nothing, a tail, and everything.
func TestRestart(t *testing.T) {
	const partitions, readingsEach = 4, 30_000
	c := connect(t)
	topics := c.tallies("integration-restart", partitions)
	p := tallying(t, topics, "restarted", "-session-timeout", sessionTimeout.String())
	from, want := newReadings(1, 1_750_000_000_000), newReference()
	from.sensors, from.stepUs = 2_000, 3_000

	// process starts the process with some more readings, stops it when it has done them, compares the outputs so far, and
	// returns the store partitions that were opened.
	process := func(what string, more ...string) (opened []integration.Event) {
		t.Helper()
		before := len(p.update())
		p.start(more...)
		c.feedNow(topics.Input, from, want, readingsEach)
		c.consumed(topics.Application, p.died, topics.Input, topics.Repartition())
		p.stop()
		records := int64(0)
		for _, e := range p.update()[before:] {
			if e.Kind != integration.Restored {
				continue
			}
			if opened = append(opened, e); e.Rebuilt {
				t.Errorf("%s: kept state was given up: %+v", what, e)
			}
			records += e.Records
		}
		t.Logf("%s: %d records restored", what, records)
		if len(opened) != partitions*len(stores) {
			t.Errorf("%s: %d store partitions were opened, want %d", what, len(opened), partitions*len(stores))
		}
		compared := c.compare(topics, want)
		compared.exactly()
		if compared.differences > 0 {
			t.Errorf("%s: %v", what, compared)
		}
		return opened
	}

	for _, e := range process("first start") {
		if !e.Empty {
			t.Errorf("first start: not empty: %+v", e)
		}
	}
	for _, e := range process("start after a stop") {
		if e.Empty || e.Records > 0 {
			t.Errorf("start after a stop: want kept and complete: %+v", e)
		}
	}

	c.feedNow(topics.Input, from, want, readingsEach)
	p.start("-commit-interval", "10ms", "-last-commit", "5")
	if code := p.exit(time.Minute); code != -1 {
		t.Fatalf("the process ended with exit code %d, want a signal", code)
	}
	tail, most := int64(0), c.twoCommits(topics)
	for _, e := range process("start after a kill") {
		if tail += e.Records; e.Empty || e.Records > most[storePartition{e.Store, e.Partition}] {
			t.Errorf("start after a kill: want kept and at most %d records restored: %+v", most[storePartition{e.Store, e.Partition}], e)
		}
	}
	if tail == 0 {
		t.Error("start after a kill: nothing was restored, though the last commit was not written to disk")
	}

	all := c.logged(topics)
	for _, e := range process("start on an empty directory", "-state-dir", t.TempDir()) {
		if all -= e.Records; !e.Empty {
			t.Errorf("start on an empty directory: not empty: %+v", e)
		}
	}
	if all != 0 {
		t.Errorf("start on an empty directory: %d records of the changelogs were not restored", all)
	}
}

// logged is how many records the changelogs have.
func (c *cluster) logged(topics integration.Tallies) (n int64) {
	c.t.Helper()
	for _, store := range stores {
		c.read(topics.Changelog(store), func(*kgo.Record) { n++ })
	}
	return n
}
