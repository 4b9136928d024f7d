//go:build integration

package integration_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/integration"
)

// TestRestart stops a process in order, kills it, and takes its state away. In each case the next readings must go on
// exactly where the tallies stood, and what is restored must be all of it only where nothing was left.
func TestRestart(t *testing.T) {
	c := connect(t)
	topics := c.tallies("integration-restart", 4)
	p := tallying(t, topics, "restarted", "-workers", "2")
	from, want := newReadings(1, 1_750_000_000_000), newReference()
	from.sensors, from.stepUs = 2_000, 3_000
	const readingsEach = 30_000

	stores := 2 * 4
	round := func(what string, end func(), more ...string) (records int64, empty, rebuilt int) {
		t.Helper()
		before := len(p.update())
		p.start(more...)
		c.feedNow(topics.Input, from, want, readingsEach)
		c.consumed(topics.Application, p.died, topics.Input, topics.Repartition())
		end()
		restores := 0
		for _, e := range p.update()[before:] {
			if e.Kind != integration.Restored {
				continue
			}
			restores++
			records += e.Records
			if e.Empty {
				empty++
			}
			if e.Rebuilt {
				rebuilt++
			}
		}
		t.Logf("%s: %d store partitions opened, %d of them empty, %d records restored", what, restores, empty, records)
		if restores != stores {
			t.Errorf("%s: %d store partitions opened, want %d", what, restores, stores)
		}
		compared := c.compare(topics, want)
		compared.exactly()
		if compared.differences > 0 {
			t.Errorf("%s: %v", what, compared)
		}
		return records, empty, rebuilt
	}

	if _, empty, _ := round("first start", p.stop); empty != stores {
		t.Errorf("first start: %d store partitions are empty, want %d", empty, stores)
	}
	records, empty, rebuilt := round("start after a stop", func() { p.kill() })
	if records != 0 || empty != 0 || rebuilt != 0 {
		t.Errorf("start after a stop: %d records restored, %d stores empty, %d rebuilt, want none", records, empty, rebuilt)
	}
	logged := c.changelogRecords(topics)
	records, empty, rebuilt = round("start after a kill", func() { p.kill() })
	if empty != 0 || rebuilt != 0 || records > logged/10 {
		t.Errorf("start after a kill: %d records of %d restored, %d stores empty, %d rebuilt, want a tail and none", records, logged, empty, rebuilt)
	}
	logged = c.changelogRecords(topics)
	records, empty, _ = round("start on an empty directory", p.stop, "-state-dir", t.TempDir())
	if empty != stores || records != logged {
		t.Errorf("start on an empty directory: %d stores empty, want %d; %d records restored, want %d", empty, stores, records, logged)
	}
}

// changelogRecords is how many records the changelogs have.
func (c *cluster) changelogRecords(topics integration.Tallies) (n int64) {
	c.t.Helper()
	for _, store := range []string{integration.TallyStore, integration.ReadingStore} {
		c.read(topics.Changelog(store), func(*kgo.Record) { n++ })
	}
	return n
}
