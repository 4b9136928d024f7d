package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/examples/orders"
)

// auditor reads the totals, as anybody would who reads committed records, and enters them in the ledger.
type auditor struct {
	cl      *kgo.Client
	cluster *kfake.Cluster
	ledger  *ledger
	closed  func(window, orders.Totals)
	next    [partitions]int64

	ended chan struct{} // closed when run has ended
	err   error         // of run, once it has
}

func newAuditor(c *kfake.Cluster, l *ledger, closed func(window, orders.Totals)) (*auditor, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics(orders.TotalsTopic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(250*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	return &auditor{cl: cl, cluster: c, ledger: l, closed: closed, ended: make(chan struct{})}, nil
}

// run reads until the context ends or something is wrong.
func (a *auditor) run(ctx context.Context) {
	defer close(a.ended)
	for ctx.Err() == nil && a.err == nil {
		a.err = a.poll(ctx)
	}
	if ctx.Err() != nil && errors.Is(a.err, context.Canceled) {
		a.err = nil
	}
}

// finish reads what is left when the engine has ended and run too.
func (a *auditor) finish() error {
	if <-a.ended; a.err != nil {
		return a.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	for !a.atEnd() {
		if err := a.poll(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) atEnd() bool {
	for p := range a.next {
		if a.next[p] < a.cluster.PartitionInfo(orders.TotalsTopic, int32(p)).HighWatermark {
			return false
		}
	}
	return true
}

func (a *auditor) poll(ctx context.Context) error {
	fetches := a.cl.PollFetches(ctx)
	for _, r := range fetches.Records() {
		a.next[r.Partition] = r.Offset + 1
		if r.Attrs.IsControl() {
			continue
		}
		key, err := orders.TotalsKey.Decode(r.Key)
		if err != nil {
			return fmt.Errorf("key of a total: %w", err)
		}
		totals, err := orders.TotalsSerde.Decode(r.Value)
		if err != nil {
			return fmt.Errorf("total: %w", err)
		}
		if err := a.ledger.receive(key, totals); err != nil {
			return err
		}
		a.closed(key, totals)
	}
	if err := fetches.Err(); err != nil {
		return fmt.Errorf("read totals: %w", err)
	}
	return nil
}
