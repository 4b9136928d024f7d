package serde

// Serde encodes and decodes the values of one type.
//
// Rules S1 to S7 of the package comment are its contract; a serde that breaks them corrupts topics or stores. Nil is no
// serde: what takes a serde says what nil means there, and a topology refuses it by an error of its Build.
type Serde[T any] interface {
	// Append appends the encoded v to dst and returns the extended slice, as the built-in append does. On an error it
	// returns dst as it was given. Kafka's null is not encodable: callers ask [Nuller] first.
	Append(dst []byte, v T) ([]byte, error)

	// Decode returns the value that b encodes. It must not keep or change b.
	Decode(b []byte) (T, error)
}

// Nuller is implemented by a [Serde] some of whose values stand for Kafka's null: as a record's key or value they are
// written as null, as an aggregate they delete the row.
type Nuller[T any] interface {
	// IsNull reports whether v is written as null.
	IsNull(v T) bool
}

// IsNull returns the method by which s tells its nulls, or nil if s has none.
func IsNull[T any](s Serde[T]) func(T) bool {
	if n, ok := s.(Nuller[T]); ok {
		return n.IsNull
	}
	return nil
}

// PartitionKeyer is implemented by a key's [Serde] if only a part of the encoded key decides the record's partition. A
// windowed key goes to the partition of its base key, so that all windows of a key are together.
type PartitionKeyer interface {
	// PartitionKey returns the deciding part of an encoded key, as a slice of it.
	PartitionKey(encoded []byte) []byte
}

// PartitionKey returns the method by which s tells the part of an encoded key that decides the partition, or nil if that
// is the whole key.
func PartitionKey[T any](s Serde[T]) func(encoded []byte) []byte {
	if p, ok := s.(PartitionKeyer); ok {
		return p.PartitionKey
	}
	return nil
}
