package conformance

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/state"
)

// rows reads a store as section 6 of the README lists it.
func (s *Scenario) rows(store state.Store) (rows []Row, err error) {
	switch store := store.(type) {
	case *state.KeyValueStore[Key, Value]:
		rows, err = collect(store.All(), plainKeys, value)
	case *state.KeyValueStore[Key, int64]:
		rows, err = collect(store.All(), plainKeys, numberValue)
	case *state.KeyValueStore[windowedKey, Value]:
		rows, err = collect(store.All(), windowedKeys(nil), value)
	case *state.WindowStore[Key, Value]:
		rows, err = collect(store.All(), windowedKeys(nil), value)
	case *state.WindowStore[Key, int64]:
		rows, err = collect(store.All(), windowedKeys(nil), numberValue)
	case *state.DenseWindowStore[Key, Value]:
		rows, err = collect(store.All(), windowedKeys(nil), value)
	case *state.DenseWindowStore[Key, int64]:
		rows, err = collect(store.All(), windowedKeys(nil), numberValue)
	case *state.SessionStore[Key, Value]:
		rows, err = withoutTime(collect(store.All(), windowedKeys(nil), value))
	case *state.SessionStore[Key, int64]:
		rows, err = withoutTime(collect(store.All(), windowedKeys(nil), numberValue))
	case *state.VersionedStore[Key, Value]:
		return s.versions(store)
	default:
		return nil, fmt.Errorf("store %q is a %T", store.Name(), store)
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(strings.Compare(a.Key.Base.Value, b.Key.Base.Value), cmp.Compare(a.Key.Start, b.Key.Start), cmp.Compare(a.Key.End, b.Key.End))
	})
	return rows, err
}

func value(v Value) Value { return v }

func collect[K, V any](all iter.Seq2[state.Row[K, V], error], key keyOf[K], value func(V) Value) (rows []Row, err error) {
	for r, err := range all {
		if err != nil {
			return nil, err
		}
		rows = append(rows, Row{key.show(r.Key), value(r.Value), r.Timestamp})
	}
	return rows, nil
}

// withoutTime takes away the timestamps, which session stores of Kafka Streams do not have.
func withoutTime(rows []Row, err error) ([]Row, error) {
	for i := range rows {
		rows[i].Timestamp = 0
	}
	return rows, err
}

// versions finds the versions that were valid at the time of any step or are now, of every key of the steps.
func (s *Scenario) versions(store *state.VersionedStore[Key, Value]) (rows []Row, err error) {
	var all []Key
	for _, step := range s.Steps {
		if step.Key.OK && !slices.Contains(all, step.Key) {
			all = append(all, step.Key)
		}
	}
	slices.SortFunc(all, func(a, b Key) int { return strings.Compare(a.Value, b.Value) })
	for _, k := range all {
		found := make(map[int64]Value)
		add := func(r state.VersionedRow[Value], ok bool, err error) error {
			if ok {
				found[r.From] = r.Value
			}
			return err
		}
		if err := add(store.Get(k)); err != nil {
			return nil, err
		}
		for _, step := range s.Steps {
			if err := add(store.GetAsOf(k, step.Timestamp)); err != nil && step.AdvanceMs == nil {
				return nil, err
			}
		}
		first := len(rows)
		for from, v := range found {
			rows = append(rows, Row{AnyKey{Base: k}, v, from})
		}
		slices.SortFunc(rows[first:], func(a, b Row) int { return cmp.Compare(b.Timestamp, a.Timestamp) })
	}
	return rows, nil
}
