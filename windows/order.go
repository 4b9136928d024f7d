package windows

import "encoding/binary"

// TimeBytes is the length of what [AppendTime] appends.
const TimeBytes = 8

const signBit = 1 << 63

// AppendTime appends ms so that the unsigned order of the bytes is the order of the times, over all of int64. It is the
// form of times inside store keys, not that of any topic.
func AppendTime(dst []byte, ms int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(ms)^signBit)
}

// Time returns the time that b begins with, as [AppendTime] wrote it. It is false if b is shorter than [TimeBytes].
func Time(b []byte) (ms int64, ok bool) {
	if len(b) < TimeBytes {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b) ^ signBit), true
}
