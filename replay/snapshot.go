package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/replay/recording"
	"github.com/rivusio/rivusio/topology"
)

// Snapshot is the state of an application between two transactions: what it has committed of its inputs, and what its stores held
// then. A replay that starts with it goes on exactly there.
type Snapshot struct {
	Application string
	state       recording.State
	partitions  map[string]int32
	records     []recording.Record // of changelogs, and of topics that stores are restored from
}

// RecordState writes the state of an application that is stopped to a recording: its committed positions and the rows of its
// stores. It refuses one that runs, whose state moves on. It returns how many rows there were.
func RecordState(ctx context.Context, c engine.Config, t *topology.Topology, to io.Writer) (rows int64, err error) {
	s, err := engine.ReadState(ctx, c, t)
	if err != nil {
		return 0, err
	}
	h := recording.Header{Partitions: s.Partitions, State: &recording.State{Application: t.Application(), Changelogs: s.Changelogs}}
	for _, p := range s.Positions {
		h.State.Positions = append(h.State.Positions, recording.Position(p))
	}
	for _, p := range s.Globals {
		h.State.Globals = append(h.State.Globals, recording.Position(p))
	}
	w := recording.NewWriter(to, h)
	slice, err := engine.OpenSlice(ctx, c, s.Rows)
	if err != nil {
		return 0, err
	}
	defer slice.Close()
	for i, r := range s.Rows {
		for {
			in, err := slice.Next(ctx, i)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return rows, err
			}
			if err := w.Write(recording.RecordOf(r.Topic, r.Partition, &in)); err != nil {
				return rows, fmt.Errorf("replay: %w", err)
			}
			rows++
		}
	}
	return rows, w.Close()
}

// ReadSnapshot reads what [RecordState] wrote.
func ReadSnapshot(from io.Reader) (*Snapshot, error) {
	r, err := recording.NewReader(from)
	if err != nil {
		return nil, err
	}
	if r.State == nil {
		return nil, errors.New("replay: the recording has no state: write one with record --state")
	}
	s := &Snapshot{Application: r.State.Application, state: *r.State, partitions: r.Partitions}
	latest := make(map[string]int) // of changelogs only the last row of a key counts
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if s.changelog(rec.Topic) {
			id := fmt.Sprintf("%s\x00%d\x00%s", rec.Topic, rec.Partition, rec.Key)
			if at, ok := latest[id]; ok {
				s.records[at] = recording.Record{}
			}
			latest[id] = len(s.records)
		}
		s.records = append(s.records, rec)
	}
	s.records = slices.DeleteFunc(s.records, func(r recording.Record) bool { return r.Topic == "" })
	return s, nil
}

func (s *Snapshot) changelog(topic string) bool { return slices.Contains(s.state.Changelogs, topic) }

// Offset is where a replay goes on with a partition: behind what the application had committed, for a topic of a global store behind
// what it held; ok is false if the snapshot does not say.
func (s *Snapshot) Offset(topic string, partition int32) (offset int64, ok bool) {
	for _, p := range slices.Concat(s.state.Positions, s.state.Globals) {
		if p.Topic == topic && p.Partition == partition {
			return p.Offset, true
		}
	}
	return 0, false
}

// Global reports whether a topic is that of a global store.
func (s *Snapshot) Global(topic string) bool {
	return slices.ContainsFunc(s.state.Globals, func(p recording.Position) bool { return p.Topic == topic })
}

// restore puts the state where a runtime finds it. The ranges have to go on where it ends.
func (s *Snapshot) restore(b *local.Broker, g *graph.Topology, ranges []Range) error {
	if s.Application != g.Application {
		return fmt.Errorf("replay: the snapshot is of application %q, not %q: its stores have other names", s.Application, g.Application)
	}
	for _, r := range ranges {
		at, ok := s.Offset(r.Topic, r.Partition)
		begins := r.From
		if !ok || s.Global(r.Topic) {
			continue
		}
		if begins != at || r.Warm != r.From {
			return fmt.Errorf("replay: topic %q, partition %d: the slice begins at offset %d, and the snapshot goes on at %d", r.Topic, r.Partition, begins, at)
		}
	}
	if err := s.append(b); err != nil {
		return err
	}
	for _, p := range s.state.Positions {
		if err := s.moveTo(b, p); err != nil {
			return err
		}
		b.Commit(g.Application, task.Position{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset, Metadata: p.Metadata})
	}
	return nil
}

// moveTo makes the next record of a partition get the offset behind the committed ones, unless the partition holds some already.
func (s *Snapshot) moveTo(b *local.Broker, p recording.Position) error {
	if err := b.Create(p.Topic, s.partitions[p.Topic]); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	end, err := b.End(p.Topic, p.Partition)
	if err == nil && end == 0 {
		err = b.Begin(p.Topic, p.Partition, p.Offset)
	} else if err == nil {
		err = b.Skip(p.Topic, p.Partition, p.Offset)
	}
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

// append writes the rows of the snapshot to the topics that they are from.
func (s *Snapshot) append(b *local.Broker) error {
	begun := make(map[string]bool)
	for i := range s.records {
		r := &s.records[i]
		n, ok := s.partitions[r.Topic]
		if !ok {
			return fmt.Errorf("replay: the snapshot does not say how many partitions topic %q has", r.Topic)
		}
		if err := b.Create(r.Topic, n); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		in := r.Input()
		if !s.changelog(r.Topic) { // the offsets of changelogs mean nothing here
			id := fmt.Sprint(r.Topic, r.Partition)
			if !begun[id] {
				begun[id] = true
				if err := b.Begin(r.Topic, r.Partition, in.Offset); err != nil {
					return fmt.Errorf("replay: %w", err)
				}
			}
			if err := b.Skip(r.Topic, r.Partition, in.Offset); err != nil {
				return fmt.Errorf("replay: %w", err)
			}
		}
		if _, err := b.Append(r.Topic, r.Partition, in); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	return nil
}
