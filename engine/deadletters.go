package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DeadLetter is a record of a topic of dead letters. What its headers do not say is zero, so that any topic can be looked at.
type DeadLetter struct {
	Partition int32
	Offset    int64
	Timestamp time.Time // of the record that it is about
	Key       []byte
	Value     []byte
	Headers   []operators.Header // of the record that it is about

	Application string
	Operator    string
	Task        string
	Attempts    int
	FailedAt    string // RFC 3339
	Exception   string // Go type of the cause
	Message     string
	Stacktrace  string // of a panic
	// Origin is the place of the input record; Offset is -1 if there was none.
	Origin operators.Origin
	// OfInput: key, value and headers are those of the input record, so it can be sent there again. Else they are those of a
	// record that operators made of several.
	OfInput bool
}

func deadLetterOf(r *kgo.Record) DeadLetter {
	d := DeadLetter{Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value, Origin: operators.Origin{Offset: -1}}
	for _, h := range r.Headers {
		value := string(h.Value)
		switch h.Key {
		case operators.DeadLetterApplication:
			d.Application = value
		case operators.DeadLetterOperator:
			d.Operator = value
		case operators.DeadLetterTask:
			d.Task = value
		case operators.DeadLetterAttempts:
			d.Attempts, _ = strconv.Atoi(value)
		case operators.DeadLetterTime:
			d.FailedAt = value
		case operators.DeadLetterException:
			d.Exception = value
		case operators.DeadLetterMessage:
			d.Message = value
		case operators.DeadLetterStacktrace:
			d.Stacktrace = value
		case operators.DeadLetterTopic:
			d.Origin.Topic = value
		case operators.DeadLetterPartition:
			n, _ := strconv.ParseInt(value, 10, 32)
			d.Origin.Partition = int32(n)
		case operators.DeadLetterOffset:
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				d.Origin.Offset = n
			}
		case operators.DeadLetterRecord:
			d.OfInput = value == operators.DeadLetterOfInput
		default:
			d.Headers = append(d.Headers, operators.Header{Key: h.Key, Value: h.Value})
		}
	}
	return d
}

// ReadDeadLetters gives all dead letters that a topic holds now, by partition and offset within each, until each returns an
// error, which it returns.
func ReadDeadLetters(ctx context.Context, c Config, topic string, each func(DeadLetter) error) error {
	return c.withAdmin(ctx, func(adm *kadm.Client) error {
		return c.withDefaults().readDeadLetters(ctx, adm, topic, nil, each)
	})
}

// readDeadLetters reads a topic from offsets, where there are any, to its end as of now.
func (c Config) readDeadLetters(ctx context.Context, adm *kadm.Client, topic string, from map[int32]int64, each func(DeadLetter) error) error {
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return fmt.Errorf("engine: dead letters of topic %q: %w", topic, err)
	}
	ends, err := adm.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("engine: dead letters of topic %q: %w", topic, err)
	}
	positions := make(map[int32]kgo.Offset)
	left := make(map[int32]int64) // ends of partitions that are not read yet
	for p, start := range starts[topic] {
		at := max(start.Offset, from[p])
		if end, ok := ends.Lookup(topic, p); ok && at < end.Offset {
			positions[p] = kgo.NewOffset().At(at)
			left[p] = end.Offset
		}
	}
	if len(left) == 0 {
		return nil
	}
	cl, err := kgo.NewClient(append(c.clientOptions(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: positions}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	defer cl.Close()
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("engine: dead letters of topic %q: %w", topic, err)
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("engine: dead letters of topic %q, partition %d: %w", topic, e.Partition, e.Err)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			r := it.Next()
			end, ok := left[r.Partition]
			if !ok {
				continue
			}
			if r.Offset < end && !r.Attrs.IsControl() {
				if err := each(deadLetterOf(r)); err != nil {
					return err
				}
			}
			if r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		}
	}
	return nil
}

// Redrive says which dead letters are sent where they came from, and how.
type Redrive struct {
	Topic string // of the dead letters
	// Select tells those that are sent; the others stay to be sent later. Nil: all that no Redrive without Select has sent
	// before: how far that got is kept as offsets of the group TOPIC-redrive, in the transactions that send.
	Select func(DeadLetter) bool
	// To is the topic to which they are sent, by key. Default: each to the topic and the partition of its input record.
	To string
	// DryRun sends nothing.
	DryRun bool
}

// Redriven is what a [Redrive] did.
type Redriven struct {
	Sent int
	// Left are those that were selected and cannot be sent: they are no input records, or do not say where they came from.
	Left int
}

// redriveRecords is how many dead letters one transaction sends.
const redriveRecords = 500

// RedriveDeadLetters sends dead letters to where they came from, as they were there. Those that a topic has when it starts are
// looked at, so what fails again is not sent again. Each is sent once, in transactions; two runs on one topic at a time shut
// each other out.
func RedriveDeadLetters(ctx context.Context, c Config, r Redrive) (done Redriven, err error) {
	err = c.withAdmin(ctx, func(adm *kadm.Client) error {
		c := c.withDefaults()
		d := &redriver{Redrive: r, group: r.Topic + "-redrive", next: make(map[int32]int64), partitions: make(map[string]int32)}
		from, err := d.open(ctx, c, adm)
		if err != nil {
			return err
		}
		defer d.cl.Close()
		err = c.readDeadLetters(ctx, adm, r.Topic, from, func(letter DeadLetter) error { return d.add(ctx, adm, letter) })
		if err == nil {
			err = d.send(ctx)
		}
		done = d.done
		return err
	})
	return done, err
}

type redriver struct {
	Redrive
	group      string
	id         kadm.TopicID
	cl         *kgo.Client
	batch      []*kgo.Record
	next       map[int32]int64 // of the dead letters, behind those looked at
	partitions map[string]int32
	done       Redriven
}

// open makes the producer, which shuts out one of the same topic, and finds where the last run ended.
func (d *redriver) open(ctx context.Context, c Config, adm *kadm.Client) (from map[int32]int64, err error) {
	d.cl, err = kgo.NewClient(append(c.clientOptions(), kgo.TransactionalID(d.group), kgo.TransactionTimeout(c.TransactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if d.Select != nil {
		return nil, nil
	}
	if _, _, err := d.cl.ProducerID(ctx); err != nil {
		d.cl.Close()
		return nil, classify(fmt.Errorf("engine: transactional id %s: %w", d.group, err))
	}
	details, err := adm.ListTopics(ctx, d.Topic)
	if err != nil {
		d.cl.Close()
		return nil, fmt.Errorf("engine: topic %q: %w", d.Topic, err)
	}
	d.id = details[d.Topic].ID
	offsets, err := adm.FetchOffsetsForTopics(ctx, d.group, d.Topic)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		d.cl.Close()
		return nil, fmt.Errorf("engine: offsets of group %q: %w", d.group, err)
	}
	from = make(map[int32]int64)
	offsets.Each(func(o kadm.OffsetResponse) { from[o.Partition] = o.At })
	return from, nil
}

func (d *redriver) add(ctx context.Context, adm *kadm.Client, letter DeadLetter) error {
	d.next[letter.Partition] = letter.Offset + 1
	if d.Select != nil && !d.Select(letter) {
		return nil
	}
	r, err := d.record(ctx, adm, &letter)
	if err != nil {
		return err
	}
	if r == nil {
		d.done.Left++
		return nil
	}
	d.done.Sent++
	if d.DryRun {
		return nil
	}
	d.batch = append(d.batch, r)
	if len(d.batch) < redriveRecords {
		return nil
	}
	return d.send(ctx)
}

// record is the record that a dead letter is about, on its way again; nil if there is none.
func (d *redriver) record(ctx context.Context, adm *kadm.Client, letter *DeadLetter) (*kgo.Record, error) {
	if !letter.OfInput || letter.Origin.Topic == "" {
		return nil, nil
	}
	r := &kgo.Record{Topic: letter.Origin.Topic, Partition: letter.Origin.Partition, Key: letter.Key, Value: letter.Value, Timestamp: letter.Timestamp}
	if d.To != "" {
		r.Topic = d.To
	}
	n, ok := d.partitions[r.Topic]
	if !ok {
		counts, err := countPartitions(ctx, adm, []string{r.Topic})
		if err != nil {
			return nil, err
		}
		n = counts[r.Topic]
		d.partitions[r.Topic] = n
	}
	if d.To != "" && n > 0 {
		r.Partition = letter.Partition % n
		if letter.Key != nil {
			r.Partition = operators.KeyPartition(letter.Key, n)
		}
	}
	if r.Partition >= n {
		return nil, fmt.Errorf("engine: dead letter at partition %d, offset %d of topic %q is for topic %q, partition %d, which does not exist",
			letter.Partition, letter.Offset, d.Topic, r.Topic, r.Partition)
	}
	for _, h := range letter.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return r, nil
}

// send ends a transaction with what is in hand, and with the place behind it.
func (d *redriver) send(ctx context.Context) error {
	if d.DryRun || len(d.batch) == 0 {
		return nil
	}
	if err := d.cl.BeginTransaction(); err != nil {
		return classify(fmt.Errorf("engine: begin transaction %s: %w", d.group, err))
	}
	err := d.cl.ProduceSync(ctx, d.batch...).FirstErr()
	if err == nil && d.Select == nil {
		err = d.commitOffsets(ctx)
	}
	end := kgo.TryCommit
	if err != nil {
		end = kgo.TryAbort
	}
	if ended := d.cl.EndTransaction(context.WithoutCancel(ctx), end); err == nil {
		err = ended
	}
	if err != nil {
		d.done.Sent -= len(d.batch)
		return classify(fmt.Errorf("engine: redrive dead letters of topic %q: %w", d.Topic, err))
	}
	d.batch = d.batch[:0]
	return nil
}

// commitOffsets puts the place behind what was looked at into the transaction.
func (d *redriver) commitOffsets(ctx context.Context) error {
	id, epoch, err := d.cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = d.group, id, epoch, d.group
	added, err := add.RequestWith(ctx, d.cl)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		return err
	}
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group, commit.Generation = d.group, id, epoch, d.group, -1
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = d.Topic, d.id
	for p, next := range d.next {
		partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		partition.Partition, partition.Offset = p, next
		topic.Partitions = append(topic.Partitions, partition)
	}
	slices.SortFunc(topic.Partitions, func(a, b kmsg.TxnOffsetCommitRequestTopicPartition) int { return int(a.Partition - b.Partition) })
	commit.Topics = append(commit.Topics, topic)
	committed, err := commit.RequestWith(ctx, d.cl)
	if err != nil {
		return err
	}
	for _, t := range committed.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return err
			}
		}
	}
	return nil
}
