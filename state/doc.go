// Package state keeps the state of operators: typed stores over a write-back cache, over generations of encoded rows,
// over a [Backend] that holds what is committed.
//
// One store of a topology has one partition per task. The task owns that partition: it acquires it from the backend,
// makes a store on it ([KeyValueStore], [WindowStore], [SessionStore], [DenseWindowStore], [ListStore], [VersionedStore]),
// and is the only one that calls the store. A commit goes
//
//	EmitDirty   rows that changed are forwarded by operators that emit on commit
//	Flush       dirty rows are encoded once, sorted, into a Generation; each is a changelog record
//	            … the records and the input offsets are committed …
//	Commit      the generation is committed; it stays readable
//	Apply       the backend writes it, with the changelog offset up to which it is complete, in one batch
//
// and an Abort in the place of Commit forgets everything since the last one.
//
// Rules that other packages rely on:
//
//	T1  A backend holds nothing but committed state, and beside it, atomically, the changelog offset up to which the
//	    state is complete (I1 of the architecture). After any crash it holds a prefix of the applied generations.
//	T2  Reads see every write before them, in unsigned order of the encoded keys, whatever has been flushed, committed,
//	    applied or evicted.
//	T3  Generations hold encoded bytes, never user objects: a value may be changed in place until it is flushed.
//	T4  What a read gives does not depend on the size of the cache or on when commits happen.
//	T5  A partition is written by its holder only; an apply for a lease that has ended is refused.
//	T6  Event time ([Times]) is stored and logged with the rows: whoever has the rows has the times.
//	T7  A partition that is [Shared] has one writer and any number of readers, which see applied rows only.
//
// Stores of one row per key cache [Slot]s. The others have any number of rows per key and are made of segments: buckets of
// time, in each of which the rows of a key are cached, and lie on disk, side by side. Nothing of them grows with the rows
// of a key: a flush writes those that changed, and what expires is one range.
//
// It knows no topic and no client: changelog records go to a function and come from a slice. The formats of rows and
// changelog records are those of [AppendChangelogKey], [AppendRowValue] and [Times.Append].
package state
