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
// Rules of the package:
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
package topologytest
