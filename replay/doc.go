// Package replay runs slices of the past through a topology, without touching what runs in production.
//
// [Run] takes a bounded part of the input topics, from a [Source] such as Kafka or a recording, through a topology on the local
// runtime: internal topics are in memory, state is scratch, results go to a function. It joins no group, commits no offset and
// writes to no topic; whoever is given the results may.
//
// Rules of the package:
//
//	R1  Records run in the order of event time over all partitions: the record with the smallest timestamp is next, as the
//	    extractor of its source says, else that of its topic; of equal ones that of the first topic by name, and there of the
//	    first partition. A partition keeps its order. So the results depend on the slice, the topology and Config.CommitEvery,
//	    and on nothing else: two replays give the same bytes.
//	    Where nothing but topics connects the sub-topologies, thousands of records run as one round, a sub-topology after the other:
//	    each task meets the same records in the same order, and results are told in the order of what led to them.
//	R2  Commits are after fixed numbers of records and bytes. The wall clock of the run moves to the largest timestamp seen, at
//	    commits: what a topology schedules by wall clock is as repeatable as the rest.
//	R3  A topic that the topology both writes and reads has what the replay wrote, and nothing of what production did.
//	R4  Pipes that reach outside ([pipes.External]) are replaced by their stubs unless Config.AllowExternal says otherwise; one
//	    without a stub is then an error before the first record. What a processor of a user does is its own: nobody can see it.
//	R5  Memory is bounded by what a commit holds, the caches and the heads of the partitions, however long the slice is. Scratch
//	    state lies in a folder that is gone when Run returns.
//	R6  Records that only bring the state up to the slice (Range.Warm) run first, all of them, and their results go nowhere.
//
// What it does not do: it does not repeat the order in which a live run met the records of different partitions, which is
// recorded nowhere. Results that depend on that order differ, in a live run and the next one too.
package replay
