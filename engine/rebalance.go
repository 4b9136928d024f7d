package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/rivusio/rivusio/internal/graph"
)

// membership collects what the client's callbacks say about the group, for the worker to act on between two polls: the
// client lets rebalances go on only while the worker polls and has no transaction open, so callbacks never wait for it.
type membership struct {
	mu     sync.Mutex
	events []groupEvent
	owned  map[string][]int32 // the latest assignment, as the group's leader sent it
	// fetched is what the group committed of partitions that came last.
	fetched map[topicPartition]committedOffset

	hurry     atomic.Bool  // a rebalance waits for the worker
	rejoining atomic.Bool  // from the request to join to the new assignment
	joining   atomic.Int64 // unix ns of the request to join that was answered last, 0 once that was reported
	outdated  atomic.Bool  // the assignment was made for another topology
	wake      func()       // ends the worker's poll
}

type groupEvent struct {
	kind       groupEventKind
	partitions map[string][]int32
	offsets    map[topicPartition]committedOffset
}

type groupEventKind uint8

const (
	partitionsAssigned groupEventKind = iota // partitions came; owned ones that are not among the event's went
	partitionsRevoked
	partitionsLost
	offsetsFetched
)

// committedOffset is where the group left off in a partition; Offset is -1 if it never committed.
type committedOffset struct {
	offset   int64
	metadata string
	// settled: nothing was committed, and offset is where the source says to begin.
	settled bool
}

func (m *membership) push(e groupEvent) {
	m.mu.Lock()
	m.events = append(m.events, e)
	m.mu.Unlock()
	m.wake()
}

// drain returns what happened since the last time, in order.
func (m *membership) drain() []groupEvent {
	m.mu.Lock()
	defer m.mu.Unlock()
	events := m.events
	m.events = nil
	return events
}

// onAssigned pauses what comes: nothing is fetched before its task is restored.
func (m *membership) onAssigned(_ context.Context, cl *kgo.Client, added map[string][]int32) {
	cl.PauseFetchPartitions(added)
	m.mu.Lock()
	owned := maps.Clone(m.owned)
	m.mu.Unlock()
	m.push(groupEvent{kind: partitionsAssigned, partitions: owned})
}

func (m *membership) onRevoked(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
	m.push(groupEvent{kind: partitionsRevoked, partitions: revoked})
}

func (m *membership) onLost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	m.push(groupEvent{kind: partitionsLost, partitions: lost})
}

func (m *membership) onBlocked(context.Context, *kgo.Client) {
	m.hurry.Store(true)
	m.wake()
}

func (m *membership) onOffsets(_ context.Context, _ *kgo.Client, resp *kmsg.OffsetFetchResponse) error {
	offsets := make(map[topicPartition]committedOffset)
	for _, group := range resp.Groups {
		for _, t := range group.Topics {
			for _, p := range t.Partitions {
				c := committedOffset{offset: p.Offset}
				if p.Metadata != nil {
					c.metadata = *p.Metadata
				}
				offsets[topicPartition{t.Topic, p.Partition}] = c
			}
		}
	}
	m.mu.Lock()
	m.fetched = offsets
	m.mu.Unlock()
	return nil
}

// adjustOffsets follows onOffsets: it tells the client where to begin in partitions of which nothing is committed, before
// anything is fetched. The client does not take that later.
func (w *worker) adjustOffsets(ctx context.Context, at map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	m := &w.group
	m.mu.Lock()
	offsets := m.fetched
	m.mu.Unlock()
	missing := make(map[graph.Start]map[string][]int32)
	for p, c := range offsets {
		start := w.app.plan.StartOf(p.topic)
		if c.offset >= 0 || start.Kind != graph.Latest && start.Kind != graph.Ago {
			continue
		}
		if missing[start] == nil {
			missing[start] = make(map[string][]int32)
		}
		missing[start][p.topic] = append(missing[start][p.topic], p.partition)
	}
	for start, topics := range missing {
		listed, err := w.app.listStarts(ctx, start, slices.Collect(maps.Keys(topics)))
		if err != nil {
			return nil, err
		}
		for topic, partitions := range topics {
			for _, p := range partitions {
				found, ok := listed.Lookup(topic, p)
				if !ok || found.Err != nil {
					return nil, fmt.Errorf("start offset of topic %q, partition %d: %w", topic, p, cmp.Or(found.Err, errUnanswered))
				}
				c := offsets[topicPartition{topic, p}]
				c.offset, c.settled = found.Offset, true
				offsets[topicPartition{topic, p}] = c
				if at[topic] == nil {
					at[topic] = make(map[int32]kgo.Offset)
				}
				at[topic][p] = kgo.NewOffset().At(found.Offset)
			}
		}
	}
	m.push(groupEvent{kind: offsetsFetched, offsets: offsets})
	return at, nil
}

// listStarts looks up the offsets that a start stands for.
func (a *App) listStarts(ctx context.Context, start graph.Start, topics []string) (kadm.ListedOffsets, error) {
	switch start.Kind {
	case graph.Latest:
		return a.adm.ListCommittedOffsets(ctx, topics...)
	case graph.Ago:
		return a.adm.ListOffsetsAfterMilli(ctx, time.Now().Add(-start.Ago).UnixMilli(), topics...)
	}
	return a.adm.ListStartOffsets(ctx, topics...)
}

// watchedBalancer is a balancer that tells when the member joins and which assignment it got. A transaction session calls
// its revocation callback once for each transaction at most, so what it says alone is not enough to know either.
type watchedBalancer struct {
	*balancer
	m *membership
}

func (b watchedBalancer) JoinGroupMetadata(topics []string, owned map[string][]int32, generation int32) []byte {
	if !b.m.rejoining.Swap(true) {
		b.m.joining.Store(time.Now().UnixNano())
	}
	return b.balancer.JoinGroupMetadata(topics, owned, generation)
}

func (b watchedBalancer) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	owned, err := b.balancer.ParseSyncAssignment(assignment)
	if err == nil {
		b.m.mu.Lock()
		b.m.owned = owned
		b.m.mu.Unlock()
		b.m.outdated.Store(b.Outdated())
		b.m.rejoining.Store(false)
	}
	return owned, err
}

// follow acts on what happened in the group.
func (w *worker) follow() error {
	events := w.group.drain()
	if len(events) == 0 {
		return nil
	}
	revoked := false
	for _, e := range events {
		switch e.kind {
		case partitionsAssigned:
			revoked = w.keepOnly(e.partitions) || revoked
			w.addPartitions(e.partitions)
			w.joined.Store(true)
			w.wasMember = true
			w.askAnew()
		case partitionsRevoked, partitionsLost:
			revoked = revoked || e.kind == partitionsLost || len(e.partitions) > 0
			w.removePartitions(e.partitions)
		case offsetsFetched:
			for at, c := range e.offsets {
				if f := w.feed(at.topic, at.partition); f != nil && !f.known {
					f.known, f.start = true, c
				}
			}
		}
	}
	if revoked {
		// The session would abort the next transaction for a revocation that came between two.
		if err := w.resetSession(); err != nil {
			return err
		}
	}
	w.app.reportRebalance(w, len(w.feeds))
	return w.openTasks()
}

// askAnew asks the group for another assignment, once for each session, if the one it gave is for another topology: a
// static member that comes back with a changed topology causes no rebalance by itself (hard point 12).
func (w *worker) askAnew() {
	if w.asked || !w.group.outdated.Load() {
		return
	}
	w.asked = true
	w.log.Info("the assignment is for another topology, the group rebalances")
	w.client.ForceRebalance()
}

func (w *worker) feed(topic string, partition int32) *feed {
	return w.feeds[topicPartition{topic, partition}]
}

func (w *worker) addPartitions(partitions map[string][]int32) {
	for topic, numbers := range partitions {
		for _, p := range numbers {
			if w.feed(topic, p) == nil {
				w.feeds[topicPartition{topic, p}] = &feed{topic: topic, partition: p}
			}
		}
	}
	w.indexFeeds()
}

// keepOnly removes what is not among the partitions and reports whether there was any.
func (w *worker) keepOnly(partitions map[string][]int32) bool {
	gone := make(map[string][]int32)
	for at := range w.feeds {
		if !slices.Contains(partitions[at.topic], at.partition) {
			gone[at.topic] = append(gone[at.topic], at.partition)
		}
	}
	w.removePartitions(gone)
	return len(gone) > 0
}

// removePartitions closes the tasks of partitions that went. Whatever they did is committed, or aborted: a rebalance waits
// until then (hard point 12). They stay paused in the client, as they do when they come: if they came again meanwhile,
// nothing may be fetched before their new tasks run.
func (w *worker) removePartitions(partitions map[string][]int32) {
	for topic, numbers := range partitions {
		for _, p := range numbers {
			f := w.feed(topic, p)
			if f == nil {
				continue
			}
			delete(w.feeds, topicPartition{topic, p})
			if f.run != nil {
				w.closeTask(f.run)
			}
		}
	}
	w.indexFeeds()
}

// indexFeeds makes the table in which fetched partitions are looked up.
func (w *worker) indexFeeds() {
	clear(w.byTopic)
	for at, f := range w.feeds {
		of := w.byTopic[at.topic]
		for int(at.partition) >= len(of) {
			of = append(of, nil)
		}
		of[at.partition] = f
		w.byTopic[at.topic] = of
	}
}
