package declarative

import (
	"fmt"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/topology"
)

// serdesOf are the serdes of a topic, by default string and json.
func (l *loader) serdesOf(key, value serdeName, topic string) (k, v *format) {
	k, v = l.format("string"), l.format("json")
	if key.node != nil {
		k = l.formatOf(key, topic, true)
	}
	if value.node != nil {
		v = l.formatOf(value, topic, false)
	}
	return k, v
}

// sourceOptions are the options of whatever reads a topic.
func (l *loader) sourceOptions(o *topicOptions) (options []topology.SourceOption) {
	if o.Undecodable == "skip" {
		options = append(options, topology.SkipUndecodable())
	}
	if o.Timestamp != nil {
		if p := l.program(o.Timestamp.node, []variable{varKey, varValue, varTimestamp, varHeaders, varPartitionTime, varTopic}); p != nil {
			options = append(options, topology.Timestamp(p.extract))
		}
	}
	switch o.Start.kind {
	case "latest":
		options = append(options, topology.StartFrom(topology.Latest()))
	case "committed":
		options = append(options, topology.StartFrom(topology.CommittedOnly()))
	case "ago":
		options = append(options, topology.StartFrom(topology.Ago(o.Start.ago)))
	}
	return options
}

// extract evaluates the timestamp of a record.
func (p *program) extract(k, v any, r operators.RecordContext, partitionTime int64) int64 {
	result := p.eval(&variables{key: k, value: v, timestamp: r.Timestamp, headers: r.Headers, partitionTime: partitionTime, topic: r.Origin.Topic})
	ms, ok := result.(int64)
	if !ok {
		operators.Throw(p.failure(fmt.Errorf("the timestamp is %s, want milliseconds as a whole number", described(result))))
	}
	return ms
}

// input notes a topic that is read.
func (l *loader) input(n *document.Node, topic string, k, v *format) {
	l.mark(topic, n)
	for _, t := range l.file.Inputs {
		if t.Name == topic {
			return
		}
	}
	l.file.Inputs = append(l.file.Inputs, Topic{topic, Codec{k}, Codec{v}})
}

// output notes a topic that is written.
func (l *loader) output(n *document.Node, topic string, k, v *format) {
	l.mark(topic, n)
	for _, t := range l.file.Outputs {
		if t.Name == topic {
			return
		}
	}
	l.file.Outputs = append(l.file.Outputs, Topic{topic, Codec{k}, Codec{v}})
}

// makeStream makes a stream.
func (l *loader) makeStream(e *entry, s *streamEntry) handle {
	var h handle
	given := 0
	for _, is := range []bool{s.Topic != "", len(s.Topics) > 0, s.Pattern != "", s.From.given(), len(s.Merge) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		l.fail(e.node.Errorf("stream %q: want one of topic, topics, pattern, from and merge", e.name))
		h = broken{}
	case s.From.given():
		h = l.refer(s.From)
	case len(s.Merge) > 0:
		h = l.merge(s.Merge)
	default:
		h = l.readStream(e, s)
	}
	h = l.steps(h, s.Steps)
	switch h.(type) {
	case table, windowedTable:
		l.fail(e.node.Errorf("stream %q ends as %s: add the step to_stream, or move it to tables", e.name, h.described()))
	case windowed, sessions, groupedTable:
		l.fail(e.node.Errorf("stream %q ends as %s, of which nothing can go on: add a step that aggregates it", e.name, h.described()))
	}
	return h
}

func (l *loader) readStream(e *entry, s *streamEntry) handle {
	topics := s.Topics
	if s.Topic != "" {
		topics = []string{s.Topic}
	}
	named := "" // after which subjects are named
	if len(topics) > 0 {
		named = topics[0]
	}
	k, v := l.serdesOf(s.Read.KeySerde, s.Read.ValueSerde, named)
	var options []topology.NodeOption
	for _, o := range l.sourceOptions(&s.Read) {
		options = append(options, o)
	}
	if s.Read.OnError.node != nil {
		l.untried(&s.Read.OnError)
		options = append(options, topology.OnError(l.policy(&s.Read.OnError)))
	}
	if s.Name != "" {
		l.mark(s.Name, e.node)
		options = append(options, topology.Named(s.Name))
	}
	for _, topic := range topics {
		l.input(e.node, topic, k, v)
	}
	set := topology.Topics(topics...)
	if s.Pattern != "" {
		set = topology.Pattern(s.Pattern)
		l.mark(s.Pattern, e.node)
		l.file.Matched = &Topic{"", Codec{k}, Codec{v}}
	}
	return stream{l.b.StreamOf(set, k.serde, v.serde, options...), k, v}
}

// merge merges streams of the same types.
func (l *loader) merge(references []reference) handle {
	handles := make([]handle, len(references))
	for i, r := range references {
		handles[i] = l.refer(r)
	}
	if first, ok := unwindowed(handles[0]); ok {
		return mergeInto(l, first, references, handles)
	}
	if _, bad := handles[0].(broken); !bad {
		l.fail(references[0].node.Errorf("%q is %s: only streams can be merged", references[0].name(), handles[0].described()))
	}
	return broken{}
}

func mergeInto(l *loader, first stream, references []reference, handles []handle) handle {
	others := make([]topology.Stream[any, any], 0, len(handles)-1)
	for i, h := range handles[1:] {
		s, ok := unwindowed(h)
		ok = ok && s.value.counts == first.value.counts
		if _, bad := h.(broken); bad {
			continue
		}
		if !ok {
			l.fail(references[i+1].node.Errorf("%q is %s with other types than %q: only streams of one kind can be merged", references[i+1].name(), h.described(), references[0].name()))
			continue
		}
		others = append(others, s.Stream)
	}
	first.Stream = first.Stream.Merge(others...)
	return first
}

// makeTable makes a table.
func (l *loader) makeTable(e *entry, t *tableEntry) handle {
	var h handle
	switch {
	case t.Topic != "" && !t.From.given() && len(t.Cogroup) == 0:
		h = l.readTable(e, t)
	case t.Topic == "" && t.From.given() && len(t.Cogroup) == 0:
		h = l.refer(t.From)
	case t.Topic == "" && !t.From.given() && len(t.Cogroup) > 0:
		h = l.cogroup(t.Cogroup)
	default:
		l.fail(e.node.Errorf("table %q: want one of topic, from and cogroup", e.name))
		h = broken{}
	}
	if h = l.steps(h, t.Steps); t.Topic == "" && (t.Rows.Store != "" || t.Rows.SourceAsChangelog) {
		l.fail(e.node.Errorf("table %q: store is for a table of a topic: give it to the step that makes the table", e.name))
	}
	switch h.(type) {
	case table, windowedTable, broken:
		return h
	}
	l.fail(e.node.Errorf("table %q ends as %s: add a step that makes a table, such as to_table or count, or move it to streams", e.name, h.described()))
	return broken{}
}

func (l *loader) readTable(e *entry, t *tableEntry) handle {
	k, v := l.serdesOf(t.Read.KeySerde, t.Read.ValueSerde, t.Topic)
	l.input(e.node, t.Topic, k, v)
	options := l.storeOptions(e.node, &t.Rows.Options, k, &v)
	for _, o := range l.sourceOptions(&t.Read) {
		options = append(options, o)
	}
	if t.Read.OnError.node != nil {
		l.untried(&t.Read.OnError)
		options = append(options, topology.OnError(l.policy(&t.Read.OnError)))
	}
	if t.Rows.SourceAsChangelog {
		options = append(options, topology.SourceAsChangelog())
	}
	l.keeps(e.node, t.Rows.Store, k, v, storeOf(&t.Rows.Options))
	return table{l.b.Table(t.Topic, t.Rows.Store, k.serde, v.serde, options...), k, v}
}

// makeGlobal makes a global table.
func (l *loader) makeGlobal(e *entry, g *globalEntry) handle {
	k, v := l.serdesOf(g.KeySerde, g.ValueSerde, g.Topic)
	l.input(e.node, g.Topic, k, v)
	var options []topology.StoreOption
	if g.Undecodable == "skip" {
		options = append(options, topology.SkipUndecodable())
	}
	if g.InMemory {
		options = append(options, topology.InMemory())
	}
	l.keeps(e.node, g.Store, k, v, KeyValueStore)
	return globalTable{l.b.GlobalTable(g.Topic, g.Store, k.serde, v.serde, options...)}
}

// globalTable is a table that every process has whole.
type globalTable struct{ topology.GlobalTable[any, any] }

func (globalTable) described() string { return "a global table" }
