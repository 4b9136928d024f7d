package declarative

import (
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// side says which sides of a join must have a row.
type side int

const (
	inner side = iota
	left
	outer
)

func applyInnerJoin(l *loader, in handle, s *step, a *joinArgs) handle {
	return l.join(in, s, a, inner)
}
func applyLeftJoin(l *loader, in handle, s *step, a *joinArgs) handle { return l.join(in, s, a, left) }
func applyOuterJoin(l *loader, in handle, s *step, a *joinArgs) handle {
	return l.join(in, s, a, outer)
}

// join joins with what the arguments name.
func (l *loader) join(in handle, s *step, a *joinArgs, kind side) handle {
	given := 0
	for _, r := range []reference{a.Stream, a.Table, a.GlobalTable} {
		if r.given() {
			given++
		}
	}
	if given != 1 {
		l.fail(s.node.Errorf("want one of stream, table and global_table"))
		return broken{}
	}
	other, of := l.refer(a.Stream), a.Stream
	if a.Table.given() {
		other, of = l.refer(a.Table), a.Table
	} else if a.GlobalTable.given() {
		other, of = l.refer(a.GlobalTable), a.GlobalTable
	}
	if _, bad := other.(broken); bad {
		return broken{}
	}
	if _, bad := in.(broken); bad {
		return in
	}
	a.check(l, in, s, kind)
	known := []variable{varKey, varLeft, varRight}
	if _, ok := in.(interface{ hasWindows() }); ok {
		known = append(known, varWindow)
	}
	j := &joiner{l: l, s: s, a: a, kind: kind, value: l.template(a.Value.node, known)}
	if h := j.joined(in, other); h != nil {
		return h
	}
	l.fail(of.node.Errorf("%s cannot join %s with %s", s.kind.name, in.described(), other.described()))
	return broken{}
}

func (windowedTable[V]) hasWindows() {}

// check refuses arguments that are for other joins.
func (a *joinArgs) check(l *loader, in handle, s *step, kind side) {
	_, ofTable := in.(tableSteps)
	streams := a.Stream.given()
	for _, x := range []struct {
		wrong bool
		text  string
	}{
		{streams && a.Within == nil && (a.Before == nil || a.After == nil), "a join of streams needs within, or before and after"},
		{streams && a.Store == "", "a join of streams needs store, the name that its stores begin with"},
		{!streams && (a.Within != nil || a.Before != nil || a.After != nil), "within, before and after are for joins of streams"},
		{a.GlobalTable.given() && a.Key == nil, "a join with a global table needs key"},
		{!a.GlobalTable.given() && a.Key != nil, "key is for a join with a global table"},
		{a.ForeignKey != nil && !ofTable, "foreign_key is for joins of tables"},
		{a.ForeignKey != nil && s.name == "", "a join by foreign key needs a name, under which it is durable"},
		{a.ForeignKey != nil && kind == outer, "there is no outer join by foreign key"},
		{kind == outer && !streams && !ofTable, "a stream has no outer join with a table"},
		{a.Grace != nil && !streams && a.Store == "", "a join that waits for grace needs store, the name of the store of the records that wait"},
		{a.Store != "" && a.Grace == nil && a.Table.given() && !ofTable, "a join of a stream with a table has a store only with grace"},
	} {
		if x.wrong {
			l.fail(s.node.Errorf("%s", x.text))
		}
	}
}

// joiner is a join whose sides are known.
type joiner struct {
	l     *loader
	s     *step
	a     *joinArgs
	kind  side
	value *template
}

// joined tries the types that can be joined; nil if these cannot. Counts are joined as the right side of a stream or a table
// of other values; a stream of them becomes one of JSON first. Every pair of types more would be compiled into each program.
func (j *joiner) joined(in, other handle) handle {
	if counts, ok := in.(stream[any, int64]); ok {
		in = plainValues(j.l, counts)
	}
	if counts, ok := other.(stream[any, int64]); ok {
		other = plainValues(j.l, counts)
	}
	switch h := in.(type) {
	case stream[any, any]:
		switch o := other.(type) {
		case stream[any, any]:
			return joinStreams(j, h, o)
		case table[any]:
			return joinStreamTable(j, h, o)
		case table[int64]:
			return joinStreamTable(j, h, o)
		case globalTable:
			return joinGlobal(j, h, o)
		}
	case table[any]:
		switch o := other.(type) {
		case table[any]:
			return joinTables(j, h, o)
		case table[int64]:
			return joinTables(j, h, o)
		}
	case windowedTable[any]:
		if o, ok := other.(windowedTable[any]); ok {
			return joinWindowTables(j, h, o)
		}
	}
	return nil
}

func optional[V any](o serde.Optional[V]) any {
	if !o.OK {
		return nil
	}
	return o.Value
}

// result makes a result of both sides, each nil if it has none.
func (j *joiner) result(k, l, r any) any { return j.value.eval(&variables{key: k, left: l, right: r}) }

func joinStreams(j *joiner, h, o stream[any, any]) handle {
	w := windows.Within(0)
	if j.a.Within != nil {
		w = windows.Within(*j.a.Within)
	}
	if j.a.Before != nil {
		w = w.Before(*j.a.Before)
	}
	if j.a.After != nil {
		w = w.After(*j.a.After)
	}
	if j.a.Grace != nil {
		w = w.Grace(*j.a.Grace)
	}
	j.l.mark(j.a.Store, j.s.node)
	options := withName(j.l.storeOptions(j.s.node, &j.a.Options, h.key, new(*format)), j.s)
	var to topology.Stream[any, any]
	switch j.kind {
	case inner:
		to = h.Stream.Join(o.Stream, w, j.a.Store, func(k any, v any, v2 any) any { return j.result(k, v, v2) }, options...)
	case left:
		to = h.Stream.LeftJoin(o.Stream, w, j.a.Store, func(k any, v any, v2 serde.Optional[any]) any { return j.result(k, v, optional(v2)) }, options...)
	case outer:
		to = h.Stream.OuterJoin(o.Stream, w, j.a.Store, func(k any, v serde.Optional[any], v2 serde.Optional[any]) any {
			return j.result(k, optional(v), optional(v2))
		}, options...)
	}
	return stream[any, any]{to, h.key, h.value}
}

func joinStreamTable[V2 any](j *joiner, h stream[any, any], o table[V2]) handle {
	options := j.s.named()
	if j.a.Grace != nil {
		j.l.mark(j.a.Store, j.s.node)
		options = append(options, topology.Grace(*j.a.Grace, j.a.Store))
	}
	var to topology.Stream[any, any]
	if j.kind == inner {
		to = h.Stream.JoinTable(o.Table, func(k any, v any, v2 V2) any { return j.result(k, v, v2) }, options...)
	} else {
		to = h.Stream.LeftJoinTable(o.Table, func(k any, v any, v2 serde.Optional[V2]) any { return j.result(k, v, optional(v2)) }, options...)
	}
	return stream[any, any]{to, o.key, h.value}
}

func joinGlobal(j *joiner, h stream[any, any], o globalTable) handle {
	if j.a.Key == nil {
		return broken{}
	}
	key := j.l.template(j.a.Key.node, []variable{varKey, varValue})
	of := func(k any, v any) any { return key.eval(&variables{key: k, value: v}) }
	var to topology.Stream[any, any]
	if j.kind == inner {
		to = h.Stream.JoinGlobal(o.GlobalTable, of, func(k any, v any, v2 any) any { return j.result(k, v, v2) }, j.s.named()...)
	} else {
		to = h.Stream.LeftJoinGlobal(o.GlobalTable, of, func(k any, v any, v2 serde.Optional[any]) any { return j.result(k, v, optional(v2)) }, j.s.named()...)
	}
	return stream[any, any]{to, h.key, h.value}
}

// rowOptions are the options of a join of tables, with this name of its operator, and the format of its rows.
func (j *joiner) rowOptions(key, value *format, name string) ([]topology.StoreOption, *format) {
	options := j.l.storeOptions(j.s.node, &j.a.Options, key, &value)
	if name != "" {
		options = append(options, topology.Named(name))
	}
	if j.a.Store != "" {
		options = append(options, topology.As(j.a.Store))
		j.l.keeps(j.s.node, j.a.Store, key, value, KeyValueStore)
	}
	return options, value
}

func joinTables[V2 any](j *joiner, h table[any], o table[V2]) handle {
	if j.a.Grace != nil {
		j.l.fail(j.s.node.Errorf("grace is for joins of a stream"))
	}
	if j.a.ForeignKey != nil {
		return joinForeign(j, h, o)
	}
	options, value := j.rowOptions(h.key, h.value, j.s.name)
	var to topology.Table[any, any]
	switch j.kind {
	case inner:
		to = h.Table.Join(o.Table, func(k any, v any, v2 V2) any { return j.result(k, v, v2) }, options...)
	case left:
		to = h.Table.LeftJoin(o.Table, func(k any, v any, v2 serde.Optional[V2]) any { return j.result(k, v, optional(v2)) }, options...)
	case outer:
		to = h.Table.OuterJoin(o.Table, func(k any, v serde.Optional[any], v2 serde.Optional[V2]) any {
			return j.result(k, optional(v), optional(v2))
		}, options...)
	}
	return table[any]{to, h.key, value}
}

func joinForeign[V2 any](j *joiner, h table[any], o table[V2]) handle {
	key := j.l.template(j.a.ForeignKey.node, []variable{varKey, varValue})
	of := func(k any, v any) any { return key.eval(&variables{key: k, value: v}) }
	name := j.s.name
	options, value := j.rowOptions(h.key, h.value, "") // the name is that of the join, not of an operator
	var to topology.Table[any, any]
	if j.kind == inner {
		to = h.Table.JoinForeign(o.Table, of, name, func(k any, v any, v2 V2) any { return j.result(k, v, v2) }, options...)
	} else {
		to = h.Table.LeftJoinForeign(o.Table, of, name, func(k any, v any, v2 serde.Optional[V2]) any { return j.result(k, v, optional(v2)) }, options...)
	}
	return table[any]{to, h.key, value}
}

func joinWindowTables(j *joiner, h, o windowedTable[any]) handle {
	if j.a.Store != "" {
		j.l.fail(j.s.node.Errorf("a join of tables with windows keeps no rows: leave store out"))
	}
	options := withName(nil, j.s)
	result := func(k any, w windows.Window, l, r any) any {
		return j.value.eval(&variables{key: windows.Key(k, w), left: l, right: r})
	}
	var to topology.WindowedTable[any, any]
	switch j.kind {
	case inner:
		to = h.WindowedTable.Join(o.WindowedTable, func(k any, w windows.Window, v any, v2 any) any { return result(k, w, v, v2) }, options...)
	case left:
		to = h.WindowedTable.LeftJoin(o.WindowedTable, func(k any, w windows.Window, v any, v2 serde.Optional[any]) any {
			return result(k, w, v, optional(v2))
		}, options...)
	case outer:
		to = h.WindowedTable.OuterJoin(o.WindowedTable, func(k any, w windows.Window, v serde.Optional[any], v2 serde.Optional[any]) any {
			return result(k, w, optional(v), optional(v2))
		}, options...)
	}
	return windowedTable[any]{to, h.key, h.value, h.windows}
}
