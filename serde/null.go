package serde

import "errors"

// Optional is a value or nothing. The zero value is nothing, and as a record's key or value it is Kafka's null.
type Optional[T any] struct {
	Value T // means nothing unless OK
	OK    bool
}

// Some returns v as an Optional.
func Some[T any](v T) Optional[T] { return Optional[T]{Value: v, OK: true} }

// None returns nothing, as an Optional.
func None[T any]() Optional[T] { return Optional[T]{} }

// Serde is the default of an Optional: [Nullable] of the default of T, nil if T has none.
func (Optional[T]) Serde() Serde[Optional[T]] { return Nullable(For[T]()) }

var errNull = errors.New("serde: a null has no encoding; ask IsNull first")

// Nullable gives s a null, which is None. It writes anything else as s does. If s has nulls of its own, they decode to None.
// Nullable of nil is nil.
func Nullable[T any](s Serde[T]) Serde[Optional[T]] {
	if s == nil {
		return nil
	}
	n := nullable[T]{s: s, inner: nuller(s)}
	if p, ok := s.(PartitionKeyer); ok {
		return nullableKey[T]{n, p}
	}
	return n
}

// nuller is s as a Nuller, or nil. Kept as it is, and not its method, it leaves the serde comparable: a topology finds out
// that two readings of a topic have equal serdes.
func nuller[T any](s Serde[T]) Nuller[T] {
	n, _ := s.(Nuller[T])
	return n
}

type nullable[T any] struct {
	s     Serde[T]
	inner Nuller[T] // of s; nil if s has no null
}

type nullableKey[T any] struct {
	nullable[T]
	PartitionKeyer
}

// Unwrap implements [Wrapper].
func (n nullable[T]) Unwrap() any { return n.s }

func (n nullable[T]) IsNull(v Optional[T]) bool {
	return !v.OK || n.inner != nil && n.inner.IsNull(v.Value)
}

func (n nullable[T]) Append(dst []byte, v Optional[T]) ([]byte, error) {
	if n.IsNull(v) {
		return dst, errNull
	}
	return n.s.Append(dst, v.Value)
}

func (n nullable[T]) Decode(b []byte) (Optional[T], error) {
	if b == nil {
		return Optional[T]{}, nil
	}
	v, err := n.s.Decode(b)
	if err != nil {
		return Optional[T]{}, err
	}
	return Some(v), nil
}

// Pointer gives s a null, which is the nil pointer. It writes the value behind any other pointer as s does, and decodes to
// a pointer to a new variable each time. If s has nulls of its own, they decode to nil. Pointer of nil is nil.
func Pointer[T any](s Serde[T]) Serde[*T] {
	if s == nil {
		return nil
	}
	p := pointer[T]{s: s, inner: nuller(s)}
	if k, ok := s.(PartitionKeyer); ok {
		return pointerKey[T]{p, k}
	}
	return p
}

type pointer[T any] struct {
	s     Serde[T]
	inner Nuller[T] // of s; nil if s has no null
}

type pointerKey[T any] struct {
	pointer[T]
	PartitionKeyer
}

// Unwrap implements [Wrapper].
func (p pointer[T]) Unwrap() any { return p.s }

func (p pointer[T]) IsNull(v *T) bool {
	return v == nil || p.inner != nil && p.inner.IsNull(*v)
}

func (p pointer[T]) Append(dst []byte, v *T) ([]byte, error) {
	if p.IsNull(v) {
		return dst, errNull
	}
	return p.s.Append(dst, *v)
}

func (p pointer[T]) Decode(b []byte) (*T, error) {
	if b == nil {
		return nil, nil
	}
	v, err := p.s.Decode(b)
	if err != nil {
		return nil, err
	}
	return &v, nil
}
