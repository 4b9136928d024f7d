//go:build integration

package integration_test

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/integration"
)

// TestOldEventTimes works on event times of January 1970, which brokers whose retention goes by the timestamps of records
// delete as expired. What the topology keeps on the broker must not be: changelogs, and repartition topics with records
// that nobody has read.
func TestOldEventTimes(t *testing.T) {
	c := connect(t)
	c.needQuickRetention(time.Minute)
	topics := c.tallies("integration-1970", 4)
	p := tallying(t, topics, "old", "-workers", "2")
	from, want := newReadings(5, 60_000), newReference()
	from.sensors, from.stepUs = 1_000, 10_000

	p.start()
	c.feedNow(topics.Input, from, want, 30_000)
	c.consumed(topics.Application, p.died, topics.Input, topics.Repartition())
	p.stop()
	written := c.logged(topics)
	// As if the first half of the topology had been ahead of the second when the process stopped.
	for range 5_000 {
		r := from.next()
		want.add(r)
		c.cl.Produce(t.Context(), &kgo.Record{
			Topic: topics.Repartition(), Key: []byte(integration.Site(r.sensor)),
			Value: binary.BigEndian.AppendUint64(nil, uint64(r.serial)), Timestamp: time.UnixMilli(r.timestamp),
		}, nil)
	}
	c.must("write to the repartition topic", c.cl.Flush(t.Context()))
	c.awaitRetention()
	if kept := c.logged(topics); kept != written {
		t.Errorf("the changelogs have %d records of %d", kept, written)
	}

	p.start("-state-dir", t.TempDir())
	c.feedNow(topics.Input, from, want, 10_000)
	c.consumed(topics.Application, p.died, topics.Input, topics.Repartition())
	p.stop()
	compared := c.compare(topics, want)
	compared.exactly()
	if compared.differences > 0 {
		t.Errorf("after a restart on an empty directory: %v", compared)
	}
}

// TestIdleLongerThanRetention lets the broker delete a whole changelog of windows, as it does when an application had
// nothing to do for longer than its retention. Windows that are not closed yet must still be on the disk.
func TestIdleLongerThanRetention(t *testing.T) {
	c := connect(t)
	c.needQuickRetention(time.Minute)
	topics := c.tallies("integration-idle", 4)
	p := tallying(t, topics, "idle")
	from, want := newReadings(6, 1_750_000_000_000), newReference()
	from.sensors = 1_000

	p.start()
	c.feedNow(topics.Input, from, want, 20_000)
	c.consumed(topics.Application, p.died, topics.Input, topics.Repartition())
	p.stop()
	changelog := topics.Changelog(integration.TallyStore)
	before := c.alter(changelog, "retention.ms", "1")
	until(t, 3*time.Minute, "the broker has deleted the changelog", func() bool {
		return fmt.Sprint(c.starts(changelog)) == fmt.Sprint(c.ends(changelog, false))
	})
	c.alter(changelog, "retention.ms", before)

	p.start()
	c.feedNow(topics.Input, from, want, 20_000)
	c.consumed(topics.Application, p.died, topics.Input, topics.Repartition())
	p.stop()
	for _, e := range p.update() {
		if e.Rebuilt {
			t.Errorf("kept state was given up: %+v", e)
		}
	}
	compared := c.compare(topics, want)
	compared.exactly()
	if compared.differences > 0 {
		t.Errorf("after a restart: %v", compared)
	}
}

// alter changes a setting of a topic and returns what it was.
func (c *cluster) alter(topic, setting, value string) (before string) {
	c.t.Helper()
	found, err := c.adm.DescribeTopicConfigs(c.t.Context(), topic)
	c.must("settings of "+topic, err)
	for _, s := range found[0].Configs {
		if s.Key == setting {
			before = s.MaybeValue()
		}
	}
	altered, err := c.adm.AlterTopicConfigs(c.t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: setting, Value: &value}}, topic)
	if err == nil {
		err = altered[0].Err
	}
	c.must("change "+setting+" of "+topic, err)
	return before
}

// needQuickRetention skips the test if the broker looks for expired records too rarely to wait for it.
func (c *cluster) needQuickRetention(atMost time.Duration) {
	c.t.Helper()
	const name = "log.retention.check.interval.ms"
	nodes, err := c.adm.ListBrokers(c.t.Context())
	c.must("brokers", err)
	found, err := c.adm.DescribeBrokerConfigs(c.t.Context(), nodes.NodeIDs()...)
	c.must("settings of the brokers", err)
	for _, of := range found {
		c.must("settings of broker "+of.Name, of.Err)
		for _, s := range of.Configs {
			if s.Key != name {
				continue
			}
			ms, err := strconv.ParseInt(s.MaybeValue(), 10, 64)
			c.must(name, err)
			if every := time.Duration(ms) * time.Millisecond; every > atMost {
				c.t.Skipf("broker %s looks for expired records every %v: this test needs %s of at most %v", of.Name, every, name, atMost)
			}
		}
	}
}

// awaitRetention waits until the broker has looked for expired records: it writes some whose loss shows it.
func (c *cluster) awaitRetention() {
	c.t.Helper()
	const topic = "integration-1970-expired"
	c.clean(topic, topic)
	c.create(1, map[string]string{"retention.ms": fmt.Sprint(time.Hour.Milliseconds())}, topic)
	c.produce(&kgo.Record{Topic: topic, Value: []byte("expired"), Timestamp: time.UnixMilli(60_000)})
	until(c.t, 3*time.Minute, "the broker has deleted an expired record", func() bool { return c.starts(topic)[0] == 1 })
}
