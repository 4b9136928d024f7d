package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/rivusio/rivusio/state"
)

// begin starts a transaction, unless one is open. It begins with the first record or, at a commit, with the offsets: an
// empty transaction would hold the session up for half a second.
func (w *worker) begin() error {
	if w.session == nil || w.transacting {
		return nil
	}
	if err := w.session.Begin(); err != nil {
		return classify(fmt.Errorf("engine: begin transaction %s: %w", w.txid, err))
	}
	w.transacting, w.began = true, time.Now()
	return nil
}

func (w *worker) commitIfDue(ctx context.Context) error {
	switch {
	case w.due(ctx):
		return w.commit()
	case w.transacting && w.mustWait() && time.Since(w.firstWork) >= w.app.cfg.TransactionTimeout/2:
		// Before the brokers do it, which would shut the producer out.
		return w.abort()
	}
	return nil
}

func (w *worker) commitIfTouched() error {
	for _, r := range w.tasks {
		if r.t != nil && r.t.Touched() {
			return w.commit()
		}
	}
	return nil
}

// commit makes durable what the tasks did since the last commit: outputs, changelogs and offsets, together. Then what
// changed goes to the backend, beside what follows.
func (w *worker) commit() error {
	began := time.Now()
	w.out.now = began
	w.committing = w.committing[:0]
	w.positions = w.positions[:0]
	for _, r := range w.tasks {
		if r.t == nil || !r.t.Touched() {
			continue
		}
		if err := w.prepare(r); err != nil {
			return err
		}
		w.committing = append(w.committing, r)
		w.positions = append(w.positions, r.t.Positions()...)
	}
	w.firstWork = time.Time{}
	if len(w.positions) == 0 {
		return nil
	}
	written := w.out.sent
	committed, err := w.commitTransaction()
	if w.session == nil {
		committed, err = w.commitOffsets()
	}
	if err != nil {
		return err
	}
	w.report(CommitInfo{Tasks: len(w.committing), Written: written, Took: time.Since(began), Aborted: !committed})
	if !committed {
		return w.rollBack()
	}
	w.aborts = 0
	w.out.reset()
	return w.committed()
}

// prepare is the first step of a task's commit, which is work of the task.
func (w *worker) prepare(r *running) error {
	began, blocked := time.Now(), w.out.blocked
	err := r.t.Prepare()
	r.spent.worked(began, time.Now(), w.out.blocked-blocked, r.spent.ready)
	return err
}

// report tells the observer how a transaction ended, or offsets were committed.
func (w *worker) report(i CommitInfo) {
	i.Worker = w.number
	if w.session != nil {
		i.Transaction = time.Since(w.began)
	}
	if w.app.cfg.Watch.Tracer != nil {
		for _, r := range w.tasks {
			if r.t != nil {
				i.Followed = append(i.Followed, r.t.Followed()...)
			}
		}
	}
	w.app.cfg.Observer.CommitEnded(i)
}

// commitTransaction ends the transaction with the positions of all tasks that did something. It reports false if the
// transaction was aborted, and everything is as it was.
func (w *worker) commitTransaction() (bool, error) {
	if w.session == nil {
		return false, nil
	}
	if err := w.begin(); err != nil {
		return false, err
	}
	if err := w.out.flush(w.app.hard); err != nil {
		return false, classify(err)
	}
	ctx := kgo.PreTxnCommitFnContext(w.app.hard, func(r *kmsg.TxnOffsetCommitRequest) error {
		r.Topics = w.transactionOffsets(r.Topics[:0])
		return nil
	})
	// A member that is lost in the middle of this never gets out: the end waits for a heartbeat, the heartbeat ended with
	// the membership, and what says so to the session waits for us.
	unblock := time.AfterFunc(w.app.cfg.SessionTimeout/4, func() {
		if w.group.hurry.Load() {
			w.client.AllowRebalance()
		}
	})
	committed, err := w.session.End(ctx, kgo.TryCommit)
	unblock.Stop()
	w.transacting = false
	if err != nil {
		// Nobody knows how it ended. A new client fences the transaction, and restores what it committed if it did.
		return false, classify(fmt.Errorf("engine: end transaction %s: %w", w.txid, err))
	}
	return committed, nil
}

// transactionOffsets are the positions of the tasks, not of what was polled, in the form of the request.
func (w *worker) transactionOffsets(topics []kmsg.TxnOffsetCommitRequestTopic) []kmsg.TxnOffsetCommitRequestTopic {
	at := make(map[string]int, len(w.byTopic))
	for i := range w.positions {
		p := &w.positions[i]
		n, ok := at[p.Topic]
		if !ok {
			n = len(topics)
			at[p.Topic] = n
			t := kmsg.NewTxnOffsetCommitRequestTopic()
			t.Topic = p.Topic
			topics = append(topics, t)
		}
		partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		partition.Partition, partition.Offset, partition.Metadata = p.Partition, p.Offset, &p.Metadata
		topics[n].Partitions = append(topics[n].Partitions, partition)
	}
	return topics
}

// commitOffsets is the commit at least once: what was written is acknowledged before the offsets are committed. It
// reports false if the group refused them because of a rebalance.
func (w *worker) commitOffsets() (bool, error) {
	if err := w.out.flush(w.app.hard); err != nil {
		return false, classify(err)
	}
	err := w.offsetCommit()
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, kerr.FencedInstanceID):
		return false, &FencedError{Instance: w.member, Err: err}
	case errors.Is(err, kerr.RebalanceInProgress), errors.Is(err, kerr.IllegalGeneration), errors.Is(err, kerr.UnknownMemberID):
		return false, nil
	}
	return false, classify(fmt.Errorf("engine: commit offsets of group %q: %w", w.app.graph.Application, err))
}

// offsetCommit commits the positions outside of any transaction.
func (w *worker) offsetCommit() error {
	ctx := kgo.PreCommitFnContext(w.app.hard, func(r *kmsg.OffsetCommitRequest) error {
		metadata := make(map[topicPartition]*string, len(w.positions))
		for i := range w.positions {
			p := &w.positions[i]
			metadata[topicPartition{p.Topic, p.Partition}] = &p.Metadata
		}
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				p := &r.Topics[i].Partitions[j]
				p.Metadata = metadata[topicPartition{r.Topics[i].Topic, p.Partition}]
			}
		}
		return nil
	})
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for i := range w.positions {
		p := &w.positions[i]
		setOffset(offsets, p.Topic, p.Partition, p.Offset)
	}
	var failed error
	w.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		if failed = err; err != nil {
			return
		}
		for i := range resp.Topics {
			for _, p := range resp.Topics[i].Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil && failed == nil {
					failed = fmt.Errorf("topic %q, partition %d: %w", resp.Topics[i].Topic, p.Partition, err)
				}
			}
		}
	})
	return failed
}

// commitOffsetsFirst is the fault of that name.
func (w *worker) commitOffsetsFirst() error {
	w.positions = w.positions[:0]
	for _, r := range w.tasks {
		if r.t != nil {
			w.positions = append(w.positions, r.t.Positions()...)
		}
	}
	if err := w.offsetCommit(); err != nil {
		w.log.Warn("offsets were not committed first", "error", err)
	}
	return nil
}

// committed is the last step: the tasks go on from here, and the backend gets what changed.
func (w *worker) committed() error {
	for i := range w.positions {
		p := &w.positions[i]
		if f := w.feed(p.Topic, p.Partition); f != nil {
			f.committed = p.Offset
		}
		if w.app.repartition[p.Topic] {
			w.app.purger.committed(p.Topic, p.Partition, p.Offset)
		}
	}
	var generations []*state.Generation
	for _, r := range w.committing {
		generations = append(generations, r.t.Committed(w.out.end)...)
	}
	return w.applier.apply(generations)
}

// rollBack goes on from the last commit after a transaction that was aborted.
func (w *worker) rollBack() error {
	w.aborts++
	w.log.Warn("a transaction was aborted, its records are processed again", "in a row", w.aborts)
	w.firstWork = time.Time{}
	w.out.reset()
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	var resume map[string][]int32
	for _, r := range w.tasks {
		if r.t == nil {
			continue
		}
		if err := r.t.Abort(); err != nil {
			return err
		}
		for _, f := range r.feeds {
			f.next = f.committed
			setOffset(offsets, f.topic, f.partition, f.committed)
			f.full = false // and refill says what of the rest still holds
			if f.stopped {
				f.stopped = false
				addPartition(&resume, f)
			}
		}
	}
	// The client believes that what was polled and committed before is where to go on; the tasks' own positions are.
	w.client.SetOffsets(offsets)
	if resume != nil && !w.paused {
		w.client.ResumeFetchPartitions(resume)
	}
	if w.aborts > 1 {
		select {
		case <-time.After(min(time.Second, 10*time.Millisecond<<min(w.aborts, 7))):
		case <-w.app.hard.Done():
		}
	}
	return nil
}

// abort ends the transaction without its results.
func (w *worker) abort() error {
	ending := time.Now()
	_, err := w.session.End(w.app.hard, kgo.TryAbort)
	w.transacting = false
	if err != nil {
		return classify(fmt.Errorf("engine: abort transaction %s: %w", w.txid, err))
	}
	w.report(CommitInfo{Written: w.out.sent, Took: time.Since(ending), Aborted: true})
	return w.rollBack()
}

// resetSession makes the session forget a revocation that came while no transaction was open; otherwise it would abort the
// next one.
func (w *worker) resetSession() error {
	if w.session == nil {
		return nil
	}
	if w.transacting {
		// Lost in the middle of a transaction: what was done in it must not be committed.
		return w.abort()
	}
	if _, err := w.session.End(w.app.hard, kgo.TryAbort); err != nil {
		return classify(fmt.Errorf("engine: reset session %s: %w", w.txid, err))
	}
	// That took the client back to the last commit; the buffers of the tasks are ahead of it.
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for _, r := range w.tasks {
		if r.t == nil {
			continue
		}
		for _, f := range r.feeds {
			setOffset(offsets, f.topic, f.partition, f.next)
		}
	}
	w.client.SetOffsets(offsets)
	return nil
}

func setOffset(offsets map[string]map[int32]kgo.EpochOffset, topic string, partition int32, offset int64) {
	of := offsets[topic]
	if of == nil {
		of = make(map[int32]kgo.EpochOffset)
		offsets[topic] = of
	}
	of[partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
}
