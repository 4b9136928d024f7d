// Package engine runs topologies on Kafka: workers, each a static member of the application's consumer group and a
// transactional producer in one, that fetch, process and commit.
//
// Rules of the package:
//
//	E1  A worker is one goroutine with one client. It owns its tasks; everything else (restores, writes of committed
//	    state, purges) runs beside it and never calls a task.
//	E2  Outputs, changelogs and input offsets of a commit are one transaction (exactly once), or are acknowledged in
//	    this order: outputs and state, time, offsets (at least once). Invariant I3.
//	E3  Committed state goes to the backend after its commit and beside the next interval; the backend's checkpoint is
//	    the changelog offset of that commit. Nothing else is ever written to it but restores (I1).
//	E4  Rebalances wait for the commit (hard point 12): the client may call back only while nothing is uncommitted.
//	E5  What the outcome of is not known is never guessed: the worker starts anew with a new client, which fences the old
//	    one, and with the state that was committed.
//	E6  No offset is ever reset (I8).
//	E7  A global store belongs to no worker: its reader has a goroutine and a client of its own, and tasks only read what
//	    it has applied.
//
// It does not decide what records mean; that is package task's and the operators'.
package engine
