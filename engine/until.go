package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/topology"
)

// Marks are offsets of inputs, by topic and partition. What lies before a mark is one version's to process, the rest another's.
type Marks map[string]map[int32]int64

// untilPoll is between two looks at how far the group is.
const untilPoll = 200 * time.Millisecond

// CommittedMarks are the offsets that a group has committed of the inputs of a topology; 0 for partitions of which it has none.
func CommittedMarks(ctx context.Context, t *topology.Topology, c Config, group string) (Marks, error) {
	marks := make(Marks)
	err := c.withAdmin(ctx, func(adm *kadm.Client) error {
		g := t.Graph()
		found, err := lookUp(ctx, adm, g)
		if err != nil {
			return fmt.Errorf("engine: %w", err)
		}
		committed, err := committedOffsets(ctx, adm, group)
		if err != nil {
			return err
		}
		for _, topic := range inputsOf(g, found.existing) {
			n, there := found.partitions[topic]
			if !there {
				return fmt.Errorf("engine: input topic %q does not exist", topic)
			}
			marks[topic] = make(map[int32]int64, n)
			for p := range n {
				at, _ := committed.Lookup(topic, p)
				marks[topic][p] = max(0, at.At)
			}
		}
		return nil
	})
	return marks, err
}

// inputsOf are the topics of others that tasks read, sorted.
func inputsOf(g *graph.Topology, existing []string) []string {
	inputs := g.Matched(existing)
	for _, n := range g.Nodes {
		if n.Source != nil && !n.Source.Internal {
			inputs = append(inputs, n.Source.Topics...)
		}
	}
	slices.Sort(inputs)
	return slices.Compact(inputs)
}

// committedOffsets are those of a group, none if there is no such group.
func committedOffsets(ctx context.Context, adm *kadm.Client, group string) (kadm.OffsetResponses, error) {
	committed, err := adm.FetchOffsets(ctx, group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err == nil {
		err = committed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("engine: committed offsets of group %q: %w", group, err)
	}
	return committed, nil
}

// Group is what a group is at.
type Group struct {
	Known   bool     // it has members or committed offsets
	Members []string // each with its client and host
	// Behind are the records, transaction markers among them, that lie in repartition topics of the application and are not
	// processed, by topic; topics with none are left out.
	Behind map[string]int64
}

// GroupOf asks the brokers for the group of an application.
func GroupOf(ctx context.Context, c Config, application string) (*Group, error) {
	g := &Group{Behind: make(map[string]int64)}
	err := c.withAdmin(ctx, func(adm *kadm.Client) error {
		described, err := describeGroup(ctx, adm, application, c.withDefaults().ConnectTimeout)
		if err != nil {
			return err
		}
		if described != nil {
			g.Members = membersOf(described)
		}
		committed, err := committedOffsets(ctx, adm, application)
		if err != nil {
			return err
		}
		g.Known = len(g.Members) > 0 || len(committed) > 0
		details, err := adm.ListTopics(ctx)
		if err != nil {
			return fmt.Errorf("engine: read metadata of all topics: %w", err)
		}
		topics := slices.DeleteFunc(details.Names(), func(topic string) bool {
			_, read := committed[topic]
			return !read || !strings.HasPrefix(topic, application+"-") || !strings.HasSuffix(topic, "-repartition")
		})
		if len(topics) == 0 {
			return nil
		}
		ends, err := adm.ListEndOffsets(ctx, topics...)
		if err = errors.Join(err, ends.Error()); err != nil {
			return fmt.Errorf("engine: ends of topics %q: %w", topics, err)
		}
		ends.Each(func(end kadm.ListedOffset) {
			at, _ := committed.Lookup(end.Topic, end.Partition)
			if n := end.Offset - max(0, at.At); n > 0 {
				g.Behind[end.Topic] += n
			}
		})
		return nil
	})
	return g, err
}

// mark is that of an input partition.
func (a *App) mark(topic string, partition int32) (mark int64, marked bool) {
	if a.cfg.Until == nil || a.repartition[topic] {
		return 0, false
	}
	mark, marked = a.cfg.Until[topic][partition]
	return mark, marked
}

// checkMarks reports input partitions that have no mark, or of which more is processed already.
func (a *App) checkMarks(ctx context.Context) error {
	if a.cfg.Until == nil {
		return nil
	}
	committed, err := committedOffsets(ctx, a.adm, a.graph.Application)
	if err != nil {
		return err
	}
	var errs []error
	for _, topic := range a.plan.Inputs() {
		if a.repartition[topic] {
			continue
		}
		for p := range a.plan.Partitions[topic] {
			mark, marked := a.mark(topic, p)
			at, _ := committed.Lookup(topic, p)
			switch {
			case !marked:
				errs = append(errs, fmt.Errorf("engine: Until has no mark for topic %q, partition %d", topic, p))
			case at.At > mark:
				errs = append(errs, fmt.Errorf("engine: Until is %d for topic %q, partition %d, of which group %q has processed %d", mark, topic, p, a.graph.Application, at.At))
			}
		}
	}
	return errors.Join(errs...)
}

// until is closed when the group has processed everything before the marks. It is nil without marks.
func (a *App) until(ctx context.Context) <-chan struct{} {
	if a.cfg.Until == nil {
		return nil
	}
	reached := make(chan struct{})
	go func() {
		for sleep(ctx, untilPoll) == nil {
			done, err := a.atMarks(ctx)
			if err != nil && ctx.Err() == nil {
				a.cfg.Logger.Warn("how far the group is before its marks is not known", "error", err)
			}
			if done {
				close(reached)
				return
			}
		}
	}()
	return reached
}

// atMarks reports whether everything before the marks is processed and committed, and so is what came of it in repartition topics.
//
// The committed offsets are read before the ends of the repartition topics. If no end is larger, then nothing came to those topics
// since, and everything in them was processed when the offsets were read; what is processed has its results in the transaction
// of its offsets, or acknowledged before them. So nothing can come any more.
func (a *App) atMarks(ctx context.Context) (bool, error) {
	for _, w := range *a.workers.Load() {
		if !w.quiet.Load() {
			return false, nil
		}
	}
	committed, err := committedOffsets(ctx, a.adm, a.graph.Application)
	if err != nil {
		return false, err
	}
	starts, err := a.adm.ListStartOffsets(ctx, slices.Collect(maps.Keys(a.cfg.Until))...)
	if err != nil {
		return false, err
	}
	for topic, marks := range a.cfg.Until {
		for p, mark := range marks {
			at, _ := committed.Lookup(topic, p)
			start, _ := starts.Lookup(topic, p)
			if max(at.At, start.Offset) < mark {
				return false, nil
			}
		}
	}
	if len(a.repartition) == 0 {
		return true, nil
	}
	ends, err := a.adm.ListEndOffsets(ctx, slices.Collect(maps.Keys(a.repartition))...)
	if err = errors.Join(err, ends.Error()); err != nil {
		return false, err
	}
	done := true
	ends.Each(func(end kadm.ListedOffset) {
		at, _ := committed.Lookup(end.Topic, end.Partition)
		done = done && max(0, at.At) >= end.Offset
	})
	return done, nil
}

// settleMarks sees to it that positions at marks, and behind the markers of transactions, are committed, although no record made
// that necessary, and notes whether the worker has nothing to do.
func (w *worker) settleMarks() {
	if w.app.cfg.Until == nil {
		return
	}
	quiet := w.joined.Load() && w.firstWork.IsZero()
	for _, r := range w.tasks {
		if r.t == nil || r.t.Busy() {
			quiet = false
			continue
		}
		for _, f := range r.feeds {
			switch {
			case r.t.BufferedRecords(f.input) > 0:
				quiet = false
			case f.next > f.committed:
				quiet = false
				r.t.Touch()
				if w.firstWork.IsZero() {
					w.firstWork = time.Now()
				}
			}
		}
	}
	w.quiet.Store(quiet)
}

// upTo is a position as far as the mark of the feed lets it go.
func (f *feed) upTo(position int64) int64 {
	if !f.marked || position < 0 {
		return position
	}
	return max(f.next, min(position, f.mark))
}

// ended reports whether the feed is at its mark.
func (f *feed) ended() bool { return f.marked && f.next >= f.mark }
