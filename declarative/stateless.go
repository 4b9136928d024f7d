package declarative

import (
	"fmt"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// streamSteps are the steps of a stream, whatever its types. Where an expression uses timestamp or headers, which the
// functions of the DSL are not given, the operator is a processor.
type streamSteps interface {
	handle
	filter(l *loader, s *step, n *document.Node, not bool) handle
	mapRecords(l *loader, s *step, key, value *document.Node) handle
	mapValues(l *loader, s *step, n *document.Node) handle
	flatMap(l *loader, s *step, a *flatMapArgs) handle
	flatMapValues(l *loader, s *step, n *document.Node) handle
	selectKey(l *loader, s *step, n *document.Node) handle
	setHeaders(l *loader, s *step, a *headersArgs) handle
	logRecords(l *loader, s *step, n *document.Node) handle
	split(l *loader, s *step, a []branchArgs) handle
	withSerdes(l *loader, s *step, a *serdesArgs) handle
	to(l *loader, s *step, a *toArgs) handle
	groupBy(l *loader, s *step, n *document.Node) handle
}

func applyFilter(l *loader, in handle, s *step, x *expression) handle {
	return filter(l, in, s, x, false)
}

func applyFilterNot(l *loader, in handle, s *step, x *expression) handle {
	return filter(l, in, s, x, true)
}

func filter(l *loader, in handle, s *step, x *expression, not bool) handle {
	switch h := in.(type) {
	case streamSteps:
		return h.filter(l, s, x.node, not)
	case tableSteps:
		return h.filterRows(l, s, x.node, not)
	}
	return l.cannot(in, s, "a stream or a table")
}

// metadata are the variables that only a processor is given.
var metadata = []variable{varTimestamp, varHeaders}

func (h stream) filter(l *loader, s *step, n *document.Node, not bool) handle {
	p := l.program(n, h.variables(metadata...))
	if p.needs(metadata...) {
		h.Stream = h.Stream.ProcessValues(func(_ *operators.Context, forward operators.ForwardFixedKey[any, any]) (operators.ForwardFixedKey[any, any], error) {
			return func(r *operators.FixedKeyRecord[any, any]) error {
				k, _ := r.Key()
				if p.test(&variables{key: k, value: r.Value, timestamp: r.Timestamp, headers: r.Headers}) == not {
					return nil
				}
				return forward(r)
			}, nil
		}, s.processOptions()...)
		return h
	}
	keep := func(k, v any) bool { return p.test(&variables{key: k, value: v}) }
	if not {
		h.Stream = h.Stream.FilterNot(keep, s.options()...)
	} else {
		h.Stream = h.Stream.Filter(keep, s.options()...)
	}
	return h
}

func applyMap(l *loader, in handle, s *step, a *mapArgs) handle {
	if h, ok := in.(streamSteps); ok {
		return h.mapRecords(l, s, a.Key.node, a.Value.node)
	}
	return l.cannot(in, s, "a stream")
}

// made is a stream of values that expressions made. Where the serdes of what was before are those of other types, the keys are
// written as before without their windows, and values as JSON.
func made(l *loader, before stream, to topology.Stream[any, any]) handle {
	key, value := before.key, before.value
	if key.base != nil {
		key = key.base
	}
	if before.value.counts {
		value = l.format("json")
	}
	if key != before.key || value != before.value {
		to = to.WithSerdes(key.serde, value.serde)
	}
	return stream{to, key, value}
}

func (h stream) mapRecords(l *loader, s *step, key, value *document.Node) handle {
	known := h.variables(metadata...)
	k2, v2 := l.template(key, known), l.template(value, known)
	if k2.needs(metadata...) || v2.needs(metadata...) {
		return made(l, h, h.process(s, func(r *operators.Record[any, any], forward operators.Forward[any, any]) error {
			v := &variables{key: r.Key, value: r.Value, timestamp: r.Timestamp, headers: r.Headers}
			return forward(&operators.Record[any, any]{Key: k2.eval(v), Value: v2.eval(v), Timestamp: r.Timestamp, Headers: r.Headers})
		}))
	}
	return made(l, h, h.Stream.Map(func(k, v any) (any, any) {
		vars := &variables{key: k, value: v}
		return k2.eval(vars), v2.eval(vars)
	}, s.options()...))
}

// process is a processor that has no state.
func (h stream) process(s *step, f func(r *operators.Record[any, any], forward operators.Forward[any, any]) error) topology.Stream[any, any] {
	return h.Stream.Process(func(_ *operators.Context, forward operators.Forward[any, any]) (operators.Forward[any, any], error) {
		return func(r *operators.Record[any, any]) error { return f(r, forward) }, nil
	}, s.processOptions()...)
}

func applyMapValues(l *loader, in handle, s *step, x *expression) handle {
	switch h := in.(type) {
	case streamSteps:
		return h.mapValues(l, s, x.node)
	case tableSteps:
		return h.mapRows(l, s, x.node)
	}
	return l.cannot(in, s, "a stream or a table")
}

func (h stream) mapValues(l *loader, s *step, n *document.Node) handle {
	t := l.template(n, h.variables(metadata...))
	if t.needs(metadata...) {
		to := h.Stream.ProcessValues(func(_ *operators.Context, forward operators.ForwardFixedKey[any, any]) (operators.ForwardFixedKey[any, any], error) {
			return func(r *operators.FixedKeyRecord[any, any]) error {
				k, _ := r.Key()
				o := r.WithValue(t.eval(&variables{key: k, value: r.Value, timestamp: r.Timestamp, headers: r.Headers}))
				return forward(&o)
			}, nil
		}, s.processOptions()...)
		return madeValues(l, h, to)
	}
	return madeValues(l, h, h.Stream.MapValues(func(k, v any) any { return t.eval(&variables{key: k, value: v}) }, s.options()...))
}

// madeValues is made for values only.
func madeValues(l *loader, before stream, to topology.Stream[any, any]) handle {
	value := before.value
	if before.value.counts {
		value = l.format("json")
		to = to.WithSerdes(before.key.serde, value.serde)
	}
	return stream{to, before.key, value}
}

func applyTryMapValues(l *loader, in handle, s *step, x *expression) handle {
	h, ok := in.(stream)
	if !ok {
		return l.cannot(in, s, "a stream")
	}
	t := l.template(x.node, h.variables())
	values, failures := h.Stream.TryMapValues(func(k, v any) (any, error) { return t.eval(&variables{key: k, value: v}), nil }, s.options()...)
	asJSON := failures.MapValues(failure).WithSerdes(h.key.serde, l.format("json").serde)
	return branches{names: []string{"values", "failures"}, streams: []handle{madeValues(l, h, values), stream{asJSON, h.key, l.format("json")}}}
}

// failure is a failure as it is in JSON.
func failure(_ any, f operators.Failure) any {
	b, err := operators.FailureSerde().Append(nil, f)
	if err != nil {
		operators.Throw(err)
	}
	v, err := serde.JSONAny().Decode(b)
	if err != nil {
		operators.Throw(err)
	}
	return v
}

func applyFlatMap(l *loader, in handle, s *step, a *flatMapArgs) handle {
	if h, ok := in.(streamSteps); ok {
		return h.flatMap(l, s, a)
	}
	return l.cannot(in, s, "a stream")
}

// items evaluates an expression that makes a list.
func (t *template) list(v *variables) []any {
	result := t.eval(v)
	items, ok := result.([]any)
	if !ok && result != nil {
		operators.Throw(fmt.Errorf("the result is %s, want a list", described(result)))
	}
	return items
}

func (h stream) flatMap(l *loader, s *step, a *flatMapArgs) handle {
	known := h.variables(metadata...)
	each := l.template(a.Each.node, known)
	inner := append(known, varItem)
	var key, value *template
	if a.Key != nil {
		key = l.template(a.Key.node, inner)
	}
	if a.Value != nil {
		value = l.template(a.Value.node, inner)
	}
	emit := func(v *variables, out func(k, v any)) {
		for _, v.item = range each.list(v) {
			k2, v2 := v.get(varKey), v.item
			if key != nil {
				k2 = key.eval(v)
			}
			if value != nil {
				v2 = value.eval(v)
			}
			out(k2, v2)
		}
	}
	if each.needs(metadata...) || key != nil && key.needs(metadata...) || value != nil && value.needs(metadata...) {
		return made(l, h, h.process(s, func(r *operators.Record[any, any], forward operators.Forward[any, any]) (err error) {
			emit(&variables{key: r.Key, value: r.Value, timestamp: r.Timestamp, headers: r.Headers}, func(k, v any) {
				if err == nil {
					err = forward(&operators.Record[any, any]{Key: k, Value: v, Timestamp: r.Timestamp, Headers: r.Headers})
				}
			})
			return err
		}))
	}
	return made(l, h, h.Stream.FlatMap(func(k, v any, out func(any, any)) { emit(&variables{key: k, value: v}, out) }, s.options()...))
}

func applyFlatMapValues(l *loader, in handle, s *step, x *expression) handle {
	if h, ok := in.(streamSteps); ok {
		return h.flatMapValues(l, s, x.node)
	}
	return l.cannot(in, s, "a stream")
}

func (h stream) flatMapValues(l *loader, s *step, n *document.Node) handle {
	t := l.template(n, h.variables())
	return madeValues(l, h, h.Stream.FlatMapValues(func(k, v any) []any { return t.list(&variables{key: k, value: v}) }, s.options()...))
}

func applySelectKey(l *loader, in handle, s *step, x *expression) handle {
	if h, ok := in.(streamSteps); ok {
		return h.selectKey(l, s, x.node)
	}
	return l.cannot(in, s, "a stream")
}

func (h stream) selectKey(l *loader, s *step, n *document.Node) handle {
	t := l.template(n, h.variables())
	to := h.Stream.SelectKey(func(k, v any) any { return t.eval(&variables{key: k, value: v}) }, s.options()...)
	key := h.key
	if key.base != nil {
		key = key.base
		to = to.WithSerdes(key.serde, h.value.serde)
	}
	return stream{to, key, h.value}
}

func applyHeaders(l *loader, in handle, s *step, a *headersArgs) handle {
	if h, ok := in.(streamSteps); ok {
		return h.setHeaders(l, s, a)
	}
	return l.cannot(in, s, "a stream")
}

func (h stream) setHeaders(l *loader, s *step, a *headersArgs) handle {
	set := make([]*program, len(a.Set.names))
	for i, name := range a.Set.names {
		set[i] = l.program(a.Set.entries[name].node, h.variables(metadata...))
	}
	h.Stream = h.Stream.ProcessValues(func(_ *operators.Context, forward operators.ForwardFixedKey[any, any]) (operators.ForwardFixedKey[any, any], error) {
		return func(r *operators.FixedKeyRecord[any, any]) error {
			k, _ := r.Key()
			o := *r
			for _, name := range a.Remove {
				o.Headers = operators.WithoutHeader(o.Headers, name)
			}
			for i, name := range a.Set.names {
				v := set[i].eval(&variables{key: k, value: r.Value, timestamp: r.Timestamp, headers: r.Headers})
				s, ok := v.(string)
				if !ok {
					operators.Throw(set[i].failure(fmt.Errorf("the header %q is %s, want a text", name, described(v))))
				}
				o.Headers = operators.WithHeader(o.Headers, name, []byte(s))
			}
			return forward(&o)
		}, nil
	}, s.processOptions()...)
	return h
}

func applyLog(l *loader, in handle, s *step, x *expression) handle {
	if h, ok := in.(streamSteps); ok {
		return h.logRecords(l, s, x.node)
	}
	return l.cannot(in, s, "a stream")
}

func (h stream) logRecords(l *loader, s *step, n *document.Node) handle {
	p, log := l.program(n, h.variables()), l.log
	h.Stream = h.Stream.Peek(func(k, v any) {
		log.Info(fmt.Sprint(p.eval(&variables{key: k, value: v})))
	}, s.options()...)
	return h
}

func applyBranch(l *loader, in handle, s *step, a *[]branchArgs) handle {
	if h, ok := in.(streamSteps); ok {
		return h.split(l, s, *a)
	}
	return l.cannot(in, s, "a stream")
}

func (h stream) split(l *loader, s *step, a []branchArgs) handle {
	if len(a) == 0 {
		l.fail(s.node.Errorf("branch has no branches"))
		return broken{}
	}
	var conditions []func(k, v any) bool
	b := branches{}
	for i, branch := range a {
		for _, other := range b.names {
			if other == branch.Name {
				l.fail(s.node.Errorf("two branches have the name %q", branch.Name))
			}
		}
		b.names = append(b.names, branch.Name)
		switch {
		case branch.If != nil:
			p := l.program(branch.If.node, h.variables())
			conditions = append(conditions, func(k, v any) bool { return p.test(&variables{key: k, value: v}) })
		case i < len(a)-1:
			l.fail(s.node.Errorf("branch %q has no condition, which only the last may have not", branch.Name))
		}
	}
	for _, to := range h.Stream.Branch(conditions...) {
		b.streams = append(b.streams, stream{to, h.key, h.value})
	}
	for len(b.streams) < len(b.names) { // conditions are missing
		b.streams = append(b.streams, broken{})
	}
	return b
}

func applySerdes(l *loader, in handle, s *step, a *serdesArgs) handle {
	if h, ok := in.(streamSteps); ok {
		return h.withSerdes(l, s, a)
	}
	return l.cannot(in, s, "a stream")
}

func (h stream) withSerdes(l *loader, s *step, a *serdesArgs) handle {
	key, value := h.key, h.value
	if a.Key.node != nil {
		if key.base != nil {
			l.fail(a.Key.node.Errorf("keys in windows keep their serde: use select_key first"))
		} else {
			key = l.formatOf(a.Key, "", true)
		}
	}
	if a.Value.node != nil {
		if value.counts && a.Value.name != "int64" {
			l.fail(a.Value.node.Errorf("counts are int64: use map_values first"))
		}
		value = l.formatOf(a.Value, "", false)
	}
	return stream{h.Stream.WithSerdes(key.serde, value.serde), key, value}
}

func applyRepartition(l *loader, in handle, s *step, a *repartitionArgs) handle {
	options := s.options()
	if a.Partitions > 0 {
		options = append(options, topology.Partitions(a.Partitions))
	}
	l.mark(a.Name, s.node)
	if h, ok := unwindowed(in); ok {
		h.Stream = h.Stream.Repartition(a.Name, options...)
		return h
	}
	return l.cannot(in, s, "a stream whose keys have no windows")
}

func applyMarkAsPartitioned(l *loader, in handle, s *step, _ *none) handle {
	if h, ok := unwindowed(in); ok {
		h.Stream = h.Stream.MarkAsPartitioned()
		return h
	}
	return l.cannot(in, s, "a stream whose keys have no windows")
}

func applyTo(l *loader, in handle, s *step, a *toArgs) handle {
	if h, ok := in.(streamSteps); ok {
		return h.to(l, s, a)
	}
	return l.cannot(in, s, "a stream")
}

func (h stream) to(l *loader, s *step, a *toArgs) handle {
	options := s.options()
	if a.MessageIDs {
		options = append(options, topology.MessageIDs())
	}
	if a.Partition != nil {
		p := l.program(a.Partition.node, h.variables(varPartitions, varTopic))
		options = append(options, topology.Partitioner(func(dst []int32, topic string, k, v any, partitions int32) []int32 {
			result := p.eval(&variables{key: k, value: v, topic: topic, partitions: int64(partitions)})
			n, ok := result.(int64)
			if !ok || n < 0 || n >= int64(partitions) {
				operators.Throw(p.failure(fmt.Errorf("the partition is %s, want 0 to %d", described(result), partitions-1)))
			}
			return append(dst, int32(n))
		}))
	}
	if a.Choose == nil {
		l.output(s.node, a.Topic, h.key, h.value)
		h.Stream.To(a.Topic, options...)
		return h
	}
	p := l.program(a.Choose.node, h.variables(metadata...))
	l.file.Chosen = &Topic{"", Codec{h.key}, Codec{h.value}}
	h.Stream.ToChosen(func(k, v any, r operators.RecordContext) string {
		result := p.eval(&variables{key: k, value: v, timestamp: r.Timestamp, headers: r.Headers})
		topic, ok := result.(string)
		if !ok {
			operators.Throw(p.failure(fmt.Errorf("the topic is %s, want a text", described(result))))
		}
		return topic
	}, options...)
	return h
}
