package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/topology"
)

// Resource is a kind of thing that brokers give rights to.
type Resource string

// The resources that an application needs rights to.
const (
	TopicResource           Resource = "topic"
	GroupResource           Resource = "group"
	TransactionalIDResource Resource = "transactional id"
)

// Operation is what a right allows, in the words of Kafka.
type Operation string

// The operations that an application needs. Read, Write and Delete include Kafka's DESCRIBE.
const (
	Read            Operation = "READ"
	Write           Operation = "WRITE"
	Create          Operation = "CREATE"
	Delete          Operation = "DELETE"
	DescribeConfigs Operation = "DESCRIBE_CONFIGS"
)

// Right is something that brokers must allow an application.
type Right struct {
	Resource  Resource  `json:"resource"`
	Name      string    `json:"name"`              // of the resource; "*" for all
	Prefix    bool      `json:"prefixed,omitzero"` // Name is how the names of the resources begin
	Operation Operation `json:"operation"`
	Reason    string    `json:"reason"` // what it is for
}

// String is the right for messages, such as READ on topic "orders" (input).
func (r Right) String() string {
	prefixed := ""
	if r.Prefix {
		prefixed = ", prefixed"
	}
	return fmt.Sprintf("%s on %s %q%s (%s)", r.Operation, r.Resource, r.Name, prefixed, r.Reason)
}

// MissingRightsError says what the brokers do not allow.
type MissingRightsError struct {
	Rights []Right
	Err    error // what a broker answered
}

// Error names all of the rights.
func (e *MissingRightsError) Error() string {
	missing := make([]string, len(e.Rights))
	for i, r := range e.Rights {
		missing[i] = r.String()
	}
	return fmt.Sprintf("engine: the brokers do not allow %s: %v", strings.Join(missing, "; "), e.Err)
}

// Unwrap returns what a broker answered.
func (e *MissingRightsError) Unwrap() error { return e.Err }

// Rights are the least that brokers must allow, so that a topology runs with a configuration. Without any one of them it does
// not: [App.Run] looks for most before anything is processed, and names those that are missing. No cluster is asked.
func Rights(t *topology.Topology, c Config) []Right {
	return rightsOf(t.Graph(), c)
}

func rightsOf(g *graph.Topology, c Config) []Right {
	rights := externalRights(g)
	for _, topic := range internalTopics(g) {
		operations := []Operation{Read, Write}
		if topic.Kind == RepartitionTopic {
			operations = append(operations, Delete) // of records that are processed
		}
		if !c.RequireTopics {
			operations = append(operations, Create)
		}
		for _, o := range operations {
			rights = append(rights, Right{TopicResource, topic.Name, false, o, string(topic.Kind)})
		}
	}
	rights = append(rights, groupRight(g))
	if c.Guarantee == ExactlyOnce {
		rights = append(rights, transactionRight(g))
	}
	return rights
}

// AdvisedRights are those without which a topology runs, but less safely: it cannot see settings of topics by which it would
// lose data, and takes Kafka's defaults in their place.
func AdvisedRights(t *topology.Topology) []Right {
	g := t.Graph()
	var rights []Right
	for _, topic := range internalTopics(g) {
		rights = append(rights, Right{TopicResource, topic.Name, false, DescribeConfigs, "its settings are checked"})
	}
	for _, topic := range g.ExternalSinks() {
		rights = append(rights, Right{TopicResource, topic, false, DescribeConfigs, "which records it takes"})
	}
	for _, topic := range g.ExternalSources() {
		restored := slices.ContainsFunc(g.Stores, func(s *graph.Store) bool { return s.Source != nil && s.Source.Topic == topic }) ||
			slices.ContainsFunc(g.Globals, func(s *graph.Global) bool { return s.Topic == topic })
		if restored {
			rights = append(rights, Right{TopicResource, topic, false, DescribeConfigs, "a table is restored from it: how long it keeps deletes"})
		}
	}
	return rights
}

func groupRight(g *graph.Topology) Right {
	return Right{GroupResource, g.Application, false, Read, "consumer group"}
}

// transactionRight is for the ids of all processes: one that takes a task over ends the transaction of its former owner.
func transactionRight(g *graph.Topology) Right {
	return Right{TransactionalIDResource, g.Application + "-", true, Write, "transactions of every process"}
}

// externalRights are those to inputs and outputs.
func externalRights(g *graph.Topology) []Right {
	var rights []Right
	for _, topic := range g.ExternalSources() {
		rights = append(rights, Right{TopicResource, topic, false, Read, "input"})
	}
	for n := range g.EveryNode() {
		if n.Source != nil && n.Source.Pattern != nil {
			rights = append(rights, patternRight(n.Source.Pattern))
		}
	}
	for _, topic := range g.ExternalSinks() {
		rights = append(rights, Right{TopicResource, topic, false, Write, "output"})
	}
	for n := range g.EveryNode() {
		if n.Sink != nil && n.Sink.Topic == "" {
			rights = append(rights, Right{TopicResource, "*", false, Write, "sink " + n.Name + " chooses topics; name those that it does choose instead"})
		}
	}
	return rights
}

// patternRight is to the topics that begin as all names do that match.
func patternRight(p *graph.Pattern) Right {
	reason := "inputs that match " + p.Expr
	if re, err := regexp.Compile(strings.TrimPrefix(p.Expr, "^")); err == nil {
		if prefix, _ := re.LiteralPrefix(); prefix != "" {
			return Right{TopicResource, prefix, true, Read, reason}
		}
	}
	return Right{TopicResource, "*", false, Read, reason}
}

// internalTopics are the names and kinds of the topics that the application makes, by name.
func internalTopics(g *graph.Topology) []TopicPlan {
	var topics []TopicPlan
	for _, r := range g.Repartitions {
		topics = append(topics, TopicPlan{Name: r.Topic, Kind: RepartitionTopic})
	}
	for _, s := range g.Stores {
		if s.Changelog != "" {
			topics = append(topics, TopicPlan{Name: s.Changelog, Kind: ChangelogTopic})
		}
	}
	slices.SortFunc(topics, func(a, b TopicPlan) int { return cmp.Compare(a.Name, b.Name) })
	return topics
}

// checkRights looks for rights to topics that exist, so that all that are missing are named at once, and before anything is
// processed: records that cannot be deleted, for one, would be noticed when the disk is full. What brokers do not tell is
// found out by trying.
func (a *App) checkRights(ctx context.Context) error {
	wanted := make(map[string][]Right)
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for _, r := range rightsOf(a.graph, a.cfg) {
		if r.Resource == TopicResource && !r.Prefix && r.Name != "*" {
			if wanted[r.Name] == nil {
				topic := kmsg.NewMetadataRequestTopic()
				topic.Topic = kmsg.StringPtr(r.Name)
				req.Topics = append(req.Topics, topic)
			}
			wanted[r.Name] = append(wanted[r.Name], r)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	resp, err := req.RequestWith(ctx, a.cl)
	if err != nil {
		return fmt.Errorf("engine: read metadata of topics: %w", err)
	}
	missing := &MissingRightsError{Err: kerr.TopicAuthorizationFailed}
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		allowed := kadm.DecodeACLOperations(t.AuthorizedOperations)
		refused := errors.Is(kerr.ErrorForCode(t.ErrorCode), kerr.TopicAuthorizationFailed)
		if !refused && (t.ErrorCode != 0 || len(allowed) == 0) { // it is not there yet, or the broker does not say
			continue
		}
		for _, r := range wanted[*t.Topic] {
			if r.Operation != Create && !slices.Contains(allowed, r.Operation.kafka()) {
				missing.Rights = append(missing.Rights, r)
			}
		}
	}
	if len(missing.Rights) == 0 {
		return nil
	}
	return missing
}

// kafka is the operation in requests.
func (o Operation) kafka() kadm.ACLOperation {
	switch o {
	case Read:
		return kadm.OpRead
	case Write:
		return kadm.OpWrite
	case Create:
		return kadm.OpCreate
	case Delete:
		return kadm.OpDelete
	case DescribeConfigs:
		return kadm.OpDescribeConfigs
	}
	return kadm.OpUnknown
}

// refused names the right that is missing where an error says that one is, which is about the group or a transactional id.
func refused(g *graph.Topology, err error) error {
	var named *MissingRightsError
	switch {
	case errors.As(err, &named):
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return &MissingRightsError{[]Right{groupRight(g)}, err}
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return &MissingRightsError{[]Right{transactionRight(g)}, err}
	}
	return err
}
