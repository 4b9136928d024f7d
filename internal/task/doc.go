// Package task runs one sub-topology on one partition: input buffers, the choice of the next record, time, schedules, the
// stores and the steps of a commit. It is the same in production, in tests and in a replay; the runtime around it moves
// records and decides when to commit.
//
// Rules of the package:
//
//	K1  A Task is used by one goroutine at a time (I2). It never waits: a task that cannot go on says so.
//	K2  The next record is the buffered one with the smallest timestamp. While an input is empty the task waits as long
//	    as that input may still bring older records ([Task.Ready]).
//	K3  A commit is Prepare, then the runtime makes offsets, outputs and changelogs durable together, then Committed; or
//	    else Abort, after which the task is as it was at the last commit and starts from the committed offsets (I4).
//	K4  Anything that user code does wrong comes back as an *operators.Error (I9).
//	K5  Work that operators leave when a record is done (operators.Work) is done before the next record, in turns, whatever
//	    commits and aborts fall between them.
//	K6  A [Global] feeds a store for all tasks of the process. It is in no commit: what it applies is seen at once.
//	K7  Operators may have calls on their way beside the task, on goroutines of their own. What comes back is taken before
//	    the next record; what is still on its way at a commit is in a store.
//
// The package knows no Kafka client, no clock but the one that its runtime gives, and starts no goroutine.
package task
