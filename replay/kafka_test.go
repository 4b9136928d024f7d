package replay_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/replay"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// cluster is a broker in the process with a stream and a table of one partition each.
type cluster struct {
	t   *testing.T
	cl  *kgo.Client
	adm *kadm.Client
	cfg engine.Config
}

func newCluster(t *testing.T) *cluster {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "clicks", "users", "named"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(fake.ListenAddrs()...), kgo.TransactionalID("writer"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &cluster{t, cl, kadm.NewClient(cl), engine.Config{Brokers: fake.ListenAddrs(), Logger: slog.New(slog.DiscardHandler)}}
}

// write writes values, each with its number as timestamp, in one transaction.
func (c *cluster) write(topic, key string, commit kgo.TransactionEndTry, ms ...int64) {
	c.t.Helper()
	err := c.cl.BeginTransaction()
	for _, at := range ms {
		r := &kgo.Record{Topic: topic, Key: []byte(key), Value: fmt.Appendf(nil, "%s%d", key, at), Timestamp: time.UnixMilli(at)}
		err = errors.Join(err, c.cl.ProduceSync(c.t.Context(), r).FirstErr())
	}
	if err = errors.Join(err, c.cl.EndTransaction(c.t.Context(), commit)); err != nil {
		c.t.Fatal(err)
	}
}

// forget deletes the records before an offset.
func (c *cluster) forget(topic string, before int64) {
	c.t.Helper()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, At: before, LeaderEpoch: -1})
	if _, err := c.adm.DeleteRecords(c.t.Context(), offsets); err != nil {
		c.t.Fatal(err)
	}
}

// named joins clicks with their users.
func named() (*topology.Topology, error) {
	b := topology.NewBuilder("named")
	users := b.Table("users", "users-by-id", serde.String, serde.String)
	b.Stream("clicks", serde.String, serde.String).JoinTable(users, func(_, click, user string) string { return click + " of " + user }).To("named")
	return b.Build()
}

// values resolves a slice and replays it.
func (c *cluster) values(topo *topology.Topology, s replay.Slice, o replay.KafkaOptions) (string, error) {
	ranges, err := replay.Resolve(c.t.Context(), c.cfg, s, topo)
	if err != nil {
		return "", err
	}
	o.Topologies = []*topology.Topology{topo}
	source, err := replay.Kafka(c.t.Context(), c.cfg, ranges, o)
	if err != nil {
		return "", err
	}
	var values []string
	_, err = replay.Run(c.t.Context(), replay.Config{Topology: topo, Source: source, StateDir: c.t.TempDir(), Results: func(r *replay.Result) error {
		values = append(values, string(r.Value))
		return nil
	}})
	return strings.Join(values, ", "), err
}

func TestSlicesOfKafka(t *testing.T) {
	c := newCluster(t)
	topo := build(t, named)
	c.write("users", "a", kgo.TryCommit, 1)
	c.write("clicks", "a", kgo.TryCommit, 2, 3)
	c.write("users", "a", kgo.TryCommit, 4)
	c.write("clicks", "a", kgo.TryCommit, 5, 6)
	at := func(offset int64) engine.Bound {
		return engine.Bound{End: true, Offsets: map[string]map[int32]int64{"clicks": {0: offset}}}
	}
	for _, x := range []struct {
		name  string
		slice replay.Slice
		want  string
	}{
		{"all", replay.Slice{}, "a2 of a1, a3 of a1, a5 of a4, a6 of a4"},
		{"the end, cold", replay.Slice{From: at(3)}, ""},
		{"the end, behind a warm-up", replay.Slice{From: at(3), WarmUp: &engine.Bound{}}, "a5 of a4, a6 of a4"},
		{"the start", replay.Slice{To: at(1)}, "a2 of a1"},
	} {
		if got, err := c.values(topo, x.slice, replay.KafkaOptions{}); err != nil || got != x.want {
			t.Errorf("%s: %q, %v, want %q", x.name, got, err, x.want)
		}
	}
	if _, err := c.values(topo, replay.Slice{From: at(9)}, replay.KafkaOptions{}); err == nil || !strings.Contains(err.Error(), `topic "clicks", partition 0: the slice begins at offset 9 and ends at 6`) {
		t.Error(err)
	}
}

// What a warm-up needs and is not there any more is named.
func TestMissingRecords(t *testing.T) {
	topo := build(t, named)
	for _, x := range []struct {
		name   string
		before func(c *cluster)
		slice  replay.Slice
		want   replay.MissingError
	}{
		{"rows of a table", func(c *cluster) { c.forget("users", 1) }, replay.Slice{From: engine.Bound{End: true}, WarmUp: &engine.Bound{}}, replay.MissingError{Topic: "users", To: 1, Reason: "retention has deleted rows"}},
		{"records that are asked for", func(c *cluster) { c.forget("clicks", 2) }, replay.Slice{From: engine.Bound{Offsets: map[string]map[int32]int64{"clicks": {0: 1}}}}, replay.MissingError{Topic: "clicks", From: 1, To: 2, Reason: "retention has deleted them"}},
		{"records of a time", func(c *cluster) { c.forget("clicks", 1) }, replay.Slice{From: engine.Bound{End: true}, WarmUp: &engine.Bound{Time: time.UnixMilli(1)}}, replay.MissingError{Topic: "clicks", To: 1, Reason: "retention has deleted records that may be as young"}},
		{"rows that are compacted away", func(c *cluster) {}, replay.Slice{From: engine.Bound{End: true}, WarmUp: &engine.Bound{}}, replay.MissingError{Topic: "users", From: 2, To: 3, Reason: "the rows of a table were compacted away"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCluster(t)
			c.write("users", "a", kgo.TryCommit, 1)
			c.write("users", "a", kgo.TryAbort, 2) // leaves a gap like one of compaction
			c.write("users", "b", kgo.TryCommit, 3)
			c.write("clicks", "a", kgo.TryCommit, 2, 3)
			x.before(c)
			_, err := c.values(topo, x.slice, replay.KafkaOptions{})
			var missing *replay.MissingError
			if !errors.As(err, &missing) || missing.Topic != x.want.Topic || missing.From != x.want.From || missing.To != x.want.To || !strings.HasPrefix(missing.Reason, x.want.Reason) {
				t.Errorf("%v, want %v", err, &x.want)
			}
			if x.name == "rows that are compacted away" {
				if _, err := c.values(topo, x.slice, replay.KafkaOptions{AllowGaps: true}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
