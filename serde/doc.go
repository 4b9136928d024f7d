// Package serde turns Go values into the bytes of a Kafka key or value and back.
//
// A [Serde] is given where a topic enters a topology or leaves it, and where a store keeps rows. [For] and [ForKey] know
// the default of a type. The scalar forms are those of Kafka's own serializers (Long is eight bytes big-endian), so other
// clients read and co-partition what is written here.
//
// Rules that other packages rely on:
//
//	S1  Append only appends: it leaves the bytes before len(dst) as they are, also when it fails.
//	S2  Decode keeps nothing of its input: the caller may overwrite the bytes afterwards.
//	S3  Decoding what was encoded gives an equal value. Each serde says where its form is coarser than the Go type.
//	S4  Equal values encode to equal bytes in every process: map keys are sorted, there is one NaN. Only the floats 0 and -0
//	    stay apart, as in Java; that is why [ForKey] has none for floats.
//	S5  Decoding never panics and allocates at most in proportion to its input, whatever the bytes are.
//	S6  A serde has no state that one call leaves for the next: any number of goroutines may share it.
//	S7  Kafka's null is nil bytes and reaches only a serde that has a null ([Nuller]); for it, Decode(nil) is that null.
//
// Errors name the serde, and the length and first bytes of what was refused, never a whole payload.
//
// This package does not know topics, headers or schema registries; forms that need a third-party library live in folders
// of their own below it. Order-preserving forms are internal to the stores: Kafka's Long does not sort negative numbers
// before positive ones, and neither does [Int64].
package serde
