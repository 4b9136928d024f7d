// Package graph is a built topology with its types erased: nodes, stores, topics and sub-topologies, and how to make a
// node's operator for a task. It is what the builder and the runtimes share, so that neither shows its inside to users.
//
// Rules that the runtimes rely on:
//
//	G1  A Topology is immutable once Finish returned it, so any number of tasks may read it at once.
//	G2  Types are erased once for each node and task, when [Instance.Make] makes the operators, and never for a record.
//	G3  Nothing durable depends on a position: topics, changelogs and state are found by names that the user gave.
//
// It does not check types (the builder does), and it knows neither broker nor task.
package graph
