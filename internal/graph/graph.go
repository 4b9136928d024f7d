package graph

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// Topology is a built topology. See G1.
type Topology struct {
	Application   string
	Nodes         []*Node  // by declaration
	Stores        []*Store // by declaration
	Globals       []*Global
	Repartitions  []*Repartition
	CoPartitions  []CoPartition
	Wrappers      []operators.Wrapper // of every operator, the outermost first
	Policy        *operators.Policy   // of the operators that have none of their own; nil: fail
	Openers       []serde.Opener      // serdes that operators write with, which are opened before anything runs
	SubTopologies []*SubTopology
}

// Node is one operator, source or sink.
type Node struct {
	ID       int    // index in Topology.Nodes
	Name     string // unique; generated ones are OP-ID
	Op       string // what it is: "filter", "source" …
	Parents  []*Node
	Children []*Node // in the order in which they are served
	Stores   []*Store
	Globals  []*Global         // that the node joins with
	Source   *Source           // nil if the node reads no topic
	Sink     *Sink             // nil if the node writes no topic
	Policy   *operators.Policy // nil: that of the topology
	// Keys and Values are the serdes of the node's input, as serde.Serde[K] and serde.Serde[V]; nil if nothing needs them. Parked is
	// the store of records that wait for another attempt, nil if the policy has none or the operator keeps them itself.
	Keys, Values any
	Parked       *Store
	External     []string // names of the pipes that the node runs and that reach outside
	Unstubbed    error    // names those of them that nothing can stand in for, nil if there are none
	Side         bool     // an output of its own of a processor: its parent does not forward to it with the other children

	// Make makes the operator for a task: a func() operators.Source for a source, called for each of its topics, else an
	// operators.Forward of the node's input types. It gets those of its children from [Next] and [Made].
	Make func(in *Instance) any
}

// Source says what a node reads. Several topics are one input: a task reads its partition of each.
type Source struct {
	Topics   []string // sorted; nil with a Pattern
	Pattern  *Pattern // the topics are those that it matches on the brokers, see [Plan]; nil with Topics
	Internal bool     // a repartition topic of this topology
	Start    Start
}

// StartKind says where an application that has committed no offset of a partition begins to read it.
type StartKind uint8

// The kinds of starts.
const (
	Earliest StartKind = iota
	Latest
	Ago       // at the first record that is not older than a time before now
	Committed // nowhere: it is an error
)

// Start says where reading begins without a committed offset.
type Start struct {
	Kind StartKind
	Ago  time.Duration
}

// Reads reports whether a source would read a topic of that name.
func (s *Source) Reads(topic string) bool {
	return slices.Contains(s.Topics, topic) || s.Pattern != nil && s.Pattern.Matches(topic)
}

// String names the topics, for messages.
func (s *Source) String() string {
	if s.Pattern != nil {
		return "pattern " + s.Pattern.Expr
	}
	return strings.Join(s.Topics, ", ")
}

// Sink says what a node writes.
type Sink struct {
	Topic    string // "" if the sink chooses one for each record
	Internal bool   // a repartition topic of this topology
	// Key and Value show what the node writes as JSON.
	Key, Value serde.View
}

// Store is a store of the topology; every task of its sub-topology has one partition of it.
type Store struct {
	Name      string
	Kind      state.Kind
	Changelog string // name of its changelog topic; "" for none
	InMemory  bool   // kept in memory, restored from the changelog at every start
	// Source, if not nil, is what the store is restored from in the place of a changelog.
	Source *SourceChangelog
	// RetentionMs is how long a window store keeps a window after its start; 0 for other kinds.
	RetentionMs int64
	Nodes       []*Node // those that use it
	// Keys and Values name the serdes of what the user keeps in it, see serde.Name; "" for none. Windows is the kind of windows
	// by which it is filled, "" for none: time, sliding, session, count, unlimited or join.
	Keys, Values, Windows string
	// Settings are the numbers of which the meaning of its rows depends, by name. The names end in the unit.
	Settings map[string]int64
	// Open makes one partition of the store.
	Open func(c state.Config) state.Store
}

// SourceChangelog is a topic that is read as a table and holds the table's rows: all up to the committed offset are the
// store.
type SourceChangelog struct {
	Topic string
	// Reader reads a partition of the topic from its start: it makes of each record what the changelog of the store would
	// have; ok is false if the record is no row.
	Reader func(partition int32) func(in *operators.Input) (row state.ChangelogRow, ok bool, err error)
}

// Repartition is a topic through which records move to the partition of their new key.
type Repartition struct {
	Name       string // as the user gave it
	Topic      string
	Partitions int32 // 0: as many as the largest topic upstream, or as the other side of a join
	// Keys and Values name the serdes of its records, see serde.Name.
	Keys, Values string
}

// CoPartition says that topics must have the same number of partitions.
type CoPartition struct {
	Node     *Node // whose inputs they are
	Topics   []string
	Patterns []*Pattern // whose topics it is about too
}

// SubTopology is a part of the topology that is connected by something else than a topic. It is what tasks are made of.
type SubTopology struct {
	ID      int
	Nodes   []*Node
	Stores  []*Store
	Sources []string // topics that it reads by name, sorted; [Plan.Sources] are those of patterns too
	Sinks   []string // topics that it writes, sorted
	Hash    uint64   // changes when anything changes that tasks of other instances must agree on

	topology *Topology
}

// Topology is what the sub-topology is a part of.
func (s *SubTopology) Topology() *Topology { return s.topology }

// Wrapped is the topology with one more wrapper, inside the others. The topology itself stays as it is.
func (t *Topology) Wrapped(w operators.Wrapper) *Topology {
	to := *t
	to.Wrappers = append(slices.Clip(slices.Clone(t.Wrappers)), w)
	to.SubTopologies = slices.Clone(t.SubTopologies)
	for i, sub := range t.SubTopologies {
		s := *sub
		s.topology = &to
		to.SubTopologies[i] = &s
	}
	to.Globals = slices.Clone(t.Globals)
	for i, global := range t.Globals {
		g := *global
		g.topology = &to
		to.Globals[i] = &g
	}
	return &to
}

// Instance is the operators of one task.
type Instance struct {
	sub    *SubTopology
	Scope  *operators.Scope
	Inputs map[string][]operators.Source // by topic, in the order of declaration

	Contexts []*operators.Context // of all nodes, in the order of the sub-topology
	contexts map[*Node]*operators.Context
	made     map[*Node]any
	err      error
}

// NewInstance is the operators of a sub-topology for a task, before they are made. The scope's Runtime must give its
// stores.
func NewInstance(sub *SubTopology, scope *operators.Scope) *Instance {
	return &Instance{
		sub:      sub,
		Scope:    scope,
		Inputs:   make(map[string][]operators.Source),
		contexts: make(map[*Node]*operators.Context),
		made:     make(map[*Node]any),
	}
}

// Make makes the operators. It returns what an operator's own initialisation failed with; panics of user code are the
// caller's to recover. Either way what was made must be closed.
func (in *Instance) Make(plan *Plan) error {
	for _, n := range in.sub.Nodes {
		in.Context(n)
		if n.Source != nil {
			source := in.Made(n).(func() operators.Source)
			for _, topic := range plan.TopicsOf(n.Source) {
				in.Inputs[topic] = append(in.Inputs[topic], source())
			}
		}
	}
	return in.err
}

// Close ends the life of the operators: it calls what they registered for that, once, in the reverse order.
func (in *Instance) Close() error {
	var errs []error
	for _, c := range slices.Backward(in.Contexts) {
		if err := c.Close(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Fail makes [Instance.Make] return an error; the first one counts.
func (in *Instance) Fail(err error) {
	if in.err == nil {
		in.err = err
	}
}

// Context is the context of a node in this task.
func (in *Instance) Context(n *Node) *operators.Context {
	c := in.contexts[n]
	if c == nil {
		stores := make([]string, len(n.Stores))
		for i, s := range n.Stores {
			stores[i] = s.Name
		}
		c = operators.NewContext(n.Name, in.Scope, stores...)
		c.Wrap(n.Op, in.sub.topology.Wrappers)
		parked := ""
		if n.Parked != nil {
			parked = n.Parked.Name
		}
		c.SetPolicy(in.sub.topology.PolicyOf(n), n.Keys, n.Values, parked)
		in.contexts[n] = c
		in.Contexts = append(in.Contexts, c)
	}
	return c
}

// Made is the operator of a node in this task; a node with several parents is made once.
func (in *Instance) Made(n *Node) any {
	made, ok := in.made[n]
	if !ok {
		made = n.Make(in)
		in.made[n] = made
	}
	return made
}

// Next is what a node forwards to: all its children, which must take records of these types.
func Next[K, V any](in *Instance, n *Node) operators.Forward[K, V] {
	next := make([]operators.Forward[K, V], 0, len(n.Children))
	for _, child := range n.Children {
		if !child.Side {
			next = append(next, in.Made(child).(operators.Forward[K, V]))
		}
	}
	return operators.Fan(next...)
}

// Store finds a store by name, or nil.
func (t *Topology) Store(name string) *Store {
	i := slices.IndexFunc(t.Stores, func(s *Store) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return t.Stores[i]
}

// ExternalSources are the topics that must exist before the topology runs, sorted. Those of patterns are not among them.
func (t *Topology) ExternalSources() []string {
	return t.topics(func(n *Node) []string {
		if n.Source == nil || n.Source.Internal {
			return nil
		}
		return n.Source.Topics
	})
}

// HasPatterns reports whether a source reads the topics that a pattern matches.
func (t *Topology) HasPatterns() bool {
	return slices.ContainsFunc(t.Nodes, func(n *Node) bool { return n.Source != nil && n.Source.Pattern != nil })
}

// ExternalSinks are the topics outside of the topology that it writes, those of dead letters too, sorted.
func (t *Topology) ExternalSinks() []string {
	topics := append(t.topics(func(n *Node) []string {
		if n.Sink == nil || n.Sink.Internal || n.Sink.Topic == "" {
			return nil
		}
		return []string{n.Sink.Topic}
	}), t.DeadLetters()...)
	slices.Sort(topics)
	return slices.Compact(topics)
}

// PolicyOf is what becomes of records that a node fails for; nil: fail. What feeds a global store has no transaction for dead
// letters.
func (t *Topology) PolicyOf(n *Node) *operators.Policy {
	if n.Policy != nil {
		return n.Policy
	}
	return t.Policy
}

// DeadLetters are the topics of dead letters, sorted.
func (t *Topology) DeadLetters() []string {
	return t.topics(func(n *Node) []string {
		if p := t.PolicyOf(n); p != nil && p.Topic != "" {
			return []string{p.Topic}
		}
		return nil
	})
}

func (t *Topology) topics(of func(*Node) []string) []string {
	var topics []string
	for n := range t.EveryNode() {
		topics = append(topics, of(n)...)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}
