package engine

import (
	"context"
	"slices"
	"time"

	"github.com/rivusio/rivusio/state"
)

// discard empties kept state that the topic cannot bring up to date: records that it has not seen are gone, or deletes
// among them may be.
func (r *globalReader) discard(ctx context.Context, starts []int64) error {
	if r.partitions[0].Checkpoint().Offset < 0 {
		r.shown.restore.restored.Add(1)
		return nil
	}
	if surplus, err := r.surplus(); err != nil {
		return err
	} else if len(surplus) > 0 {
		return r.giveUp("the topic had more partitions when the state was made", "partitions", len(r.partitions))
	}
	retention := time.Duration(-1)
	for p, lease := range r.partitions {
		c := lease.Checkpoint()
		why := ""
		switch {
		case c.Offset < 0 || c.Offset == r.ends[p]:
		case c.Offset < starts[p]:
			why = "the topic begins after the state that was made from it"
		case c.Offset > r.ends[p]:
			why = "the topic ends before the state that was made from it"
		default:
			if retention < 0 {
				retention = deletesKept(ctx, r.app.adm, r.log, r.graph.Topic)
			}
			if retention > 0 && time.Since(c.At) > retention/2 {
				why = "the topic may have lost deletes that the state has not seen"
			}
		}
		if why != "" {
			return r.giveUp(why, "partition", p, "checkpoint", c.Offset, "written", c.At, "log start", starts[p], "log end", r.ends[p])
		}
	}
	r.shown.restore.kept.Add(1)
	return nil
}

// giveUp empties the kept state.
func (r *globalReader) giveUp(why string, details ...any) error {
	r.log.Warn("global store is built anew: "+why, append([]any{"topic", r.graph.Topic}, details...)...)
	r.shown.restore.rebuilt.Add(1)
	return r.partitions[0].Drop() // and so all of them, see task.NewGlobal
}

// surplus are the partitions of the store that the topic does not have any more.
func (r *globalReader) surplus() ([]state.StoreID, error) {
	ids, err := r.backend.Partitions()
	return slices.DeleteFunc(ids, func(id state.StoreID) bool {
		return id.Name != r.graph.Name || int(id.Partition) < len(r.partitions)
	}), err
}

// dropSurplus deletes what is kept of partitions that are gone. It comes after the rows were dropped, so that a crash in
// between drops them again.
func (r *globalReader) dropSurplus(ctx context.Context) error {
	surplus, err := r.surplus()
	if err != nil {
		return err
	}
	for _, id := range surplus {
		p, err := r.backend.Acquire(ctx, id)
		if err != nil {
			return err
		}
		if err := p.Drop(); err != nil {
			return err
		}
		p.Release()
	}
	return nil
}
