package topology

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// ErrorPolicy says what becomes of a record that an operator fails for: because it or a pipe returned an error, because user
// code in it panicked, because a serde refuses key or value, or because a topic does not take the record. Make one with
// [Stop], [Skip], [DeadLetter] or [Handle]; the zero value is [Stop].
//
// A policy is about the operator's own failures, not about those of operators further down, and never about what no record
// is to blame for: a store that cannot be read, a transaction that cannot begin, a schedule that fails. Those stop the
// application. What a record did before an operator failed for it stays done, in other operators and by results that were
// forwarded already.
type ErrorPolicy struct{ p operators.Policy }

// Stop ends the application with an error that names operator, task, topic, partition, offset and key. Nothing is lost: the
// record is read again at the next start. It is the default.
func Stop() ErrorPolicy { return ErrorPolicy{} }

// Skip drops the record, counts it and logs the error.
func Skip() ErrorPolicy { return ErrorPolicy{operators.Policy{Then: operators.Skip}} }

// DeadLetter sends the record to a topic, in the transaction that commits its offset: the key, the value and the headers of the
// input record as they were read, with headers that say what went wrong and where, see [operators.DeadLetterException]. What
// was made of several input records, such as the result of a window, is written as it came to the operator. The topic must
// exist. `processor dlq` lists dead letters, shows them and sends them where they came from.
func DeadLetter(topic string) ErrorPolicy {
	return ErrorPolicy{operators.Policy{Then: operators.SendDeadLetter, Topic: topic}}
}

// Handle asks h what to do. It runs on the task's goroutine, so it must not wait; a panic counts as [pipes.Fail]. deadLetters is
// the topic for the records that it decides [pipes.DeadLetter] for; "" if it never does.
func Handle(h pipes.FailureHandler, deadLetters string) ErrorPolicy {
	if h == nil {
		return ErrorPolicy{}
	}
	return ErrorPolicy{operators.Policy{Topic: deadLetters, Decide: func(e *operators.Error, key, value any, headers []operators.Header) operators.Decision {
		switch h(context.Background(), pipes.Failure{
			Operator: e.Operator, Key: key, Value: value, Headers: pipeHeaders(headers), Err: e.Err,
			Origin: pipes.Origin{Source: e.Origin.Topic, Partition: e.Origin.Partition, Offset: e.Origin.Offset},
		}) {
		case pipes.Skip:
			return operators.Skip
		case pipes.DeadLetter:
			return operators.SendDeadLetter
		}
		return operators.Fail
	}}}
}

// Retries says how often and when an operator is tried again.
type Retries struct {
	// Attempts is how often it is tried, the first time included. Required, at least 2.
	Attempts int
	// Backoff is how long to wait before the second attempt; it doubles with each one that follows, up to MaxBackoff, and a
	// random fifth is taken off so that not all come back at once. Default 100 ms.
	Backoff time.Duration
	// MaxBackoff is the longest wait. Default 10 s.
	MaxBackoff time.Duration
	// If says which errors are worth another attempt. Default: all but those that come back with the same record, see
	// [operators.Deterministic].
	If func(error) bool
	// MaxParked is how many records of a task may wait; then it takes no more input until some are done with. Default
	// [operators.DefaultMaxParked].
	MaxParked int
}

// Retry is the policy with more attempts before it. While a record waits for one, the records of its key wait behind it and
// all others go on; what waits at a commit lies in the store NAME-retries, so the operator must be [Named]. With
// [Concurrency] the call itself waits, in the place of another. It is for operators of streams that call something which may be
// down: they take it where their options say so, and so does a sink. A source and a default policy do not.
func (p ErrorPolicy) Retry(r Retries) ErrorPolicy {
	if r.Backoff == 0 {
		r.Backoff = 100 * time.Millisecond
	}
	if r.MaxBackoff == 0 {
		r.MaxBackoff = max(r.Backoff, 10*time.Second)
	}
	p.p.Retry = operators.Retry{Attempts: r.Attempts, If: r.If, MaxParked: r.MaxParked, Backoff: func(n int) time.Duration {
		wait := float64(r.Backoff) * math.Pow(2, float64(n-2))
		return time.Duration(min(wait, float64(r.MaxBackoff)) * (1 - rand.Float64()/5))
	}}
	return p
}

// ErrorOption is the option that [OnError] makes.
type ErrorOption struct{ p operators.Policy }

func (e ErrorOption) node(o *nodeOptions)         { o.policy, o.source.policy = &e.p, &e.p }
func (e ErrorOption) store(o *storeOptions)       { o.policy, o.source.policy = &e.p, &e.p }
func (e ErrorOption) process(o *processOptions)   { o.policy = &e.p }
func (e ErrorOption) option() (optionSet, string) { return optOnError, "OnError" }

// OnError says what becomes of records that an operator fails for. Operators that take the options of a store take it too.
// Default: the policy of [Builder.OnError].
func OnError(p ErrorPolicy) ErrorOption { return ErrorOption(p) }

// OnError sets the policy of all operators that have none of their own. Default: [Stop]. A policy that tries again is none for
// all.
func (b *Builder) OnError(p ErrorPolicy) {
	if p.p.Retry.Attempts > 0 {
		b.fail("the policy of Builder.OnError has a Retry, which is for operators that have a name: give it to them with the option OnError")
		return
	}
	b.g.Policy = &p.p
}

// failing gives a node its policy. keys and values are the serdes of its input, nil if they are not known.
func failing(b *Builder, n *graph.Node, p *operators.Policy, keys, values any) {
	n.Policy, n.Keys, n.Values = p, keys, values
	if p == nil {
		return
	}
	r := &p.Retry
	switch {
	case r.Attempts == 0 && r.Backoff == nil:
	case r.Attempts < 2:
		b.fail("operator %q is tried %d times by its Retry, want at least 2", n.Name, r.Attempts)
	case r.MaxParked < 0:
		b.fail("operator %q may have %d records that wait for another attempt", n.Name, r.MaxParked)
	}
}

// parking gives a node the store that a Retry of its policy needs. name is as the user gave it.
func parking(b *Builder, n *graph.Node, name string) {
	if n.Policy == nil || n.Policy.Retry.Attempts < 2 {
		return
	}
	switch {
	case name == "":
		b.fail("operator %q has a Retry, so it needs a name for the store of the records that wait: give it one with Named", n.Name)
	case n.Keys == nil || n.Values == nil:
		b.fail("operator %q has a Retry, so it needs serdes for the records that wait: use WithSerdes", n.Name)
	default:
		n.Parked = b.store(parkedStore(name+"-retries", n.Keys, n.Values), storeOptions{})
		connect(n.Parked, n)
	}
}

// untried is [failing] for an operator that is not tried again.
func untried(b *Builder, n *graph.Node, p *operators.Policy, keys, values any) {
	failing(b, n, p, keys, values)
	unretried(b, n, "operators with rows of their own are not tried again")
}

// untriedSince is [untried] for an operator that is made of several nodes: those from a number on.
func untriedSince(b *Builder, number int, p *operators.Policy) {
	for _, n := range b.g.Nodes[number:] {
		untried(b, n, p, n.Keys, n.Values)
	}
}

// unretried reports a Retry of a node that cannot be tried again.
func unretried(b *Builder, n *graph.Node, why string) {
	if n.Policy != nil && n.Policy.Retry.Attempts > 0 {
		b.fail("operator %q has a Retry, but %s", n.Name, why)
	}
}

// checkPolicies reports topics of dead letters that cannot be.
func (b *Builder) checkPolicies(owned map[string]string) {
	for _, topic := range b.g.DeadLetters() {
		if err := checkName(topic); err != nil {
			b.fail("topic of dead letters %w", err)
		} else if owned[topic] != "" {
			b.fail("topic %q is to have dead letters, but is %s", topic, owned[topic])
		}
	}
	for n := range b.g.EveryNode() {
		if p := b.g.PolicyOf(n); p != nil && p.Then == operators.SendDeadLetter && p.Topic == "" {
			b.fail("operator %q has the policy DeadLetter without a topic", n.Name)
		}
	}
}

// parkedStore is a store of records that an operator is not done with at a commit.
func parkedStore(name string, keys, values any) *graph.Store {
	return &graph.Store{Name: name, Kind: state.KindKeyValue, Keys: serde.Name(keys), Values: serde.Name(values), Open: func(c state.Config) state.Store {
		return state.NewKeyValue(c, serde.Bytes, operators.ParkedSerde())
	}}
}

// TryMapValues replaces the value as [Stream.MapValues] does, by a function that may fail. The first result has the values;
// the second has, under the same key, what was wrong where f returned an error or panicked: it is a part of the topology like
// any other, to be written to a topic, counted or joined. A null value that the serde cannot carry stays null.
//
// Options: [Named].
func (s Stream[K, V]) TryMapValues[V2 any](f func(K, V) (V2, error), opts ...NodeOption) (Stream[K, V2], Stream[K, operators.Failure]) {
	const op = "try-map-values"
	o := s.b.nodeOptions(op, opts, optName)
	n := s.b.node(op, o.name, s.from)
	needFunc(s.b, n, f != nil)
	failures := s.b.node("failures", fmt.Sprintf("%s.failures", n.Name), n)
	failures.Side = true
	failures.Make = func(in *graph.Instance) any {
		return operators.Enter(in.Context(failures), graph.Next[K, operators.Failure](in, failures))
	}
	v := valueSerde[V2](s.v)
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		failed := in.Made(failures).(operators.Forward[K, operators.Failure])
		return operators.Enter(c, operators.TryMapValues(c, f, s.nulls(), nulls(s.k, v), graph.Next[K, V2](in, n), failed))
	}
	return s.as(n, s.k, v), s.as(failures, s.k, operators.FailureSerde())
}
