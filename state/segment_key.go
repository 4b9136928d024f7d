package state

import (
	"bytes"
	"cmp"
	"math"
	"math/bits"
	"strings"

	"github.com/rivusio/rivusio/windows"
)

// The row key of a store in segments is
//
//	start of the bucket (8)  log2 of its width (1)  key, escaped  00 01  time (8)  sub (8)
//
// with times as windows.AppendTime writes them. A zero byte in the key is written as 00 ff, so that the end of a key is
// found and sorts before every byte of a longer one: rows of a bucket are in the order of the keys, then time, then sub.
// The bucket comes first so that what expires is one range.
const (
	bucketBytes = windows.TimeBytes + 1
	placeBytes  = 2 * windows.TimeBytes // time and sub

	keyEscape = 0x00
	keyZero   = 0xff // after the escape: a zero byte of the key
	keyEnd    = 0x01 // after the escape: the end of the key

	counterShift = 0xff // in the place of a width: the key of the counter, see counterKey
)

// counterKey is the row key of the number of the next row, of a store that numbers its rows. It is the timestamp of a row
// without a value.
var counterKey = append(windows.AppendTime(nil, math.MaxInt64), counterShift)

// bucket is an interval of time whose rows lie together: it begins at a multiple of its width, a power of two.
type bucket struct {
	start int64
	shift uint8 // log2 of the width in ms
}

// shiftFor chooses the width of buckets for a retention: a quarter to a half of it, so that what has expired but is still
// there is little, and a read goes to few buckets.
func shiftFor(retentionMs int64) uint8 { return uint8(bits.Len64(uint64(retentionMs) / 4)) }

func bucketOf(time int64, shift uint8) bucket { return bucket{time >> shift << shift, shift} }

func (b bucket) compare(c bucket) int {
	return cmp.Or(cmp.Compare(b.start, c.start), cmp.Compare(b.shift, c.shift))
}

func (b bucket) has(time int64) bool { return b.start <= time && time <= b.last() }

// last is the last time of a bucket.
func (b bucket) last() int64 { return b.start + (1<<b.shift - 1) }

func (b bucket) append(dst []byte) []byte {
	return append(windows.AppendTime(dst, b.start), b.shift)
}

// place is where a row of a key is.
type place struct{ time, sub int64 }

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.time, q.time), cmp.Compare(p.sub, q.sub))
}

func (p place) before(q place) bool { return p.time < q.time || p.time == q.time && p.sub < q.sub }

// next and previous are the places beside, which p must have.
func (p place) next() place {
	if p.sub == math.MaxInt64 {
		return firstAt(p.time + 1)
	}
	return place{p.time, p.sub + 1}
}

func (p place) previous() place {
	if p.sub == math.MinInt64 {
		return lastAt(p.time - 1)
	}
	return place{p.time, p.sub - 1}
}

func (p place) append(dst []byte) []byte {
	return windows.AppendTime(windows.AppendTime(dst, p.time), p.sub)
}

// firstAt and lastAt are the ends of the places of a time.
func firstAt(time int64) place { return place{time, math.MinInt64} }
func lastAt(time int64) place  { return place{time, math.MaxInt64} }

// appendEscaped appends a key with its end.
func appendEscaped(dst, key []byte) []byte {
	for {
		i := bytes.IndexByte(key, keyEscape)
		if i < 0 {
			return append(append(dst, key...), keyEscape, keyEnd)
		}
		dst = append(append(dst, key[:i]...), keyEscape, keyZero)
		key = key[i+1:]
	}
}

// unescape appends the key that an escaped one with its end stands for. ok is false if it is none.
func unescape(dst []byte, escaped string) (key []byte, ok bool) {
	for {
		i := strings.IndexByte(escaped, keyEscape)
		if i < 0 || i+1 >= len(escaped) {
			return dst, false
		}
		dst = append(dst, escaped[:i]...)
		switch escaped[i+1] {
		case keyEnd:
			return dst, i+2 == len(escaped)
		case keyZero:
			dst = append(dst, 0)
		default:
			return dst, false
		}
		escaped = escaped[i+2:]
	}
}

// splitRow splits a row key into the escaped key and the place. ok is false if it is too short.
func splitRow(rowKey []byte) (escaped []byte, p place, ok bool) {
	at := len(rowKey) - placeBytes
	if at < bucketBytes+2 {
		return nil, p, false
	}
	p.time, _ = windows.Time(rowKey[at:])
	p.sub, _ = windows.Time(rowKey[at+windows.TimeBytes:])
	return rowKey[bucketBytes:at], p, true
}
