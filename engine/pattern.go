package engine

import (
	"context"
	"slices"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
)

// planAnew looks from time to time which topics the patterns of the topology match, and sends the plan for those, once, when
// they are not the present ones. A set of topics that cannot be planned is logged, and the present plan stays. The channel is
// nil if there are no patterns; nothing is sent after the context has ended.
func (a *App) planAnew(ctx context.Context) <-chan *graph.Plan {
	if !a.graph.HasPatterns() {
		return nil
	}
	planned := make(chan *graph.Plan)
	present := a.plan
	go func() {
		ticker := time.NewTicker(a.cfg.PatternInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			plan := a.planOther(ctx, present)
			if plan == nil {
				continue
			}
			select {
			case planned <- plan:
			case <-ctx.Done():
			}
			return
		}
	}()
	return planned
}

// planOther returns the plan of what patterns match now, or nil if that is what they matched before or cannot be told.
func (a *App) planOther(ctx context.Context, present *graph.Plan) *graph.Plan {
	existing, err := a.adm.ListTopics(ctx)
	if err != nil {
		if ctx.Err() == nil {
			a.cfg.Logger.Warn("topics of patterns are not known", "error", err)
		}
		return nil
	}
	matched, before := a.graph.Matched(existing.Names()), present.Matched()
	if slices.Equal(matched, before) {
		return nil
	}
	plan, err := a.planTopics(ctx)
	if err != nil {
		if ctx.Err() == nil {
			a.cfg.Logger.Error("patterns match other topics, which cannot be read as they are; those from before stay", "topics", matched, "before", before, "error", err)
		}
		return nil
	}
	a.cfg.Logger.Info("patterns match other topics; the workers begin again", "topics", matched, "before", before)
	return plan
}
