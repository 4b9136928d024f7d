package engine

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/twmb/franz-go/pkg/kadm"
)

// Backpressure says when the sources of a sub-topology are held because of what lies unread in a repartition topic that they
// feed, so that internal topics do not grow without bound behind a stage that is slow. All zero: the defaults.
type Backpressure struct {
	// Off holds no source.
	Off bool
	// HighLag is how many records of one partition may lie unread. Default 1,000,000.
	HighLag int64
	// LowLag is how few must be left before the sources go on. Default half of HighLag.
	LowLag int64
	// HighDelay is how long the stage may need for what lies unread in a partition, at the speed that it has had lately.
	// Default 30 s.
	HighDelay time.Duration
	// LowDelay is how little must be left before the sources go on. Default a sixth of HighDelay.
	LowDelay time.Duration
	// Topics are repartition topics with a HighLag of their own; their LowLag is half of it.
	Topics []TopicLag
}

// TopicLag is the HighLag of a topic.
type TopicLag struct {
	Topic   string
	HighLag int64
}

// minDelayedLag is how many records must lie unread for their delay to count: a handful may well be old.
const minDelayedLag = 10_000

const (
	lagInterval = 500 * time.Millisecond
	lagWeight   = 0.2 // of the last interval in the speed of a stage
)

func (b Backpressure) withDefaults() Backpressure {
	or(&b.HighLag, 1_000_000)
	or(&b.LowLag, b.HighLag/2)
	or(&b.HighDelay, 30*time.Second)
	or(&b.LowDelay, b.HighDelay/6)
	return b
}

func (b Backpressure) validate(bad func(wrong bool, format string, args ...any)) {
	bad(b.HighLag < 1, "Backpressure.HighLag is %d, want at least 1", b.HighLag)
	bad(b.LowLag < 0 || b.LowLag >= b.HighLag, "Backpressure.LowLag is %d, want 0 or more and less than HighLag, which is %d", b.LowLag, b.HighLag)
	bad(b.HighDelay < time.Second, "Backpressure.HighDelay is %v, want at least %v", b.HighDelay, time.Second)
	bad(b.LowDelay < 0 || b.LowDelay >= b.HighDelay, "Backpressure.LowDelay is %v, want 0 or more and less than HighDelay, which is %v", b.LowDelay, b.HighDelay)
	for _, t := range b.Topics {
		bad(t.HighLag < 1, "Backpressure.Topics: %q has %d, want at least 1", t.Topic, t.HighLag)
	}
}

// marks are HighLag and LowLag of a topic.
func (b *Backpressure) marks(topic string) (high, low int64) {
	for _, t := range b.Topics {
		if t.Topic == topic {
			return t.HighLag, t.HighLag / 2
		}
	}
	return b.HighLag, b.LowLag
}

// stageLag is one partition of a repartition topic: how much of it its stage has not read, and how fast it reads.
type stageLag struct {
	committed int64
	lag       int64
	perSecond float64
}

// delay is how long the stage needs for the lag; ok is false if nobody can tell, since it stands still.
func (l *stageLag) delay() (d time.Duration, ok bool) {
	if l.perSecond <= 0 {
		return 0, false
	}
	return time.Duration(float64(l.lag) / l.perSecond * float64(time.Second)), true
}

// backpressure watches the repartition topics and holds the sources that feed those that lag.
type backpressure struct {
	app  *App
	plan *graph.Plan
	cfg  Backpressure
	log  *slog.Logger
	lags map[topicPartition]*stageLag
	at   time.Time
	over map[string]bool // topics that passed their high mark and have not come below the low one
}

func newBackpressure(a *App) *backpressure {
	return &backpressure{app: a, plan: a.plan, cfg: a.cfg.Backpressure, log: a.cfg.Logger, lags: make(map[topicPartition]*stageLag), over: make(map[string]bool)}
}

// run watches until the context ends; then nothing is held.
func (b *backpressure) run(ctx context.Context) {
	if b.cfg.Off || len(b.app.repartition) == 0 {
		return
	}
	defer b.app.held.Store(new(map[string]string))
	ticker := time.NewTicker(lagInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := b.look(ctx); err != nil {
			if ctx.Err() == nil {
				b.log.Debug("the lag of repartition topics is not known", "error", err)
			}
			continue
		}
		b.judge()
		b.hold(b.sources())
	}
}

// look asks for the ends and the committed offsets of the repartition topics.
func (b *backpressure) look(ctx context.Context) error {
	var topics []string
	for topic := range b.app.repartition {
		if b.plan.Partitions[topic] > 0 {
			topics = append(topics, topic)
		}
	}
	ends, err := b.app.adm.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return fmt.Errorf("ends: %w", err)
	}
	committed, err := b.app.adm.FetchOffsetsForTopics(ctx, b.app.graph.Application, topics...)
	if err != nil {
		return fmt.Errorf("committed offsets: %w", err)
	}
	now := time.Now()
	since := now.Sub(b.at).Seconds()
	first := b.at.IsZero()
	b.at = now
	ends.Each(func(end kadm.ListedOffset) {
		at := topicPartition{end.Topic, end.Partition}
		l := b.lags[at]
		if end.Err != nil {
			return
		}
		position := int64(0)
		if o, ok := committed.Lookup(end.Topic, end.Partition); ok && o.Err == nil {
			position = max(0, o.At)
		}
		if l == nil {
			l = &stageLag{committed: position}
			b.lags[at] = l
		} else if !first && since > 0 {
			l.perSecond += lagWeight * (float64(position-l.committed)/since - l.perSecond)
			if l.perSecond < 1 {
				l.perSecond = 0
			}
		}
		l.committed, l.lag = position, max(0, end.Offset-position)
	})
	return nil
}

// judge follows which topics are over their marks, with the distance between high and low that keeps it from going to and fro.
func (b *backpressure) judge() {
	high, low := make(map[string]bool), make(map[string]bool)
	for at, l := range b.lags {
		highLag, lowLag := b.cfg.marks(at.topic)
		delay, known := l.delay()
		high[at.topic] = high[at.topic] || l.lag >= highLag || known && delay >= b.cfg.HighDelay && l.lag >= minDelayedLag
		low[at.topic] = low[at.topic] || l.lag > lowLag || known && delay > b.cfg.LowDelay && l.lag >= minDelayedLag
	}
	for topic := range low {
		switch {
		case high[topic]:
			b.over[topic] = true
		case !low[topic]:
			delete(b.over, topic)
		}
	}
}

// sources are the topics to be held: those that feed a topic that is over its mark. One that the stage behind that topic also
// needs is not, directly or by way of another of its inputs that is not over its mark: the stage may wait for just that, and
// then nothing would ever move again (a diamond).
func (b *backpressure) sources() map[string]string {
	held := make(map[string]string)
	g := b.app.graph
	for topic := range b.over {
		stage := slices.IndexFunc(b.plan.Sources, func(sources []string) bool { return slices.Contains(sources, topic) })
		if stage < 0 {
			continue
		}
		for _, sub := range g.SubTopologies {
			if !slices.Contains(sub.Sinks, topic) {
				continue
			}
			for _, source := range b.plan.Sources[sub.ID] {
				if !slices.Contains(b.plan.Sources[stage], source) && !b.needed(source, stage) {
					held[source] = topic
				}
			}
		}
	}
	return held
}

// needed reports whether what a source brings reaches a stage by an input that is not over its mark.
func (b *backpressure) needed(source string, stage int) bool {
	reached := []string{source}
	for i := 0; i < len(reached); i++ {
		for _, sub := range b.app.graph.SubTopologies {
			if !slices.Contains(b.plan.Sources[sub.ID], reached[i]) {
				continue
			}
			for _, sink := range sub.Sinks {
				if !slices.Contains(reached, sink) {
					reached = append(reached, sink)
				}
			}
		}
	}
	return slices.ContainsFunc(b.plan.Sources[stage], func(input string) bool { return slices.Contains(reached, input) && !b.over[input] })
}

// hold tells the workers what is held, and the log what has changed.
func (b *backpressure) hold(held map[string]string) {
	before := *b.app.held.Load()
	if maps.Equal(before, held) {
		return
	}
	b.app.held.Store(&held)
	for _, source := range slices.Sorted(maps.Keys(held)) {
		if _, was := before[source]; !was {
			lag, delay := b.worst(held[source])
			b.log.Info("a source is held, since a stage behind it lags", "source", source, "behind", held[source], "lag", lag, "delay", delay.String())
		}
	}
	for _, source := range slices.Sorted(maps.Keys(before)) {
		if _, is := held[source]; !is {
			lag, delay := b.worst(before[source])
			b.log.Info("a source goes on", "source", source, "behind", before[source], "lag", lag, "delay", delay.String())
		}
	}
	for _, w := range *b.app.workers.Load() {
		w.wake()
	}
}

// worst is the largest lag of a topic's partitions, and the largest delay that is known.
func (b *backpressure) worst(topic string) (lag int64, delay time.Duration) {
	for at, l := range b.lags {
		if at.topic == topic {
			d, _ := l.delay()
			lag, delay = max(lag, l.lag), max(delay, d)
		}
	}
	return lag, delay.Round(time.Millisecond)
}
