package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	stablePoll = 20 * time.Millisecond  // between two looks at the last stable offset
	fenceAfter = 500 * time.Millisecond // for which a transaction on a changelog may be ending by itself
)

// awaitStable waits until no transaction is open below an offset of a changelog partition, and returns the offset up to
// which none is, which may be higher: an end that was read before the marker of the last transaction came is followed by
// it. The partition is ours now, so
// whoever has one open is dead, or does not know yet that the group goes on without it: after a moment, in which a commit of
// its former owner may become visible, the writer is fenced, which aborts the transaction (hard point 9).
func (r *restorer) awaitStable(ctx context.Context, topic string, number int32, end int64) (stable int64, err error) {
	began := time.Now()
	for fenced := began; ; {
		stable, err := r.offset(ctx, r.adm.ListCommittedOffsets, topic, number)
		if err != nil {
			return 0, err
		}
		if stable >= end {
			return stable, nil
		}
		if time.Since(began) > fenceAfter && time.Since(fenced) > fenceAfter {
			if err := r.fenceWriters(ctx, topic, number); err != nil {
				// Without the right to do so the transaction's own timeout is waited for.
				r.log.Warn("an open transaction holds a restore up and could not be ended", "topic", topic, "partition", number, "error", err)
			}
			fenced = time.Now()
		}
		select {
		case <-time.After(stablePoll):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// fenceWriters ends the open transactions on a partition by initialising their transactional ids.
func (r *restorer) fenceWriters(ctx context.Context, topic string, number int32) error {
	var set kadm.TopicsSet
	set.Add(topic, number)
	producers, err := r.adm.DescribeProducers(ctx, set)
	if err != nil {
		return fmt.Errorf("producers of topic %q, partition %d: %w", topic, number, err)
	}
	var ids []int64
	producers.EachProducer(func(p kadm.DescribedProducer) {
		if p.CurrentTxnStartOffset >= 0 {
			ids = append(ids, p.ProducerID)
		}
	})
	if len(ids) == 0 {
		return nil
	}
	transactions, err := r.adm.ListTransactions(ctx, ids, []string{"Ongoing"})
	if err != nil {
		return fmt.Errorf("transactions of topic %q, partition %d: %w", topic, number, err)
	}
	for _, t := range transactions {
		if err := r.app.fence(ctx, t.TxnID); err != nil {
			return err
		}
		r.log.Info("fenced the former owner of a task", "transactional id", t.TxnID, "topic", topic, "partition", number)
	}
	return nil
}

// fence aborts the open transaction of a transactional id, if there is one, and shuts its producer out.
func (a *App) fence(ctx context.Context, txid string) error {
	return fence(ctx, a.cl, txid, a.cfg.TransactionTimeout)
}

func fence(ctx context.Context, cl *kgo.Client, txid string, timeout time.Duration) error {
	for {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID = &txid
		req.TransactionTimeoutMillis = int32(timeout.Milliseconds())
		resp, err := req.RequestWith(ctx, cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) {
			if err != nil {
				return fmt.Errorf("fence transactional id %s: %w", txid, err)
			}
			return nil
		}
		if err := sleep(ctx, stablePoll); err != nil {
			return err
		}
	}
}
