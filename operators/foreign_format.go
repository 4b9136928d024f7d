package operators

import (
	"encoding/binary"
	"fmt"

	"github.com/rivusio/rivusio/serde"
)

// foreignVersion is the first byte of what a join by foreign key writes to its topics and its store.
const foreignVersion = 1

// The second byte of an encoded Answer says what follows.
const (
	hasHash = 1 << iota
	hasRow
)

const hashBytes = len(RowHash{})

// appendForeign appends the first part of a subscription's row key: the length of the encoded foreign key (uvarint), and
// that. No such part is the beginning of another one, so all subscriptions to a key have a prefix of their own.
func appendForeign[K2 any](dst []byte, s serde.Serde[K2], k K2) ([]byte, error) {
	at := len(dst)
	var length [binary.MaxVarintLen64]byte
	dst = append(dst, length[:]...)
	dst, err := s.Append(dst, k)
	if err != nil {
		return dst[:at], err
	}
	n := len(dst) - at - len(length)
	width := binary.PutUvarint(length[:], uint64(n))
	copy(dst[at:], length[:width])
	copy(dst[at+width:], dst[at+len(length):at+len(length)+n])
	return dst[:at+width+n], nil
}

// SubscriptionSerde writes a [Subscription]: version, want, partition (4), whether there is a hash, the hash, the key.
var SubscriptionSerde serde.Serde[Subscription] = subscriptionSerde{}

type subscriptionSerde struct{}

func (subscriptionSerde) Append(dst []byte, s Subscription) ([]byte, error) {
	dst = append(dst, foreignVersion, byte(s.Want))
	dst = binary.BigEndian.AppendUint32(dst, uint32(s.Partition))
	if s.HasRow {
		dst = append(append(dst, hasHash), s.Hash[:]...)
	} else {
		dst = append(dst, 0)
	}
	return append(dst, s.Key...), nil
}

func (subscriptionSerde) Decode(b []byte) (s Subscription, err error) {
	if err := checkForeign("subscription", b, 7); err != nil {
		return s, err
	}
	s = Subscription{Want: Want(b[1]), Partition: int32(binary.BigEndian.Uint32(b[2:]))}
	if s.Want < WantRow || s.Want > WantDelete {
		return Subscription{}, fmt.Errorf("a subscription wants %d, which is not known", b[1])
	}
	flags, b := b[6], b[7:]
	if b, s.HasRow, err = readHash("subscription", flags, hasHash, b, &s.Hash); err != nil {
		return Subscription{}, err
	}
	s.Key = append(make([]byte, 0, len(b)), b...)
	return s, nil
}

// SubscriberSerde writes a [Subscriber]: version, partition (4), hash.
var SubscriberSerde serde.Serde[Subscriber] = subscriberSerde{}

type subscriberSerde struct{}

func (subscriberSerde) Append(dst []byte, s Subscriber) ([]byte, error) {
	dst = binary.BigEndian.AppendUint32(append(dst, foreignVersion), uint32(s.Partition))
	return append(dst, s.Hash[:]...), nil
}

func (subscriberSerde) Decode(b []byte) (s Subscriber, err error) {
	if err := checkForeign("subscriber", b, 5+hashBytes); err != nil {
		return s, err
	}
	if len(b) != 5+hashBytes {
		return s, fmt.Errorf("an encoded subscriber has %d bytes, want %d", len(b), 5+hashBytes)
	}
	s.Partition = int32(binary.BigEndian.Uint32(b[1:]))
	copy(s.Hash[:], b[5:])
	return s, nil
}

// AnswerSerde writes an [Answer]: version, whether there are a hash and a row, the hash, the row. Nil if v is nil.
func AnswerSerde[V any](v serde.Serde[V]) serde.Serde[Answer[V]] {
	if v == nil {
		return nil
	}
	return answerSerde[V]{v}
}

type answerSerde[V any] struct{ v serde.Serde[V] }

func (s answerSerde[V]) Append(dst []byte, a Answer[V]) ([]byte, error) {
	at, flags := len(dst), byte(0)
	dst = append(dst, foreignVersion, 0)
	if a.HasRow {
		flags |= hasHash
		dst = append(dst, a.Hash[:]...)
	}
	if a.Row.OK {
		flags |= hasRow
		var err error
		if dst, err = s.v.Append(dst, a.Row.Value); err != nil {
			return dst[:at], fmt.Errorf("row: %w", err)
		}
	}
	dst[at+1] = flags
	return dst, nil
}

func (s answerSerde[V]) Decode(b []byte) (a Answer[V], err error) {
	if err := checkForeign("answer", b, 2); err != nil {
		return a, err
	}
	flags, b := b[1], b[2:]
	if b, a.HasRow, err = readHash("answer", flags, hasHash|hasRow, b, &a.Hash); err != nil {
		return Answer[V]{}, err
	}
	if flags&hasRow == 0 {
		if len(b) > 0 {
			return Answer[V]{}, fmt.Errorf("an encoded answer without a row has %d bytes too many", len(b))
		}
		return a, nil
	}
	row, err := s.v.Decode(b)
	if err != nil {
		return Answer[V]{}, fmt.Errorf("row: %w", err)
	}
	a.Row = serde.Some(row)
	return a, nil
}

func checkForeign(what string, b []byte, atLeast int) error {
	if len(b) < atLeast {
		return fmt.Errorf("an encoded %s has %d bytes, want at least %d", what, len(b), atLeast)
	}
	if b[0] != foreignVersion {
		return fmt.Errorf("an encoded %s has version %d, this program knows %d", what, b[0], foreignVersion)
	}
	return nil
}

// readHash reads the hash at the beginning of b, if the flags say that there is one, and returns what follows.
func readHash(what string, flags, known byte, b []byte, h *RowHash) (rest []byte, has bool, err error) {
	if flags&^known != 0 {
		return b, false, fmt.Errorf("an encoded %s has flags %#x, which are not known", what, flags)
	}
	if flags&hasHash == 0 {
		return b, false, nil
	}
	if len(b) < hashBytes {
		return b, false, fmt.Errorf("an encoded %s ends in its hash", what)
	}
	copy(h[:], b)
	return b[hashBytes:], true, nil
}
