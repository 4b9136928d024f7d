package serde

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// The scalars, byte for byte as Kafka's serializers write them.
var (
	// Int64 is eight bytes, big-endian two's complement (Kafka's LongSerializer).
	Int64 Serde[int64] = integer[int64]{"Int64", 8}

	// Int32 is four bytes, big-endian two's complement (Kafka's IntegerSerializer).
	Int32 Serde[int32] = integer[int32]{"Int32", 4}

	// Float64 is the eight bytes of IEEE 754, big-endian (Kafka's DoubleSerializer). As in Java, every NaN is written as the
	// same one.
	Float64 Serde[float64] = float64Serde{}

	// Bool is one byte, 0 or 1 (Kafka's BooleanSerializer).
	Bool Serde[bool] = boolSerde{}

	// Time is the milliseconds since the epoch as an [Int64], which is how Kafka and its clients carry times. It rounds down
	// to the millisecond and drops the location: Decode gives UTC.
	Time Serde[time.Time] = timeSerde{}
)

type integers interface {
	int | int8 | int16 | int32 | int64 | uint | uint8 | uint16 | uint32 | uint64
}

// integer writes a fixed number of bytes, big-endian. The width is that of T, except that int and uint have 8 bytes on
// every machine.
type integer[T integers] struct {
	name      string
	sizeBytes int
}

func (s integer[T]) Append(dst []byte, v T) ([]byte, error) {
	switch s.sizeBytes {
	case 1:
		return append(dst, byte(v)), nil
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(v)), nil
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(v)), nil
	default:
		return binary.BigEndian.AppendUint64(dst, uint64(v)), nil
	}
}

func (s integer[T]) Decode(b []byte) (T, error) {
	if len(b) != s.sizeBytes {
		return 0, lengthError(s.name, b, s.sizeBytes)
	}
	switch s.sizeBytes {
	case 1:
		return T(b[0]), nil
	case 2:
		return T(binary.BigEndian.Uint16(b)), nil
	case 4:
		return T(binary.BigEndian.Uint32(b)), nil
	}
	bits := binary.BigEndian.Uint64(b)
	v := T(bits)
	if uint64(v) != bits { // int and uint of 32 bits
		return 0, fmt.Errorf("serde: %s: %d does not fit", s.name, int64(bits))
	}
	return v, nil
}

// canonicalNaN is what Java's doubleToLongBits gives for every NaN; Go's math.NaN has other bits.
const (
	canonicalNaN64 uint64 = 0x7ff8000000000000
	canonicalNaN32 uint32 = 0x7fc00000
)

type float64Serde struct{}

func (float64Serde) Append(dst []byte, v float64) ([]byte, error) {
	bits := math.Float64bits(v)
	if v != v {
		bits = canonicalNaN64
	}
	return binary.BigEndian.AppendUint64(dst, bits), nil
}

func (float64Serde) Decode(b []byte) (float64, error) {
	if len(b) != 8 {
		return 0, lengthError("Float64", b, 8)
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

type float32Serde struct{}

func (float32Serde) Append(dst []byte, v float32) ([]byte, error) {
	bits := math.Float32bits(v)
	if v != v {
		bits = canonicalNaN32
	}
	return binary.BigEndian.AppendUint32(dst, bits), nil
}

func (float32Serde) Decode(b []byte) (float32, error) {
	if len(b) != 4 {
		return 0, lengthError("Float32", b, 4)
	}
	return math.Float32frombits(binary.BigEndian.Uint32(b)), nil
}

type boolSerde struct{}

func (boolSerde) Append(dst []byte, v bool) ([]byte, error) {
	if v {
		return append(dst, 1), nil
	}
	return append(dst, 0), nil
}

func (boolSerde) Decode(b []byte) (bool, error) {
	if len(b) != 1 {
		return false, lengthError("Bool", b, 1)
	}
	if b[0] > 1 {
		return false, fmt.Errorf("serde: Bool: byte %02x, want 00 or 01", b[0])
	}
	return b[0] == 1, nil
}

type timeSerde struct{}

func (timeSerde) Append(dst []byte, v time.Time) ([]byte, error) {
	seconds, ms := v.Unix(), v.UnixMilli()
	// UnixMilli wraps around outside of int64; in the first and last second only some milliseconds do.
	if seconds < math.MinInt64/1000-1 || seconds > math.MaxInt64/1000 || (seconds < 0) != (ms < 0) {
		return dst, fmt.Errorf("serde: Time: year %d does not fit into 64 bits of milliseconds", v.Year())
	}
	return binary.BigEndian.AppendUint64(dst, uint64(ms)), nil
}

func (timeSerde) Decode(b []byte) (time.Time, error) {
	if len(b) != 8 {
		return time.Time{}, lengthError("Time", b, 8)
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC(), nil
}
