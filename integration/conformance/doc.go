// Package conformance runs the conformance scenarios of this folder on the local runtime and compares what comes out with
// what Kafka Streams gives. README.md describes the scenarios, rules.md the rules that they exercise.
//
// A topology is built of operators through the public builder, with values that can be of any kind at run time. Operators
// and options that the builder does not have are reported by name, and such a scenario counts as unsupported, neither
// passed nor failed.
package conformance
