// Package demo runs the orders example on a broker in memory, with generated orders, and shows what happens.
//
// Three parties share the broker: a generator, which keeps a ledger of what it sent; the engine, as in production but for
// its address; and an auditor, which reads the totals and compares them with the ledger. Event time runs ten times as fast
// as the clock, so that a window of ten seconds ends each second.
//
// Some orders are late on purpose, and the ledger knows that they are: on each way that an order can take (its
// partition, that of its customer, its tier) records stay in order, so one whose window has closed for an order before it
// on the same way comes too late. What else comes too late, because a busy machine read partitions at different speeds,
// is counted by the engine, and the audit takes it into account; anything else that differs is an error.
package demo
