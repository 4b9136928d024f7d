// Package local runs a topology without a broker: the tasks of production over topics in memory, with any number of
// partitions, under a virtual clock. It is what the test driver, bounded reruns and runs from file to file stand on.
//
// Rules of the package:
//
//	L1  One record runs at a time, and the order is fixed: records that the topology itself wrote to a topic that it reads
//	    come before those from outside, by the timestamps of the next records of the partitions; those from outside come in
//	    the order in which they were appended. So a record from outside is processed to its end, through every internal
//	    topic, before the next. Partitions whose next timestamps are equal come as a binary heap has them to which each is
//	    added when it gets its first record and again after each record: the order of the test driver of Kafka Streams,
//	    which nothing may depend on in production, where it is that of arrival.
//	L2  All tasks commit together, in one transaction. What it wrote can be read from outside afterwards; an abort hides it
//	    and starts again from the committed offsets, in the order of L1.
//	L3  A [Broker] outlives its [Runtime]s: a new one goes on from the committed offsets and restores from the changelogs
//	    what its backend lacks.
//	L4  The wall clock moves by [Runtime.Advance] and by nothing else.
//	L5  A global store follows its topic outside of the order of L1: what is committed there is in the store before the
//	    next record runs.
//	L6  What operators have on its way beside their task comes back before the next record runs, in the order of the records
//	    that it was made of, unless Config.Beside is set: then [Runtime.Run] does not wait for it, and [Runtime.Drain] does.
//	L7  What [Runtime.Trim] has dropped is gone: what a reader has committed of an input, what a store holds of its changelog,
//	    what its reader outside says it has read. Nothing else is dropped by itself, so memory grows with all that was ever
//	    written unless somebody trims. A runtime that would need what is gone is not made, rather than made of a part.
//
//	L8  A log may begin at any offset ([Broker.Begin]) and have offsets without records ([Broker.Skip]). Each record has the
//	    number of the one from outside that led to it directly. [Runtime.RunStaged] runs many of those one sub-topology after
//	    the other, where that gives each task the same records in the same order as L1 does. With [Config].Staged a value goes
//	    beside its bytes from its writer to a reader with the same serdes, if those are exact ([serde.Exact]).
//
// Nothing here is safe for concurrent use, and a Broker serves one Runtime at a time.
package local
