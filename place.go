package rivusio

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/rivusio/rivusio/engine"
)

// offsetPlace is TOPIC[PARTITION]=OFFSET.
var offsetPlace = regexp.MustCompile(`^([^\[\]=]+)\[(\d+)\]=(\d+)$`)

// boundOf reads the places of a flag.
func boundOf(places []string, now time.Time) (b engine.Bound, err error) {
	others := 0
	for _, place := range places {
		if m := offsetPlace.FindStringSubmatch(place); m != nil {
			partition, errPartition := strconv.ParseInt(m[2], 10, 32)
			offset, errOffset := strconv.ParseInt(m[3], 10, 64)
			if err := errors.Join(errPartition, errOffset); err != nil {
				return b, err
			}
			if b.Offsets == nil {
				b.Offsets = make(map[string]map[int32]int64)
			}
			if b.Offsets[m[1]] == nil {
				b.Offsets[m[1]] = make(map[int32]int64)
			}
			b.Offsets[m[1]][int32(partition)] = offset
			continue
		}
		others++
		d, errDuration := time.ParseDuration(place)
		at, errTime := time.Parse(time.RFC3339Nano, place)
		switch {
		case place == "earliest":
		case place == "latest":
			b.End = true
		case errDuration == nil && d >= 0:
			b.Time = now.Add(-d)
		case errTime == nil:
			b.Time = at
		default:
			return b, fmt.Errorf("%q is no place: want earliest, latest, a time like 2026-11-27T08:00:00Z, a duration like 2h, or an offset like topic[0]=120", place)
		}
	}
	if others > 1 {
		return b, fmt.Errorf("%q are several places for the same partitions", places)
	}
	return b, nil
}
