package operators

import (
	"slices"
	"strconv"
)

// MessageIDs gives each record a header with its id, unless it has one of that name: TOPIC/PARTITION/OFFSET of the input
// record that it was made of. Of several that were made of one, the second ends in /1, the third in /2 and so on. What a
// schedule made has APPLICATION/TASK/TIME in its place. So a replay gives the same ids.
//
// An id is told from those of the records just before, so records of one input that come to a sink at different times, some
// of them through a pipe with concurrency, may have the same.
func MessageIDs[K, V any](c *Context, header string, next Forward[K, V]) Forward[K, V] {
	m := &messageIDs{c: c, scratch: make([]byte, 0, 64)}
	var o Record[K, V]
	return func(r *Record[K, V]) error {
		if _, has := HeaderValue(r.Headers, header); has {
			return next(r)
		}
		o = *r
		o.Headers = append(slices.Clip(r.Headers), Header{Key: header, Value: m.next()})
		return next(&o)
	}
}

type messageIDs struct {
	c       *Context
	scratch []byte // the id of the record in work, without a number
	n       int    // how many had it before
	last    []byte
}

// next is the id of the next record.
func (m *messageIDs) next() []byte {
	s := m.c.scope
	b := m.scratch[:0]
	if s.HasOrigin {
		b = append(append(b, s.Origin.Topic...), '/')
		b = strconv.AppendInt(b, int64(s.Origin.Partition), 10)
		b = strconv.AppendInt(append(b, '/'), s.Origin.Offset, 10)
	} else {
		b = append(append(b, s.Application...), '/')
		b = append(append(b, s.Task...), '/')
		b = strconv.AppendInt(b, s.Timestamp, 10)
	}
	m.scratch = b
	if string(b) != string(m.last) {
		m.last, m.n = append(m.last[:0], b...), 0
		return slices.Clone(b)
	}
	m.n++
	return strconv.AppendInt(append(slices.Clone(b), '/'), int64(m.n), 10)
}
