package conformance

import (
	"errors"
	"fmt"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// keyOf is how the keys of a stream look to functions and in results.
type keyOf[K any] struct {
	serde serde.Serde[K]
	base  func(K) Key
	show  func(K) AnyKey
}

type (
	plainStream  = streamOf[Key]
	windowedKey  = windows.Keyed[Key]
	windowStream = streamOf[windowedKey]
)

var plainKeys = keyOf[Key]{keys, func(k Key) Key { return k }, func(k Key) AnyKey { return AnyKey{Base: k} }}

func windowedKeys(s serde.Serde[windowedKey]) keyOf[windowedKey] {
	return keyOf[windowedKey]{s, func(k windowedKey) Key { return k.Key }, func(k windowedKey) AnyKey { return AnyKey{k.Key, true, k.Window} }}
}

// stream is a stream of plain or of windowed keys.
type stream interface {
	handle
	merge(other handle) (handle, error)
	selectKey(f keyFn) stream
	to(in *interpreter, op *Operator)
}

type streamOf[K any] struct {
	s       topology.Stream[K, Value]
	key     keyOf[K]
	rekeyed bool
}

func plain(s topology.Stream[Key, Value], rekeyed bool) plainStream {
	return plainStream{s, plainKeys, rekeyed}
}

func (s streamOf[K]) as(t topology.Stream[K, Value]) stream { return streamOf[K]{t, s.key, s.rekeyed} }

func (s streamOf[K]) operator(in *interpreter, op *Operator) (handle, error) {
	switch op.Op {
	case "filter", "filterNot":
		p, err := newPredicate(op.Predicate)
		return s.filter(p, op.Op == "filterNot"), err
	case "map":
		k, errK := newKeyFn(op.KeyFn)
		v, errV := newValueFn(op.ValueFn)
		return s.mapBoth(k, v), errors.Join(errK, errV)
	case "mapValues":
		f, err := newValueFn(op.ValueFn)
		return s.as(s.s.MapValues(func(k K, v Value) Value { return f(s.key.base(k), v) })), err
	case "flatMap":
		f, err := newPairsFn(op.FlatFn)
		return s.rekey(s.s.FlatMap(func(k K, v Value, emit func(Key, Value)) { f(s.key.base(k), v, emit) })), err
	case "flatMapValues":
		f, err := newListFn(op.FlatFn)
		return s.as(s.s.FlatMapValues(func(_ K, v Value) []Value { return f(v) })), err
	case "selectKey":
		f, err := newKeyFn(op.KeyFn)
		return s.selectKey(f), err
	case "branch":
		return s.branch(op)
	case "groupBy":
		f, err := newKeyFn(op.KeyFn)
		return grouped{s.s.GroupBy(func(k K, v Value) Key { return f(s.key.base(k), v) }, in.named(op)...).WithSerdes(keys, values)}, err
	case "to":
		s.to(in, op)
		return nil, nil
	}
	if p, ok := any(s).(plainStream); ok {
		return in.ofPlain(op, p)
	}
	return nil, fmt.Errorf("%w: its keys are windowed", errNoOperator)
}

// ofPlain makes an operator that takes plain keys only.
func (in *interpreter) ofPlain(op *Operator, s plainStream) (handle, error) {
	switch op.Op {
	case "repartition":
		return plain(s.s.Repartition(op.Name), false), nil
	case "groupByKey":
		return grouped{s.s.GroupByKey(in.named(op)...)}, nil
	case "toTable":
		in.compared(op)
		store := in.rowsOf(op)
		if store == "" && s.rekeyed {
			// The repartition topic has the name of the store; here there is none.
			return plainTable{s.s.Repartition(op.ID).ToTable("")}, nil
		}
		return plainTable{s.s.ToTable(store, versioned(op)...)}, nil
	}
	return nil, errNoOperator
}

func (s streamOf[K]) filter(p predicate, not bool) stream {
	f := func(k K, v Value) bool { return p(s.key.base(k), v) }
	if not {
		return s.as(s.s.FilterNot(f))
	}
	return s.as(s.s.Filter(f))
}

// rekey is a stream of new, plain keys. Those of windowed keys have no serde yet.
func (s streamOf[K]) rekey(t topology.Stream[Key, Value]) stream {
	if _, same := any(*new(K)).(Key); !same {
		t = t.WithSerdes(keys, values)
	}
	return plain(t, true)
}

func (s streamOf[K]) mapBoth(k keyFn, v valueFn) stream {
	return s.rekey(s.s.Map(func(key K, value Value) (Key, Value) {
		base := s.key.base(key)
		return k(base, value), v(base, value)
	}))
}

func (s streamOf[K]) selectKey(f keyFn) stream {
	return s.rekey(s.s.SelectKey(func(k K, v Value) Key { return f(s.key.base(k), v) }))
}

func (s streamOf[K]) branch(op *Operator) (handle, error) {
	accept := make([]func(K, Value) bool, len(op.Predicates))
	for i, name := range op.Predicates {
		p, err := newPredicate(name)
		if err != nil {
			return nil, err
		}
		accept[i] = func(k K, v Value) bool { return p(s.key.base(k), v) }
	}
	var list branches
	for _, b := range s.s.Branch(accept...) {
		list = append(list, s.as(b))
	}
	return list, nil
}

func (s streamOf[K]) merge(other handle) (handle, error) {
	o, ok := other.(streamOf[K])
	if !ok {
		return nil, fmt.Errorf("it does not merge a %T and a %T", s, other)
	}
	return streamOf[K]{s.s.Merge(o.s), s.key, s.rekeyed || o.rekeyed}, nil
}

func (s streamOf[K]) to(in *interpreter, op *Operator) {
	var opts []topology.NodeOption
	partitions := int32(1)
	if op.Partitions != nil {
		for _, p := range *op.Partitions {
			partitions = max(partitions, p+1)
		}
		opts = append(opts, topology.Partitioner(func(dst []int32, _ string, _ K, _ Value, _ int32) []int32 {
			return append(dst, *op.Partitions...)
		}))
	}
	s.s.To(op.Topic, opts...)
	in.program.topics[op.Topic] = max(partitions, in.program.topics[op.Topic])
	in.program.sinks = append(in.program.sinks, sink{op.Topic, func(b []byte) (AnyKey, error) {
		if b == nil {
			return AnyKey{}, nil
		}
		k, err := s.key.serde.Decode(b)
		return s.key.show(k), err
	}})
}
