package replay

import (
	"cmp"
	"slices"

	"github.com/rivusio/rivusio/operators"
)

// output takes a record that is written to a topic outside.
func (r *run) output(o *operators.Output) error {
	if r.silent {
		return nil
	}
	r.summary.Results[o.Topic]++
	r.Progress.Written.Add(1)
	if r.Results == nil {
		return nil
	}
	headers := slices.Clone(o.Headers)
	for i := range headers {
		headers[i].Value = slices.Clone(headers[i].Value)
	}
	r.results = append(r.results, Result{
		Topic: o.Topic, Partition: o.Partition, Key: o.Key, Value: o.Value, Timestamp: o.Timestamp, Headers: headers, Cause: r.runtime.Cause(), Input: max(0, r.runtime.CauseNumber()-r.first),
	})
	if r.staged {
		return nil
	}
	return r.tell()
}

// written is what is told of all records that are written, nil if nobody wants to know.
func (r *run) written() func(*operators.Output) {
	if r.watch == nil {
		return nil
	}
	return func(o *operators.Output) { r.watch(o, r.runtime.Cause()) }
}

// runRound runs the records that wait for it, and tells their results.
func (r *run) runRound() error {
	if r.round == 0 {
		return nil
	}
	r.round = 0
	if err := r.runtime.RunStaged(); err != nil {
		return err
	}
	return r.tell()
}

// tell gives results away, in the order of the records that led to them.
func (r *run) tell() error {
	slices.SortStableFunc(r.results, func(a, b Result) int { return cmp.Compare(a.Input, b.Input) })
	for i := range r.results {
		if err := r.Results(&r.results[i]); err != nil {
			return err
		}
	}
	clear(r.results)
	r.results = r.results[:0]
	return nil
}
