package serde

import "context"

// Waiter is implemented by a [Serde] that has to fetch something, such as a schema, before it can decode some bytes.
type Waiter interface {
	// Wait is nil if Decode does not wait for b. Otherwise what is missing is being fetched, as often as it takes, and the
	// channel is closed when that has come to its end. It never waits itself and keeps nothing of b.
	Wait(b []byte) <-chan struct{}
}

// Opener is implemented by a [Serde] that has to be made ready before it can encode, such as by finding the id of its schema. A
// program that runs a topology opens its serdes first.
type Opener interface {
	// Open returns when the serde is ready, or an error that says what is missing. It may be called again and by several
	// goroutines, and does its work once.
	Open(ctx context.Context) error
}

// Wrapper is implemented by a [Serde] that stands on another one.
type Wrapper interface {
	// Unwrap is that one, a Serde of some type.
	Unwrap() any
}

// WaiterOf finds the [Waiter] in a serde, which may be a [Wrapper]; nil if it never waits.
func WaiterOf(s any) Waiter { return find[Waiter](s) }

// OpenerOf finds the [Opener] in a serde, which may be a [Wrapper]; nil if it needs none.
func OpenerOf(s any) Opener { return find[Opener](s) }

func find[I any](s any) (found I) {
	for s != nil {
		if i, ok := s.(I); ok {
			return i
		}
		w, ok := s.(Wrapper)
		if !ok {
			break
		}
		s = w.Unwrap()
	}
	return found
}
