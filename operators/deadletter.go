package operators

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The headers of a dead letter: those of the record that it is about, and these, as text. The first six are those of Kafka
// Streams (KIP-1034), so what reads its dead letters reads these.
const (
	DeadLetterException  = "__streams.errors.exception"  // Go type of the innermost cause
	DeadLetterMessage    = "__streams.errors.message"    // the error, without operator, task and record
	DeadLetterStacktrace = "__streams.errors.stacktrace" // of a panic; else there is none
	DeadLetterTopic      = "__streams.errors.topic"      // of the input record; without one the three are missing
	DeadLetterPartition  = "__streams.errors.partition"
	DeadLetterOffset     = "__streams.errors.offset"

	DeadLetterApplication = "__rivusio.errors.application"
	DeadLetterOperator    = "__rivusio.errors.operator"
	DeadLetterTask        = "__rivusio.errors.task"
	DeadLetterAttempts    = "__rivusio.errors.attempts" // how often the operator was tried
	DeadLetterTime        = "__rivusio.errors.time"     // when it failed, RFC 3339 in UTC, milliseconds
	// DeadLetterRecord is "input" if key and value are the bytes of the input record, "operator" if they are those of the
	// record that came to the operator, encoded by the serdes there: it was not made of one input record alone, as the result of
	// a window.
	DeadLetterRecord = "__rivusio.errors.record"
)

// The values of [DeadLetterRecord].
const (
	DeadLetterOfInput    = "input"
	DeadLetterOfOperator = "operator"
)

// IsDeadLetterHeader reports whether a header is one that dead letters have beside those of their record.
func IsDeadLetterHeader(key string) bool {
	return strings.HasPrefix(key, "__streams.errors.") || strings.HasPrefix(key, "__rivusio.errors.")
}

// dead is the record of a dead letter.
type dead struct {
	key, value []byte
	headers    []Header
	timestamp  int64
	input      bool
	err        error // it cannot be written down
}

// dead is what a dead letter about r says: the input record that is in work, else r itself.
func (c *Context) dead(r failing) (d dead) {
	if in := c.scope.Input; in != nil {
		return dead{key: in.Key, value: in.Value, headers: in.Headers, timestamp: in.Timestamp, input: true}
	}
	if r == nil {
		d.err = errors.New("no record is in work")
		return d
	}
	p, ok, err := r.parked(c, c.keys, c.values)
	if !ok {
		d.err = errors.New("the record was made of several, and there are no serdes to write it down")
		return d
	}
	return dead{key: p.Key, value: p.Value, headers: p.Headers, timestamp: p.Timestamp, err: err}
}

// deadLetter sends a dead letter with the transaction in hand.
func (c *Context) deadLetter(d dead, e *Error, attempts int) error {
	topic := c.policy.Topic
	if d.err != nil {
		return fmt.Errorf("%w; a dead letter about it could not be made: %w", e.Err, d.err)
	}
	collector := c.scope.Runtime.Collector()
	if collector == nil || topic == "" {
		return fmt.Errorf("%w; there is no topic for a dead letter about it", e.Err)
	}
	partitions := c.scope.Runtime.Partitions(topic)
	if partitions < 1 {
		return fmt.Errorf("%w; the topic %q for a dead letter about it is not known", e.Err, topic)
	}
	out := Output{Topic: topic, Key: d.key, Value: d.value, Timestamp: max(0, d.timestamp), Headers: c.deadHeaders(d, e, attempts)}
	if d.key == nil {
		out.Partition = c.scope.Partition % partitions
	} else {
		out.Partition = KeyPartition(d.key, partitions)
	}
	if err := collector.Send(&out); err != nil {
		return fmt.Errorf("%w; a dead letter about it was not written: %w", e.Err, err)
	}
	return nil
}

func (c *Context) deadHeaders(d dead, e *Error, attempts int) []Header {
	headers := slices.DeleteFunc(slices.Clone(d.headers), func(h Header) bool { return IsDeadLetterHeader(h.Key) })
	add := func(key, value string) { headers = append(headers, Header{Key: key, Value: []byte(value)}) }
	add(DeadLetterException, fmt.Sprintf("%T", innermost(e.Err)))
	add(DeadLetterMessage, e.Err.Error())
	var panicked *PanicError
	if errors.As(e.Err, &panicked) {
		add(DeadLetterStacktrace, string(panicked.Stack))
	}
	if e.Origin.Offset >= 0 {
		add(DeadLetterTopic, e.Origin.Topic)
		add(DeadLetterPartition, strconv.Itoa(int(e.Origin.Partition)))
		add(DeadLetterOffset, strconv.FormatInt(e.Origin.Offset, 10))
	}
	add(DeadLetterApplication, c.scope.Application)
	add(DeadLetterOperator, c.name)
	add(DeadLetterTask, c.scope.Task)
	add(DeadLetterAttempts, strconv.Itoa(attempts))
	add(DeadLetterTime, time.UnixMilli(c.WallClock()).UTC().Format("2006-01-02T15:04:05.000Z"))
	if d.input {
		add(DeadLetterRecord, DeadLetterOfInput)
	} else {
		add(DeadLetterRecord, DeadLetterOfOperator)
	}
	return headers
}

// innermost is the first cause of an error; of several joined ones, of the first.
func innermost(err error) error {
	for {
		switch wraps := err.(type) {
		case interface{ Unwrap() error }:
			cause := wraps.Unwrap()
			if cause == nil {
				return err
			}
			err = cause
		case interface{ Unwrap() []error }:
			causes := wraps.Unwrap()
			if len(causes) == 0 {
				return err
			}
			err = causes[0]
		default:
			return err
		}
	}
}
