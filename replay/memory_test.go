package replay_test

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/replay"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// generated is a source of records that are made when they are asked for.
type generated struct {
	ranges []replay.Range
	next   []int64
	value  []byte
	peak   uint64 // bytes that the runtime has from the system
}

const (
	generatedPartitions = 4
	generatedValueBytes = 10_000
)

func newGenerated(bytes int64) *generated {
	g := &generated{next: make([]int64, generatedPartitions), value: make([]byte, generatedValueBytes)}
	for p := range int32(generatedPartitions) {
		g.ranges = append(g.ranges, replay.Range{Topic: "in", Partition: p, To: bytes / generatedValueBytes / generatedPartitions})
	}
	return g
}

func (g *generated) Ranges() []replay.Range                { return g.ranges }
func (g *generated) Close() error                          { return nil }
func (g *generated) Partitions(topic string) (int32, bool) { return generatedPartitions, topic == "in" }
func (g *generated) Next(_ context.Context, i int) (operators.Input, error) {
	at := g.next[i]
	if at == g.ranges[i].To {
		return operators.Input{}, io.EOF
	}
	g.next[i]++
	if at%5_000 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		g.peak = max(g.peak, m.Sys-m.HeapReleased)
	}
	value := append([]byte(nil), g.value...)
	binary.BigEndian.PutUint64(value, uint64(at)*generatedPartitions+uint64(i))
	return operators.Input{Key: value[:8], Value: value, Timestamp: at * 10, Offset: at}, nil
}

// However long a slice is, memory stays under its limit: records go through a repartition topic whole, and windows come and go.
// REPLAY_BYTES is how long; by default it is short.
func TestReplayIsBoundedInMemory(t *testing.T) {
	if raced {
		t.Skip("the race detector takes memory of its own")
	}
	bytes := int64(500 << 20)
	if text := os.Getenv("REPLAY_BYTES"); text != "" {
		var err error
		if bytes, err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	const limit = 400 << 20
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit * 9 / 10))
	b := topology.NewBuilder("large")
	b.Stream("in", serde.Bytes, serde.Bytes).
		GroupBy(func(_, v []byte) int64 { return int64(binary.BigEndian.Uint64(v) % 1_000) }, topology.Named("by-thousand")).
		Windowed(windows.Tumbling(time.Second)).OnClose().
		Aggregate("longest", func() int64 { return 0 }, func(_ int64, v []byte, n int64) int64 { return max(n, int64(len(v))) }).
		ToStream(windows.Key).
		To("out")
	g := newGenerated(bytes)
	s, err := replay.Run(t.Context(), replay.Config{Topology: build(t, b.Build), Source: g, StateDir: t.TempDir(), CacheBytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if want := bytes / generatedValueBytes / generatedPartitions * generatedPartitions; s.Records != want || s.Results["out"] < want*9/10/4 {
		t.Errorf("%+v", s)
	}
	t.Logf("%d MB in %v: %d MiB of memory at most", bytes/1_000_000, s.Took.Round(time.Millisecond), g.peak>>20)
	if g.peak > limit {
		t.Errorf("%d MiB of memory, want %d", g.peak>>20, limit>>20)
	}
}

// An interrupted replay says so, and leaves nothing in its folder.
func TestInterruptedReplay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	b := topology.NewBuilder("interrupted")
	n := 0
	b.Stream("in", serde.Bytes, serde.Bytes).GroupByKey().Count("counts").ToStream().To("out")
	s, err := replay.Run(ctx, replay.Config{Topology: build(t, b.Build), Source: newGenerated(100 << 20), StateDir: dir, Results: func(*replay.Result) error {
		if n++; n == 100 {
			cancel()
		}
		return nil
	}})
	if err != nil || !s.Interrupted || s.Records < 100 || s.Records == s.Ranges[0].To*generatedPartitions {
		t.Errorf("%+v, %v", s, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
