package engine

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Whatever a broker answers now and then, exactly once stays exactly once.
func TestAnswersThatPass(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault kfake.Fault
	}{
		{"produce refused", kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas}},
		{"produce timed out", kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut}},
		{"produce fenced", kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.InvalidProducerEpoch}},
		{"producer unknown", kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.UnknownProducerID}},
		{"not leader", kfake.Fault{Keys: []kmsg.Key{kmsg.Produce, kmsg.Fetch}, Err: kerr.NotLeaderForPartition}},
		{"end concurrent", kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.ConcurrentTransactions}},
		{"end abortable", kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.TransactionAbortable}},
		{"end coordinator moved", kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.NotCoordinator}},
		{"end coordinator loads", kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.CoordinatorLoadInProgress}},
		{"end fenced", kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.InvalidProducerEpoch}},
		{"end producer fenced", kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.ProducerFenced}},
		{"end unknown", kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.UnknownServerError}},
		{"offsets in rebalance", kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.RebalanceInProgress}},
		{"offsets of an old generation", kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.IllegalGeneration}},
		{"offsets of no member", kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.UnknownMemberID}},
		{"offsets coordinator moved", kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.NotCoordinator}},
		{"heartbeat of no member", kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID}},
		{"heartbeat of an old generation", kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.IllegalGeneration}},
		{"no member at all", kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat, kmsg.TxnOffsetCommit}, Err: kerr.UnknownMemberID}},
		{"heartbeat in rebalance", kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.RebalanceInProgress}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, map[string]int32{"in": 3, "out": 2})
				cfg := r.config("one")
				cfg.Workers = 2
				p := r.start(windowedCount(t), cfg)
				p.awaitRunning()
				fault := c.fault
				fault.Count = 3
				handle := r.Fault(fault)
				r.feed("windowed", 0, 1000, 15*time.Second)
				r.awaitCaughtUp("windowed", "windowed-by-value-repartition")
				p.mustEnd()
				if handle.Hits() == 0 {
					t.Error("the fault was never asked for")
				}
				r.wantEachOnce("out", wantWindowed(1000))
			})
		})
	}
}

// Leaders and coordinators move, connections break and requests fail, all the time, under two processes of two workers.
func TestChaos(t *testing.T) {
	for seed := range uint64(3) {
		bubble(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			r := newRig(t, map[string]int32{"in": 3, "out": 2})
			r.keepEpochs()
			var processes []*process
			for _, name := range []string{"one", "two"} {
				c := r.config(name)
				c.Workers = 2
				processes = append(processes, r.start(windowedCount(t), c))
			}
			for _, p := range processes {
				p.awaitRunning()
			}
			calm := make(chan struct{})
			over := make(chan struct{})
			go func() {
				defer close(over)
				for {
					select {
					case <-calm:
						return
					case <-time.After(time.Duration(50+rng.IntN(500)) * time.Millisecond):
						r.disturb(rng)
					}
				}
			}()
			r.feed("windowed", 0, 2000, 30*time.Second)
			close(calm)
			<-over
			r.awaitCaughtUp("windowed", "in")
			r.awaitCaughtUp("windowed", "windowed-by-value-repartition")
			for _, p := range processes {
				p.mustEnd()
			}
			r.wantEachOnce("out", wantWindowed(2000))
		})
	}
}

// keepEpochs answers, for every epoch of a partition's leader, that its records are still there, which they are: nothing
// here truncates a log. kfake itself says that they are lost if the leader moved and nothing was written since, or if all
// was purged.
func (r *rig) keepEpochs() {
	r.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(request kmsg.Request) (kmsg.Response, error, bool) {
		r.KeepControl()
		asked := request.(*kmsg.OffsetForLeaderEpochRequest)
		answer := asked.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		for _, t := range asked.Topics {
			topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
			topic.Topic = t.Topic
			for _, p := range t.Partitions {
				partition := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
				partition.Partition, partition.LeaderEpoch, partition.EndOffset = p.Partition, p.LeaderEpoch, math.MaxInt64
				topic.Partitions = append(topic.Partitions, partition)
			}
			answer.Topics = append(answer.Topics, topic)
		}
		return answer, nil, true
	})
}

func (r *rig) disturb(rng *rand.Rand) {
	switch rng.IntN(4) {
	case 0:
		topics := []string{"in", "out", "windowed-by-value-repartition", "windowed-counts-changelog"}
		_ = r.MoveTopicPartition(topics[rng.IntN(len(topics))], 0, int32(rng.IntN(2)))
	case 1:
		r.RehashCoordinators()
	case 2:
		faults := []kfake.Fault{
			{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut},
			{Keys: []kmsg.Key{kmsg.Produce, kmsg.Fetch}, Err: kerr.NotLeaderForPartition},
			{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.RequestTimedOut},
			{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.UnknownServerError},
			{Keys: []kmsg.Key{kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.Heartbeat, kmsg.OffsetFetch}, Err: kerr.NotCoordinator},
		}
		r.Fault(faults[rng.IntN(len(faults))])
	case 3:
		cut := errors.New("cut")
		r.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
			return nil, cut, true
		})
	}
}

// A zombie: a process that stood still for longer than its session, and goes on while another one has its tasks.
func TestZombieIsFenced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		first := r.config("one")
		network := &freezer{dial: first.Dialer}
		first.Dialer = network.dialContext
		a := r.start(counting(t), first)
		a.awaitRunning()
		r.feed("count", 0, 300, time.Second)
		network.freeze()
		r.produce("in", traffic(300, 300, 3)...)
		b := r.start(counting(t), r.config("two"))
		await(t, "the second process to have everything", func() bool { return len(b.Tasks()) == 3 && b.Ready() })
		r.awaitCaughtUp("count", "in")
		network.thaw()
		r.feed("count", 600, 400, 10*time.Second)
		a.mustEnd()
		b.mustEnd()
		r.wantEachOnce("out", wantKeyed(1000))
	})
}

// Two processes must not have one name: the first one stops and says why (hard point 10).
func TestSameInstanceNameIsFatal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		a := r.start(counting(t), r.config("one"))
		a.awaitRunning()
		r.feed("count", 0, 300, time.Second)
		b := r.start(counting(t), r.config("one"))
		r.produce("in", traffic(300, 300, 3)...)
		err := a.wait()
		var fenced *FencedError
		if !errors.As(err, &fenced) {
			t.Fatalf("Run returned %v", err)
		}
		wantError(t, err, `"one-0" was taken over`)
		r.feed("count", 600, 400, 5*time.Second)
		b.mustEnd()
		r.wantEachOnce("out", wantKeyed(1000))
	})
}
