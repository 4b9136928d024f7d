package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// purger deletes the records of repartition topics that were processed, since nobody else reads them and their topics
// keep everything (hard point 8).
type purger struct {
	interval time.Duration // between two rounds; default 30 s, as Kafka Streams' repartition.purge.interval.ms
	adm      *kadm.Client
	log      *slog.Logger

	mu    sync.Mutex
	moved map[topicPartition]int64 // committed since the last round

	failing  int       // rounds in a row that failed
	reported time.Time // when a failure was logged last
}

type topicPartition struct {
	topic     string
	partition int32
}

// purgeReportInterval is how often a failure that goes on is logged.
const purgeReportInterval = 10 * time.Minute

func newPurger(adm *kadm.Client, log *slog.Logger) *purger {
	return &purger{interval: 30 * time.Second, adm: adm, log: log, moved: make(map[topicPartition]int64)}
}

// committed tells that the records of a repartition topic below an offset are processed, for good. It may be called from
// any goroutine.
func (p *purger) committed(topic string, partition int32, offset int64) {
	at := topicPartition{topic, partition}
	p.mu.Lock()
	defer p.mu.Unlock()
	if offset > 0 && offset > p.moved[at] {
		p.moved[at] = offset
	}
}

// run purges until the context ends. A purge that fails is tried again in the next round: nothing is lost but room.
func (p *purger) run(ctx context.Context) {
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.report(ctx, p.purge(ctx))
		}
	}
}

// purge deletes what was committed since the last time. What could not be deleted is kept for the next time.
func (p *purger) purge(ctx context.Context) error {
	p.mu.Lock()
	moved := p.moved
	p.moved = make(map[topicPartition]int64, len(moved))
	p.mu.Unlock()
	if len(moved) == 0 {
		return nil
	}
	var below kadm.Offsets
	for at, offset := range moved {
		below.AddOffset(at.topic, at.partition, offset, -1)
	}
	responses, err := p.adm.DeleteRecords(ctx, below)
	failed, why := 0, error(nil)
	for at, offset := range moved {
		r, answered := responses.Lookup(at.topic, at.partition)
		// Out of range: the partition starts behind the offset already.
		if answered && (r.Err == nil || errors.Is(r.Err, kerr.OffsetOutOfRange)) {
			continue
		}
		p.committed(at.topic, at.partition, offset)
		failed++
		why = fmt.Errorf("topic %q, partition %d, below offset %d: %w", at.topic, at.partition, offset, cmp.Or(r.Err, err, errUnanswered))
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d partitions, one of them %w", failed, len(moved), why)
	}
	return nil
}

var errUnanswered = errors.New("no answer")

// report logs the first failure of a row, then one in a while, and the end of the row.
func (p *purger) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.failing++
		if p.failing == 1 || time.Since(p.reported) >= purgeReportInterval {
			p.reported = time.Now()
			p.log.Warn("repartition topics were not purged, which is tried again", "error", err, "rounds", p.failing, "interval", p.interval)
		}
	case p.failing > 0:
		p.log.Info("repartition topics are purged again", "rounds", p.failing)
		p.failing = 0
	}
}
