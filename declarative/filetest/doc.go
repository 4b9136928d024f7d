// Package filetest runs the tests of declarative topologies: each on topics of its own in memory, with the records of its
// input one after the other, and a commit after each.
//
// Nothing here depends on the time of day or on the order of maps: a test that passes, passes always.
package filetest
