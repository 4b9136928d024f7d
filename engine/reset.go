package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/topology"
)

// ResetOptions are what a reset does. The zero value resets everything to the earliest records.
type ResetOptions struct {
	// To is where the application reads its inputs from afterwards.
	To Bound
	// Shift, if not nil, is so many records after the committed offsets, before them if it is negative, in the place of To.
	Shift *int64
	// Inputs are the topics whose offsets change. Default: all that the topology reads.
	Inputs []string
	// KeepState leaves internal topics and the state directory as they are: for topologies without state, or whose state is to
	// go on from other offsets.
	KeepState bool
}

// ResetPlan is what a reset changes.
type ResetPlan struct {
	Application string        `json:"application"`
	Offsets     []OffsetReset `json:"offsets"`                  // by topic and partition, those too that stay
	Topics      []string      `json:"topics"`                   // internal ones that are deleted
	StateDir    string        `json:"state_directory,omitzero"` // that is deleted; "" if there is none
}

// OffsetReset is the change of a committed offset.
type OffsetReset struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"` // -1: none was committed
	To        int64  `json:"to"`
}

// GroupRunningError says that an application runs, so that it cannot be reset.
type GroupRunningError struct {
	Group   string
	Members []string // each with its client and host
}

// Error names the members.
func (e *GroupRunningError) Error() string {
	return fmt.Sprintf("engine: application %q is running: its group has the members %s; stop them, and wait for the session timeout of those that were killed or keep their place",
		e.Group, strings.Join(e.Members, ", "))
}

// PlanReset finds out what a reset would change, and changes nothing. It is a [GroupRunningError] if the application runs
// anywhere, and an error if its state directory on this machine is in use.
func PlanReset(ctx context.Context, t *topology.Topology, c Config, o ResetOptions) (*ResetPlan, error) {
	return reset(ctx, t, c, o, false)
}

// Reset sets an application back, so that it begins as a new one does from the offsets of the plan that it returns: it deletes
// the state directory of this machine, sets the offsets, and deletes the internal topics. State on other machines has to be
// deleted there, by a reset too, before a process starts on it. After an error it can be called again; until it has succeeded the
// application must not run.
func Reset(ctx context.Context, t *topology.Topology, c Config, o ResetOptions) (*ResetPlan, error) {
	return reset(ctx, t, c, o, true)
}

func reset(ctx context.Context, t *topology.Topology, c Config, o ResetOptions, execute bool) (plan *ResetPlan, err error) {
	c = c.withDefaults()
	dir := filepath.Join(c.StateDir, t.Application())
	release, err := lockIfThere(dir)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	cl, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	r := resetter{cl: cl, adm: kadm.NewClient(cl), c: c, t: t, o: o}
	if err := groupIdle(ctx, r.adm, r.t.Application(), r.c.ConnectTimeout); err != nil {
		return nil, err
	}
	if plan, err = r.plan(ctx, filepath.Join(dir, stateFolder)); err != nil || !execute {
		return plan, err
	}
	return plan, r.execute(ctx, plan)
}

// lockIfThere locks a state directory unless there is none.
func lockIfThere(dir string) (release func() error, err error) {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return func() error { return nil }, nil
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	return lock.Close, nil
}

type resetter struct {
	cl  *kgo.Client
	adm *kadm.Client
	c   Config
	t   *topology.Topology
	o   ResetOptions

	internal []string // topics of the topology that there are
}

// groupIdle is a [GroupRunningError] if a group has members.
func groupIdle(ctx context.Context, adm *kadm.Client, application string, timeout time.Duration) error {
	group, err := describeGroup(ctx, adm, application, timeout)
	if err != nil || group == nil || len(group.Members) == 0 {
		return err
	}
	return &GroupRunningError{Group: application, Members: membersOf(group)}
}

// membersOf are the members of a group for messages.
func membersOf(group *kadm.DescribedGroup) []string {
	var members []string
	for _, m := range group.Members {
		name := m.MemberID
		if m.InstanceID != nil {
			name = *m.InstanceID
		}
		members = append(members, fmt.Sprintf("%s (client %s at %s)", name, m.ClientID, m.ClientHost))
	}
	slices.Sort(members)
	return members
}

func (r *resetter) plan(ctx context.Context, dir string) (*ResetPlan, error) {
	g := r.t.Graph()
	found, err := lookUp(ctx, r.adm, g)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	for _, topic := range internalTopics(g) {
		if found.partitions[topic.Name] > 0 {
			r.internal = append(r.internal, topic.Name)
		}
	}
	plan := &ResetPlan{Application: g.Application, Offsets: []OffsetReset{}, Topics: []string{}}
	if !r.o.KeepState {
		plan.Topics = append(plan.Topics, r.internal...)
		if _, err := os.Stat(dir); err == nil {
			plan.StateDir = dir
		}
	}
	inputs, err := r.inputs(found)
	if err != nil {
		return nil, err
	}
	plan.Offsets, err = r.offsets(ctx, inputs)
	return plan, err
}

// inputs are the topics of others that tasks read and whose offsets are to change.
func (r *resetter) inputs(found *topicsFound) ([]string, error) {
	var missing []error
	inputs := inputsOf(r.t.Graph(), found.existing)
	for _, topic := range inputs {
		if found.partitions[topic] == 0 {
			missing = append(missing, fmt.Errorf("engine: input topic %q does not exist", topic))
		}
	}
	for _, topic := range r.o.Inputs {
		if !slices.Contains(inputs, topic) {
			missing = append(missing, fmt.Errorf("engine: %q is no input of application %q, which reads %s", topic, r.t.Application(), strings.Join(inputs, ", ")))
		}
	}
	if len(r.o.Inputs) > 0 {
		inputs = slices.Compact(slices.Sorted(slices.Values(r.o.Inputs)))
	}
	return inputs, errors.Join(missing...)
}

// offsets works out the changes of offsets.
func (r *resetter) offsets(ctx context.Context, topics []string) ([]OffsetReset, error) {
	found, err := lookUpOffsets(ctx, r.adm, topics, r.o.To)
	if err != nil {
		return nil, err
	}
	committed, err := committedOffsets(ctx, r.adm, r.t.Application())
	if err != nil {
		return nil, fmt.Errorf("engine: offsets of topics %q: %w", topics, err)
	}
	var changes []OffsetReset
	var errs []error
	for _, topic := range slices.Sorted(maps.Keys(found)) {
		for p, at := range found[topic] {
			change := OffsetReset{Topic: topic, Partition: int32(p), From: -1}
			if at, ok := committed.Lookup(topic, change.Partition); ok && at.Err == nil {
				change.From = at.At
			}
			change.To, err = r.to(change, at)
			errs = append(errs, err)
			changes = append(changes, change)
		}
	}
	return changes, errors.Join(errs...)
}

// to is the offset to which that of a partition changes.
func (r *resetter) to(c OffsetReset, at PartitionOffsets) (int64, error) {
	to := at.Bounds[0]
	if r.o.Shift != nil {
		if c.From < 0 {
			return 0, fmt.Errorf("engine: group %q has committed no offset of topic %q, partition %d, that could be shifted", r.t.Application(), c.Topic, c.Partition)
		}
		to = min(max(c.From+*r.o.Shift, at.Start), at.End)
	}
	if to < at.Start || to > at.End {
		return 0, fmt.Errorf("engine: topic %q, partition %d, has the offsets from %d to %d, and %d is not one of them", c.Topic, c.Partition, at.Start, at.End, to)
	}
	return to, nil
}

// execute does what is planned. A process that was killed may have left a transaction with offsets open, so those are ended first.
// The state goes before its changelogs: rows that are ahead of a changelog could not be told from good ones once it has grown.
func (r *resetter) execute(ctx context.Context, plan *ResetPlan) error {
	if err := r.endTransactions(ctx); err != nil {
		return err
	}
	if plan.StateDir != "" {
		if err := os.RemoveAll(plan.StateDir); err != nil {
			return fmt.Errorf("engine: delete the state: %w", err)
		}
	}
	if err := r.commit(ctx, plan); err != nil {
		return err
	}
	if len(plan.Topics) > 0 {
		return r.deleteTopics(ctx, plan.Topics)
	}
	return nil
}

// endTransactions aborts what processes of the application have left open.
func (r *resetter) endTransactions(ctx context.Context) error {
	if r.c.Guarantee != ExactlyOnce {
		return nil
	}
	open, err := r.adm.ListTransactions(ctx, nil, []string{"Ongoing"})
	if err != nil {
		return fmt.Errorf("engine: list transactions: %w", err)
	}
	for _, t := range open.Sorted() {
		if strings.HasPrefix(t.TxnID, r.t.Application()+"-") {
			if err := fence(ctx, r.cl, t.TxnID, r.c.TransactionTimeout); err != nil {
				return fmt.Errorf("engine: %w", err)
			}
		}
	}
	return nil
}

// commit sets the offsets. Those of internal topics go with their records. The metadata, which has the time of tasks, goes too.
func (r *resetter) commit(ctx context.Context, plan *ResetPlan) error {
	group := plan.Application
	offsets := make(kadm.Offsets)
	for _, o := range plan.Offsets {
		offsets.AddOffset(o.Topic, o.Partition, o.To, -1)
	}
	if len(offsets) > 0 {
		if err := r.adm.CommitAllOffsets(ctx, group, offsets); err != nil {
			return fmt.Errorf("engine: commit offsets of group %q: %w", group, err)
		}
	}
	committed, err := r.adm.FetchOffsets(ctx, group)
	if err != nil {
		return fmt.Errorf("engine: committed offsets of group %q: %w", group, err)
	}
	gone := make(kadm.TopicsSet)
	committed.Each(func(o kadm.OffsetResponse) {
		if slices.Contains(plan.Topics, o.Topic) {
			gone.Add(o.Topic, o.Partition)
		}
	})
	if len(gone) == 0 {
		return nil
	}
	responses, err := r.adm.DeleteOffsets(ctx, group, gone)
	if err = errors.Join(err, responses.Error()); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("engine: delete offsets of internal topics of group %q: %w", group, err)
	}
	return nil
}

// deleteTopics returns when brokers show the topics no more, so that a process that starts makes them anew.
func (r *resetter) deleteTopics(ctx context.Context, topics []string) error {
	responses, err := r.adm.DeleteTopics(ctx, topics...)
	errs := []error{err}
	for _, d := range responses {
		if d.Err != nil && !errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
			errs = append(errs, fmt.Errorf("delete topic %q: %w", d.Topic, d.Err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	for deadline := time.Now().Add(topicsTimeout); ; {
		there, err := countPartitions(ctx, r.adm, topics)
		if err != nil {
			return fmt.Errorf("engine: %w", err)
		}
		if len(there) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("engine: topics were deleted, but the brokers still show %d of them after %v", len(there), topicsTimeout)
		}
		if err := sleep(ctx, topicsRetry); err != nil {
			return err
		}
	}
}
