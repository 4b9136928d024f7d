package engine

import (
	"context"
	"errors"
	"sync"
)

// openSerdes makes the serdes ready that the topology writes with, all at once: what they look for may be far away, and no
// record has to wait for it later.
func (a *App) openSerdes(ctx context.Context) error {
	errs := make([]error, len(a.graph.Openers))
	var all sync.WaitGroup
	for i, o := range a.graph.Openers {
		all.Go(func() { errs[i] = o.Open(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}
