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

	// Closing says how far the operator of the store is in emitting windows that closed, in a form of its own; "" if it is
	// not at it.
	Closing string
}

// NoTimes are the times of a store that has seen nothing.
func NoTimes() Times {
	return Times{Task: NoTime, Operator: NoTime, Closed: NoTime, Put: NoTime, Kept: NoTime}
}

// Versions of time records. Only one that has something to close is of the second, so that what the first version can say
// stays readable for programs that know no other.
const (
	timesVersion        = 1
	timesClosingVersion = 2
	timesBytes          = 1 + 5*8
)

// Append appends the value of a time record: a version byte, 1, then Task, Operator, Closed, Put and Kept as eight bytes
// each, big-endian. If there is something in Closing the version is 2, and that follows.
func (t Times) Append(dst []byte) []byte {
	version := byte(timesVersion)
	if t.Closing != "" {
		version = timesClosingVersion
	}
	dst = append(dst, version)
	for _, ms := range [...]int64{t.Task, t.Operator, t.Closed, t.Put, t.Kept} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(ms))
	}
	return append(dst, t.Closing...)
}

// DecodeTimes decodes what [Times.Append] wrote.
func DecodeTimes(b []byte) (Times, error) {
	if len(b) == 0 {
		return Times{}, errors.New("state: time record is empty")
	}
	if b[0] != timesVersion && b[0] != timesClosingVersion {
		return Times{}, fmt.Errorf("state: time record has version %d, this program reads %d and %d", b[0], timesVersion, timesClosingVersion)
	}
	if len(b) < timesBytes || (b[0] == timesClosingVersion) != (len(b) > timesBytes) {
		return Times{}, fmt.Errorf("state: time record of version %d has %d bytes, want %d, and more in version %d", b[0], len(b), timesBytes, timesClosingVersion)
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[1+8*i:])) }
	return Times{Task: at(0), Operator: at(1), Closed: at(2), Put: at(3), Kept: at(4), Closing: string(b[timesBytes:])}, nil
}
