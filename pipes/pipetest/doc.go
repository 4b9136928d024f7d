// Package pipetest has stand-ins for pipes and streams, for tests of what uses them: a [Pipe] that returns, fails or waits as
// a test says and remembers its calls, and a [Stream] that fails where a test wants it to.
//
// Waiting is by package time, so in a bubble of testing/synctest it takes no time. A Pipe may be used by any number of
// goroutines.
package pipetest
