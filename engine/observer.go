package engine

import "time"

// Observer is told what happens in an App. Calls come from the goroutines that do it, several at once, and must return
// soon. Embed [NoObserver] to implement only some, and so that more may be added.
type Observer interface {
	CommitEnded(CommitInfo)
	RestoreEnded(RestoreInfo)
	Rebalanced(RebalanceInfo)
	// OperatorFailed is told what an operator failed for, unless the task stops for it. It runs on the task's goroutine.
	OperatorFailed(FailureInfo)
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

// CommitInfo is one commit of a worker.
type CommitInfo struct {
	Worker  int
	Tasks   int   // that had something to commit
	Written int64 // records, those of changelogs included
	Took    time.Duration
	Aborted bool // it did not succeed, and its records are processed again
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
}
