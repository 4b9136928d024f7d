// Package jsonlines runs the topology of a file over lines of JSON, without Kafka: each line is a record of an input topic,
// and each record of an output topic becomes a line. The topology is that of production on the runtime of package
// internal/local, so the results are those that Kafka would get for records in that order.
//
// An input line is the value of a record, or an envelope, an object that has a value and nothing but
//
//	{"topic": "orders", "key": "ann", "value": {…}, "timestamp": 1709210096000, "headers": {"a": "b"}, "partition": 0}
//
// of which only the value is needed: the topic is that of the configuration or the only one that the file reads, the key
// null, the timestamp the time of reading (ms since the epoch). Output lines are envelopes, or values.
//
// Rules of the package:
//
//	J1  Lines run one after the other, each to its end, through every internal topic. So a result depends on the lines before
//	    it and on nothing else, but for emit_on_commit: results then leave at commits, which are after every CommitEvery lines,
//	    when no line comes for a while, and at the end.
//	J2  Memory is bounded by the state of the topology and by what one commit holds: what was processed and written is dropped.
//	    State may lie on disk.
//	J3  An error names the line. What was committed before it has been written.
//	J4  At the end of the input everything is committed. Windows that are open stay open, as they do on Kafka when no more
//	    records come: their results have not left.
package jsonlines
