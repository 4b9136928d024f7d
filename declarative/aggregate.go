package declarative

import (
	"github.com/rivusio/rivusio/topology"
)

const wantGroups = "a grouped stream or table: put group_by_key or group_by in front of it"

func applyCount(l *loader, in handle, s *step, a *storeArgs) handle {
	if a.Options.StoreSerde.node != nil {
		l.fail(a.Options.StoreSerde.node.Errorf("counts are int64 in their store"))
	}
	counts := &format{name: "int64", serde: l.format("int64").serde, counts: true}
	options := func(k *format) []topology.StoreOption {
		o := s.storeOptions(l.storeOptions(s.node, &a.Options, k, new(*format)))
		return append(o, topology.StoreSerdes(k.serde, counts.serde))
	}
	switch h := in.(type) {
	case grouped:
		return l.rows(s, a.Store, h.key, counts, h.CountAs(a.Store, toCount, ofCount, options(h.key)...))
	case groupedTable:
		return l.rows(s, a.Store, h.key, counts, h.CountAs(a.Store, toCount, ofCount, options(h.key)...))
	case windowed:
		return l.windowRows(s, a.Store, h.key, counts, h.windows, WindowStore, h.CountAs(a.Store, toCount, ofCount, options(h.key)...))
	case sessions:
		return l.windowRows(s, a.Store, h.key, counts, sessionKeys(h.key), SessionStore, h.CountAs(a.Store, toCount, ofCount, options(h.key)...))
	}
	return l.cannot(in, s, wantGroups)
}

func toCount(n int64) any { return n }

func ofCount(v any) int64 {
	n, _ := v.(int64) // toCount made it, or the serde int64
	return n
}

// reducer is an expression of the new aggregate of an aggregate and a value. Its variables are value and aggregate, for a
// reduce is not told the key.
func reducer(t *template) func(a, b any) any {
	return func(a, b any) any { return t.eval(&variables{aggregate: a, value: b}) }
}

func applyReduce(l *loader, in handle, s *step, a *reduceArgs) handle {
	known := []variable{varValue, varAggregate}
	add := l.template(a.Add.node, known)
	if _, ofTable := in.(groupedTable); a.Subtract != nil != ofTable {
		if ofTable {
			l.fail(s.node.Errorf("reduce of a grouped table needs subtract"))
		} else {
			l.fail(a.Subtract.node.Errorf("subtract is for a grouped table"))
		}
		return broken{}
	}
	switch h := in.(type) {
	case grouped:
		value := h.value
		options := s.storeOptions(l.storeOptions(s.node, &a.Options, h.key, &value))
		l.keeps(s.node, a.Store, h.key, value, KeyValueStore)
		return table{h.Reduce(a.Store, reducer(add), options...), h.key, value}
	case groupedTable:
		value := h.value
		options := s.storeOptions(l.storeOptions(s.node, &a.Options, h.key, &value))
		l.keeps(s.node, a.Store, h.key, value, KeyValueStore)
		return table{h.Reduce(a.Store, reducer(add), reducer(l.template(a.Subtract.node, known)), options...), h.key, value}
	case windowed:
		value := h.value
		options := s.storeOptions(l.storeOptions(s.node, &a.Options, h.key, &value))
		l.keeps(s.node, a.Store, h.windows, value, WindowStore)
		return windowedTable{h.Reduce(a.Store, reducer(add), options...), h.key, value, h.windows}
	case sessions:
		value := h.value
		options := s.storeOptions(l.storeOptions(s.node, &a.Options, h.key, &value))
		l.keeps(s.node, a.Store, sessionKeys(h.key), value, SessionStore)
		return windowedTable{h.Reduce(a.Store, reducer(add), options...), h.key, value, sessionKeys(h.key)}
	}
	return l.cannot(in, s, wantGroups)
}

// aggregation is the functions of an aggregate.
type aggregation struct{ initial, add, subtract, merge, combine *template }

func (g *aggregation) init() any { return g.initial.eval(&variables{}) }

func (g *aggregation) join(k, a, b any) any {
	return g.merge.eval(&variables{key: k, left: a, right: b})
}

func (g *aggregation) combined(a, b any) any {
	return g.combine.eval(&variables{left: a, right: b})
}

// adder is the function of a template that makes a new aggregate.
func adder(t *template) func(k, v, a any) any {
	return func(k, v, a any) any { return t.eval(&variables{key: k, value: v, aggregate: a}) }
}

// functions compiles the expressions of an aggregate, and refuses those that it does not take.
func (a *aggregateArgs) functions(l *loader, in handle, s *step) (g aggregation, ok bool) {
	added := []variable{varKey, varValue, varAggregate}
	joined := []variable{varKey, varLeft, varRight}
	_, ofTable := in.(groupedTable)
	_, ofSessions := in.(interface{ merges() })
	_, ofCogroup := in.(interface{ adds() })
	before := len(l.errs)
	g.initial = l.template(a.Initial.node, nil)
	for _, x := range []struct {
		name  string
		given *expression
		wants bool
		what  string
		to    **template
		known []variable
	}{
		{"add", a.Add, !ofCogroup, "what is not a cogroup, whose inputs have one each", &g.add, added},
		{"subtract", a.Subtract, ofTable, "a grouped table", &g.subtract, added},
		{"merge", a.Merge, ofSessions, "sessions", &g.merge, joined},
	} {
		switch {
		case x.given != nil && !x.wants:
			l.fail(x.given.node.Errorf("%s is for %s", x.name, x.what))
		case x.given == nil && x.wants:
			l.fail(s.node.Errorf("%s needs %s", in.described(), x.name))
		case x.given != nil:
			*x.to = l.template(x.given.node, x.known)
		}
	}
	if a.Combine != nil {
		g.combine = l.template(a.Combine.node, joined[1:])
	}
	return g, len(l.errs) == before
}

func (sessions) merges()       {}
func (sessionCogroup) merges() {}
func (cogrouped) adds()        {}
func (windowedCogroup) adds()  {}
func (sessionCogroup) adds()   {}

func sessionKeys(f *format) *format { return f.windowed(sessionSerde(f)) }

func applyAggregate(l *loader, in handle, s *step, a *aggregateArgs) handle {
	if !aggregates(in) {
		return l.cannot(in, s, wantGroups)
	}
	g, ok := a.functions(l, in, s)
	if !ok {
		return broken{}
	}
	value := l.format("json")
	options := func(k *format) []topology.StoreOption {
		o := s.storeOptions(l.storeOptions(s.node, &a.Options, k, &value))
		if a.Options.StoreSerde.node == nil {
			o = append(o, topology.StoreSerdes(k.serde, value.serde))
		}
		if g.combine != nil {
			o = append(o, topology.Combine(g.combined))
		}
		return o
	}
	switch h := in.(type) {
	case grouped:
		o := options(h.key)
		return l.rows(s, a.Store, h.key, value, h.Aggregate(a.Store, g.init, adder(g.add), o...))
	case groupedTable:
		o := options(h.key)
		return l.rows(s, a.Store, h.key, value, h.Aggregate(a.Store, g.init, adder(g.add), adder(g.subtract), o...))
	case cogrouped:
		o := options(h.key)
		return l.rows(s, a.Store, h.key, value, h.Cogrouped.Aggregate(a.Store, g.init, o...))
	case windowed:
		o := options(h.key)
		return l.windowRows(s, a.Store, h.key, value, h.windows, WindowStore, h.Aggregate(a.Store, g.init, adder(g.add), o...))
	case windowedCogroup:
		o := options(h.key)
		return l.windowRows(s, a.Store, h.key, value, h.windows, WindowStore, h.WindowedCogroup.Aggregate(a.Store, g.init, o...))
	case sessions:
		o := options(h.key)
		return l.windowRows(s, a.Store, h.key, value, sessionKeys(h.key), SessionStore, h.Aggregate(a.Store, g.init, adder(g.add), g.join, o...))
	case sessionCogroup:
		o := options(h.key)
		return l.windowRows(s, a.Store, h.key, value, sessionKeys(h.key), SessionStore, h.SessionCogroup.Aggregate(a.Store, g.init, g.join, o...))
	}
	return broken{}
}

// aggregates reports whether something can be aggregated.
func aggregates(in handle) bool {
	switch in.(type) {
	case grouped, groupedTable, cogrouped, windowed, windowedCogroup, sessions, sessionCogroup:
		return true
	}
	return false
}

// rows is the table of an aggregate.
func (l *loader) rows(s *step, store string, key, value *format, t topology.Table[any, any]) handle {
	l.keeps(s.node, store, key, value, KeyValueStore)
	return table{t, key, value}
}

// windowRows is the table of an aggregate by windows.
func (l *loader) windowRows(s *step, store string, key, value, windows *format, kind StoreKind, t topology.WindowedTable[any, any]) handle {
	l.keeps(s.node, store, windows, value, kind)
	return windowedTable{t, key, value, windows}
}
