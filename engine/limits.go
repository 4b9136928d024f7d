package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rivusio/rivusio/operators"
	"github.com/twmb/franz-go/pkg/kadm"
)

const (
	// defaultBatchBytes is what a batch may have in a topic whose settings are not known: a bit less than Kafka's default of
	// max.message.bytes.
	defaultBatchBytes = 1_000_012
	minBatchBytes     = 512 // the least that the client takes as a limit
	// batchOverheadBytes is what a batch of one record has beside its key, value and headers, at most.
	batchOverheadBytes = 61 + 4 + 5*5
	headerSizesBytes   = 2 * 5
)

// topicLimits are what a topic takes, as its settings said when the process first wrote to it. A record that brokers refuse
// fails its whole batch and with it the transaction, and nobody knows which record it was; so what they would refuse does
// not leave, and is a failure of the operator that wrote it.
type topicLimits struct {
	batchBytes int64 // max.message.bytes
	compacted  bool  // cleanup.policy compact: a record needs a key
}

// refuse says why a topic would not take a record.
func (l *topicLimits) refuse(o *operators.Output) error {
	if l.compacted && o.Key == nil {
		return &operators.RefusedError{Topic: o.Topic, Partition: o.Partition, Err: errors.New("the topic is compacted, and the record has no key")}
	}
	size := int64(batchOverheadBytes + len(o.Key) + len(o.Value))
	if size < l.batchBytes && len(o.Headers) == 0 {
		return nil
	}
	for _, h := range o.Headers {
		size += int64(headerSizesBytes + len(h.Key) + len(h.Value))
	}
	if size < l.batchBytes {
		return nil
	}
	return &operators.RefusedError{Topic: o.Topic, Partition: o.Partition, Err: fmt.Errorf("the record has %d bytes, and the topic takes less than %d (max.message.bytes)", size, l.batchBytes)}
}

// limits are those of all topics that are written, for all workers.
type limits struct {
	mu     sync.RWMutex
	topics map[string]*topicLimits
}

var unknownLimits = topicLimits{batchBytes: defaultBatchBytes}

func (l *limits) of(topic string) *topicLimits {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if t := l.topics[topic]; t != nil {
		return t
	}
	return &unknownLimits
}

// batchBytes is what the client asks for each topic that it writes to.
func (l *limits) batchBytes(topic string) int32 {
	return int32(min(max(l.of(topic).batchBytes, minBatchBytes), math.MaxInt32/2))
}

// read asks for the settings of topics. Where the right to read them is missing, the defaults are taken.
func (l *limits) read(ctx context.Context, adm *kadm.Client, topics []string) error {
	found := topicsFound{settings: make(map[string]map[string]string), unchecked: make(map[string]error)}
	if err := found.readSettings(ctx, adm, topics); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics == nil {
		l.topics = make(map[string]*topicLimits)
	}
	for topic, settings := range found.settings {
		t := unknownLimits
		if n, err := strconv.ParseInt(settings["max.message.bytes"], 10, 64); err == nil && n > 0 {
			t.batchBytes = n
		}
		t.compacted = slices.Contains(strings.Split(settings["cleanup.policy"], ","), "compact")
		l.topics[topic] = &t
	}
	return nil
}

// readLimits learns what the topics take that the plan writes to.
func (a *App) readLimits(ctx context.Context) error {
	topics := a.graph.ExternalSinks()
	for _, t := range a.plan.Internal {
		topics = append(topics, t.Name)
	}
	if len(topics) == 0 {
		return nil
	}
	return a.limits.read(ctx, a.adm, topics)
}
