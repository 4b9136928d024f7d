//go:build integration

package integration_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/windows"
)

// TestWordCount compares what the shipped binary counts in lines of four partitions with a count of the words that were
// put into the lines.
func TestWordCount(t *testing.T) {
	const application, lines, counts, partitions = "word-count", "lines", "word-counts", 4
	c := connect(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	c.clean(application, lines, counts)
	c.create(partitions, keepAll, lines, counts)

	want := make(map[row]int64)
	for _, r := range makeLines(rand.New(rand.NewPCG(3, 1)), 40_000, partitions, want) {
		r.Topic = lines
		c.cl.Produce(t.Context(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("write a line: %v", err)
			}
		})
	}
	c.must("write lines", c.cl.Flush(t.Context()))

	p := newProgram(t, processorBinary, "processor", "run", "--topology", application, "--brokers", brokers(t),
		"--workers", "2", "--state-dir", t.TempDir())
	p.start()
	c.consumed(application, p.died, lines, application+"-words-repartition")
	p.stop()

	keys := windows.TimeKeySerde(serde.String, time.Minute)
	got := make(map[row]int64)
	c.read(counts, func(r *kgo.Record) {
		key, err := keys.Decode(r.Key)
		c.must("key of a count", err)
		n, err := serde.Int64.Decode(r.Value)
		c.must("value of a count", err)
		if n <= got[key] {
			t.Errorf("%v: count %d follows %d", key, n, got[key])
		}
		got[key] = n
	})
	for key, n := range want {
		if got[key] != n {
			t.Errorf("%v: counted %d times, want %d", key, got[key], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d words and windows are in the output, want %d", len(got), len(want))
	}
	t.Logf("%d words in %d windows of a word", sum(want), len(want))
}

// makeLines makes lines of known words and counts them. Each partition is at a time of its own, hours apart from others,
// and its lines are up to ten minutes out of order. Every other line has a key.
func makeLines(rng *rand.Rand, n, partitions int, want map[row]int64) []*kgo.Record {
	vocabulary := []string{"ß", "été", "42", "Ωmega"}
	for i := range 500 {
		vocabulary = append(vocabulary, fmt.Sprintf("word%d", i))
	}
	gaps := []string{" ", ", ", "\t", " - ", "...", "\n"}
	startMs := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	var records []*kgo.Record
	for i := range n {
		partition := i % partitions
		timestamp := startMs + int64(partition)*5*time.Hour.Milliseconds() + int64(i)*50 + rng.Int64N(10*time.Minute.Milliseconds())
		start := timestamp - timestamp%time.Minute.Milliseconds()
		var line strings.Builder
		for range rng.IntN(12) {
			word := vocabulary[rng.IntN(1+rng.IntN(len(vocabulary)))] // the first ones more often
			want[windows.Key(strings.ToLower(word), windows.Window{Start: start, End: start + time.Minute.Milliseconds()})]++
			line.WriteString(word + gaps[rng.IntN(len(gaps))])
		}
		r := &kgo.Record{Value: []byte(line.String()), Timestamp: time.UnixMilli(timestamp), Partition: int32(partition)}
		if i%8 < 4 {
			r.Key = fmt.Appendf(nil, "key-%d", rng.IntN(100))
		}
		records = append(records, r)
	}
	return records
}

func sum(counts map[row]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}
