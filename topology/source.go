package topology

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// TopicSet says which topics a stream reads. Make one with [Topics] or [Pattern].
type TopicSet struct {
	names   []string
	pattern string
	byName  bool
}

// Topics are topics by name. Their order does not matter, and a name twice counts once.
func Topics(names ...string) TopicSet {
	names = slices.Clone(names)
	slices.Sort(names)
	return TopicSet{names: slices.Compact(names), byName: true}
}

// Pattern is all topics whose whole name a regular expression matches, but for internal topics of the application and
// of the brokers. The engine looks for new ones from time to time (its PatternInterval), and a test driver at its start. There
// may be none at first.
func Pattern(expr string) TopicSet { return TopicSet{pattern: expr} }

// String names the topics, for messages.
func (t TopicSet) String() string {
	if t.byName {
		return strings.Join(t.names, ", ")
	}
	return "pattern " + t.pattern
}

// reading is one way in which topics are read: a second Stream of the same topics and types gets the same node.
type reading struct {
	source *graph.Source
	what   string // "stream", "table", "global table" or "global store"
	node   *graph.Node
	k, v   any
	o      sourceOptions
}

// sourceOptions are those of whatever reads a topic.
type sourceOptions struct {
	undecodable operators.Undecodable
	extract     any // operators.TimestampExtractor of the stream's types
	start       graph.Start
	policy      *operators.Policy
}

// SourceOption is an option of whatever reads a topic, stream or table.
type SourceOption struct {
	set  optionSet
	name string
	do   func(*sourceOptions)
}

func (s SourceOption) node(o *nodeOptions)         { s.do(&o.source) }
func (s SourceOption) store(o *storeOptions)       { s.do(&o.source) }
func (s SourceOption) option() (optionSet, string) { return s.set, s.name }

// SkipUndecodable makes a source drop and count records whose bytes its serdes refuse. Default: the task fails, naming
// topic, partition, offset and key.
func SkipUndecodable() SourceOption {
	return SourceOption{optUndecodable, "SkipUndecodable", func(o *sourceOptions) { o.undecodable = operators.SkipUndecodable }}
}

// Timestamp says when a record of a source happened; see [operators.TimestampExtractor]. Its types must be those of the
// source. The result is the record's timestamp from then on: for windows, for stream time, for the choice of the next
// record and for what comes out. Behind a repartition topic it is not called again. Default: the record's own timestamp.
func Timestamp[K, V any](f func(k K, v V, r operators.RecordContext, partitionTime int64) int64) SourceOption {
	return SourceOption{optTimestamp, "Timestamp", func(o *sourceOptions) { o.extract = operators.TimestampExtractor[K, V](f) }}
}

// StartPosition is where an application begins to read a topic of which it has committed no offset.
type StartPosition struct{ start graph.Start }

// Earliest is the first record that the brokers have.
func Earliest() StartPosition { return StartPosition{graph.Start{Kind: graph.Earliest}} }

// Latest is what comes after the start.
func Latest() StartPosition { return StartPosition{graph.Start{Kind: graph.Latest}} }

// Ago is the first record that is at most so old at the start, by its timestamp on the topic.
func Ago(d time.Duration) StartPosition { return StartPosition{graph.Start{Kind: graph.Ago, Ago: d}} }

// CommittedOnly is nowhere: the engine refuses to start without a committed offset, for topics whose start somebody sets.
func CommittedOnly() StartPosition { return StartPosition{graph.Start{Kind: graph.Committed}} }

// StartFrom says where the engine begins to read a partition of a source of which the application has committed no offset. A
// committed offset is never reset, whatever is said here. Topics of a test driver are new, so there it changes nothing.
// Default: [Earliest].
func StartFrom(p StartPosition) SourceOption {
	return SourceOption{optStart, "StartFrom", func(o *sourceOptions) { o.start = p.start }}
}

// SourceAsChangelog restores a table's store from the topic that the table is read from, up to the committed offset: it has
// no changelog topic, and so each record is stored once on the brokers (Kafka Streams' reuse.ktable.source.topics). The topic
// must keep the last record of each key, so it should be compacted. Default: a changelog topic of its own.
func SourceAsChangelog() StoreOption {
	return storeOption{optSourceChangelog, "SourceAsChangelog", func(o *storeOptions) { o.sourceChangelog = true }}
}

// Stream reads a topic as a stream of records. A topic can be read more than once, but not both as a stream and as a
// table.
//
// Options: [Named], [SkipUndecodable], [OnError], [Timestamp], [StartFrom].
func (b *Builder) Stream[K, V any](topic string, k serde.Serde[K], v serde.Serde[V], opts ...NodeOption) Stream[K, V] {
	return b.StreamOf(Topics(topic), k, v, opts...)
}

// StreamOf reads several topics as one stream: one source, whose tasks each read their partition of every topic. The order
// between topics is that of the timestamps, as far as records are there. The same set can be read more than once, but no
// other set that shares a topic with it.
//
// Options: as [Builder.Stream].
func (b *Builder) StreamOf[K, V any](topics TopicSet, k serde.Serde[K], v serde.Serde[V], opts ...NodeOption) Stream[K, V] {
	o := b.nodeOptions("Stream of "+topics.String(), opts, optName|optsSource)
	n := read(b, topics, "stream", o, k, v)
	return Stream[K, V]{b: b, from: n, k: k, v: v}
}

// Table reads a topic as a table: each record is the new row of its key, a null value deletes the row, a null key is
// dropped and counted. The rows are kept in the named store. With an empty store name nothing is kept: updates pass
// through, and Build refuses operators below that need the rows.
//
// Options: [SkipUndecodable], [OnError], [Timestamp], [StartFrom], [SourceAsChangelog], [Versioned], [TTL], and those of a store.
func (b *Builder) Table[K, V any](topic, store string, k serde.Serde[K], v serde.Serde[V], opts ...StoreOption) Table[K, V] {
	o := b.storeOptions("Table of "+topic, opts, optsKeyValue|optsSource|optSourceChangelog|optVersioned|optTTL)
	n := read(b, Topics(topic), "table", nodeOptions{source: o.source}, k, v)
	t := table(Stream[K, V]{b: b, from: n, k: k, v: v}, "table", store, o)
	if o.sourceChangelog {
		b.sourceAsChangelog(topic, store, o, operators.SourceRows(n.Name, topic, k, v, b.passedOver(n, o.source), extractorOf[K, V](o.source), t.k, t.v))
	}
	return t
}

// passedOver is what a restore from the topic of a table does about bytes that its serdes refuse: what is committed went past
// them, and so does it where anything but the end of the application was the answer to them.
func (b *Builder) passedOver(n *graph.Node, o sourceOptions) func() operators.Undecodable {
	return func() operators.Undecodable {
		if p := b.g.PolicyOf(n); p != nil && (p.Decide != nil || p.Then != operators.Fail) {
			return operators.SkipUndecodable
		}
		return o.undecodable
	}
}

func (b *Builder) sourceAsChangelog(topic, store string, o storeOptions, reader func(int32) func(*operators.Input) (state.ChangelogRow, bool, error)) {
	s := b.g.Store(store)
	switch {
	case s == nil:
		b.fail("Table of %s has the option SourceAsChangelog, but no store name", topic)
	case o.noChangelog:
		b.fail("Table of %s has the options SourceAsChangelog and NoChangelog", topic)
	case o.hasHistory, o.hasTTL:
		b.fail("Table of %s has the option SourceAsChangelog, but the topic does not hold what Versioned and TTL make of its rows", topic)
	case o.source.start != graph.Start{}:
		b.fail("Table of %s has the option SourceAsChangelog, so it must be read from the start of the topic: StartFrom would leave rows out", topic)
	default:
		s.Changelog, s.Source = "", &graph.SourceChangelog{Topic: topic, Reader: reader}
	}
}

// extractorOf is the extractor of a source, nil if it has none, or one of other types, which is reported elsewhere.
func extractorOf[K, V any](o sourceOptions) operators.TimestampExtractor[K, V] {
	extract, _ := o.extract.(operators.TimestampExtractor[K, V])
	return extract
}

// read adds the source of topics, or finds the one that reads them in the same way.
func read[K, V any](b *Builder, topics TopicSet, what string, o nodeOptions, k serde.Serde[K], v serde.Serde[V]) *graph.Node {
	src := b.sourceOf(topics)
	for _, r := range b.readings {
		if !sameTopics(r.source, src) {
			if topic := shared(r.source, src); topic != "" {
				b.fail("topic %q is read by two sources of different topics: %v, and %v", topic, r.source, src)
			}
			continue
		}
		switch {
		case r.what != "stream" || what != "stream":
			b.fail("topic %q is read as a %s and as a %s", src, r.what, what)
		case r.o.extract != nil || o.source.extract != nil:
			b.fail("topic %q is read twice, and with the option Timestamp: read it once and use the stream twice", src)
		case r.o.start != o.source.start:
			b.fail("topic %q is read from two start positions", src)
		case r.o == o.source && o.name == "" && same(r.k, k) && same(r.v, v):
			return r.node
		}
	}
	src.Start = o.source.start
	if src.Start.Ago < 0 {
		b.fail("topic %q is read from a time in the future: StartFrom(Ago(%v))", src, src.Start.Ago)
	}
	n := source(b, src, o.name, o.source, k, v)
	b.readings = append(b.readings, reading{source: src, what: what, node: n, k: k, v: v, o: o.source})
	return n
}

func (b *Builder) sourceOf(topics TopicSet) *graph.Source {
	src := &graph.Source{Topics: topics.names}
	for _, topic := range topics.names {
		if err := checkName(topic); err != nil {
			b.fail("topic name %w", err)
		}
	}
	if topics.byName {
		if len(topics.names) == 0 {
			b.fail("StreamOf got no topic")
		}
		return src
	}
	pattern, err := graph.NewPattern(topics.pattern)
	if err == nil && topics.pattern == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		b.fail("pattern of topics %q is not a regular expression: %w", topics.pattern, err)
		pattern = &graph.Pattern{Expr: topics.pattern}
	}
	src.Pattern = pattern
	return src
}

func sameTopics(a, b *graph.Source) bool {
	if a.Pattern != nil || b.Pattern != nil {
		return a.Pattern != nil && b.Pattern != nil && a.Pattern.Expr == b.Pattern.Expr
	}
	return slices.Equal(a.Topics, b.Topics)
}

// shared is a topic that both sources read, or "". Of two patterns that is not known before the topics are.
func shared(a, b *graph.Source) string {
	for _, topic := range a.Topics {
		if b.Reads(topic) {
			return topic
		}
	}
	for _, topic := range b.Topics {
		if a.Reads(topic) {
			return topic
		}
	}
	return ""
}

func source[K, V any](b *Builder, src *graph.Source, name string, o sourceOptions, k serde.Serde[K], v serde.Serde[V]) *graph.Node {
	n := b.node("source", name)
	n.Source = src
	readsWith(b, n, k, v)
	n.Policy = o.policy
	unretried(b, n, "what is wrong with the bytes of a topic stays wrong")
	extract, ok := o.extract.(operators.TimestampExtractor[K, V])
	if o.extract != nil && !ok {
		b.fail("operator %q reads keys of %s and values of %s, but has a Timestamp of other types", n.Name, typeName[K](), typeName[V]())
	}
	needFunc(b, n, o.extract == nil || !ok || extract != nil)
	n.Make = func(in *graph.Instance) any {
		return operators.Read(in.Context(n), k, v, o.undecodable, extract, graph.Next[K, V](in, n))
	}
	return n
}

// coPartition says that the topics behind some nodes must have the same number of partitions.
func (b *Builder) coPartition(of *graph.Node, inputs ...*graph.Node) {
	c := graph.CoPartition{Node: of}
	for _, n := range inputs {
		for _, src := range sourcesOf(n) {
			c.Topics = append(c.Topics, src.Topics...)
			if src.Pattern != nil && !slices.Contains(c.Patterns, src.Pattern) {
				c.Patterns = append(c.Patterns, src.Pattern)
			}
		}
	}
	slices.Sort(c.Topics)
	c.Topics = slices.Compact(c.Topics)
	b.g.CoPartitions = append(b.g.CoPartitions, c)
}

// sourcesOf are the sources that the records of a node come from.
func sourcesOf(n *graph.Node) (sources []*graph.Source) {
	if n.Source != nil {
		return []*graph.Source{n.Source}
	}
	for _, p := range n.Parents {
		sources = append(sources, sourcesOf(p)...)
	}
	return sources
}
