package topology

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/serde"
)

// Builder collects the operators of a topology. Its methods and those of the handles they return report no errors:
// [Builder.Build] returns all mistakes at once. A Builder is used from one goroutine.
type Builder struct {
	g        *graph.Topology
	readings []reading
	outputs  []*output
	names    map[string]string // node or store name to what has it
	hops     map[string]string // name of a repartition topic to the operator in front of it
	errs     []error
	built    bool
}

// NewBuilder starts a topology. application names it on the broker: it is the consumer group, and internal topics begin
// with it, so it must not change while the application has state.
func NewBuilder(application string) *Builder {
	b := &Builder{g: &graph.Topology{Application: application}, names: make(map[string]string), hops: make(map[string]string)}
	if err := checkName(application); err != nil {
		b.fail("application name %w", err)
	}
	return b
}

// Build checks the topology and returns it, or every mistake in it, joined. It can be called once.
func (b *Builder) Build() (*Topology, error) {
	if b.built {
		b.fail("Build was called a second time")
	}
	b.built = true
	b.checkEnds()
	b.checkOutputs()
	b.checkInternal()
	if len(b.errs) > 0 {
		return nil, fmt.Errorf("topology %q: %w", b.g.Application, errors.Join(b.errs...))
	}
	b.g.Finish()
	return &Topology{g: b.g}, nil
}

func (b *Builder) checkEnds() {
	if !slices.ContainsFunc(b.g.Nodes, func(n *graph.Node) bool { return n.Source != nil }) {
		b.fail("it reads no topic as a stream or table")
		return
	}
	if len(b.g.Stores) == 0 && !slices.ContainsFunc(b.g.Nodes, leaves) {
		b.fail("it has no sink: nothing that it computes leaves it (To, ForEach, Process or a store)")
	}
	for _, s := range b.g.Stores {
		if len(s.Nodes) == 0 {
			b.fail("store %q is used by no operator", s.Name)
		}
	}
}

// leaves reports whether results of a node can be seen outside of the topology.
func leaves(n *graph.Node) bool {
	return n.Sink != nil && !n.Sink.Internal || n.Op == "for-each" || n.Op == "peek" || n.Op == "process" || n.Op == "through" || n.Op == "through-messages"
}

// checkInternal refuses topics that the topology owns and yet reads or writes by name.
func (b *Builder) checkInternal() {
	owned := make(map[string]string)
	for _, r := range b.g.Repartitions {
		owned[r.Topic] = "the repartition topic of " + r.Name
	}
	for _, s := range b.g.Stores {
		if s.Changelog != "" {
			owned[s.Changelog] = "the changelog of store " + s.Name
		}
	}
	for n := range b.g.EveryNode() {
		if n.Source != nil && !n.Source.Internal {
			for _, topic := range n.Source.Topics {
				if owned[topic] != "" {
					b.fail("operator %q reads topic %q, which is %s", n.Name, topic, owned[topic])
				}
			}
		}
		if n.Sink != nil && !n.Sink.Internal && owned[n.Sink.Topic] != "" {
			b.fail("operator %q writes topic %q, which is %s", n.Name, n.Sink.Topic, owned[n.Sink.Topic])
		}
	}
	b.checkPolicies(owned)
}

func (b *Builder) fail(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(format, args...))
}

// node adds a node below its parents. An empty name gives one that is made of the operator and the position; such a name
// is for people only and nothing durable depends on it.
func (b *Builder) node(op, name string, parents ...*graph.Node) *graph.Node {
	n := &graph.Node{ID: len(b.g.Nodes), Op: op, Name: name, Parents: parents}
	if name == "" {
		n.Name = fmt.Sprintf("%s-%d", op, n.ID)
	} else if err := checkName(name); err != nil {
		b.fail("operator name %w", err)
	}
	b.claim(n.Name, "operator")
	b.g.Nodes = append(b.g.Nodes, n)
	for _, p := range parents {
		p.Children = append(p.Children, n)
	}
	return n
}

func (b *Builder) claim(name, what string) {
	key := what + " " + name
	if b.names[key] != "" {
		b.fail("two %ss are named %q", what, name)
	}
	b.names[key] = what
}

// store adds a store.
func (b *Builder) store(s *graph.Store, o storeOptions) *graph.Store {
	if err := checkName(s.Name); err != nil {
		b.fail("store name %w", err)
	}
	b.claim(s.Name, "store")
	s.InMemory = o.inMemory
	if !o.noChangelog {
		s.Changelog = fmt.Sprintf("%s-%s-changelog", b.g.Application, s.Name)
	}
	b.g.Stores = append(b.g.Stores, s)
	return s
}

func connect(s *graph.Store, n *graph.Node) {
	s.Nodes = append(s.Nodes, n)
	n.Stores = append(n.Stores, s)
}

var validName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,200}$`)

// checkName holds names to what Kafka allows for topics, since topics are made of them.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case name == "." || name == ".." || !validName.MatchString(name):
		return fmt.Errorf("%q is not 1 to 200 of the characters a-z A-Z 0-9 . _ -", name)
	}
	return nil
}

// needSerdes is readsWith for an operator that writes with the serdes, or keeps something in a store: they are opened first.
func needSerdes[K, V any](b *Builder, n *graph.Node, k serde.Serde[K], v serde.Serde[V]) {
	readsWith(b, n, k, v)
	for _, s := range []any{k, v} {
		if o := serde.OpenerOf(s); o != nil && !slices.Contains(b.g.Openers, o) {
			b.g.Openers = append(b.g.Openers, o)
		}
	}
}

// readsWith reports types of a stream for which the operator needs serdes that nobody gave.
func readsWith[K, V any](b *Builder, n *graph.Node, k serde.Serde[K], v serde.Serde[V]) {
	if k == nil {
		b.fail("operator %q needs a serde for keys of type %s, which has no default: use WithSerdes or StoreSerdes", n.Name, typeName[K]())
	}
	if v == nil {
		b.fail("operator %q needs a serde for values of type %s, which has no default: use WithSerdes or StoreSerdes", n.Name, typeName[V]())
	}
}

func needFunc(b *Builder, n *graph.Node, given bool) {
	if !given {
		b.fail("operator %q has a nil function", n.Name)
	}
}
