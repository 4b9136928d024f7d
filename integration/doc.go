// Package integration tests the whole product with a real Kafka broker: the binary and the programs below cmd run as
// processes of their own, are killed and started again, and what they wrote is compared with what it should be.
//
// The tests have the build tag integration and need the address of a broker in KAFKA_BROKERS; run.sh starts one. Every
// test has topics and an application of its own, so they can share a broker, and what an earlier run left is deleted
// first.
//
// Outside of the tests the package holds what they share with the programs: the topology [Tallies], and the status file in
// which a process writes down what its engine does.
//
// The conformance scenarios and the broker's script are in the folders conformance and kafka.
package integration
