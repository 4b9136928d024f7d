package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// A static member does not leave by itself when its client closes; whoever wants it gone says so.

// leave takes the workers out of the group.
func (a *App) leave(workers []*worker) {
	members := make([]string, len(workers))
	for i, w := range workers {
		members[i] = w.member
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.hard), a.cfg.ConnectTimeout)
	defer cancel()
	if err := a.removeMembers(ctx, members); err != nil {
		a.cfg.Logger.Warn("did not leave the group; the session timeout does it", "error", err)
	}
}

func (a *App) removeMembers(ctx context.Context, members []string) error {
	responses, err := a.adm.LeaveGroup(ctx, kadm.LeaveGroup(a.graph.Application).InstanceIDs(members...))
	if err != nil {
		return fmt.Errorf("leave group %q: %w", a.graph.Application, err)
	}
	var errs []error
	for _, r := range responses {
		if r.Err != nil && !errors.Is(r.Err, kerr.UnknownMemberID) {
			errs = append(errs, fmt.Errorf("member %q: %w", r.InstanceID, r.Err))
		}
	}
	return errors.Join(errs...)
}

// dismiss removes members of this instance with numbers that are not used any more, which a run with more workers left in
// the group (hard point 9), and ends their transactions.
func (a *App) dismiss(ctx context.Context) error {
	group, err := a.describeGroup(ctx)
	if err != nil || group == nil {
		return err
	}
	var unused []string
	for _, m := range group.Members {
		if m.InstanceID == nil {
			continue
		}
		number, ok := strings.CutPrefix(*m.InstanceID, a.instance+"-")
		if n, err := strconv.Atoi(number); ok && err == nil && n >= a.cfg.Workers {
			unused = append(unused, *m.InstanceID)
		}
	}
	if len(unused) == 0 {
		return nil
	}
	a.cfg.Logger.Info("removes members that are no longer used", "members", unused)
	if err := a.removeMembers(ctx, unused); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if a.cfg.Guarantee == ExactlyOnce {
		for _, member := range unused {
			if err := a.fence(ctx, a.graph.Application+"-"+member); err != nil {
				return fmt.Errorf("engine: %w", err)
			}
		}
	}
	return nil
}

// describeGroup returns nil if there is no such group yet.
func (a *App) describeGroup(ctx context.Context) (*kadm.DescribedGroup, error) {
	return describeGroup(ctx, a.adm, a.graph.Application, a.cfg.ConnectTimeout)
}

func describeGroup(ctx context.Context, adm *kadm.Client, name string, timeout time.Duration) (*kadm.DescribedGroup, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var group kadm.DescribedGroup
	var ok bool
	for {
		groups, err := adm.DescribeGroups(ctx, name)
		group, ok = groups[name]
		// The first group of a new cluster has no coordinator until the topic of offsets is made; the client reports that
		// as an error of the request.
		if kerr.IsRetriable(errors.Join(err, group.Err)) && sleep(ctx, 100*time.Millisecond) == nil {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("engine: describe group %q: %w", name, err)
		}
		break
	}
	switch {
	case !ok, errors.Is(group.Err, kerr.GroupIDNotFound):
		return nil, nil
	case group.Err != nil:
		return nil, fmt.Errorf("engine: describe group %q: %w", name, group.Err)
	}
	return &group, nil
}

// stillMember decides whether a worker may start anew after its producer was fenced or its client failed: not if another
// process has its place in the group, which would only be thrown out in turn (hard point 10).
func (w *worker) stillMember(ctx context.Context, cause error) error {
	if !w.wasMember {
		return nil // who has the place is a former run
	}
	ctx, cancel := context.WithTimeout(ctx, w.app.cfg.ConnectTimeout)
	defer cancel()
	group, err := w.app.describeGroup(ctx)
	if err != nil || group == nil {
		return nil // what matters now is to get in touch again
	}
	for _, m := range group.Members {
		if m.InstanceID != nil && *m.InstanceID == w.member && m.ClientID != w.clientID {
			return &FencedError{Instance: w.member, Err: cause}
		}
	}
	return nil
}

// watch follows the progress of the workers. One that user code holds up too long leaves the group, so that others take
// its tasks over (hard point 14).
func (a *App) watch(ctx context.Context) {
	ticker := time.NewTicker(max(a.cfg.StallTimeout/10, 10*time.Millisecond))
	defer ticker.Stop()
	stalled := make(map[*worker]bool)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, w := range *a.workers.Load() {
			since := time.Since(time.Unix(0, w.progress.Load()))
			switch was := stalled[w]; {
			case since > a.cfg.StallTimeout && !was:
				stalled[w] = true
				a.cfg.Logger.Error("worker makes no progress and leaves the group", "worker", w.number, "for", since)
				if err := a.removeMembers(ctx, []string{w.member}); err != nil {
					a.cfg.Logger.Warn("stalled worker did not leave the group", "worker", w.number, "error", err)
				}
			case since <= a.cfg.StallTimeout && was:
				delete(stalled, w)
				a.cfg.Logger.Info("worker makes progress again", "worker", w.number)
			}
		}
		held := false
		for _, r := range *a.globals.Load() {
			if since := time.Since(time.Unix(0, r.progress.Load())); since > a.cfg.StallTimeout {
				held = true
				r.log.Error("a global store makes no progress", "for", since)
			}
		}
		a.live.Store(len(stalled) == 0 && !held)
	}
}
