package conformance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// stream is a stream of plain or of windowed keys.
type stream interface {
	filter(p predicate, not bool) stream
	mapBoth(k keyFn, v valueFn) stream
	mapValues(f valueFn) stream
	flatMap(f pairsFn) stream
	flatMapValues(f listFn) stream
	selectKey(f keyFn) stream
	groupBy(f keyFn, name string) grouped
	branch(preds []predicate) []stream
	merge(other stream) (stream, error)
	// to writes the stream and returns how to read the keys of what it wrote.
	to(topic string, partitions *[]int32) func([]byte) (AnyKey, error)
}

// keyOf is how the keys of a stream look to functions and in results.
type keyOf[K any] struct {
	serde serde.Serde[K]
	base  func(K) Key
	show  func(K) AnyKey
}

type streamOf[K any] struct {
	s       topology.Stream[K, Value]
	key     keyOf[K]
	rekeyed bool
}

type (
	plainStream  = streamOf[Key]
	windowedKey  = windows.Keyed[Key]
	windowStream = streamOf[windowedKey]
)

var plainKeys = keyOf[Key]{keys, func(k Key) Key { return k }, func(k Key) AnyKey { return AnyKey{Base: k} }}

func plain(s topology.Stream[Key, Value], rekeyed bool) plainStream {
	return plainStream{s, plainKeys, rekeyed}
}

func windowedKeys(size time.Duration) keyOf[windowedKey] {
	return keyOf[windowedKey]{
		windows.TimeKeySerde(keys, size),
		func(k windowedKey) Key { return k.Key },
		func(k windowedKey) AnyKey { return AnyKey{k.Key, true, k.Window} },
	}
}

func (s streamOf[K]) as(t topology.Stream[K, Value]) stream { return streamOf[K]{t, s.key, s.rekeyed} }

func (s streamOf[K]) filter(p predicate, not bool) stream {
	f := func(k K, v Value) bool { return p(s.key.base(k), v) }
	if not {
		return s.as(s.s.FilterNot(f))
	}
	return s.as(s.s.Filter(f))
}

// rekeyed is a stream of new, plain keys. Those of windowed keys have no serde yet.
func rekeyed[K any](_ streamOf[K], t topology.Stream[Key, Value]) stream {
	if _, same := any(*new(K)).(Key); !same {
		t = t.WithSerdes(keys, values)
	}
	return plain(t, true)
}

func (s streamOf[K]) mapBoth(k keyFn, v valueFn) stream {
	return rekeyed(s, s.s.Map(func(key K, value Value) (Key, Value) {
		base := s.key.base(key)
		return k(base, value), v(base, value)
	}))
}

func (s streamOf[K]) mapValues(f valueFn) stream {
	return s.as(s.s.MapValues(func(k K, v Value) Value { return f(s.key.base(k), v) }))
}

func (s streamOf[K]) flatMap(f pairsFn) stream {
	return rekeyed(s, s.s.FlatMap(func(k K, v Value, emit func(Key, Value)) { f(s.key.base(k), v, emit) }))
}

func (s streamOf[K]) flatMapValues(f listFn) stream {
	return s.as(s.s.FlatMapValues(func(_ K, v Value) []Value { return f(v) }))
}

func (s streamOf[K]) selectKey(f keyFn) stream {
	return rekeyed(s, s.s.SelectKey(func(k K, v Value) Key { return f(s.key.base(k), v) }))
}

func (s streamOf[K]) groupBy(f keyFn, name string) grouped {
	return grouped{s.selectKey(f).(plainStream).s.GroupByKey(named(name)...)}
}

func (s streamOf[K]) branch(preds []predicate) []stream {
	accept := make([]func(K, Value) bool, len(preds))
	for i, p := range preds {
		accept[i] = func(k K, v Value) bool { return p(s.key.base(k), v) }
	}
	var branches []stream
	for _, b := range s.s.Branch(accept...) {
		branches = append(branches, s.as(b))
	}
	return branches
}

func (s streamOf[K]) merge(other stream) (stream, error) {
	o, ok := other.(streamOf[K])
	if !ok {
		return nil, fmt.Errorf("it does not merge a %T and a %T", s, other)
	}
	return streamOf[K]{s.s.Merge(o.s), s.key, s.rekeyed || o.rekeyed}, nil
}

func (s streamOf[K]) to(topic string, partitions *[]int32) func([]byte) (AnyKey, error) {
	var opts []topology.NodeOption
	if partitions != nil {
		opts = append(opts, topology.Partitioner(func(dst []int32, _ K, _ Value, _ int32) []int32 {
			return append(dst, *partitions...)
		}))
	}
	s.s.To(topic, opts...)
	return func(b []byte) (AnyKey, error) {
		if b == nil {
			return AnyKey{}, nil
		}
		k, err := s.key.serde.Decode(b)
		return s.key.show(k), err
	}
}

// table is a table of plain or of windowed keys.
type table interface {
	toStream() stream
	join(s plainStream, left bool, f joinerFn, name string) (stream, error)
}

// tableOf is a table of plain keys; value makes a Value of its rows.
type tableOf[V any] struct {
	t     topology.Table[Key, V]
	value func(V) Value
}

func (t tableOf[V]) toStream() stream {
	return plain(valuesOf(t.t.ToStream(), t.value), false)
}

// valuesOf makes Values of the values of a stream that has others.
func valuesOf[K, V any](s topology.Stream[K, V], value func(V) Value) topology.Stream[K, Value] {
	if same, ok := any(s).(topology.Stream[K, Value]); ok {
		return same
	}
	return s.MapValues(func(_ K, v V) Value { return value(v) })
}

func (t tableOf[V]) join(s plainStream, left bool, f joinerFn, name string) (stream, error) {
	if !left {
		return plain(s.s.JoinTable(t.t, func(k Key, v Value, row V) Value { return f(k, v, t.value(row)) }, topology.Named(name)), false), nil
	}
	return plain(s.s.LeftJoinTable(t.t, func(k Key, v Value, row serde.Optional[V]) Value {
		if !row.OK {
			return f(k, v, Value{})
		}
		return f(k, v, t.value(row.Value))
	}, topology.Named(name)), false), nil
}

// keepTable is the handle of a table. Its store, if the scenario names it, is looked at in the end.
func keepTable[V any](in *interpreter, op *Operator, t topology.Table[Key, V], value func(V) Value) table {
	if op.Store != "" {
		in.program.stores[op.Store] = func(r *local.Runtime) ([]Row, error) {
			store, ok := r.Stores(op.Store)[0].(*state.KeyValueStore[Key, V])
			if !ok {
				return nil, fmt.Errorf("store %q is a %T", op.Store, r.Stores(op.Store)[0])
			}
			var rows []Row
			for r, err := range store.All() {
				if err != nil {
					return nil, err
				}
				rows = append(rows, Row{AnyKey{Base: r.Key}, value(r.Value), r.Timestamp})
			}
			return rows, nil
		}
	}
	return tableOf[V]{t, value}
}

// windowTableOf is a table of windowed keys.
type windowTableOf[V any] struct {
	t     topology.WindowedTable[Key, V]
	size  time.Duration
	value func(V) Value
}

func (t windowTableOf[V]) toStream() stream {
	return windowStream{valuesOf(t.t.ToStream(windows.Key), t.value), windowedKeys(t.size), true}
}

func (t windowTableOf[V]) join(plainStream, bool, joinerFn, string) (stream, error) {
	return nil, fmt.Errorf("a stream of plain keys does not join a table of windowed keys")
}

func keepWindows[V any](in *interpreter, op *Operator, t topology.WindowedTable[Key, V], value func(V) Value) table {
	in.program.stores[op.Store] = func(r *local.Runtime) ([]Row, error) {
		store, ok := r.Stores(op.Store)[0].(*state.WindowStore[Key, V])
		if !ok {
			return nil, fmt.Errorf("store %q is a %T", op.Store, r.Stores(op.Store)[0])
		}
		var rows []Row
		for r, err := range store.All() {
			if err != nil {
				return nil, err
			}
			rows = append(rows, Row{AnyKey{r.Key.Key, true, r.Key.Window}, value(r.Value), r.Timestamp})
		}
		slices.SortStableFunc(rows, func(a, b Row) int {
			return cmp.Or(strings.Compare(a.Key.Base.Value, b.Key.Base.Value), cmp.Compare(a.Key.Start, b.Key.Start))
		})
		return rows, nil
	}
	window := in.window(op)
	return windowTableOf[V]{t, time.Duration(window.SizeMs) * time.Millisecond, value}
}

// window is that of the windowedBy that an aggregation stands on.
func (in *interpreter) window(op *Operator) *Window {
	i := slices.IndexFunc(in.scenario.Topology, func(o Operator) bool { return o.ID == op.From })
	return in.scenario.Topology[i].Window
}

// grouped is a grouped stream.
type grouped struct{ g topology.Grouped[Key, Value] }

func (g grouped) count(in *interpreter, op *Operator, opts []topology.StoreOption) table {
	return keepTable(in, op, g.g.Count(op.Store, opts...), numberValue)
}

func (g grouped) reduce(in *interpreter, op *Operator, f combineFn, opts []topology.StoreOption) table {
	return in.rows(op, g.g.Reduce(op.Store, f, opts...))
}

func (g grouped) aggregate(in *interpreter, op *Operator, add combineFn, opts []topology.StoreOption) table {
	return in.rows(op, g.g.Aggregate(op.Store, func() Value { return op.Init }, func(_ Key, v, a Value) Value { return add(a, v) }, opts...))
}

// windowed is a grouped stream with windows.
type windowed struct{ w topology.Windowed[Key, Value] }

func (w windowed) count(in *interpreter, op *Operator, opts []topology.StoreOption) table {
	return keepWindows(in, op, w.w.Count(op.Store, opts...), numberValue)
}

func (w windowed) reduce(in *interpreter, op *Operator, f combineFn, opts []topology.StoreOption) table {
	return keepWindows(in, op, w.w.Reduce(op.Store, f, opts...), func(v Value) Value { return v })
}

func (w windowed) aggregate(in *interpreter, op *Operator, add combineFn, opts []topology.StoreOption) table {
	return keepWindows(in, op, w.w.Aggregate(op.Store, func() Value { return op.Init }, func(_ Key, v, a Value) Value { return add(a, v) }, opts...), func(v Value) Value { return v })
}
