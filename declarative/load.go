package declarative

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/expr-lang/expr"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/topology"
)

// File is a topology that was read from a file, with what it knows about its topics.
type File struct {
	// Topology is what the file says.
	Topology *topology.Topology
	// Inputs are the topics that the file reads by name, in its order, and Outputs those that it writes by name.
	Inputs, Outputs []Topic
	// Chosen is how records are written to topics that are chosen for each, nil if the file does not do that.
	Chosen *Topic
	// Matched is how the topics that a pattern matches are read, nil if the file has no pattern.
	Matched *Topic
	// Stores are the stores that tables of the file keep, by name.
	Stores map[string]Store
	// Cases are the tests in the file.
	Cases []Case
}

// Topic is a topic with the serdes that the file gives it.
type Topic struct {
	Name       string // "" of chosen and matched ones
	Key, Value Codec
}

// Input finds an input topic; ok is false if the file reads no such topic.
func (f *File) Input(topic string) (Topic, bool) { return find(f.Inputs, f.Matched, topic) }

// Output finds an output topic; ok is false if the file writes no such topic.
func (f *File) Output(topic string) (Topic, bool) { return find(f.Outputs, f.Chosen, topic) }

func find(topics []Topic, other *Topic, name string) (Topic, bool) {
	for _, t := range topics {
		if t.Name == name {
			return t, true
		}
	}
	if other != nil {
		return Topic{name, other.Key, other.Value}, true
	}
	return Topic{}, false
}

// Option is an option of [Load].
type Option func(*loader)

// Logger is where steps log. Default: slog's default logger.
func Logger(log *slog.Logger) Option { return func(l *loader) { l.log = log } }

// loader reads one file.
type loader struct {
	log       *slog.Logger
	lines     []string // of the file
	formats   []*format
	functions []expr.Option
	plugins   *plugins.Registry
	registry  *registry.Client
	folder    string // where schemas lie

	b        *topology.Builder
	root     *document.Node
	entries  []*entry // in the order of the file
	made     map[string]handle
	places   map[string]*document.Node // by name of an operator, store or topic, for mistakes that Build finds
	errs     []error
	applied  []*step // all steps so far
	limit    int     // of those; negative: none
	file     *File
	document topologyFile
}

// entry is a stream or table of the file.
type entry struct {
	name   string
	node   *document.Node // its key
	stream *streamEntry
	table  *tableEntry
	global *globalEntry
	making bool
}

// Read loads the file at a path.
func Read(path string, opts ...Option) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Load(path, data, append([]Option{Folder(filepath.Dir(path))}, opts...)...)
}

// Load makes the topology that a file describes. name is that of the file, in messages only. The error has all mistakes that
// were found, each with its place.
func Load(name string, data []byte, opts ...Option) (*File, error) {
	root, err := document.Parse(name, data)
	if err != nil {
		return nil, err
	}
	l := &loader{log: slog.Default(), lines: strings.Split(string(data), "\n"), functions: functionOptions(), root: root, limit: -1}
	for _, opt := range opts {
		opt(l)
	}
	if l.plugins == nil {
		l.plugins = plugins.Standard(plugins.Environment{Logger: l.log})
	}
	if l.document, err = document.Decode[topologyFile](root); err != nil {
		return nil, err
	}
	return l.load()
}

func (l *loader) load() (*File, error) {
	l.declare()
	if len(l.entries) == 0 {
		l.fail(l.root.Errorf("it has no streams and no tables"))
	}
	if len(l.errs) > 0 {
		return nil, document.Join(l.errs...)
	}
	t, err := l.b.Build()
	if err != nil {
		return nil, l.placed(err)
	}
	l.file.Topology = t
	if l.file.Cases, err = casesOf(l.document.Tests); err != nil {
		return nil, err
	}
	return l.file, nil
}

// declare adds all entries to a new builder, with their steps up to the limit.
func (l *loader) declare() {
	l.b = topology.NewBuilder(l.document.Application)
	l.formats, l.made, l.places = formats(), make(map[string]handle), make(map[string]*document.Node)
	l.file, l.entries, l.errs, l.applied = &File{Stores: make(map[string]Store)}, nil, nil, nil
	l.mark(l.document.Application, l.root.Get("application"))
	if p := &l.document.OnError; p.node != nil {
		l.untried(p)
		l.b.OnError(l.policy(p))
	}
	l.collect()
	for _, e := range l.entries {
		l.make(e)
	}
}

// collect brings the entries of all sections into the order of the file.
func (l *loader) collect() {
	d := &l.document
	for _, name := range d.Tables.names {
		l.entries = append(l.entries, &entry{name: name, node: d.Tables.nodes[name], table: d.Tables.entries[name]})
	}
	for _, name := range d.GlobalTables.names {
		l.entries = append(l.entries, &entry{name: name, node: d.GlobalTables.nodes[name], global: d.GlobalTables.entries[name]})
	}
	for _, name := range d.Streams.names {
		l.entries = append(l.entries, &entry{name: name, node: d.Streams.nodes[name], stream: d.Streams.entries[name]})
	}
	slices.SortStableFunc(l.entries, func(a, b *entry) int {
		p, q := a.node.Place(), b.node.Place()
		return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
	})
	seen := make(map[string]*entry)
	for _, e := range l.entries {
		if other := seen[e.name]; other != nil {
			l.fail(e.node.Errorf("the name %q is taken by %s in line %d", e.name, other.node.Path(), other.node.Place().Line))
		}
		seen[e.name] = e
	}
}

// make makes an entry, once.
func (l *loader) make(e *entry) handle {
	if h, ok := l.made[e.name]; ok {
		return h
	}
	if e.making {
		l.fail(e.node.Errorf("%q goes on from itself", e.name))
		return broken{}
	}
	e.making = true
	var h handle
	switch {
	case e.stream != nil:
		h = l.makeStream(e, e.stream)
	case e.table != nil:
		h = l.makeTable(e, e.table)
	default:
		h = l.makeGlobal(e, e.global)
	}
	l.made[e.name] = h
	return h
}

// steps applies the steps of an entry.
func (l *loader) steps(h handle, steps []step) handle {
	for i := range steps {
		s := &steps[i]
		if s.name != "" {
			l.mark(s.name, s.node)
		}
		if len(l.applied) == l.limit {
			return broken{}
		}
		l.applied = append(l.applied, s)
		h = l.apply(h, s)
	}
	return h
}

// apply applies a step.
func (l *loader) apply(in handle, s *step) handle {
	s.policy, s.taken = nil, false
	if s.onError.node != nil {
		p := l.policy(&s.onError)
		s.policy = &p
	}
	h := s.kind.apply(l, in, s)
	if _, bad := h.(broken); bad || s.taken {
		return h
	}
	if s.name != "" {
		l.fail(s.node.Errorf("%s takes no name", s.kind.name))
	}
	if s.policy != nil {
		l.fail(s.onError.node.Errorf("%s takes no on_error, only that of the file", s.kind.name))
	}
	return h
}

// refer is what a reference stands for.
func (l *loader) refer(r reference) handle {
	if !r.given() {
		return broken{}
	}
	name, branch, isBranch := strings.Cut(r.name(), ".")
	var e *entry
	for _, candidate := range l.entries {
		if candidate.name == name {
			e = candidate
		}
	}
	if e == nil {
		l.fail(r.node.Errorf("there is no stream or table %q%s", name, l.known(name)))
		return broken{}
	}
	h := l.make(e)
	b, split := h.(branches)
	switch {
	case !isBranch && !split:
		return h
	case !isBranch:
		l.fail(r.node.Errorf("%q was split: go on from one of its branches, %s", name, strings.Join(prefixed(name, b.names), ", ")))
	case !split:
		if _, bad := h.(broken); !bad {
			l.fail(r.node.Errorf("%q has no branches", name))
		}
	default:
		if i := slices.Index(b.names, branch); i >= 0 {
			return b.streams[i]
		}
		l.fail(r.node.Errorf("%q has no branch %q, but %s", name, branch, strings.Join(prefixed(name, b.names), ", ")))
	}
	return broken{}
}

func prefixed(name string, branches []string) []string {
	var names []string
	for _, b := range branches {
		names = append(names, name+"."+b)
	}
	return names
}

// known offers the name that somebody may have meant.
func (l *loader) known(name string) string {
	var names []string
	for _, e := range l.entries {
		names = append(names, e.name)
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(", here are %s", strings.Join(names, ", "))
}
