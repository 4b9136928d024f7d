package topology

import (
	"context"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
)

// Through replaces the value by what the pipe makes of it. A null value that the serde cannot carry stays null, without a
// call of the pipe.
//
// Without [Concurrency] the pipe runs on the task's goroutine, one record after the other, and store must be "": that is for
// pipes that compute. A pipe that waits for something, such as a service, gets Concurrency(n): up to n records of each task
// are in it at once, and neither other partitions nor the group's heartbeat nor a commit wait for it. What is in flight at a
// commit lies in the store of that name, in the transaction that commits its offsets, so each record has its result exactly
// once; the pipe itself is called again for records that were in flight when a process ended or a transaction was aborted.
// The results of one key keep the order of its records; see [Ordering].
//
// The pipe is opened before the first task of a process that uses it and closed after the last. Its context ends when its
// task closes or moves to another process. A failure ends the application, unless [OnError] says otherwise.
//
// Options: [Named], [Concurrency], [Ordering], [OnError].
func (s Stream[K, V]) Through[V2 any](p pipes.Pipe[V, V2], store string, opts ...NodeOption) Stream[K, V2] {
	v := valueSerde[V2](s.v)
	in := s.nulls()
	return piped(s, "through", p, store, opts, s.k, v, false, func(ctx context.Context, p *pipes.Opened[V, V2], r *operators.Record[K, V], _ operators.Origin, to []operators.Record[K, V2]) ([]operators.Record[K, V2], error) {
		out := operators.Record[K, V2]{Key: r.Key, Timestamp: r.Timestamp, Headers: r.Headers, NullKey: r.NullKey, NullValue: true}
		if !r.NullValue || in.Value != nil {
			var err error
			if out.Value, err = p.Process(ctx, r.Value); err != nil {
				return to, err
			}
			out.NullValue = false
		}
		return append(to, out), nil
	})
}

// ThroughMessages is [Stream.Through] for a pipe that works on messages: it sees key, time, headers and origin of each record,
// and makes any number of records of it, with keys of their own. A result without a time gets that of the record; without
// headers it has none. A null value that the serde cannot carry is dropped and counted. What needs all records of a key
// together repartitions behind it, see [Stream.MarkAsPartitioned].
//
// Options: [Named], [Concurrency], [Ordering], [OnError].
func (s Stream[K, V]) ThroughMessages[K2, V2 any](p pipes.Pipe[pipes.Message[K, V], []pipes.Message[K2, V2]], store string, opts ...NodeOption) Stream[K2, V2] {
	to := piped(s, "through-messages", p, store, opts, keySerde[K2](s.k), valueSerde[V2](s.v), true,
		func(ctx context.Context, p *pipes.Opened[pipes.Message[K, V], []pipes.Message[K2, V2]], r *operators.Record[K, V], o operators.Origin, to []operators.Record[K2, V2]) ([]operators.Record[K2, V2], error) {
			results, err := p.Process(ctx, messageOf(r, o))
			for i := range results {
				to = append(to, recordOf(&results[i], r.Timestamp))
			}
			return to, err
		})
	to.rekeyed = true
	return to
}

// messageOf is a record as a pipe of messages sees it.
func messageOf[K, V any](r *operators.Record[K, V], o operators.Origin) pipes.Message[K, V] {
	return pipes.Message[K, V]{
		Key: r.Key, Value: r.Value, Time: time.UnixMilli(r.Timestamp).UTC(), Headers: pipeHeaders(r.Headers),
		Origin: pipes.Origin{Source: o.Topic, Partition: o.Partition, Offset: o.Offset},
	}
}

func pipeHeaders(headers []operators.Header) []pipes.Header {
	if len(headers) == 0 {
		return nil
	}
	to := make([]pipes.Header, len(headers))
	for i, h := range headers {
		to[i] = pipes.Header(h)
	}
	return to
}

func recordOf[K, V any](m *pipes.Message[K, V], timestamp int64) operators.Record[K, V] {
	r := operators.Record[K, V]{Key: m.Key, Value: m.Value, Timestamp: timestamp}
	if !m.Time.IsZero() {
		r.Timestamp = m.Time.UnixMilli()
	}
	if len(m.Headers) > 0 {
		r.Headers = make([]operators.Header, len(m.Headers))
		for i, h := range m.Headers {
			r.Headers[i] = operators.Header(h)
		}
	}
	return r
}

// piped adds an operator that runs a pipe. drop says that null values that the serde cannot carry are dropped.
func piped[K, V, In, Out, K2, V2 any](s Stream[K, V], op string, p pipes.Pipe[In, Out], store string, opts []NodeOption, k serde.Serde[K2], v serde.Serde[V2], drop bool,
	call func(context.Context, *pipes.Opened[In, Out], *operators.Record[K, V], operators.Origin, []operators.Record[K2, V2]) ([]operators.Record[K2, V2], error),
) Stream[K2, V2] {
	o := s.b.nodeOptions(op, opts, optName|optConcurrency|optOrdering|optOnError)
	n := s.b.node(op, storeOptions{name: o.name}.nodeName(op, store), s.from)
	needFunc(s.b, n, p != nil)
	switch {
	case !o.concurrent && store != "":
		s.b.fail("operator %q has store %q, which nothing needs without Concurrency", n.Name, store)
	case !o.concurrent && o.ordered:
		s.b.fail("operator %q has an Ordering, but no Concurrency", n.Name)
	case o.concurrent && o.concurrency < 1:
		s.b.fail("operator %q has a concurrency of %d, want at least 1", n.Name, o.concurrency)
	case o.concurrent:
		needSerdes(s.b, n, s.k, s.v)
		connect(s.b.store(parkedStore(store, s.k, s.v), storeOptions{}), n)
	}
	failing(s.b, n, o.policy, s.k, s.v)
	if !o.concurrent {
		parking(s.b, n, o.name)
	}
	if p != nil {
		n.External, n.Unstubbed = pipes.Externals(p)
	}
	live, replayed := &lifetime[In, Out]{pipe: p}, &lifetime[In, Out]{pipe: p, stubs: true}
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		next := graph.Next[K2, V2](in, n)
		life := live
		if in.Scope.Stubs {
			life = replayed
		}
		opened, err := life.begin()
		if err != nil {
			return entered[K, V](in, c, nil, err)
		}
		c.OnClose(life.end)
		f := func(ctx context.Context, r *operators.Record[K, V], o operators.Origin, to []operators.Record[K2, V2]) ([]operators.Record[K2, V2], error) {
			if life.stubs {
				ctx = pipes.WithStubs(ctx)
			}
			return call(ctx, opened, r, o, to)
		}
		var process operators.Forward[K, V]
		if !o.concurrent {
			process = operators.Apply(c, f, nulls(k, v), next)
		} else {
			process, err = operators.Async[K, V, K2, V2]{
				F: f, Rows: storeOf[*operators.ParkedRows](in, store), Keys: s.k, Values: s.v, In: s.nulls(), Out: nulls(k, v),
				Concurrency: o.concurrency, Order: o.ordering,
			}.Forward(c, next)
		}
		if drop && err == nil {
			process = operators.Admit(c, s.nulls(), process)
		}
		return entered(in, c, process, err)
	}
	return s.as(n, k, v)
}
