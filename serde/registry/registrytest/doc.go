// Package registrytest is a schema registry in the process, for tests: it answers as a real one does, and really refuses schemas
// that are not compatible, which the fake below it does not.
//
// It keeps everything in memory, knows one rule of compatibility for all subjects, and compares with the latest schema only.
package registrytest
