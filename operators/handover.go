package operators

import (
	"reflect"

	"github.com/rivusio/rivusio/serde"
)

// handed is what a record was encoded from, for a source with the same serdes in this process.
type handed[K, V any] struct {
	by    *handover[K, V]
	key   K
	value V
}

// handover gives what a writer encodes, beside the bytes, to sources in the same process, which then need not decode them (see
// [Scope.Handover]). Both serdes are exact, so that nobody can tell.
type handover[K, V any] struct {
	k    serde.Serde[K]
	v    serde.Serde[V]
	room []handed[K, V]
}

// handoverRecords is for how many records there is memory at once.
const handoverRecords = 128

// newHandover is nil if values must go through their bytes.
func newHandover[K, V any](c *Context, k serde.Serde[K], v serde.Serde[V]) *handover[K, V] {
	if !c.scope.Handover || !handsOver(k) || !handsOver(v) {
		return nil
	}
	return &handover[K, V]{k: k, v: v}
}

func (h *handover[K, V]) give(r *Record[K, V]) *handed[K, V] {
	if len(h.room) == 0 {
		h.room = make([]handed[K, V], handoverRecords)
	}
	d := &h.room[0]
	h.room = h.room[1:]
	d.by, d.key, d.value = h, r.Key, r.Value
	return d
}

// handsOver reports whether values of a serde may be handed over. Whether two serdes are one is seen by comparing them.
func handsOver[T any](s serde.Serde[T]) bool {
	return serde.IsExact(s) && reflect.ValueOf(s).Comparable()
}

// receiver takes over what writers with its serdes handed over. Its zero value takes nothing.
type receiver[K, V any] struct {
	k    serde.Serde[K]
	v    serde.Serde[V]
	from *handover[K, V] // whose serdes were found to be the same last
}

func newReceiver[K, V any](c *Context, k serde.Serde[K], v serde.Serde[V]) receiver[K, V] {
	if !c.scope.Handover || !handsOver(k) || !handsOver(v) {
		return receiver[K, V]{}
	}
	return receiver[K, V]{k: k, v: v}
}

// take reports whether it could fill the key and the value of a record without its bytes.
func (t *receiver[K, V]) take(in *Input, r *Record[K, V]) bool {
	d, ok := in.Handed.(*handed[K, V])
	if !ok {
		return false
	}
	if d.by != t.from {
		if t.k != d.by.k || t.v != d.by.v {
			return false
		}
		t.from = d.by
	}
	r.Key, r.Value = d.key, d.value
	return true
}
