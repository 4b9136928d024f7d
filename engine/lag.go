package engine

import (
	"context"
	"time"
)

const (
	askWaiting = 200 * time.Millisecond // between two looks at the ends of inputs that a task waits for
	askSilent  = 5 * time.Second        // between two looks at the ends of all inputs
)

// silence is when the ends of partitions were asked for that fetches say nothing about: a broker does not answer for a
// partition to which nothing came, not even when its last records were aborted.
type silence struct {
	asked  time.Time
	asking bool
}

// askForEnds asks the brokers for the last stable offsets of inputs, beside the loop, if a task waits for one, or if it
// was not done for long (hard point 6).
func (w *worker) askForEnds(ctx context.Context) {
	since := time.Since(w.silent.asked)
	if w.silent.asking || since < askWaiting {
		return
	}
	topics := make(map[string]struct{})
	for _, r := range w.tasks {
		if r.t == nil {
			continue
		}
		if since >= askSilent {
			for _, f := range r.feeds {
				topics[f.topic] = struct{}{}
			}
			continue
		}
		if len(r.feeds) > 1 {
			for _, number := range r.t.WaitsFor() {
				topics[r.feeds[number].topic] = struct{}{}
			}
		}
	}
	if len(topics) == 0 {
		return
	}
	w.silent = silence{asked: time.Now(), asking: true}
	names := make([]string, 0, len(topics))
	for topic := range topics {
		names = append(names, topic)
	}
	answer := w.ends
	go func() {
		ends := make(map[topicPartition]int64)
		listed, err := w.app.adm.ListCommittedOffsets(ctx, names...)
		if err != nil {
			w.log.Debug("the ends of inputs are not known", "error", err)
		}
		for topic, partitions := range listed {
			for p, at := range partitions {
				if at.Err == nil {
					ends[topicPartition{topic, p}] = at.Offset
				}
			}
		}
		answer <- ends
		w.wake()
	}()
}

// takeEnds tells the tasks what the brokers answered.
func (w *worker) takeEnds() {
	select {
	case ends := <-w.ends:
		w.silent.asking = false
		for at, end := range ends {
			if f := w.feed(at.topic, at.partition); f != nil && f.run != nil && f.run.t != nil {
				f.run.t.Advance(f.input, f.next, f.upTo(end))
			}
		}
	default:
	}
}
