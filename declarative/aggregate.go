package declarative

import (
	"fmt"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/topology"
)

const wantGroups = "a grouped stream or table: put group_by_key or group_by in front of it"

func applyCount(l *loader, in handle, s *step, a *storeArgs) handle {
	if a.Options.StoreSerde.node != nil {
		l.fail(a.Options.StoreSerde.node.Errorf("counts are int64 in their store"))
	}
	int64s := l.format("int64")
	options := func(k *format) []topology.StoreOption {
		return withName(l.storeOptions(s.node, &a.Options, k, new(*format)), s)
	}
	switch h := in.(type) {
	case grouped[any]:
		l.keeps(s.node, a.Store, h.key, int64s, KeyValueStore)
		return table[int64]{h.Count(a.Store, options(h.key)...), h.key, int64s}
	case grouped[int64]:
		l.keeps(s.node, a.Store, h.key, int64s, KeyValueStore)
		return table[int64]{h.Count(a.Store, options(h.key)...), h.key, int64s}
	case groupedTable:
		l.keeps(s.node, a.Store, h.key, int64s, KeyValueStore)
		return table[int64]{h.Count(a.Store, options(h.key)...), h.key, int64s}
	case windowed[any]:
		l.keeps(s.node, a.Store, h.windows, int64s, WindowStore)
		return windowedTable[int64]{h.Count(a.Store, options(h.key)...), h.key, int64s, h.windows}
	case windowed[int64]:
		l.keeps(s.node, a.Store, h.windows, int64s, WindowStore)
		return windowedTable[int64]{h.Count(a.Store, options(h.key)...), h.key, int64s, h.windows}
	case sessions[any]:
		l.keeps(s.node, a.Store, sessionKeys(h.key), int64s, SessionStore)
		return windowedTable[int64]{h.Count(a.Store, options(h.key)...), h.key, int64s, sessionKeys(h.key)}
	case sessions[int64]:
		l.keeps(s.node, a.Store, sessionKeys(h.key), int64s, SessionStore)
		return windowedTable[int64]{h.Count(a.Store, options(h.key)...), h.key, int64s, sessionKeys(h.key)}
	}
	return l.cannot(in, s, wantGroups)
}

// reducer is an expression of the new aggregate of an aggregate and a value. Its variables are value and aggregate, for a
// reduce is not told the key.
func reducer[V any](t *template) func(a, b V) V {
	return func(a, b V) V {
		result := t.eval(&variables{aggregate: a, value: b})
		v, ok := result.(V)
		if !ok && result != nil {
			operators.Throw(fmt.Errorf("the new aggregate is %s, want one of the type of the values", described(result)))
		}
		return v
	}
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
	case grouped[any]:
		value := h.value
		options := withName(l.storeOptions(s.node, &a.Options, h.key, &value), s)
		l.keeps(s.node, a.Store, h.key, value, KeyValueStore)
		return table[any]{h.Reduce(a.Store, reducer[any](add), options...), h.key, value}
	case grouped[int64]:
		options := withName(l.storeOptions(s.node, &a.Options, h.key, new(*format)), s)
		l.keeps(s.node, a.Store, h.key, h.value, KeyValueStore)
		return table[int64]{h.Reduce(a.Store, reducer[int64](add), options...), h.key, h.value}
	case groupedTable:
		value := h.value
		options := withName(l.storeOptions(s.node, &a.Options, h.key, &value), s)
		l.keeps(s.node, a.Store, h.key, value, KeyValueStore)
		return table[any]{h.Reduce(a.Store, reducer[any](add), reducer[any](l.template(a.Subtract.node, known)), options...), h.key, value}
	case windowed[any]:
		value := h.value
		options := withName(l.storeOptions(s.node, &a.Options, h.key, &value), s)
		l.keeps(s.node, a.Store, h.windows, value, WindowStore)
		return windowedTable[any]{h.Reduce(a.Store, reducer[any](add), options...), h.key, value, h.windows}
	case sessions[any]:
		value := h.value
		options := withName(l.storeOptions(s.node, &a.Options, h.key, &value), s)
		l.keeps(s.node, a.Store, sessionKeys(h.key), value, SessionStore)
		return windowedTable[any]{h.Reduce(a.Store, reducer[any](add), options...), h.key, value, sessionKeys(h.key)}
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
func adder[V any](t *template) func(any, V, any) any {
	return func(k any, v V, a any) any { return t.eval(&variables{key: k, value: v, aggregate: a}) }
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

func (sessions[V]) merges()    {}
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
		o := withName(l.storeOptions(s.node, &a.Options, k, &value), s)
		if a.Options.StoreSerde.node == nil {
			o = append(o, topology.StoreSerdes(k.serde, value.serde))
		}
		if g.combine != nil {
			o = append(o, topology.Combine(g.combined))
		}
		return o
	}
	switch h := in.(type) {
	case grouped[any]:
		o := options(h.key)
		return l.rows(s, a.Store, h.key, value, h.Aggregate(a.Store, g.init, adder[any](g.add), o...))
	case grouped[int64]:
		o := options(h.key)
		return l.rows(s, a.Store, h.key, value, h.Aggregate(a.Store, g.init, adder[int64](g.add), o...))
	case groupedTable:
		o := options(h.key)
		return l.rows(s, a.Store, h.key, value, h.Aggregate(a.Store, g.init, adder[any](g.add), adder[any](g.subtract), o...))
	case cogrouped:
		o := options(h.key)
		return l.rows(s, a.Store, h.key, value, h.Cogrouped.Aggregate(a.Store, g.init, o...))
	case windowed[any]:
		o := options(h.key)
		return l.windowRows(s, a.Store, h.key, value, h.windows, WindowStore, h.Aggregate(a.Store, g.init, adder[any](g.add), o...))
	case windowed[int64]:
		o := options(h.key)
		return l.windowRows(s, a.Store, h.key, value, h.windows, WindowStore, h.Aggregate(a.Store, g.init, adder[int64](g.add), o...))
	case windowedCogroup:
		o := options(h.key)
		return l.windowRows(s, a.Store, h.key, value, h.windows, WindowStore, h.WindowedCogroup.Aggregate(a.Store, g.init, o...))
	case sessions[any]:
		o := options(h.key)
		return l.windowRows(s, a.Store, h.key, value, sessionKeys(h.key), SessionStore, h.Aggregate(a.Store, g.init, adder[any](g.add), g.join, o...))
	case sessions[int64]:
		o := options(h.key)
		return l.windowRows(s, a.Store, h.key, value, sessionKeys(h.key), SessionStore, h.Aggregate(a.Store, g.init, adder[int64](g.add), g.join, o...))
	case sessionCogroup:
		o := options(h.key)
		return l.windowRows(s, a.Store, h.key, value, sessionKeys(h.key), SessionStore, h.SessionCogroup.Aggregate(a.Store, g.init, g.join, o...))
	}
	return broken{}
}

// aggregates reports whether something can be aggregated.
func aggregates(in handle) bool {
	switch in.(type) {
	case grouped[any], grouped[int64], groupedTable, cogrouped, windowed[any], windowed[int64], windowedCogroup, sessions[any], sessions[int64], sessionCogroup:
		return true
	}
	return false
}

// rows is the table of an aggregate.
func (l *loader) rows(s *step, store string, key, value *format, t topology.Table[any, any]) handle {
	l.keeps(s.node, store, key, value, KeyValueStore)
	return table[any]{t, key, value}
}

// windowRows is the table of an aggregate by windows.
func (l *loader) windowRows(s *step, store string, key, value, windows *format, kind StoreKind, t topology.WindowedTable[any, any]) handle {
	l.keeps(s.node, store, windows, value, kind)
	return windowedTable[any]{t, key, value, windows}
}
