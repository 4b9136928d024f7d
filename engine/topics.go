package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/topology"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// DeleteRetention is how long the changelogs keep deletes. State that has not seen its changelog for longer than half of
// it is built anew, since it could bring back rows that were deleted in between (hard point 7).
const DeleteRetention = 7 * 24 * time.Hour

const (
	// changelogMargin is how much longer a changelog keeps windows than their store (Kafka Streams'
	// windowstore.changelog.additional.retention.ms).
	changelogMargin = 24 * time.Hour
	// repartitionSegmentBytes is small, since brokers free room by whole segments (Kafka Streams' segment.bytes).
	repartitionSegmentBytes = 50 << 20

	topicsTimeout = 30 * time.Second // until brokers show topics that were made
	topicsRetry   = 100 * time.Millisecond
)

// TopicKind is what a topic is to a topology.
type TopicKind string

// The kinds of topics. One that is read and written is an input.
const (
	InputTopic       TopicKind = "input"
	OutputTopic      TopicKind = "output"
	RepartitionTopic TopicKind = "repartition"
	ChangelogTopic   TopicKind = "changelog"
)

// TopicPlan is a topic of a topology: as it has to be, and how far the brokers have it so.
type TopicPlan struct {
	Name   string
	Kind   TopicKind
	Exists bool
	// Partitions is how many it must have, or has if it is an input or output. 0: not known, since another topic is
	// missing.
	Partitions int32
	// Settings are those that an internal topic is made with; nil for others.
	Settings map[string]string
	// Problems are why the topology cannot run on this topic.
	Problems []string
	// Remarks are other differences between the topic and its Settings.
	Remarks []string
}

// PlanTopics compares the topics of a topology with those of the brokers, and changes nothing. The inputs come first, then
// outputs, then the internal topics by name. An error that says why the topology cannot be planned, like a missing input,
// comes along with the topics as far as they are known.
func PlanTopics(ctx context.Context, t *topology.Topology, c Config) ([]TopicPlan, error) {
	var plans []TopicPlan
	err := c.withAdmin(ctx, func(adm *kadm.Client) (err error) {
		found, err := lookUp(ctx, adm, t.Graph())
		if err != nil {
			return err
		}
		plans, _, err = found.plan(t.Graph())
		return err
	})
	return plans, err
}

// CreateTopics makes the internal topics of a topology that are missing, and returns the plan as it is then. With
// externalPartitions above 0 it first makes missing inputs and outputs too, with that many partitions and the brokers'
// settings. Problems of topics that exist already are an error.
func CreateTopics(ctx context.Context, t *topology.Topology, c Config, externalPartitions int32) ([]TopicPlan, error) {
	var plans []TopicPlan
	err := c.withAdmin(ctx, func(adm *kadm.Client) (err error) {
		o := topicOptions{ReplicationFactor: c.withDefaults().ReplicationFactor, Create: true, Log: c.withDefaults().Logger}
		if externalPartitions > 0 {
			if err := ensureExternal(ctx, adm, t.Graph(), o, externalPartitions); err != nil {
				return err
			}
		}
		plans, _, err = ensureTopics(ctx, adm, t.Graph(), o)
		return err
	})
	return plans, err
}

// withAdmin connects for a while.
func (c Config) withAdmin(ctx context.Context, f func(*kadm.Client) error) error {
	if err := c.Validate(); err != nil {
		return err
	}
	c = c.withDefaults()
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	return f(kadm.NewClient(cl))
}

type topicOptions struct {
	ReplicationFactor int16 // 0 or less: the brokers' default
	Create            bool  // make internal topics that are missing
	Log               *slog.Logger
}

// prepareTopics plans a topology on the brokers' topics and sees to it that its internal topics are there. Several
// processes may do so at once.
func prepareTopics(ctx context.Context, adm *kadm.Client, g *graph.Topology, o topicOptions) (*graph.Plan, error) {
	plans, plan, err := ensureTopics(ctx, adm, g, o)
	if err != nil {
		return nil, err
	}
	for _, t := range plans {
		for _, remark := range t.Remarks {
			o.Log.Warn("internal topic is not as this process would have made it", "topic", t.Name, "difference", remark)
		}
	}
	return plan, nil
}

// ensureTopics makes the internal topics that are missing, and checks those that exist, whoever made them.
func ensureTopics(ctx context.Context, adm *kadm.Client, g *graph.Topology, o topicOptions) (plans []TopicPlan, plan *graph.Plan, err error) {
	err = untilMade(ctx, adm, g, o, func(found *topicsFound) ([]TopicPlan, error) {
		var unplanned error
		plans, plan, unplanned = found.plan(g)
		if err := errors.Join(unplanned, problemsOf(plans)); err != nil {
			return nil, err
		}
		missing := missingOf(plans, RepartitionTopic, ChangelogTopic)
		if len(missing) > 0 && !o.Create {
			return nil, missingError(missing)
		}
		return missing, nil
	})
	return plans, plan, err
}

// ensureExternal makes the inputs and outputs that are missing.
func ensureExternal(ctx context.Context, adm *kadm.Client, g *graph.Topology, o topicOptions, partitions int32) error {
	return untilMade(ctx, adm, g, o, func(found *topicsFound) ([]TopicPlan, error) {
		plans, _, _ := found.plan(g) // its error is about these topics, or comes back when the internal ones are made
		missing := missingOf(plans, InputTopic, OutputTopic)
		for i := range missing {
			missing[i].Partitions = partitions
		}
		return missing, nil
	})
}

// untilMade looks, makes what is missing, and looks again until nothing is. So it does not matter whether another process
// makes the same topics meanwhile, or that brokers hear of them late.
func untilMade(ctx context.Context, adm *kadm.Client, g *graph.Topology, o topicOptions, missing func(*topicsFound) ([]TopicPlan, error)) error {
	why := errors.New("the brokers made it, but do not show it")
	for deadline := time.Now().Add(topicsTimeout); ; {
		found, err := lookUp(ctx, adm, g)
		if err != nil {
			return err
		}
		todo, err := missing(found)
		if err != nil || len(todo) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("topic %q is not there after %v: %w", todo[0].Name, topicsTimeout, why)
		}
		for _, t := range todo {
			if err := createTopic(ctx, adm, t, o); kerr.IsRetriable(err) {
				why = err
			} else if err != nil {
				return err
			}
		}
		if err := sleep(ctx, topicsRetry); err != nil {
			return err
		}
	}
}

func createTopic(ctx context.Context, adm *kadm.Client, t TopicPlan, o topicOptions) error {
	replication := o.ReplicationFactor
	if replication <= 0 {
		replication = -1
	}
	settings := make(map[string]*string, len(t.Settings))
	for name, value := range t.Settings {
		settings[name] = &value
	}
	r, err := adm.CreateTopic(ctx, t.Partitions, replication, settings, t.Name)
	if errors.Is(err, kerr.TopicAlreadyExists) { // another process was faster; what it made is looked at next
		return nil
	}
	if err != nil {
		if r.ErrMessage != "" {
			err = fmt.Errorf("%w (%s)", err, r.ErrMessage)
		}
		if errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed) {
			err = &MissingRightsError{[]Right{{TopicResource, t.Name, false, Create, string(t.Kind)}}, err}
		}
		return fmt.Errorf("make %s topic %q with %d partitions and replication factor %d: %w", t.Kind, t.Name, t.Partitions, replication, err)
	}
	o.Log.Info("topic made", "topic", t.Name, "kind", t.Kind, "partitions", t.Partitions, "settings", settingsText(t.Settings))
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// plan compares the topics found with those that a topology needs. If it cannot be planned on them, internal topics are
// left out.
func (f *topicsFound) plan(g *graph.Topology) ([]TopicPlan, *graph.Plan, error) {
	var plans []TopicPlan
	external := func(topic string, kind TopicKind) {
		n, exists := f.partitions[topic]
		plans = append(plans, TopicPlan{Name: topic, Kind: kind, Exists: exists, Partitions: n})
	}
	inputs := g.ExternalSources()
	for _, topic := range slices.Concat(inputs, g.Matched(f.existing)) {
		external(topic, InputTopic)
	}
	for _, topic := range g.ExternalSinks() {
		if !slices.ContainsFunc(plans, func(p TopicPlan) bool { return p.Name == topic }) {
			external(topic, OutputTopic)
		}
	}
	plan, err := g.NewPlan(func(topic string) (int32, bool) {
		n, exists := f.partitions[topic]
		return n, exists
	}, f.existing)
	if err != nil {
		return plans, nil, err
	}
	for _, t := range plan.Internal {
		plans = append(plans, f.internal(t))
	}
	return plans, plan, nil
}

func (f *topicsFound) internal(t graph.InternalTopic) TopicPlan {
	n, exists := f.partitions[t.Name]
	p := TopicPlan{Name: t.Name, Kind: ChangelogTopic, Exists: exists, Partitions: t.Partitions, Settings: settingsOf(t)}
	if t.Repartition {
		p.Kind = RepartitionTopic
	}
	if !exists {
		return p
	}
	if n != t.Partitions {
		p.Problems = append(p.Problems, fmt.Sprintf("it has %d partitions, expected %d", n, t.Partitions))
	}
	if err := f.unchecked[t.Name]; err != nil {
		p.Remarks = append(p.Remarks, fmt.Sprintf("its settings could not be read, so they are not checked: %v", err))
		return p
	}
	found := f.settings[t.Name]
	for _, name := range slices.Sorted(maps.Keys(p.Settings)) {
		want, have := p.Settings[name], found[name]
		if sameSetting(name, want, have) {
			continue
		}
		difference := fmt.Sprintf("%s is %s, expected %s", name, have, want)
		if harm := harmOf(p, found, name); harm != "" {
			p.Problems = append(p.Problems, difference+": "+harm)
		} else {
			p.Remarks = append(p.Remarks, difference)
		}
	}
	return p
}

const (
	cleanupPolicy   = "cleanup.policy"
	deleteRetention = "delete.retention.ms"
	retentionBytes  = "retention.bytes"
	retentionMs     = "retention.ms"
	segmentBytes    = "segment.bytes"
	timestampType   = "message.timestamp.type"
)

// settingsOf is how an internal topic is made; hard point 8 says why.
func settingsOf(t graph.InternalTopic) map[string]string {
	switch {
	case t.Repartition:
		return map[string]string{
			cleanupPolicy: "delete", retentionMs: "-1", retentionBytes: "-1", segmentBytes: strconv.Itoa(repartitionSegmentBytes),
			timestampType: "CreateTime",
		}
	case t.RetentionMs > 0:
		return map[string]string{
			cleanupPolicy: "compact,delete", deleteRetention: milliseconds(DeleteRetention), timestampType: "LogAppendTime",
			retentionMs: strconv.FormatInt(t.RetentionMs+changelogMargin.Milliseconds(), 10), retentionBytes: "-1",
		}
	default:
		return map[string]string{cleanupPolicy: "compact", deleteRetention: milliseconds(DeleteRetention)}
	}
}

// topicDeleteRetention is how long a compacted topic keeps deletes if it does not say (Kafka's default).
const topicDeleteRetention = 24 * time.Hour

// deletesKept is how long a topic of others keeps deletes; 0: for ever, since it is not compacted. State that has not seen the
// topic for longer may hold rows that were deleted.
func deletesKept(ctx context.Context, adm *kadm.Client, log *slog.Logger, topic string) time.Duration {
	configs, err := adm.DescribeTopicConfigs(ctx, topic)
	if err == nil && len(configs) == 1 {
		err = configs[0].Err
	}
	if err != nil || len(configs) != 1 {
		log.Warn("settings of the topic are not known, so those of Kafka are taken", "topic", topic, "error", err)
		return topicDeleteRetention
	}
	retention, compacts := topicDeleteRetention, false
	for _, c := range configs[0].Configs {
		switch c.Key {
		case cleanupPolicy:
			compacts = strings.Contains(c.MaybeValue(), "compact")
		case deleteRetention:
			if ms, err := strconv.ParseInt(c.MaybeValue(), 10, 64); err == nil {
				retention = time.Duration(ms) * time.Millisecond
			}
		}
	}
	if !compacts {
		return 0
	}
	return max(1, retention)
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// sameSetting compares values; a list may be in any order.
func sameSetting(name, want, have string) bool {
	if name != cleanupPolicy {
		return want == have
	}
	return slices.Equal(policies(want), policies(have))
}

func policies(value string) []string {
	list := strings.Split(value, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	slices.Sort(list)
	return list
}

// harmOf says what is lost if a setting stays as it is, or "".
func harmOf(t TopicPlan, found map[string]string, name string) string {
	have := policies(found[cleanupPolicy])
	compacts, deletes := slices.Contains(have, "compact"), slices.Contains(have, "delete")
	_, windowed := t.Settings[retentionMs]
	windowed = windowed && t.Kind == ChangelogTopic
	switch name {
	case cleanupPolicy:
		switch {
		case t.Kind == RepartitionTopic && compacts:
			return "records would be compacted away before they are processed"
		case t.Kind == ChangelogTopic && !windowed && deletes:
			return "rows that do not change would be lost"
		}
	case retentionMs, retentionBytes:
		if deletes && less(found[name], t.Settings[name]) {
			return "records would be lost that are still needed"
		}
	case timestampType:
		switch {
		case t.Kind == RepartitionTopic:
			return "the times of records would be lost"
		case deletes:
			return "windows of old event times would be lost"
		}
	case deleteRetention:
		if compacts && less(found[name], t.Settings[name]) {
			return "deleted rows could come back"
		}
	}
	return ""
}

// less compares limits, of which -1 is none.
func less(have, want string) bool {
	h, err := strconv.ParseInt(have, 10, 64)
	w, _ := strconv.ParseInt(want, 10, 64)
	return err == nil && h >= 0 && (w < 0 || h < w)
}

func missingOf(plans []TopicPlan, kinds ...TopicKind) []TopicPlan {
	var missing []TopicPlan
	for _, t := range plans {
		if !t.Exists && slices.Contains(kinds, t.Kind) {
			missing = append(missing, t)
		}
	}
	return missing
}

func problemsOf(plans []TopicPlan) error {
	var errs []error
	for _, t := range plans {
		for _, problem := range t.Problems {
			errs = append(errs, fmt.Errorf("%s topic %q: %s", t.Kind, t.Name, problem))
		}
	}
	return errors.Join(errs...)
}

func missingError(missing []TopicPlan) error {
	var errs []error
	for _, t := range missing {
		errs = append(errs, fmt.Errorf("%s topic %q does not exist and is not to be made: it needs %d partitions and %s",
			t.Kind, t.Name, t.Partitions, settingsText(t.Settings)))
	}
	return errors.Join(errs...)
}

func settingsText(settings map[string]string) string {
	texts := make([]string, 0, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		texts = append(texts, name+"="+settings[name])
	}
	return strings.Join(texts, " ")
}
