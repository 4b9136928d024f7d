package engine

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// logText is a log that a test reads while others write it.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startPurger runs a purger on a topic of two partitions with 100 records each, and returns what it logs.
func startPurger(t *testing.T) (*broker, *purger, *logText) {
	t.Helper()
	b := newBroker(t, kfake.SeedTopics(2, "moved"))
	cl := b.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 200 {
		r := &kgo.Record{Topic: "moved", Partition: int32(i % 2), Value: fmt.Append(nil, i)}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	log := new(logText)
	p := newPurger(b.admin(t), slog.New(slog.NewTextHandler(log, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	time.Sleep(p.interval / 2) // tests look between two rounds
	return b, p, log
}

func starts(b *broker) [2]int64 {
	infos := b.PartitionInfos("moved")
	return [2]int64{infos[0].LogStartOffset, infos[1].LogStartOffset}
}

func rounds(p *purger, n int) {
	time.Sleep(time.Duration(n) * p.interval)
	synctest.Wait()
}

func TestPurgeBehindCommittedOffsets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, log := startPurger(t)
		deletes := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DeleteRecords}, Count: -1, Observe: true})
		rounds(p, 2)
		if deletes.Hits() != 0 {
			t.Error("asked to delete although nothing was committed")
		}
		var workers sync.WaitGroup
		for w := range 4 {
			workers.Go(func() {
				for offset := range int64(41) {
					p.committed("moved", int32(w%2), offset)
				}
			})
		}
		workers.Wait()
		p.committed("moved", 0, 30) // an abort does not take records back
		if got := starts(b); got != [2]int64{} {
			t.Errorf("starts at %v before the interval is over", got)
		}
		rounds(p, 1)
		if got := starts(b); got != [2]int64{40, 40} {
			t.Errorf("starts at %v, want 40 and 40", got)
		}
		p.committed("moved", 1, 100)
		rounds(p, 1)
		if got := starts(b); got != [2]int64{40, 100} {
			t.Errorf("starts at %v, want 40 and 100", got)
		}
		before := deletes.Hits()
		rounds(p, 3)
		if deletes.Hits() != before {
			t.Error("deleted again although nothing was committed since")
		}
		if log.String() != "" {
			t.Errorf("logged %s", log)
		}
	})
}

func TestPurgeGoesOnAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p, log := startPurger(t)
		fault := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DeleteRecords}, Partitions: []int32{1}, Err: kerr.PolicyViolation, Count: -1})
		p.committed("moved", 0, 50)
		p.committed("moved", 1, 50)
		rounds(p, 1)
		if got := starts(b); got != [2]int64{50, 0} {
			t.Errorf("starts at %v, want 50 and 0", got)
		}
		if !strings.Contains(log.String(), `1 of 2 partitions, one of them topic \"moved\", partition 1, below offset 50: POLICY_VIOLATION`) {
			t.Errorf("logged %s", log)
		}
		rounds(p, 100)
		if n := strings.Count(log.String(), "were not purged"); n < 3 || n > 8 {
			t.Errorf("logged %d failures in 50 minutes, want one in 10 minutes", n)
		}
		fault.Remove()
		rounds(p, 1)
		if got := starts(b); got != [2]int64{50, 50} {
			t.Errorf("starts at %v, want 50 and 50", got)
		}
		if strings.Count(log.String(), "are purged again") != 1 {
			t.Errorf("logged %s", log)
		}
	})
}

// Another process may have purged further, or somebody may have deleted the topic.
func TestPurgeOfWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, log := startPurger(t)
		p.committed("moved", 0, 60)
		rounds(p, 1)
		p.committed("moved", 0, 50)
		rounds(p, 2)
		if log.String() != "" {
			t.Errorf("logged %s", log)
		}
		if _, err := p.adm.DeleteTopic(t.Context(), "moved"); err != nil {
			t.Fatal(err)
		}
		p.committed("moved", 0, 70)
		rounds(p, 3)
		if n := strings.Count(log.String(), "were not purged"); n != 1 || !strings.Contains(log.String(), "moved") {
			t.Errorf("logged %s", log)
		}
	})
}
