// Package cost holds hostile input, in tests, to what one message may take: memory, and time of the processor. What other tests
// and other programs take meanwhile does not count: a call is tried again, and time in which it did not run is left out.
package cost
