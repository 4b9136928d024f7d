package operators

import "github.com/rivusio/rivusio/state"

// Global returns the task's view of a global store, or nil if there is none of that name, and in the processor of a
// global store. Handles with types, such as topology.GlobalTable, are the usual way to it.
func (c *Context) Global(name string) state.View { return c.scope.Runtime.Global(name) }

// ToGlobalTable reads each record as the new row of its key: a null value deletes it. Records with a null key are dropped
// and counted. Offset order wins, and nothing is forwarded (Kafka Streams, GlobalKTable).
func ToGlobalTable[K, V any](c *Context, rows state.KeyValue[K, V]) Forward[K, V] {
	return func(r *Record[K, V]) error {
		switch {
		case r.NullKey:
			c.Drop(NullKey)
			return nil
		case r.NullValue:
			return rows.Delete(r.Key)
		}
		return rows.PutRow(state.Row[K, V]{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp})
	}
}

// ViewedRows is the [Lookup] of a global table.
func ViewedRows[K, V any](view state.KeyValueReader[K, V]) Lookup[K, V] {
	return func(k K) (V, int64, bool, error) {
		r, ok, err := view.GetRow(k)
		return r.Value, r.Timestamp, ok, err
	}
}
