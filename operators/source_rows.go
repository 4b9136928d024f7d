package operators

import (
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// SourceRows reads the records of a topic as a changelog of the table that is made of them: as [Read] and [ToTable] would,
// with their rules for nulls, times and bytes that do not decode; undecodable is asked when the first record is read. The serdes are those of the topic, then those of the store.
func SourceRows[K, V any](operator, topic string, k serde.Serde[K], v serde.Serde[V], undecodable func() Undecodable, extract TimestampExtractor[K, V],
	storeK serde.Serde[K], storeV serde.Serde[V],
) func(partition int32) func(*Input) (state.ChangelogRow, bool, error) {
	isNull := serde.IsNull(storeV)
	return func(partition int32) func(*Input) (state.ChangelogRow, bool, error) {
		scope := &Scope{Task: "restore", Partition: partition}
		var (
			row state.ChangelogRow
			ok  bool
		)
		c := NewContext(operator, scope)
		source := Read(c, k, v, undecodable(), extract, func(r *Record[K, V]) (err error) {
			if r.NullKey {
				return nil
			}
			ok = true
			if row.Key, err = storeK.Append(state.AppendChangelogKey(nil, state.RowRecord, nil), r.Key); err != nil {
				return err
			}
			if r.NullValue || isNull != nil && isNull(r.Value) {
				return nil
			}
			row.Value, err = storeV.Append(state.AppendRowValue(nil, r.Timestamp, nil), r.Value)
			return err
		})()
		partitionTime := int64(NoTime)
		return func(in *Input) (state.ChangelogRow, bool, error) {
			row, ok = state.ChangelogRow{}, false
			o := Origin{Topic: topic, Partition: partition, Offset: in.Offset}
			scope.Begin(o, in.Key, in.Timestamp, nil)
			r := *in
			if source.Extracts() {
				r.Timestamp = source.Timestamp(&r, o, partitionTime)
			}
			if r.Timestamp <= MaxTimestamp {
				partitionTime = max(partitionTime, r.Timestamp)
			}
			err := source.Process(&r)
			return row, ok, err
		}
	}
}
