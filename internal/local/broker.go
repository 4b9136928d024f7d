package local

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
)

// Broker is a set of topics in memory, with the offsets that were committed on them. Make one with [NewBroker].
type Broker struct {
	topics  map[string][]*log // by partition
	offsets map[group]task.Position
	open    []place // records of the running transaction, in the order in which they were written
	written int64   // number of records ever written, to order them over all topics
	outside int64   // number of those that were appended from outside

	arena task.Arena // for records of operators

	cause     int64              // number of the record from outside that is at work, unless working is set
	working   *input             // whose last record is at work
	origins   []operators.Origin // of the records from outside whose numbers are above forgotten
	forgotten int64
	staging   bool    // what is written is put into order later, see settleOrder
	unordered []*log  // that have something of that kind
	order     []int64 // scratch of settleOrder, as is moved
	moved     []entry
}

// group names what a committed offset belongs to.
type group struct {
	application, topic string
	partition          int32
}

type place struct {
	log    *log
	offset int
}

// log is one partition of a topic.
type log struct {
	entries []entry // those that were not trimmed
	first   int     // offset of the first of them
	begin   int     // offset at which the log began
	settled int     // offset from which on entries wait to be put into order; -1: none do
	stable  int     // offset of the first entry of the running transaction, else that of the next entry
}

// at is the entry with an offset that was not trimmed.
func (l *log) at(offset int) *entry { return &l.entries[offset-l.first] }

// end is the offset of the next entry.
func (l *log) end() int { return l.first + len(l.entries) }

type entry struct {
	operators.Input
	sequence int64 // among all entries of the broker
	cause    int64 // number of the record from outside that led to it, or of itself
	outside  bool  // appended by Append, not by a runtime
	open     bool
	aborted  bool
}

// NewBroker makes a broker without topics.
func NewBroker() *Broker {
	return &Broker{topics: make(map[string][]*log), offsets: make(map[group]task.Position)}
}

// Create makes a topic. It is an error if it is there with another number of partitions.
func (b *Broker) Create(topic string, partitions int32) error {
	if logs, ok := b.topics[topic]; ok {
		if len(logs) != int(partitions) {
			return fmt.Errorf("topic %q has %d partitions, want %d", topic, len(logs), partitions)
		}
		return nil
	}
	if partitions <= 0 {
		return fmt.Errorf("topic %q cannot have %d partitions", topic, partitions)
	}
	logs := make([]*log, partitions)
	for i := range logs {
		logs[i] = &log{settled: -1}
	}
	b.topics[topic] = logs
	return nil
}

// Partitions tells how many partitions a topic has; ok is false if there is no such topic.
func (b *Broker) Partitions(topic string) (n int32, ok bool) {
	logs, ok := b.topics[topic]
	return int32(len(logs)), ok
}

// Topics are the names of all topics, sorted.
func (b *Broker) Topics() []string {
	names := make([]string, 0, len(b.topics))
	for name := range b.topics {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

// Append writes a record from outside and returns its offset. The record's own offset is ignored; its slices are kept.
func (b *Broker) Append(topic string, partition int32, r operators.Input) (offset int64, err error) {
	l, err := b.log(topic, partition)
	if err != nil {
		return 0, err
	}
	b.outside++
	b.origins = append(b.origins, operators.Origin{Topic: topic, Partition: partition, Offset: int64(l.end())})
	return b.write(l, entry{Input: r, outside: true, cause: b.outside}), nil
}

// Begin makes an empty partition begin at an offset: nothing of it lies before.
func (b *Broker) Begin(topic string, partition int32, offset int64) error {
	l, err := b.log(topic, partition)
	if err != nil {
		return err
	}
	if l.end() != 0 || offset < 0 {
		return fmt.Errorf("topic %q, partition %d cannot begin at offset %d: it ends at %d", topic, partition, offset, l.end())
	}
	l.first, l.begin, l.stable = int(offset), int(offset), int(offset)
	return nil
}

// causeNow is the number of the record from outside that is at work.
func (b *Broker) causeNow() int64 {
	in := b.working
	if in == nil {
		return b.cause
	}
	if last := int(in.task.Last(in.number)); last > in.from {
		return in.log.at(last).cause
	}
	return in.cause
}

// origin is the place of a record from outside by its number; zero before the first, and of one that is forgotten.
func (b *Broker) origin(number int64) operators.Origin {
	if number <= b.forgotten {
		return operators.Origin{}
	}
	return b.origins[number-b.forgotten-1]
}

// forget drops the places of records from outside of which nothing is left.
func (b *Broker) forget() {
	oldest := b.outside
	for _, logs := range b.topics {
		for _, l := range logs {
			for i := range l.entries {
				oldest = min(oldest, l.entries[i].cause)
			}
		}
	}
	if n := oldest - b.forgotten - 1; n > 0 {
		b.origins = append(b.origins[:0], b.origins[n:]...)
		b.forgotten += n
	}
}

// Appended is how many records were appended from outside.
func (b *Broker) Appended() int64 { return b.outside }

// End is the offset of the next record of a partition.
func (b *Broker) End(topic string, partition int32) (int64, error) {
	l, err := b.log(topic, partition)
	if err != nil {
		return 0, err
	}
	return int64(l.end()), nil
}

// Skip moves the end of a partition to an offset, so that the next record gets it. What lies between is as if it had been
// aborted; it takes memory until it is trimmed.
func (b *Broker) Skip(topic string, partition int32, offset int64) error {
	l, err := b.log(topic, partition)
	if err != nil {
		return err
	}
	for int64(l.end()) < offset {
		b.write(l, entry{outside: true, aborted: true})
	}
	return nil
}

// Commit commits a position of an application, as one of its runtimes would have.
func (b *Broker) Commit(application string, p task.Position) {
	b.offsets[group{application, p.Topic, p.Partition}] = p
}

func (b *Broker) log(topic string, p int32) (*log, error) {
	return partition(topic, b.topics[topic], p)
}

func partition(topic string, logs []*log, p int32) (*log, error) {
	if logs == nil {
		return nil, fmt.Errorf("there is no topic %q", topic)
	}
	if p < 0 || int(p) >= len(logs) {
		return nil, fmt.Errorf("topic %q has %d partitions and no partition %d", topic, len(logs), p)
	}
	return logs[p], nil
}

func (b *Broker) write(l *log, e entry) (offset int64) {
	e.Offset, e.sequence = int64(l.end()), b.written
	b.written++
	if !e.outside {
		e.cause = b.causeNow()
		if b.staging && l.settled < 0 {
			l.settled = l.end()
			b.unordered = append(b.unordered, l)
		}
	}
	if e.open {
		b.open = append(b.open, place{l, l.end()})
	}
	if l.stable == l.end() && !e.open {
		l.stable++
	}
	l.entries = append(l.entries, e)
	return e.Offset
}

// end closes the running transaction.
func (b *Broker) end(commit bool) {
	for _, p := range b.open {
		e := p.log.at(p.offset)
		e.open, e.aborted = false, !commit
	}
	for _, p := range b.open {
		p.log.stable = p.log.end()
	}
	b.open = b.open[:0]
}

// Record is a committed record of a topic.
type Record struct {
	operators.Input // its slices are the broker's
	Topic           string
	Partition       int32
	Outside         bool // written by Append, not by a topology
	sequence        int64
}

// Positions says from where a topic is read next: an offset for each partition. Nil is the start.
type Positions []int64

// Read returns what is committed in a topic from the positions on, over all partitions in the order in which it was
// written, and the positions behind it. A topic that does not exist has no records, and what was trimmed is not there.
func (b *Broker) Read(topic string, from Positions) ([]Record, Positions) {
	logs := b.topics[topic]
	next := make(Positions, len(logs))
	copy(next, from)
	var records []Record
	for p, l := range logs {
		next[p] = max(next[p], int64(l.first))
		for ; int(next[p]) < l.stable; next[p]++ {
			if e := l.at(int(next[p])); !e.aborted {
				records = append(records, Record{Input: e.Input, Topic: topic, Partition: int32(p), Outside: e.outside, sequence: e.sequence})
			}
		}
	}
	slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(a.sequence, b.sequence) })
	return records, next
}

// ReadAll is Read for several topics, over all of them in the order in which the records were written. It moves the positions
// of each topic.
func (b *Broker) ReadAll(topics []string, from map[string]Positions) []Record {
	var records []Record
	for _, topic := range topics {
		more, next := b.Read(topic, from[topic])
		records, from[topic] = append(records, more...), next
	}
	slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(a.sequence, b.sequence) })
	return records
}

// Committed is the offset up to which (exclusive) an application has processed a partition, 0 at the start.
func (b *Broker) Committed(application, topic string, partition int32) int64 {
	return b.offsets[group{application, topic, partition}].Offset
}

// collector is the Broker as the tasks of a runtime write to it.
type collector struct {
	b       *Broker
	last    topicLogs                     // written to last
	reads   map[string]bool               // topics that the topology reads
	outputs func(*operators.Output) error // see Config.Outputs
	written func(*operators.Output)       // see Config.Written
	noLogs  bool
}

// topicLogs are the partitions of a topic, as a collector sees it.
type topicLogs struct {
	topic string
	logs  []*log
	out   bool // nobody reads it: its records go to outputs
}

func (r *Runtime) collector() *collector {
	return &collector{b: r.cfg.Broker, reads: r.Reads(), outputs: r.cfg.Outputs, written: r.cfg.Written, noLogs: r.cfg.NoChangelogs}
}

// to is a topic that is written to.
func (c *collector) to(topic string) *topicLogs {
	if c.last.topic != topic || c.last.logs == nil {
		c.last = topicLogs{topic, c.b.topics[topic], c.outputs != nil && !c.reads[topic]}
	}
	return &c.last
}

const (
	arenaBytes   = 32 << 10 // of encoded records in one piece of memory
	minFreeBytes = 1 << 10  // that Buffer offers at least
)

// Buffer implements [operators.Collector]. Topics keep what is written to them, so no memory is used twice.
func (c *collector) Buffer() []byte {
	if a := &c.b.arena; cap(*a)-len(*a) < minFreeBytes {
		*a = make(task.Arena, 0, arenaBytes)
	}
	return c.b.arena.Buffer()
}

// Send implements [operators.Collector].
func (c *collector) Send(o *operators.Output) error {
	c.b.arena.Take(o)
	if c.written != nil {
		c.written(o)
	}
	to := c.to(o.Topic)
	if to.out {
		return c.outputs(o)
	}
	l, err := partition(o.Topic, to.logs, o.Partition)
	if err != nil {
		return err
	}
	c.b.write(l, entry{open: true, Input: operators.Input{
		Key: o.Key, Value: o.Value, Timestamp: o.Timestamp, Headers: cloneHeaders(o.Headers), Handed: o.Handed,
	}})
	return nil
}

// Log implements [task.Collector]. The changelog outlives the generation that key and value lie in.
func (c *collector) Log(topic string, partition int32, key, value []byte) error {
	if c.noLogs {
		return nil
	}
	l, err := c.b.log(topic, partition)
	if err != nil {
		return err
	}
	c.b.write(l, entry{open: true, Input: operators.Input{Key: slices.Clone(key), Value: slices.Clone(value)}})
	return nil
}

func cloneHeaders(headers []operators.Header) []operators.Header {
	if len(headers) == 0 {
		return nil
	}
	cloned := make([]operators.Header, len(headers))
	for i, h := range headers {
		cloned[i] = operators.Header{Key: h.Key, Value: slices.Clone(h.Value)}
	}
	return cloned
}
