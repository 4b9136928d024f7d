// Package topology is how a user says what to compute: a [Builder] gives typed handles ([Stream], [Table], [Grouped],
// [Windowed], [WindowedTable]) whose methods add operators, and Build makes an immutable [Topology] of them.
//
// Rules of the package:
//
//	T1  Types are checked by the compiler; what it cannot see (serdes, names, options, partitions) Build reports, all
//	    mistakes at once. Nothing here panics on user input.
//	T2  What owns durable state or an internal topic has a name from the user; see [graph.Topology] rule G3. Adding or
//	    removing an operator renames nothing.
//	T3  A handle carries its serdes: an operator that keeps a type keeps its serde, one that changes it takes the default
//	    of the new type (serde.For), and WithSerdes and StoreSerdes override. A missing one is an error only where bytes
//	    are needed.
//	T4  An option that an operator does not take is an error.
//	T5  A program compiles the operators that it uses. Every method of a generic type is compiled for each of its
//	    instances, called or not, unless it has type parameters of its own; so a method that makes or reads a store has
//	    one, even if only for the type of the name ("S ~string") or of the function that it is given. Callers need not
//	    write it.
//
// The meaning of each operator is that of the Kafka Streams DSL method of the same name. The package runs nothing: see
// engine for Kafka and topologytest for tests.
package topology
