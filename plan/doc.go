// Package plan judges upgrades: what becomes of the state, the offsets and the records in flight of an application if a new
// version of its topology goes on where the old one stopped.
//
// It compares two descriptions (topology.Description), and if they are known the topics of the brokers. Each difference is a
// [Change] of one of the [Kinds]; the kind says the verdict, why, and what to do.
//
// Rules:
//
//	N1  A kind has one verdict. Where the same edit may end in two ways, there are two kinds.
//	N2  A verdict says what this module's runtimes do. The tests run every pair of the table, and random pairs, on one broker:
//	    a safe upgrade has the results and the rows of the new version over all input, and for every other kind there are
//	    inputs for which it has not.
//	N3  What is not in a description is not judged: the code of functions, the fields of JSON, the settings of instances.
//
// It talks to no broker and reads no binaries: commands do.
package plan
