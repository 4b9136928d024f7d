package state

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// NoTime is the value of a time before anything set it.
const NoTime int64 = -1

// Times is the event time (ms since the epoch) that belongs to one partition of a store. It is durable with the rows: a
// task that moves, or that restores from its changelog, decides about late records and closed windows as before.
// Use [NoTimes] for the start; the zero value says that all times are 0.
type Times struct {
	Task     int64 // stream time of the task
	Operator int64 // largest timestamp that reached the operator of the store
	Closed   int64 // last close time whose windows were emitted
	Put      int64 // largest window start ever put into a window store
	Kept     int64 // rows of windows that start before it have been deleted; the window store sets it
}

// NoTimes are the times of a store that has seen nothing.
func NoTimes() Times {
	return Times{Task: NoTime, Operator: NoTime, Closed: NoTime, Put: NoTime, Kept: NoTime}
}

const (
	timesVersion = 1
	timesBytes   = 1 + 5*8
)

// Append appends the value of a time record: a version byte, 1, then Task, Operator, Closed, Put and Kept as eight bytes
// each, big-endian.
func (t Times) Append(dst []byte) []byte {
	dst = append(dst, timesVersion)
	for _, ms := range [...]int64{t.Task, t.Operator, t.Closed, t.Put, t.Kept} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(ms))
	}
	return dst
}

// DecodeTimes decodes what [Times.Append] wrote.
func DecodeTimes(b []byte) (Times, error) {
	if len(b) == 0 {
		return Times{}, errors.New("state: time record is empty")
	}
	if b[0] != timesVersion {
		return Times{}, fmt.Errorf("state: time record has version %d, this program reads %d", b[0], timesVersion)
	}
	if len(b) != timesBytes {
		return Times{}, fmt.Errorf("state: time record has %d bytes, want %d", len(b), timesBytes)
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[1+8*i:])) }
	return Times{Task: at(0), Operator: at(1), Closed: at(2), Put: at(3), Kept: at(4)}, nil
}
