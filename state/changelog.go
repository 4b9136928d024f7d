package state

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// RecordKind says what a changelog record is. It is the first byte of the record's key.
type RecordKind byte

// The kinds of changelog records.
const (
	RowRecord  RecordKind = 0 // a row: the rest of the key is the row key, the value a row value, null for a delete
	TimeRecord RecordKind = 1 // the times of the partition: the rest of the key is empty, the value is a time record
)

// ChangelogRow is one record of a changelog. A nil Value is null.
type ChangelogRow struct {
	Key, Value []byte
}

// AppendChangelogKey appends the key of a changelog record: the kind, then the row key. The row key of a key-value store
// is the encoded key; that of a window store is the start of the window as windows.AppendTime writes it, then the encoded
// key; those of the others begin with the start of a bucket in the same form (docs/formats.md). A time record has no row key.
func AppendChangelogKey(dst []byte, kind RecordKind, rowKey []byte) []byte {
	return append(append(dst, byte(kind)), rowKey...)
}

// ParseChangelogKey splits the key of a changelog record. The row key is a slice of key.
func ParseChangelogKey(key []byte) (kind RecordKind, rowKey []byte, err error) {
	if len(key) == 0 {
		return 0, nil, errors.New("state: changelog record has an empty key")
	}
	kind, rowKey = RecordKind(key[0]), key[1:]
	switch {
	case kind > TimeRecord:
		return 0, nil, fmt.Errorf("state: changelog record has kind %d, this program knows %d and %d", kind, RowRecord, TimeRecord)
	case kind == TimeRecord && len(rowKey) > 0:
		return 0, nil, fmt.Errorf("state: key of a time record has %d bytes, want 1", len(key))
	}
	return kind, rowKey, nil
}

// timestampBytes is the length of the timestamp in front of a row's value.
const timestampBytes = 8

// AppendRowValue appends the value of a row, as it is in a changelog record and in a backend: the event timestamp (ms) as
// eight bytes, big-endian, then the encoded value.
func AppendRowValue(dst []byte, timestamp int64, value []byte) []byte {
	return append(binary.BigEndian.AppendUint64(dst, uint64(timestamp)), value...)
}

// ParseRowValue splits the value of a row. The encoded value is a slice of b, never nil.
func ParseRowValue(b []byte) (timestamp int64, value []byte, err error) {
	if len(b) < timestampBytes {
		return 0, nil, fmt.Errorf("state: row value has %d bytes, want at least %d", len(b), timestampBytes)
	}
	return int64(binary.BigEndian.Uint64(b)), b[timestampBytes:], nil
}
