// Package rivusio is the command line of a program that runs topologies.
//
// A program hands its topologies to [Main] and is done:
//
//	func main() { rivusio.Main(orders.Topology) }
//
// It then has the commands run, describe, topics, lint, test, pipe, schema, config, version and completion. Topologies are
// built when a command needs them; they are told apart by the names of their applications. In the place of one of the program
// run, describe and topics take a file, see package declarative, and lint, test and pipe are for files. The configuration comes from defaults, a file, the
// environment and flags, see package config.
//
// The process ends with 0 if all went well, 1 if the work failed, 2 if the command line or the configuration is wrong.
// Logs and errors go to standard error, what a command was asked for goes to standard output.
//
// This package has no part in processing: whoever embeds a topology in a program of their own uses package engine.
package rivusio
