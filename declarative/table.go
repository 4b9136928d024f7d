package declarative

import (
	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// tableSteps are the steps of a table, whatever its types.
type tableSteps interface {
	handle
	filterRows(l *loader, s *step, n *document.Node, not bool) handle
	mapRows(l *loader, s *step, n *document.Node) handle
	groupRows(l *loader, s *step, n *document.Node) handle
	suppress(l *loader, s *step, how topology.Suppression, options []topology.StoreOption) handle
	toStream(l *loader, s *step, key *document.Node) handle
}

// windowVariables are those of the rows of a windowed table.
var windowVariables = []variable{varKey, varValue, varWindow}

func (h table) filterRows(l *loader, s *step, n *document.Node, not bool) handle {
	p := l.program(n, []variable{varKey, varValue})
	keep := func(k, v any) bool { return p.test(&variables{key: k, value: v}) }
	if not {
		h.Table = h.Table.FilterNot(keep, s.storeOptions(nil)...)
	} else {
		h.Table = h.Table.Filter(keep, s.storeOptions(nil)...)
	}
	return h
}

func (h windowedTable) filterRows(l *loader, s *step, n *document.Node, not bool) handle {
	p := l.program(n, windowVariables)
	keep := func(k any, w windows.Window, v any) bool { return p.test(&variables{key: windows.Key(k, w), value: v}) }
	if not {
		h.WindowedTable = h.WindowedTable.FilterNot(keep, s.storeOptions(nil)...)
	} else {
		h.WindowedTable = h.WindowedTable.Filter(keep, s.storeOptions(nil)...)
	}
	return h
}

func (h table) mapRows(l *loader, s *step, n *document.Node) handle {
	t := l.template(n, []variable{varKey, varValue})
	value := h.value
	if h.value.counts {
		l.fail(s.node.Errorf("map_values of a table of counts: go on with to_stream, or use aggregate in the place of count"))
		value = l.format("json")
	}
	return table{h.Table.MapValues(func(k, v any) any { return t.eval(&variables{key: k, value: v}) }, s.storeOptions(nil)...), h.key, value}
}

func (h windowedTable) mapRows(l *loader, s *step, n *document.Node) handle {
	t := l.template(n, windowVariables)
	value := h.value
	if h.value.counts {
		l.fail(s.node.Errorf("map_values of a table of counts: go on with to_stream, or use aggregate in the place of count"))
		value = l.format("json")
	}
	to := h.WindowedTable.MapValues(func(k any, w windows.Window, v any) any {
		return t.eval(&variables{key: windows.Key(k, w), value: v})
	}, s.storeOptions(nil)...)
	return windowedTable{to, h.key, value, h.windows}
}

// groupArgs is the value of a step group_by of a table, where it is a map.
type groupArgs struct {
	Key   expression  `yaml:"key" required:"true"`
	Value *expression `yaml:"value"`
}

// group takes the key and the value of a grouping of a table from a step: one expression is the key.
func group(l *loader, n *document.Node, known []variable) (key, value *template) {
	if n.Kind() != document.Map {
		return l.template(n, known), nil
	}
	a, err := document.Decode[groupArgs](n)
	if err != nil {
		l.fail(err)
		return &template{}, nil
	}
	if a.Value != nil {
		value = l.template(a.Value.node, known)
	}
	return l.template(a.Key.node, known), value
}

// regrouped is a grouping of a table whose values are JSON unless they stay what they were.
func regrouped(l *loader, g topology.GroupedTable[any, any], key, value *format, counts bool) handle {
	if counts {
		value = l.format("json")
		g = g.WithSerdes(key.serde, value.serde)
	}
	return groupedTable{g, key, value}
}

func (h table) groupRows(l *loader, s *step, n *document.Node) handle {
	key, value := group(l, n, []variable{varKey, varValue})
	g := h.Table.GroupBy(func(k, v any) (any, any) {
		vars := &variables{key: k, value: v}
		if value == nil {
			return key.eval(vars), v
		}
		return key.eval(vars), value.eval(vars)
	}, s.options()...)
	return regrouped(l, g, h.key, h.value, h.value.counts)
}

func (h windowedTable) groupRows(l *loader, s *step, n *document.Node) handle {
	key, value := group(l, n, windowVariables)
	g := h.WindowedTable.GroupBy(func(k any, w windows.Window, v any) (any, any) {
		vars := &variables{key: windows.Key(k, w), value: v}
		if value == nil {
			return key.eval(vars), v
		}
		return key.eval(vars), value.eval(vars)
	}, s.options()...)
	return regrouped(l, g, h.key, h.value, h.value.counts)
}

func applySuppress(l *loader, in handle, s *step, a *suppressArgs) handle {
	h, ok := in.(tableSteps)
	if !ok {
		return l.cannot(in, s, "a table")
	}
	if (a.Until == "") == (a.For == nil) {
		l.fail(s.node.Errorf("want one of until: window_closes and for"))
		return broken{}
	}
	l.mark(a.Store, s.node)
	how := topology.UntilWindowCloses(a.Store)
	if a.For != nil {
		how = topology.UntilTimeLimit(a.Store, *a.For)
	}
	if a.MaxRecords != nil {
		how = how.MaxRecords(*a.MaxRecords)
	}
	if a.MaxBytes != nil {
		how = how.MaxBytes(*a.MaxBytes)
	}
	if a.EmitEarly {
		how = how.EmitEarly()
	}
	var options []topology.StoreOption
	if a.InMemory {
		options = append(options, topology.InMemory())
	}
	if !a.Changelog {
		options = append(options, topology.NoChangelog())
	}
	return h.suppress(l, s, how, s.storeOptions(options))
}

func (h table) suppress(_ *loader, _ *step, how topology.Suppression, options []topology.StoreOption) handle {
	h.Table = h.Table.Suppress(how, options...)
	return h
}

func (h windowedTable) suppress(_ *loader, _ *step, how topology.Suppression, options []topology.StoreOption) handle {
	h.WindowedTable = h.WindowedTable.Suppress(how, options...)
	return h
}

// toStreamArgs are the arguments of to_stream.
type toStreamArgs struct {
	Key *expression `yaml:"key" doc:"of windows: expression of the key of the stream: key, window; by default the key in its window"`
}

func applyToStream(l *loader, in handle, s *step, a *toStreamArgs) handle {
	h, ok := in.(tableSteps)
	if !ok {
		return l.cannot(in, s, "a table")
	}
	if a.Key == nil {
		return h.toStream(l, s, nil)
	}
	return h.toStream(l, s, a.Key.node)
}

func (h table) toStream(l *loader, s *step, key *document.Node) handle {
	if key != nil {
		l.fail(key.Errorf("key is for a table with windows: use select_key behind to_stream"))
	}
	return stream{h.Table.ToStream(s.options()...), h.key, h.value}
}

func (h windowedTable) toStream(l *loader, s *step, key *document.Node) handle {
	if key == nil {
		inWindow := func(k any, w windows.Window) any { return windows.Key(k, w) }
		return stream{h.WindowedTable.ToStream(inWindow, append(s.options(), topology.KeySerde(h.windows.serde))...), h.windows, h.value}
	}
	t := l.template(key, []variable{varKey, varWindow})
	to := h.WindowedTable.ToStream(func(k any, w windows.Window) any { return t.eval(&variables{key: windows.Key(k, w)}) }, s.options()...)
	return stream{to, h.key, h.value}
}

// toTableArgs are the arguments of to_table.
type toTableArgs struct {
	Store   string       `yaml:"store" doc:"name of the store of the rows; without one they are not kept"`
	Options storeOptions `yaml:",inline"`
}

func applyToTable(l *loader, in handle, s *step, a *toTableArgs) handle {
	if h, ok := unwindowed(in); ok {
		value := h.value
		options := s.storeOptions(l.storeOptions(s.node, &a.Options, h.key, &value))
		l.keeps(s.node, a.Store, h.key, value, storeOf(&a.Options))
		return table{h.Stream.ToTable(a.Store, options...), h.key, value}
	}
	return l.cannot(in, s, "a stream whose keys have no windows")
}

func sessionSerde(f *format) serde.Serde[windows.Keyed[any]] { return windows.KeySerde(f.serde) }
