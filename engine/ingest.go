package engine

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/operators"
)

// ingest gives what was fetched to the tasks.
func (w *worker) ingest(fetches kgo.Fetches) error {
	if len(fetches) == 0 {
		return nil
	}
	now := time.Now()
	poll := w.polledBy(fetches, now)
	for i := range fetches {
		for j := range fetches[i].Topics {
			t := &fetches[i].Topics[j]
			feeds := w.byTopic[t.Topic]
			for k := range t.Partitions {
				p := &t.Partitions[k]
				if p.Err != nil {
					if err := w.fetchError(t.Topic, p); err != nil {
						return err
					}
				}
				if int(p.Partition) >= len(feeds) || p.Partition < 0 {
					continue
				}
				if f := feeds[p.Partition]; f != nil && f.run != nil && f.run.t != nil {
					f.add(p, poll)
					if len(p.Records) > 0 {
						f.run.spent.arrived(now)
					}
				}
			}
		}
	}
	return nil
}

// polledBy is the poll that gave the fetches, for the spans of their records; nil if no records are traced.
func (w *worker) polledBy(fetches kgo.Fetches, now time.Time) *operators.Poll {
	if w.app.cfg.Watch.Tracer == nil {
		return nil
	}
	return &operators.Poll{Client: w.clientID, Began: w.polling, Took: now.Sub(w.polling), Records: fetches.NumRecords()}
}

// add gives a task what was fetched from where the feed is on: the client may have been set back further, for a task that
// the partition had before.
func (f *feed) add(p *kgo.FetchPartition, poll *operators.Poll) {
	t, number := f.run.t, f.input
	if poll != nil && len(p.Records) > 0 {
		t.Polled(number, p.Records[0].Offset, poll)
	}
	var in operators.Input
	for _, r := range p.Records {
		if r.Attrs.IsControl() || r.Offset < f.next {
			continue
		}
		if f.marked && r.Offset >= f.mark {
			break
		}
		inputOf(r, &in)
		t.Add(number, &in)
	}
	if n := len(p.Records); n > 0 {
		f.next = max(f.next, f.upTo(p.Records[n-1].Offset+1))
	}
	t.Advance(number, f.next, f.upTo(p.LastStableOffset))
}

// inputOf is a fetched record as tasks take it. Its slices are kept.
func inputOf(r *kgo.Record, in *operators.Input) {
	*in = operators.Input{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp.UnixMilli(), Offset: r.Offset}
	if len(r.Headers) > 0 {
		in.Headers = make([]operators.Header, len(r.Headers))
		for i, h := range r.Headers {
			in.Headers[i] = operators.Header{Key: h.Key, Value: h.Value}
		}
	}
}
