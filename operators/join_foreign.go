package operators

import (
	"bytes"
	"crypto/sha256"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// A join by foreign key: the row of a left table names the key of a row of a right table, which lies on another task.
//
//	left task                          right task                       left task
//	SubscribeForeign  --subscription-->  AnswerForeign  ----answer--->  JoinForeign
//	                                     UpdateForeign  ----answer--->
//
// Left rows subscribe to the right row; the right task keeps the subscriptions and answers with its row, at once and whenever
// that changes. An answer carries the hash of the left row that it is for, so that one which was overtaken is recognised.

// Want says what a left row wants of the task that has the right row.
type Want byte

const (
	// WantRow subscribes. The answer is the right row; there is none until there is a row.
	WantRow Want = iota + 1
	// WantAnswer subscribes. There is an answer in any case: the key was another one before, or it is a left join.
	WantAnswer
	// WantNothing ends a subscription.
	WantNothing
	// WantDelete ends a subscription and is answered: with no row, so that the result is deleted.
	WantDelete
)

// RowHash tells the versions of a left row apart: the first half of the SHA-256 of its encoded value.
type RowHash [16]byte

// Subscription is what a left row sends to the task of its foreign key; the record has that key, or none (then it is only to
// be answered).
type Subscription struct {
	Want      Want
	Key       []byte // encoded, of the left row
	Partition int32  // of the left row's task
	Hash      RowHash
	HasRow    bool // false: the left row is gone, and there is no hash
}

// Subscriber is a subscription as it is kept. The key of its row is the foreign key and the left key.
type Subscriber struct {
	Partition int32
	Hash      RowHash
}

// Answer is the right row for a left one, or that there is none. The record has the encoded key of the left row.
type Answer[V any] struct {
	Row       serde.Optional[V]
	Hash      RowHash
	HasRow    bool  // as in the Subscription
	Partition int32 // where the answer goes; not encoded
}

// ForeignKeys are what the operators of a join by foreign key know of the left table.
type ForeignKeys[K, V, K2 any] struct {
	Key     serde.Serde[K]
	Value   serde.Serde[V]
	Foreign serde.Serde[K2]
	// Of gives the foreign key of a row.
	Of func(K, V) K2
	// Left says that every left row has a result.
	Left bool
}

// of is the foreign key of a row, encoded onto dst; ok is false if it is null or if there is no row.
func (f *ForeignKeys[K, V, K2]) of(dst []byte, k K, v V, has bool) (key K2, enc []byte, ok bool, err error) {
	if !has {
		return key, dst, false, nil
	}
	key = f.Of(k, v)
	if isNull := serde.IsNull(f.Foreign); isNull != nil && isNull(key) {
		return key, dst, false, nil
	}
	enc, err = f.Foreign.Append(dst, key)
	return key, enc, err == nil, err
}

// hasher returns a function that hashes the values of a serde.
func hasher[V any](s serde.Serde[V]) func(V) (RowHash, error) {
	var scratch []byte
	return func(v V) (h RowHash, err error) {
		if scratch, err = s.Append(scratch[:0], v); err != nil {
			return h, err
		}
		sum := sha256.Sum256(scratch)
		copy(h[:], sum[:])
		return h, nil
	}
}

// SubscribeForeign makes subscriptions of the changes of the left table, whose old rows must be known. In an inner join, a row
// with a null foreign key has no result and is counted as dropped. Superseded changes are dropped and counted (Kafka Streams,
// SubscriptionSendProcessor as of 4.0).
func SubscribeForeign[K, V, K2 any](c *Context, keys ForeignKeys[K, V, K2], next Forward[K2, Subscription]) Forward[K, Change[V]] {
	hash := hasher(keys.Value)
	var (
		o             Record[K2, Subscription]
		key, from, to []byte
	)
	return func(r *Record[K, Change[V]]) error {
		if r.Value.Superseded {
			c.Drop(Superseded)
			return nil
		}
		if r.NullValue && !r.Value.HasOld {
			return nil
		}
		var (
			old, now K2
			was, is  bool
			err      error
		)
		if old, from, was, err = keys.of(from[:0], r.Key, r.Value.Old, r.Value.HasOld); err != nil {
			return err
		}
		if now, to, is, err = keys.of(to[:0], r.Key, r.Value.New, !r.NullValue); err != nil {
			return err
		}
		if key, err = keys.Key.Append(key[:0], r.Key); err != nil {
			return err
		}
		s := Subscription{Key: key, Partition: c.Partition(), HasRow: !r.NullValue}
		if s.HasRow {
			if s.Hash, err = hash(r.Value.New); err != nil {
				return err
			}
		}
		send := func(k K2, known bool, want Want) error {
			o = Record[K2, Subscription]{Key: k, Value: s, Timestamp: r.Timestamp, Headers: r.Headers, NullKey: !known}
			o.Value.Want = want
			return next(&o)
		}
		moved := was && (!is || !bytes.Equal(from, to))
		switch {
		case keys.Left:
			if moved {
				if err := send(old, true, WantNothing); err != nil {
					return err
				}
			}
			return send(now, is, WantAnswer)
		case !is:
			if !r.NullValue {
				c.Drop(NullKey)
			}
			if !was {
				return nil
			}
			return send(old, true, WantDelete)
		case moved:
			if err := send(old, true, WantNothing); err != nil {
				return err
			}
			return send(now, true, WantAnswer)
		}
		return send(now, true, WantRow)
	}
}

// AnswerForeign keeps the subscriptions and answers them with the present row of the right table. The timestamp of an answer
// is the larger one of both rows.
func AnswerForeign[K2, V2 any](foreign serde.Serde[K2], subscriptions *state.KeyValueStore[[]byte, Subscriber], right Lookup[K2, V2], next Forward[[]byte, Answer[V2]]) Forward[K2, Subscription] {
	var (
		o   Record[[]byte, Answer[V2]]
		key []byte
	)
	return func(r *Record[K2, Subscription]) (err error) {
		s := &r.Value
		if !r.NullKey {
			if key, err = appendForeign(key[:0], foreign, r.Key); err != nil {
				return err
			}
			slot, err := subscriptions.Lookup(append(key, s.Key...))
			if err != nil {
				return err
			}
			keeps := s.Want == WantRow || s.Want == WantAnswer
			keepRow(subscriptions, slot, Subscriber{Partition: s.Partition, Hash: s.Hash}, r.Timestamp, keeps)
		}
		if s.Want == WantNothing {
			return nil
		}
		o = Record[[]byte, Answer[V2]]{Key: s.Key, Timestamp: r.Timestamp, Headers: r.Headers}
		o.Value = Answer[V2]{Hash: s.Hash, HasRow: s.HasRow, Partition: s.Partition}
		if !r.NullKey {
			row, timestamp, ok, err := right(r.Key)
			if err != nil {
				return err
			}
			if ok {
				o.Timestamp = max(o.Timestamp, timestamp)
			} else if s.Want == WantRow {
				return nil
			}
			if ok && s.Want != WantDelete {
				o.Value.Row = serde.Some(row)
			}
		}
		return next(&o)
	}
}

// UpdateForeign answers all subscriptions to a row of the right table when that changes, by the order of the left keys. The
// timestamp of an answer is that of the change. Superseded changes are dropped and counted.
func UpdateForeign[K2, V2 any](c *Context, foreign serde.Serde[K2], subscriptions *state.KeyValueStore[[]byte, Subscriber], next Forward[[]byte, Answer[V2]]) Forward[K2, Change[V2]] {
	var (
		o      Record[[]byte, Answer[V2]]
		prefix []byte
	)
	return func(r *Record[K2, Change[V2]]) (err error) {
		if r.Value.Superseded {
			c.Drop(Superseded)
			return nil
		}
		if prefix, err = appendForeign(prefix[:0], foreign, r.Key); err != nil {
			return err
		}
		for row, err := range subscriptions.Prefix(prefix) {
			if err != nil {
				return err
			}
			o = Record[[]byte, Answer[V2]]{Key: row.Key[len(prefix):], Timestamp: r.Timestamp, Headers: r.Headers}
			o.Value = Answer[V2]{Hash: row.Value.Hash, HasRow: true, Partition: row.Value.Partition}
			o.Value.Row = serde.Optional[V2]{Value: r.Value.New, OK: !r.NullValue}
			if err := next(&o); err != nil {
				return err
			}
		}
		return nil
	}
}

// JoinForeign joins answers with the present row of the left table. An answer to another version of that row is dropped and
// counted: the answer to the present one is still to come. The timestamp of a result is that of the answer.
func JoinForeign[K, V, V2, R any](c *Context, left bool, v serde.Serde[V], rows Lookup[K, V], f func(K, V, serde.Optional[V2]) R, isNull func(R) bool, d DerivedTable[K, R], next Forward[K, Change[R]]) Forward[K, Answer[V2]] {
	hash := hasher(v)
	keep := d.keep(next)
	var o Record[K, Change[R]]
	return func(r *Record[K, Answer[V2]]) error {
		row, _, ok, err := rows(r.Key)
		if err != nil {
			return err
		}
		var h RowHash
		if ok {
			if h, err = hash(row); err != nil {
				return err
			}
		}
		if ok != r.Value.HasRow || h != r.Value.Hash {
			c.Drop(Stale)
			return nil
		}
		o = Record[K, Change[R]]{Key: r.Key, Timestamp: r.Timestamp, Headers: r.Headers, NullValue: true}
		if ok && (left || r.Value.Row.OK) {
			o.Value.New = f(r.Key, row, r.Value.Row)
			o.NullValue = isNull != nil && isNull(o.Value.New)
		}
		return keep(&o)
	}
}
