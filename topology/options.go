package topology

import (
	"reflect"
	"slices"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
)

// NodeOption is an option of an operator. Each method says which it takes; any other is a mistake that Build reports.
type NodeOption interface {
	node(*nodeOptions)
	option
}

// StoreOption is an option of an operator that has a store. Each method says which it takes; any other is a mistake that
// Build reports.
type StoreOption interface {
	store(*storeOptions)
	option
}

type option interface{ option() (optionSet, string) }

// optionSet is a set of options, to tell those that an operator takes.
type optionSet uint

const (
	optName optionSet = 1 << iota
	optUndecodable
	optTimestamp
	optStart
	optSourceChangelog
	optPartitioner
	optPartitions
	optGrace
	optSerdes
	optInMemory
	optNoChangelog
	optRetention
	optEmitOnCommit
	optAs
	optVersioned
	optTTL
	optCombine
	optConcurrency
	optOrdering
	optOnError
	optMessageIDs
	optKeySerde

	optsSource   = optUndecodable | optTimestamp | optStart | optOnError
	optsKeyValue = optName | optOnError | optSerdes | optInMemory | optNoChangelog | optEmitOnCommit
	optsWindow   = optsKeyValue | optRetention
)

type nodeOptions struct {
	name        string
	source      sourceOptions
	partitioner any // operators.Partitioner of the stream's types
	partitions  int32
	grace       time.Duration
	graceStore  string
	hasGrace    bool
	concurrency int
	concurrent  bool
	ordering    operators.Order
	ordered     bool
	policy      *operators.Policy
	messageIDs  bool
	keySerde    any // serde.Serde of the keys
}

type storeOptions struct {
	name            string
	policy          *operators.Policy
	as              string
	source          sourceOptions
	sourceChangelog bool // the topic of a table is the changelog of its store
	k, v            any  // serdes of the store's types
	inMemory        bool
	noChangelog     bool
	retention       time.Duration
	hasRetention    bool
	emitOnCommit    bool
	history         time.Duration
	hasHistory      bool
	ttl             time.Duration
	hasTTL          bool
	combine         any // func(a, b A) A of the aggregates
}

func (b *Builder) nodeOptions(of string, opts []NodeOption, takes optionSet) (o nodeOptions) {
	for _, opt := range opts {
		b.checkOption(of, opt, takes)
		opt.node(&o)
	}
	return o
}

func (b *Builder) storeOptions(of string, opts []StoreOption, takes optionSet) (o storeOptions) {
	for _, opt := range opts {
		b.checkOption(of, opt, takes)
		opt.store(&o)
	}
	return o
}

func (b *Builder) checkOption(of string, o option, takes optionSet) {
	if set, name := o.option(); set&takes == 0 {
		b.fail("%s does not take the option %s", of, name)
	}
}

type nodeOption struct {
	set  optionSet
	name string
	do   func(*nodeOptions)
}

func (n nodeOption) node(o *nodeOptions)         { n.do(o) }
func (n nodeOption) option() (optionSet, string) { return n.set, n.name }

type storeOption struct {
	set  optionSet
	name string
	do   func(*storeOptions)
}

func (s storeOption) store(o *storeOptions)       { s.do(o) }
func (s storeOption) option() (optionSet, string) { return s.set, s.name }

// NameOption is an option of any operator.
type NameOption struct{ name string }

func (n NameOption) node(o *nodeOptions)         { o.name = n.name }
func (n NameOption) store(o *storeOptions)       { o.name = n.name }
func (n NameOption) option() (optionSet, string) { return optName, "Named" }

// Named gives an operator its name: in errors, metrics and descriptions, and of the repartition topic in front of a
// grouping or a join. Default: a generated name, of an operator with a store one made of the store's, and for a grouping's
// topic the name of the store.
func Named(name string) NameOption { return NameOption{name} }

// As keeps the rows of a derived table in a store of that name. Default: they are not kept, and computed where an operator
// below looks them up.
func As(name string) StoreOption {
	return storeOption{optAs, "As", func(o *storeOptions) { o.as = name }}
}

// nodeName is the name of an operator with a store: the one of [Named], else one made of the store's, if it has one.
func (o storeOptions) nodeName(op, store string) string {
	if o.name != "" || store == "" {
		return o.name
	}
	return store + "-" + op
}

// Partitioner chooses the partitions of the topic for each record; see [operators.Partitioner]. Its types must be those
// of the stream. It is told the topic, which behind [Stream.ToChosen] is that of the record. Default: Kafka's murmur2 of the key.
func Partitioner[K, V any](f func(dst []int32, topic string, k K, v V, partitions int32) []int32) NodeOption {
	return nodeOption{optPartitioner, "Partitioner", func(o *nodeOptions) { o.partitioner = operators.Partitioner[K, V](f) }}
}

// Partitions sets how many partitions a repartition topic has. Default: as many as the largest topic upstream, or as the
// other side of a join.
func Partitions(n int) NodeOption {
	return nodeOption{optPartitions, "Partitions", func(o *nodeOptions) { o.partitions = int32(n) }}
}

// Grace makes a join of a stream with a versioned table wait for rows that arrive late: a record is joined when event time,
// the largest timestamp of the stream's records, has reached its timestamp + d, and the results come in the order of
// timestamps. Until then records lie in a store of the given name, with a changelog. d must not be longer than the table's
// history. A left join with grace fails on a null key.
func Grace(d time.Duration, store string) NodeOption {
	return nodeOption{optGrace, "Grace", func(o *nodeOptions) { o.grace, o.graceStore, o.hasGrace = d, store, true }}
}

// Concurrency runs a pipe on up to n records of each task at once. Three times as many wait in front of it, for the time of a
// commit; then the task takes no more input until results have come.
func Concurrency(n int) NodeOption {
	return nodeOption{optConcurrency, "Concurrency", func(o *nodeOptions) { o.concurrency, o.concurrent = n, true }}
}

// Ordering says in which order the results of a pipe with [Concurrency] leave. Default: [operators.OrderByKey].
func Ordering(order operators.Order) NodeOption {
	return nodeOption{optOrdering, "Ordering", func(o *nodeOptions) { o.ordering, o.ordered = order, true }}
}

// MessageIDs gives each record that a sink writes the header message-id, unless it has one: the place of the input record, as
// TOPIC/PARTITION/OFFSET; see [operators.MessageIDs]. On a repartition topic it keeps the place that a record came from.
func MessageIDs() NodeOption {
	return nodeOption{optMessageIDs, "MessageIDs", func(o *nodeOptions) { o.messageIDs = true }}
}

// identified puts message ids in front of a sink, if it writes them.
func (o nodeOptions) identified[K, V any](c *operators.Context, sink operators.Forward[K, V]) operators.Forward[K, V] {
	if !o.messageIDs {
		return sink
	}
	return operators.MessageIDs(c, pipes.MessageIDHeader, sink)
}

// KeySerde is the serde of the keys that a function makes, where it is not the default of their type.
func KeySerde[K any](s serde.Serde[K]) NodeOption {
	return nodeOption{optKeySerde, "KeySerde", func(o *nodeOptions) { o.keySerde = s }}
}

func partitionerOf[K, V any](b *Builder, n *graph.Node, o nodeOptions) operators.Partitioner[K, V] {
	if o.partitioner == nil {
		return nil
	}
	p, ok := o.partitioner.(operators.Partitioner[K, V])
	if !ok {
		b.fail("operator %q has a stream of %s and %s, but a partitioner of other types", n.Name, typeName[K](), typeName[V]())
	}
	needFunc(b, n, p != nil || !ok)
	return p
}

// StoreSerdes sets the serdes of a store and of the table that it holds. Default: the serde of the key, and serde.For
// the type of the value.
func StoreSerdes[K, V any](k serde.Serde[K], v serde.Serde[V]) StoreOption {
	return storeOption{optSerdes, "StoreSerdes", func(o *storeOptions) { o.k, o.v = k, v }}
}

// InMemory keeps a store in memory only. It is restored from its changelog at every start. Default: on disk.
func InMemory() StoreOption {
	return storeOption{optInMemory, "InMemory", func(o *storeOptions) { o.inMemory = true }}
}

// NoChangelog keeps a store without a changelog topic: its rows are lost with the disk and do not follow a partition
// that moves to another instance.
func NoChangelog() StoreOption {
	return storeOption{optNoChangelog, "NoChangelog", func(o *storeOptions) { o.noChangelog = true }}
}

// Retention is how long a window store keeps a window, counted from its start in event time. It must be at least size +
// grace, which is the default.
func Retention(d time.Duration) StoreOption {
	return storeOption{optRetention, "Retention", func(o *storeOptions) { o.retention, o.hasRetention = d, true }}
}

// Versioned keeps, beside the present row of each key, those that were valid during the last history of event time: a table
// then goes by the timestamps of its records, not by their order. A record that is older than the row there is goes to the
// history; one that is older than history is dropped and counted. A join of a stream finds the row that was valid at the
// time of its record (KIP-889, KIP-914). history is 0 or more, in whole milliseconds.
func Versioned(history time.Duration) StoreOption {
	return storeOption{optVersioned, "Versioned", func(o *storeOptions) { o.history, o.hasHistory = history, true }}
}

// EmitOnCommit forwards the last update of each row at every commit, in place of every update: fewer results, and how
// many there are depends on the commit interval. Default: every update is forwarded.
func EmitOnCommit() StoreOption {
	return storeOption{optEmitOnCommit, "EmitOnCommit", func(o *storeOptions) { o.emitOnCommit = true }}
}

// Combine lets an aggregation of hopping windows with [Windowed.OnClose] keep one aggregate for each pane, the part
// between two neighbouring bounds of windows, and combine those when a window closes: a record then costs the same
// however many windows it lies in. merge must be associative and commutative, an initial aggregate must be neutral to it, and it
// must not change its arguments. The results are those without Combine, but that a null aggregate deletes what
// the pane had, not the window. Rows cannot be looked up by other operators, for the store has panes.
func Combine[A any](merge func(a, b A) A) StoreOption {
	return storeOption{optCombine, "Combine", func(o *storeOptions) { o.combine = merge }}
}

func (o storeOptions) emit() operators.Emit {
	if o.emitOnCommit {
		return operators.EmitOnCommit
	}
	return operators.EmitOnUpdate
}

// serdesOf are the serdes of a store: those of the option, else the given ones.
func serdesOf[K, V any](b *Builder, store string, o storeOptions, k serde.Serde[K], v serde.Serde[V]) (serde.Serde[K], serde.Serde[V]) {
	if o.k == nil && o.v == nil {
		return k, v
	}
	ownK, okK := o.k.(serde.Serde[K])
	ownV, okV := o.v.(serde.Serde[V])
	if !okK || !okV {
		b.fail("store %q holds keys of %s and values of %s, but StoreSerdes are of other types", store, typeName[K](), typeName[V]())
		return k, v
	}
	return ownK, ownV
}

// keySerde is the serde of keys of type T2 that a function made: that of the keys before it if the type is the same,
// else the default.
func keySerde[T2, T any](before serde.Serde[T]) serde.Serde[T2] {
	if s, ok := any(before).(serde.Serde[T2]); ok {
		return s
	}
	return serde.ForKey[T2]()
}

// valueSerde is [keySerde] for values.
func valueSerde[T2, T any](before serde.Serde[T]) serde.Serde[T2] {
	if s, ok := any(before).(serde.Serde[T2]); ok {
		return s
	}
	return serde.For[T2]()
}

func typeName[T any]() string { return reflect.TypeFor[T]().String() }

func contains(nodes []*graph.Node, n *graph.Node) bool { return slices.Contains(nodes, n) }

// same reports whether two serdes are equal; serdes that cannot be compared are not.
func same(a, b any) bool {
	t := reflect.TypeOf(a)
	return t != nil && t == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

func serdeType(s any) reflect.Type { return reflect.TypeOf(s) }
