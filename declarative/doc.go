// Package declarative makes topologies of YAML files: what the Go DSL of package topology says for records of JSON and of
// scalars, with expressions in the place of functions. docs/declarative.md is the reference of the format.
//
//	f, err := declarative.Read("orders.yaml")
//	// orders.yaml:7:17: streams.totals.steps[0].filter: expression: unknown name valu, here are key, value, timestamp, headers
//
// Rules of the package:
//
//	Y1  A file and the Go code that says the same build the same topology: names, stores, topics and hashes are equal. So an
//	    application can go from one to the other, if its serdes write the same.
//	Y2  Every mistake has its place, also one that only [topology.Builder.Build] finds, and all that can be found are reported at
//	    once. Nothing in a file makes loading it panic.
//	Y3  Expressions see values as [serde.JSONAny] has them, and null as nil: nulls of Kafka reach every expression that the
//	    operator shows them to. A null result is a null value or deletes a row.
//	Y4  Expressions are pure and bounded: they have no clock, no random numbers and no input or output, a bounded size and depth,
//	    and a bounded number of items that they make. One that fails is an error of its operator, which names the record.
//	Y5  An operator whose expressions use timestamp or headers is a processor in the topology; any other is that of the DSL.
//
// It runs nothing: package engine runs topologies on Kafka, declarative/jsonlines over lines of JSON, and declarative/filetest
// runs the tests of a file.
package declarative
