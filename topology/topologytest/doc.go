// Package topologytest tests a topology without a broker: a [Driver] runs it on topics in memory with the tasks of
// production, under a clock that the test moves. Tests send records to its inputs and read its outputs, its stores and
// what it dropped.
//
//	d := topologytest.New(t, topo)
//	orders := topologytest.Input(d, "orders", serde.String, serde.JSON[Order]())
//	totals := topologytest.Output(d, "totals", serde.String, serde.Int64)
//	orders.Send("lisbon", Order{Cents: 250}, topologytest.At(noon))
//	got := totals.Read()
//
// # Rules
//
//	D1  Send returns when the record has run to its end, through all internal topics. Internal records that wait run by
//	    timestamp. So the result of a test depends on the records and their order only.
//	D2  There is a commit after every record, unless [CommitEvery] says otherwise. Outputs show committed records only;
//	    [Driver.Commit] makes the rest visible.
//	D3  Whatever goes wrong fails the test at once, at the line that called the driver; [InputTopic.SendErr] returns it instead.
//	    A record on the topic of a global table is in the table when Send returns, and before any other record runs.
//	D4  The wall clock stands still until [Driver.Advance]. Event time is that of the records.
//
// A driver belongs to one test and one goroutine. The test's end closes it.
//
// # Start
//
//	New(t, topo)                 one partition for each topic, a commit after each record, state in memory
//	Partitions(4)                all topics have four; Partitions(2, "a") for some. See the example of Partitions
//	Topics(3, "eu", "us")        more topics: for a pattern, or for a sink that chooses its topic
//	CommitEvery(100)             commits are rarer, as in production
//	CacheBytes(1)                hardly anything is cached, so that rows are read from the store
//	Backend(b)                   state on a disk of the test's
//	StartAt(t)                   the wall clock at the start
//	FailRecord, FailCommit, FailWrite   see below
//
// # Records
//
//	in.Send(k, v)                          with the wall clock's time
//	in.Send(k, v, At(t)), AtMs(1500)       with a time of its own: event time, windows and joins go by that
//	in.Send(k, v, Header("trace", "1"))    with headers
//	in.Send(k, v, ToPartition(2))          not on the partition of its key
//	in.Delete(k), NullKey(), NullValue()   nulls, also of serdes that have none
//	KeyBytes(b), ValueBytes(b)             bytes that do not decode
//	in.SendErr(k, v)                       with the error that an operator failed with, which names the place
//
// An output gives each record once: Read the next one, ReadAll those that are left, Empty says whether there are any. What
// they return has partition, offset, timestamp and headers, and prints as KEY=VALUE@TIMESTAMP. [Output] reads internal
// topics too, changelogs and repartition topics, by their names.
//
// # Time
//
// Schedules on stream time, windows, grace and suppression move with the timestamps of records: send a later one. Schedules on
// the wall clock run in [Driver.Advance], each at most once.
//
// # Stores
//
// A store is read by its name, with the types of its declaration. What is read is what operators see, committed or not.
//
//	KeyValue   tables, aggregates, processors, global tables and stores: Get, Row, All
//	Windows    windows of all kinds but sessions: Get, Of a key, All
//	Sessions   sessions: Get, Of, All
//	Versions   versioned tables and stores: Get, GetAsOf, History, All
//	Lists      list stores, joins of streams: Of, All
//
// Each shows all partitions together; Partition(n) shows one. The handles stay good over restarts.
//
// # What was dropped
//
// [Driver.Dropped] lists what operators discarded on purpose, by operator and reason: late, without a key, not decodable.
// [Driver.Received] says how many records came to an operator. A test that ends with an empty Dropped knows that nothing got
// lost on the way.
//
// # Restarts and failures
//
//	d.Restart(KeptState)         a crash: what is not committed runs again; state is as of the last commit
//	d.Restart(EmptyState)        the disk is lost too: stores come back from their changelogs. Restored counts the records
//	d.Abort()                    a failed transaction: the operators are made anew, what is not committed runs again
//	FailRecord("check", 3, err)  the third record that comes to an operator fails
//	FailCommit(2, err)           the second commit fails: everything is written, nothing is committed
//	FailWrite("totals", 1, err)  the disk fails after a commit, and only a restart goes on
//
// A fault happens once. [InputTopic.SendErr] returns it, and until Abort or Restart everything else fails with it too. Then
// the same records run again, outputs of the failed transaction are never seen, and nothing is lost or doubled: a processor
// for which that is not so keeps something in its variables that belongs into a store, or acts on the outside world.
package topologytest
