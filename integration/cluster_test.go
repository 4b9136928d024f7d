//go:build integration

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/integration"
)

// cluster is the broker, as a test sees it.
type cluster struct {
	t   *testing.T
	cl  *kgo.Client
	adm *kadm.Client

	addresses []string
}

func connect(t *testing.T, opts ...kgo.Opt) *cluster {
	t.Helper()
	return connectTo(t, brokers(t), opts...)
}

func connectTo(t *testing.T, addresses string, opts ...kgo.Opt) *cluster {
	t.Helper()
	// A test looks again at topics that it just made or deleted; the default would show what was there five seconds ago.
	seeds := strings.Split(addresses, ",")
	opts = append(opts, kgo.SeedBrokers(seeds...), kgo.MetadataMinAge(20*time.Millisecond))
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &cluster{t: t, cl: cl, adm: kadm.NewClient(cl), addresses: seeds}
}

func (c *cluster) must(what string, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
}

// keepAll are the settings of topics whose records have event times long past.
var keepAll = map[string]string{"retention.ms": "-1"}

// create makes topics that were not there.
func (c *cluster) create(partitions int32, settings map[string]string, topics ...string) {
	c.t.Helper()
	configs := make(map[string]*string)
	for name, value := range settings {
		configs[name] = &value
	}
	created, err := c.adm.CreateTopics(c.t.Context(), partitions, 1, configs, topics...)
	c.must("create topics", err)
	c.must("create topics", created.Error())
	// Brokers answer before all of them know the topic.
	for _, topic := range topics {
		until(c.t, 30*time.Second, "topic "+topic+" is there", func() bool {
			found, err := c.adm.ListTopics(c.t.Context(), topic)
			return err == nil && found.Error() == nil && len(found[topic].Partitions) == int(partitions)
		})
	}
}

// clean deletes what an earlier run left: an application's group and its internal topics, and other topics.
func (c *cluster) clean(application string, topics ...string) {
	c.t.Helper()
	ctx := c.t.Context()
	until(c.t, time.Minute, "group "+application+" is gone", func() bool {
		// A new broker has no coordinator yet; members that were killed stay until their sessions time out.
		group, err := c.adm.DeleteGroup(ctx, application)
		if err == nil {
			err = group.Err
		}
		return err == nil || errors.Is(err, kerr.GroupIDNotFound)
	})
	found, err := c.adm.ListTopics(ctx)
	c.must("list topics", err)
	for _, name := range found.Names() {
		if strings.HasPrefix(name, application+"-") && (strings.HasSuffix(name, "-changelog") || strings.HasSuffix(name, "-repartition")) {
			topics = append(topics, name)
		}
	}
	deleted, err := c.adm.DeleteTopics(ctx, topics...)
	c.must("delete topics", err)
	for _, d := range deleted {
		if d.Err != nil && !errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
			c.t.Fatalf("delete topic %s: %v", d.Topic, d.Err)
		}
	}
	until(c.t, 30*time.Second, fmt.Sprintf("topics %v are gone", topics), func() bool {
		left, err := c.adm.ListTopics(ctx)
		if err != nil {
			return false
		}
		for _, topic := range topics {
			if left.Has(topic) {
				return false
			}
		}
		return true
	})
}

// tallies makes the topics for the topology of that name anew.
func (c *cluster) tallies(application string, partitions int32) integration.Tallies {
	c.t.Helper()
	topics := integration.Tallies{Application: application, Input: application + "-input", Updates: application + "-updates", Totals: application + "-totals"}
	c.clean(application, topics.Input, topics.Updates, topics.Totals)
	c.create(partitions, keepAll, topics.Input, topics.Updates, topics.Totals)
	return topics
}

// ends are the ends of the logs of a topic: those of committed records, or those of all.
func (c *cluster) ends(topic string, committed bool) map[int32]int64 {
	c.t.Helper()
	list := c.adm.ListEndOffsets
	if committed {
		list = c.adm.ListCommittedOffsets
	}
	listed, err := list(c.t.Context(), topic)
	if err == nil {
		err = listed.Error()
	}
	c.must("ends of topic "+topic, err)
	ends := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends
}

// starts are the offsets of the first records of a topic.
func (c *cluster) starts(topic string) map[int32]int64 {
	c.t.Helper()
	listed, err := c.adm.ListStartOffsets(c.t.Context(), topic)
	if err == nil {
		err = listed.Error()
	}
	c.must("starts of topic "+topic, err)
	starts := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { starts[o.Partition] = o.Offset })
	return starts
}

// lag is how many offsets of a topic a group has still to commit.
func (c *cluster) lag(group, topic string) (lag int64) {
	c.t.Helper()
	committed, err := c.adm.FetchOffsets(c.t.Context(), group)
	c.must("committed offsets of "+group, err)
	starts := c.starts(topic)
	for partition, end := range c.ends(topic, false) {
		at := starts[partition]
		if o, ok := committed.Lookup(topic, partition); ok && o.Err == nil && o.At >= 0 {
			at = o.At
		}
		lag += end - at
	}
	return lag
}

// consumed waits until a group has committed the ends of topics, given in the order in which records go through them, and
// fails if it makes no progress. check is called now and then.
func (c *cluster) consumed(group string, check func() error, topics ...string) {
	c.t.Helper()
	const patience = 45 * time.Second
	for _, topic := range topics {
		best, since := int64(-1), time.Now()
		for {
			c.must("while records are processed", check())
			lag := c.lag(group, topic)
			if lag == 0 {
				break
			}
			if best < 0 || lag < best {
				best, since = lag, time.Now()
			}
			if time.Since(since) > patience {
				c.t.Fatalf("group %s makes no progress in topic %s: %d offsets behind for %v", group, topic, lag, patience)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// scan gives every committed record of a topic and the markers that end transactions, each partition in order.
func (c *cluster) scan(topic string, each func(*kgo.Record)) {
	c.t.Helper()
	until(c.t, 30*time.Second, "no transaction is open in topic "+topic, func() bool {
		return fmt.Sprint(c.ends(topic, true)) == fmt.Sprint(c.ends(topic, false))
	})
	from, ends := make(map[int32]kgo.Offset), c.ends(topic, true)
	for partition, start := range c.starts(topic) {
		if start < ends[partition] {
			from[partition] = kgo.NewOffset().At(start)
		}
	}
	if len(from) == 0 {
		return
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addresses...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	c.must("read topic "+topic, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	for left := len(from); left > 0; {
		fetches := cl.PollFetches(ctx)
		c.must("read topic "+topic, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			each(r)
			if r.Offset+1 == ends[r.Partition] {
				left--
			}
		})
	}
}

// read is scan without the markers.
func (c *cluster) read(topic string, each func(*kgo.Record)) {
	c.t.Helper()
	c.scan(topic, func(r *kgo.Record) {
		if !r.Attrs.IsControl() {
			each(r)
		}
	})
}

// count is how many committed records a topic has.
func (c *cluster) count(topic string) (n int64) {
	c.read(topic, func(*kgo.Record) { n++ })
	return n
}

// produce writes records and waits until all are acknowledged.
func (c *cluster) produce(records ...*kgo.Record) {
	c.t.Helper()
	c.must("write records", c.cl.ProduceSync(c.t.Context(), records...).FirstErr())
}
