package faults

// Engine are the faults of package engine.
type Engine struct {
	// OffsetsFirst commits the offsets of records as soon as they are processed, outside of the transaction and before
	// their outputs and state changes, which breaks invariant I3: a process that dies loses what it had not committed.
	OffsetsFirst bool
}
