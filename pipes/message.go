package pipes

import (
	"strconv"
	"time"
)

// Headers that messages are known by. A message without them has the ids that its methods compute.
const (
	MessageIDHeader     = "message-id"
	CorrelationIDHeader = "correlation-id"
)

// Message is a value with all that came with it: the envelope of a record. Pipes that need more than the value, or make
// any number of outputs, work on messages. Two messages are equal if their fields are.
type Message[K, V any] struct {
	Key     K
	Value   V
	Time    time.Time
	Headers []Header
	Origin  Origin // of the record that a source read; what a pipe makes keeps that of its input
}

// Header is one header of a message.
type Header struct {
	Key   string
	Value []byte
}

// Origin is the place that a message comes from: a topic, partition and offset, or a file, 0 and the number of the line.
type Origin struct {
	Source    string
	Partition int32
	Offset    int64
}

// String is SOURCE/PARTITION/OFFSET.
func (o Origin) String() string {
	return o.Source + "/" + strconv.Itoa(int(o.Partition)) + "/" + strconv.FormatInt(o.Offset, 10)
}

// ID is the message's own id: its header [MessageIDHeader] if it has one, else its origin, which no other message of its
// source has.
func (m *Message[K, V]) ID() string {
	if id, ok := m.Header(MessageIDHeader); ok {
		return string(id)
	}
	return m.Origin.String()
}

// CorrelationID is what ties messages of one matter together: the header [CorrelationIDHeader], or "" without one.
func (m *Message[K, V]) CorrelationID() string {
	id, _ := m.Header(CorrelationIDHeader)
	return string(id)
}

// Header is the value of the last header with that key, as readers of Kafka have it.
func (m *Message[K, V]) Header(key string) (value []byte, ok bool) {
	for i := len(m.Headers) - 1; i >= 0; i-- {
		if m.Headers[i].Key == key {
			return m.Headers[i].Value, true
		}
	}
	return nil, false
}

// SetHeader gives the message a header in place of those with that key. The headers that it had are not changed, since
// other messages may share them.
func (m *Message[K, V]) SetHeader(key string, value []byte) {
	headers := make([]Header, 0, len(m.Headers)+1)
	for _, h := range m.Headers {
		if h.Key != key {
			headers = append(headers, h)
		}
	}
	m.Headers = append(headers, Header{key, value})
}
