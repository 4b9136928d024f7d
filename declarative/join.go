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

func (windowedTable) hasWindows() {}

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

// joined tries the types that can be joined; nil if these cannot.
func (j *joiner) joined(in, other handle) handle {
	switch h := in.(type) {
	case stream:
		if h.key.base == nil {
			return joinStream(j, h, other)
		}
	case table:
		return joinTable(j, h, other)
	case windowedTable:
		return joinWindows(j, h, other)
	}
	return nil
}

func joinStream(j *joiner, h stream, other handle) handle {
	switch o := other.(type) {
	case stream:
		if o.key.base == nil {
			return joinStreams(j, h, o)
		}
	case table:
		return joinStreamTable(j, h, o)
	case globalTable:
		return joinGlobal(j, h, o)
	}
	return nil
}

func optional(o serde.Optional[any]) any {
	if !o.OK {
		return nil
	}
	return o.Value
}

// result makes a result of both sides, each nil if it has none.
func (j *joiner) result(k, l, r any) any { return j.value.eval(&variables{key: k, left: l, right: r}) }

// values is a stream of results: those of a stream of counts are JSON.
func (j *joiner) values(key, value *format, counts bool, to topology.Stream[any, any]) handle {
	if counts {
		value = j.l.format("json")
		to = to.WithSerdes(key.serde, value.serde)
	}
	return stream{to, key, value}
}

func joinStreams(j *joiner, h stream, o stream) handle {
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
	options := j.s.storeOptions(j.l.storeOptions(j.s.node, &j.a.Options, h.key, new(*format)))
	var to topology.Stream[any, any]
	switch j.kind {
	case inner:
		to = h.Stream.Join(o.Stream, w, j.a.Store, func(k, v, v2 any) any { return j.result(k, v, v2) }, options...)
	case left:
		to = h.Stream.LeftJoin(o.Stream, w, j.a.Store, func(k, v any, v2 serde.Optional[any]) any { return j.result(k, v, optional(v2)) }, options...)
	case outer:
		to = h.Stream.OuterJoin(o.Stream, w, j.a.Store, func(k any, v serde.Optional[any], v2 serde.Optional[any]) any {
			return j.result(k, optional(v), optional(v2))
		}, options...)
	}
	return j.values(h.key, h.value, h.value.counts, to)
}

func joinStreamTable(j *joiner, h stream, o table) handle {
	options := j.s.options()
	if j.a.Grace != nil {
		j.l.mark(j.a.Store, j.s.node)
		options = append(options, topology.Grace(*j.a.Grace, j.a.Store))
	}
	var to topology.Stream[any, any]
	if j.kind == inner {
		to = h.Stream.JoinTable(o.Table, func(k, v, v2 any) any { return j.result(k, v, v2) }, options...)
	} else {
		to = h.Stream.LeftJoinTable(o.Table, func(k, v any, v2 serde.Optional[any]) any { return j.result(k, v, optional(v2)) }, options...)
	}
	return j.values(o.key, h.value, h.value.counts, to)
}

func joinGlobal(j *joiner, h stream, o globalTable) handle {
	if j.a.Key == nil {
		return broken{}
	}
	key := j.l.template(j.a.Key.node, []variable{varKey, varValue})
	of := func(k, v any) any { return key.eval(&variables{key: k, value: v}) }
	var to topology.Stream[any, any]
	if j.kind == inner {
		to = h.Stream.JoinGlobal(o.GlobalTable, of, func(k, v, v2 any) any { return j.result(k, v, v2) }, j.s.options()...)
	} else {
		to = h.Stream.LeftJoinGlobal(o.GlobalTable, of, func(k, v any, v2 serde.Optional[any]) any { return j.result(k, v, optional(v2)) }, j.s.options()...)
	}
	return j.values(h.key, h.value, h.value.counts, to)
}

// rowOptions are the options of a join of tables, and the format of its rows.
func (j *joiner) rowOptions(key, value *format, counts bool) ([]topology.StoreOption, *format) {
	if counts {
		value = j.l.format("json")
	}
	options := j.s.storeOptions(j.l.storeOptions(j.s.node, &j.a.Options, key, &value))
	if j.a.Store != "" {
		options = append(options, topology.As(j.a.Store))
		if counts && j.a.Options.StoreSerde.node == nil {
			options = append(options, topology.StoreSerdes(key.serde, value.serde))
		}
		j.l.keeps(j.s.node, j.a.Store, key, value, KeyValueStore)
	}
	return options, value
}

func joinTable(j *joiner, h table, other handle) handle {
	if o, ok := other.(table); ok {
		return joinTables(j, h, o)
	}
	return nil
}

func joinTables(j *joiner, h table, o table) handle {
	if j.a.Grace != nil {
		j.l.fail(j.s.node.Errorf("grace is for joins of a stream"))
	}
	if j.a.ForeignKey != nil {
		return joinForeign(j, h, o)
	}
	options, value := j.rowOptions(h.key, h.value, h.value.counts)
	var to topology.Table[any, any]
	switch j.kind {
	case inner:
		to = h.Table.Join(o.Table, func(k, v, v2 any) any { return j.result(k, v, v2) }, options...)
	case left:
		to = h.Table.LeftJoin(o.Table, func(k, v any, v2 serde.Optional[any]) any { return j.result(k, v, optional(v2)) }, options...)
	case outer:
		to = h.Table.OuterJoin(o.Table, func(k any, v serde.Optional[any], v2 serde.Optional[any]) any {
			return j.result(k, optional(v), optional(v2))
		}, options...)
	}
	return table{to, h.key, value}
}

func joinForeign(j *joiner, h table, o table) handle {
	key := j.l.template(j.a.ForeignKey.node, []variable{varKey, varValue})
	of := func(k, v any) any { return key.eval(&variables{key: k, value: v}) }
	name := j.s.name
	j.s.name = "" // it is that of the join, not of an operator
	options, value := j.rowOptions(h.key, h.value, h.value.counts)
	j.s.name = name
	var to topology.Table[any, any]
	if j.kind == inner {
		to = h.Table.JoinForeign(o.Table, of, name, func(k, v, v2 any) any { return j.result(k, v, v2) }, options...)
	} else {
		to = h.Table.LeftJoinForeign(o.Table, of, name, func(k, v any, v2 serde.Optional[any]) any { return j.result(k, v, optional(v2)) }, options...)
	}
	return table{to, h.key, value}
}

func joinWindows(j *joiner, h windowedTable, other handle) handle {
	if o, ok := other.(windowedTable); ok {
		return joinWindowTables(j, h, o)
	}
	return nil
}

func joinWindowTables(j *joiner, h windowedTable, o windowedTable) handle {
	if h.value.counts {
		j.l.fail(j.s.node.Errorf("a table of counts with windows cannot be the left side: use aggregate in the place of count"))
		return broken{}
	}
	if j.a.Store != "" {
		j.l.fail(j.s.node.Errorf("a join of tables with windows keeps no rows: leave store out"))
	}
	options := j.s.storeOptions(nil)
	result := func(k any, w windows.Window, l, r any) any {
		return j.value.eval(&variables{key: windows.Key(k, w), left: l, right: r})
	}
	var to topology.WindowedTable[any, any]
	switch j.kind {
	case inner:
		to = h.WindowedTable.Join(o.WindowedTable, func(k any, w windows.Window, v, v2 any) any { return result(k, w, v, v2) }, options...)
	case left:
		to = h.WindowedTable.LeftJoin(o.WindowedTable, func(k any, w windows.Window, v any, v2 serde.Optional[any]) any {
			return result(k, w, v, optional(v2))
		}, options...)
	case outer:
		to = h.WindowedTable.OuterJoin(o.WindowedTable, func(k any, w windows.Window, v serde.Optional[any], v2 serde.Optional[any]) any {
			return result(k, w, optional(v), optional(v2))
		}, options...)
	}
	return windowedTable{to, h.key, h.value, h.windows}
}
