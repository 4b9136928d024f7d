package integration

import (
	"context"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// Window is what [Tallies] counts in. Its grace is longer than the event time of any test, since processes that are
// killed read the partitions at very different speeds.
var Window = windows.Tumbling(time.Minute).Grace(24 * time.Hour)

// Names of the internal topics and stores of [Tallies].
const (
	bySite       = "readings-by-site"
	TallyStore   = "tally-by-window"
	ReadingStore = "readings-by-site-ever"
	answerStore  = "answers-in-flight"
)

// AnswersAtOnce is how many readings of each task wait for an answer at once.
const AnswersAtOnce = 100

// answer stands for a service that takes from 1 to 30 ms.
func answer(ctx context.Context, serial int64) (int64, error) {
	select {
	case <-time.After(time.Duration(1+serial*7919%30) * time.Millisecond):
		return serial, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// UpdateKey is the key of [Tallies.Updates].
var UpdateKey = windows.TimeKeySerde(serde.String, time.Duration(Window.SizeMs())*time.Millisecond)

// Tallies is a topology with a repartition, a window store and a key-value store, made such that its outputs tell what
// happened to every single input: the sum of a tally grows by the value of one input with each update.
type Tallies struct {
	Application string
	Input       string // sensor → serial number of the reading
	Updates     string // windowed site → [Tally], one for each input
	Totals      string // site → number of inputs, at commits
	// Answers, if not "", is a topic of answers, sensor → serial number, that come from a pipe which waits for some time, up to
	// [AnswersAtOnce] of them at once; then they are tallied.
	Answers string
	// SkipUndecodable drops and counts inputs that are no numbers.
	SkipUndecodable bool
}

// Tally is the aggregate of a site and a window.
type Tally struct {
	Count int64 `json:"count"`
	Sum   int64 `json:"sum"`
}

// Topology builds it.
func (t Tallies) Topology() (*topology.Topology, error) {
	b := topology.NewBuilder(t.Application)
	var source []topology.NodeOption
	if t.SkipUndecodable {
		source = append(source, topology.SkipUndecodable())
	}
	readings := b.Stream(t.Input, serde.String, serde.Int64, source...)
	if t.Answers != "" {
		readings = readings.Through[int64](pipes.Func[int64, int64](answer), answerStore, topology.Concurrency(AnswersAtOnce))
		readings.To(t.Answers)
	}
	sites := readings.GroupBy(func(sensor string, _ int64) string { return Site(sensor) }, topology.Named(bySite))
	sites.Windowed(Window).
		Aggregate(TallyStore, func() Tally { return Tally{} }, func(_ string, serial int64, t Tally) Tally {
			return Tally{t.Count + 1, t.Sum + serial}
		}).
		ToStream(windows.Key).
		To(t.Updates)
	sites.Count(ReadingStore, topology.EmitOnCommit()).
		ToStream().
		To(t.Totals)
	return b.Build()
}

// Repartition is the topic between the two halves.
func (t Tallies) Repartition() string { return t.Application + "-" + bySite + "-repartition" }

// Changelog is the topic of one of the stores.
func (t Tallies) Changelog(store string) string { return t.Application + "-" + store + "-changelog" }

// Site is the site of a sensor: its name without the last digit.
func Site(sensor string) string { return sensor[:max(0, len(sensor)-1)] }
