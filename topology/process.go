package topology

import (
	"errors"
	"runtime/debug"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
)

// ProcessOption is an option of a processor: [Named], [OnError], the handles of stores that it uses, a [Table] whose rows it
// reads, and [Output]s.
type ProcessOption interface{ process(*processOptions) }

type processOptions struct {
	name    string
	policy  *operators.Policy
	stores  []*graph.Store
	tables  []tableRead
	outputs []*output
}

func (n NameOption) process(o *processOptions) { o.name = n.name }

// Init makes a processor for a task: it runs once for each task, and again after an abort; what it returns handles each
// record, on the task's goroutine, and hands results to forward. What it opens it closes with [operators.Context.OnClose].
// Variables that it keeps are lost with an abort; what must last lies in stores.
type Init[K, V, K2, V2 any] func(c *operators.Context, forward operators.Forward[K2, V2]) (operators.Forward[K, V], error)

// InitFixedKey is [Init] for [Stream.ProcessValues].
type InitFixedKey[K, V, V2 any] func(c *operators.Context, forward operators.ForwardFixedKey[K, V2]) (operators.ForwardFixedKey[K, V], error)

// Process is the way to write an operator. Records with nulls come as they are, see [operators.Record]. The stores must be
// given here and are used through their handles. A table that is given here is read with [Table.In]: the processor's task
// has the same partition of both, so their topics must have the same number of partitions. Nothing is repartitioned in front of Process; behind it, what needs all
// records of a key together repartitions, since the key may be another one: see [Stream.ProcessValues] and
// [Stream.MarkAsPartitioned].
//
// Options: [Named], [OnError], handles of stores, a [Table], [Output].
func (s Stream[K, V]) Process[K2, V2 any](init func(c *operators.Context, forward operators.Forward[K2, V2]) (operators.Forward[K, V], error), opts ...ProcessOption) Stream[K2, V2] {
	to := process(s, "process", init != nil, keySerde[K2](s.k), valueSerde[V2](s.v), opts, init)
	to.rekeyed = true
	return to
}

// ProcessValues is [Stream.Process] that leaves the keys as they are, which its types see to: nothing is repartitioned
// behind it (Kafka Streams' FixedKeyProcessor).
//
// Options: [Named], [OnError], handles of stores, a [Table], [Output].
func (s Stream[K, V]) ProcessValues[V2 any](init func(c *operators.Context, forward operators.ForwardFixedKey[K, V2]) (operators.ForwardFixedKey[K, V], error), opts ...ProcessOption) Stream[K, V2] {
	return process(s, "process", init != nil, s.k, valueSerde[V2](s.v), opts,
		func(c *operators.Context, forward operators.Forward[K, V2]) (operators.Forward[K, V], error) {
			f, err := init(c, operators.FreeKey(forward))
			if f == nil || err != nil {
				return nil, err
			}
			return operators.FixedKey(f), nil
		})
}

func process[K, V, K2, V2 any](s Stream[K, V], op string, given bool, k serde.Serde[K2], v serde.Serde[V2], opts []ProcessOption, init Init[K, V, K2, V2]) Stream[K2, V2] {
	var o processOptions
	for _, opt := range opts {
		if opt == nil {
			s.b.fail("Process got an option that is nil")
			continue
		}
		opt.process(&o)
	}
	n := s.b.node(op, o.name, s.from)
	needFunc(s.b, n, given)
	failing(s.b, n, o.policy, s.k, s.v)
	parking(s.b, n, o.name)
	for _, st := range o.stores {
		if st == nil || s.b.g.Store(st.Name) != st {
			s.b.fail("operator %q was given a store handle that this builder did not make", n.Name)
		} else {
			connect(st, n)
		}
	}
	for _, t := range o.tables {
		t.connect(s.b, n, s.from)
	}
	for _, out := range o.outputs {
		out.attach(s.b, n)
	}
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		for _, out := range o.outputs {
			c.AddOutput(out.name, out.forward(in))
		}
		process, err := initialise(c, init, operators.Remark(nulls(k, v), graph.Next[K2, V2](in, n)))
		return entered(in, c, process, err)
	}
	return s.as(n, k, v)
}

// entered is the door of an operator that could not be made if err is not nil: then the task is not made either.
func entered[K, V any](in *graph.Instance, c *operators.Context, process operators.Forward[K, V], err error) operators.Forward[K, V] {
	if err != nil {
		in.Fail(c.Fail(err))
		return func(*operators.Record[K, V]) error { return err }
	}
	return operators.Enter(c, process)
}

// initialise calls the init of a processor.
func initialise[K, V, K2, V2 any](c *operators.Context, init Init[K, V, K2, V2], next operators.Forward[K2, V2]) (process operators.Forward[K, V], err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &operators.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	process, err = init(c, next)
	if err == nil && process == nil {
		err = errors.New("init returned no function")
	}
	return process, err
}

// Output is one more output of a processor, beside the one that it forwards to, with types of its own. Make one with
// [Builder.Output], give it to [Stream.Process] or [Stream.ProcessValues] as an option, forward to it in the processor
// with In, and go on behind the processor with Stream.
type Output[K, V any] struct {
	o    *output
	k    serde.Serde[K]
	v    serde.Serde[V]
	from *Builder
}

type output struct {
	name    string
	node    *graph.Node // nil until it is given to a processor
	forward func(in *graph.Instance) any
	make    func(n *graph.Node)
}

// Output declares an output of a processor. Its serdes are for what comes behind it; a nil one must not be needed there.
func (b *Builder) Output[K, V any](name string, k serde.Serde[K], v serde.Serde[V]) Output[K, V] {
	if err := checkName(name); err != nil {
		b.fail("output name %w", err)
	}
	o := &output{name: name}
	o.forward = func(in *graph.Instance) any {
		return operators.Remark(nulls(k, v), in.Made(o.node).(operators.Forward[K, V]))
	}
	o.make = func(n *graph.Node) {
		n.Make = func(in *graph.Instance) any {
			return operators.Enter(in.Context(n), graph.Next[K, V](in, n))
		}
	}
	b.outputs = append(b.outputs, o)
	return Output[K, V]{o: o, k: k, v: v, from: b}
}

func (out Output[K, V]) process(o *processOptions) {
	if out.o == nil {
		out.o = &output{}
	}
	o.outputs = append(o.outputs, out.o)
}

func (out *output) attach(b *Builder, processor *graph.Node) {
	switch {
	case out.name == "":
		b.fail("operator %q was given an output that no builder made", processor.Name)
	case out.node != nil:
		b.fail("output %q was given to the operators %q and %q, but it belongs to one", out.name, out.node.Parents[0].Name, processor.Name)
	default:
		out.node = b.node("output", out.name, processor)
		out.node.Side = true
		out.make(out.node)
	}
}

// Stream is what the processor forwards to the output. Nothing is known about its keys: what needs all records of a key
// together repartitions.
func (out Output[K, V]) Stream() Stream[K, V] {
	if out.o.node == nil {
		out.from.fail("Stream of output %q was called before the output was given to Process", out.o.name)
		return Stream[K, V]{b: out.from, from: out.from.node("output", ""), k: out.k, v: out.v}
	}
	return Stream[K, V]{b: out.from, from: out.o.node, k: out.k, v: out.v, rekeyed: true}
}

// In is the way to forward to the output, from the processor that it was given to; nil anywhere else.
func (out Output[K, V]) In(c *operators.Context) operators.Forward[K, V] {
	f, _ := c.Output(out.o.name).(operators.Forward[K, V])
	return f
}

// Wrap watches every operator, source and sink of the topology: w is asked in each task for a [operators.Hook] for each of
// them (Kafka Streams, KIP-1112). It is for tracing and the like. With several calls, the hooks of the first are outermost.
// Without a hook an operator costs nothing more.
func (b *Builder) Wrap(w func(c *operators.Context, op string) operators.Hook) {
	if w == nil {
		b.fail("Wrap got a nil function")
		return
	}
	b.g.Wrappers = append(b.g.Wrappers, w)
}

func (b *Builder) checkOutputs() {
	for _, o := range b.outputs {
		if o.node == nil {
			b.fail("output %q was given to no processor", o.name)
		}
	}
}
