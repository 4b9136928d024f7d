package engine

import (
	"time"

	"github.com/rivusio/rivusio/operators"
)

// Observer is told what happens in an App. Calls come from the goroutines that do it, several at once, and must return
// soon. Embed [NoObserver] to implement only some, and so that more may be added.
type Observer interface {
	CommitEnded(CommitInfo)
	RestoreEnded(RestoreInfo)
	Rebalanced(RebalanceInfo)
	// OperatorFailed is told what an operator failed for, unless the task stops for it. It runs on the task's goroutine.
	OperatorFailed(FailureInfo)
	// BatchSent and BatchFetched tell each batch of records that a worker's client wrote or read, RequestEnded each request.
	BatchSent(BatchInfo)
	BatchFetched(BatchInfo)
	RequestEnded(RequestInfo)
}

// NoObserver does nothing.
type NoObserver struct{}

// CommitEnded implements Observer.
func (NoObserver) CommitEnded(CommitInfo) {}

// RestoreEnded implements Observer.
func (NoObserver) RestoreEnded(RestoreInfo) {}

// Rebalanced implements Observer.
func (NoObserver) Rebalanced(RebalanceInfo) {}

// OperatorFailed implements Observer.
func (NoObserver) OperatorFailed(FailureInfo) {}

// BatchSent implements Observer.
func (NoObserver) BatchSent(BatchInfo) {}

// BatchFetched implements Observer.
func (NoObserver) BatchFetched(BatchInfo) {}

// RequestEnded implements Observer.
func (NoObserver) RequestEnded(RequestInfo) {}

// Observers is an Observer that tells all others, in their order.
func Observers(all ...Observer) Observer { return observers(all) }

type observers []Observer

func (o observers) CommitEnded(i CommitInfo) {
	for _, one := range o {
		one.CommitEnded(i)
	}
}

func (o observers) RestoreEnded(i RestoreInfo) {
	for _, one := range o {
		one.RestoreEnded(i)
	}
}

func (o observers) Rebalanced(i RebalanceInfo) {
	for _, one := range o {
		one.Rebalanced(i)
	}
}

func (o observers) BatchSent(i BatchInfo) {
	for _, one := range o {
		one.BatchSent(i)
	}
}

func (o observers) BatchFetched(i BatchInfo) {
	for _, one := range o {
		one.BatchFetched(i)
	}
}

func (o observers) RequestEnded(i RequestInfo) {
	for _, one := range o {
		one.RequestEnded(i)
	}
}

func (o observers) OperatorFailed(i FailureInfo) {
	for _, one := range o {
		one.OperatorFailed(i)
	}
}

// CommitInfo is one commit of a worker.
type CommitInfo struct {
	Worker      int
	Tasks       int           // that had something to commit
	Written     int64         // records, those of changelogs included
	Took        time.Duration // from the first step to the answer of the brokers
	Transaction time.Duration // from its begin to its end; 0 at least once
	Aborted     bool          // it did not succeed, and its records are processed again
	// Followed are spans of traced records that it is about, some of them; see [Config.Watch].
	Followed []operators.Span
}

// BatchInfo is a batch of records of one partition.
type BatchInfo struct {
	Topic     string
	Partition int32
	Records   int
	Bytes     int // without compression
	WireBytes int // as it was sent
}

// RequestInfo is one request to a broker.
type RequestInfo struct {
	Request string // name in Kafka's protocol: "Produce", "Fetch"
	Broker  string // HOST:PORT
	Took    time.Duration
	Err     error // of the connection; what the answer says is not looked at
}

// RestoreInfo is one store partition that was brought up to date, or a whole global store.
type RestoreInfo struct {
	Store     string
	Partition int32 // -1: all partitions, of a global store
	Records   int64 // of the changelog, without the markers of transactions
	Empty     bool  // there was no state before
	Rebuilt   bool  // what there was had to be given up
	Took      time.Duration
}

// RebalanceInfo is a change of what a worker has.
type RebalanceInfo struct {
	Worker     int
	Partitions int // input partitions that it has now
	// Took is the time from the request to join the group to the new assignment; 0 if partitions only went.
	Took time.Duration
}
