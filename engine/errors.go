package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// DataLossError says that records which the application has not read, or state that it relies on, are gone from the
// brokers. Nothing is skipped silently: a person must decide.
type DataLossError struct {
	Topic     string
	Partition int32
	Expected  int64 // the offset that should be there
	Found     int64 // the nearest offset that is; -1 if that is not known
	Err       error // what the client or the broker said; nil if the engine found out by itself
}

// Error tells the whole story in one line.
func (e *DataLossError) Error() string {
	s := fmt.Sprintf("engine: data loss: topic %q, partition %d: expected offset %d, found %d", e.Topic, e.Partition, e.Expected, e.Found)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what the client or the broker said.
func (e *DataLossError) Unwrap() error { return e.Err }

// FencedError says that another process runs under the same instance name.
type FencedError struct {
	Instance string // group instance id of the worker
	Err      error
}

// Error names the instance.
func (e *FencedError) Error() string {
	return fmt.Sprintf("engine: group member %q was taken over by another process; every process needs an instance name of its own: %v", e.Instance, e.Err)
}

// Unwrap returns what the broker said.
func (e *FencedError) Unwrap() error { return e.Err }

// restartError is what a new client, with the committed state, can mend.
type restartError struct{ err error }

func (e *restartError) Error() string { return e.err.Error() }
func (e *restartError) Unwrap() error { return e.err }

func restartable(err error) bool {
	var r *restartError
	return errors.As(err, &r)
}

// fatalCodes are the answers of brokers after which trying again is of no use.
var fatalCodes = []error{
	kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
	kerr.TransactionalIDAuthorizationFailed, kerr.SaslAuthenticationFailed, kerr.UnsupportedVersion,
	kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.InvalidTopicException,
	kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.InvalidTransactionTimeout, kerr.InvalidSessionTimeout,
	kerr.InconsistentGroupProtocol, kerr.PolicyViolation, kerr.UnsupportedForMessageFormat,
}

// classify makes what a new client can mend a restartError: everything but what fatalCodes lists.
func classify(err error) error {
	if err == nil || restartable(err) {
		return err
	}
	for _, code := range fatalCodes {
		if errors.Is(err, code) {
			return err
		}
	}
	return &restartError{err}
}

// fetchError says what to do about an error of a poll; nil: nothing.
func (w *worker) fetchError(topic string, p *kgo.FetchPartition) error {
	err := p.Err
	var loss *kgo.ErrDataLoss
	var session *kgo.ErrGroupSession
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, kgo.ErrClientClosed):
		return &restartError{err}
	case errors.Is(err, kerr.FencedInstanceID):
		return &FencedError{Instance: w.member, Err: err}
	case errors.As(err, &session):
		for _, code := range fatalCodes {
			if errors.Is(err, code) {
				return fmt.Errorf("engine: group %q, member %q: %w", w.app.graph.Application, w.member, err)
			}
		}
		w.log.Warn("left the group, joining again", "error", session.Err)
		return nil
	case errors.As(err, &loss):
		return &DataLossError{Topic: loss.Topic, Partition: loss.Partition, Expected: loss.ConsumedTo, Found: loss.ResetTo, Err: err}
	case errors.Is(err, kerr.OffsetOutOfRange):
		return w.outOfRange(topic, p.Partition, err)
	case kerr.IsRetriable(err) && !errors.Is(err, kerr.UnknownTopicID):
		w.log.Warn("fetch failed, trying again", "topic", topic, "partition", p.Partition, "error", err)
		return nil
	}
	return fmt.Errorf("engine: fetch from topic %q, partition %d: %w", topic, p.Partition, err)
}

// outOfRange says where the log of a partition is, beside where it should be.
func (w *worker) outOfRange(topic string, partition int32, cause error) error {
	e := &DataLossError{Topic: topic, Partition: partition, Expected: -1, Found: -1, Err: cause}
	if f := w.feed(topic, partition); f != nil {
		e.Expected = f.next
	}
	ctx, cancel := context.WithTimeout(w.app.hard, w.app.cfg.ConnectTimeout)
	defer cancel()
	if starts, err := w.app.adm.ListStartOffsets(ctx, topic); err == nil {
		if o, ok := starts.Lookup(topic, partition); ok && o.Err == nil {
			e.Found = o.Offset
		}
	}
	if ends, err := w.app.adm.ListEndOffsets(ctx, topic); err == nil && e.Expected > e.Found {
		if o, ok := ends.Lookup(topic, partition); ok && o.Err == nil {
			e.Found = o.Offset
		}
	}
	return e
}
