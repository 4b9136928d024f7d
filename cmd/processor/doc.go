// Command processor runs topologies on Kafka.
//
// It has two built in, word-count and orders (package examples), with the command line of package rivusio; and a demo that
// runs orders on a broker in its own memory.
package main
