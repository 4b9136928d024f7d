package wordcount_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rivusio/rivusio/examples/wordcount"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                           nil,
		" ,. ":                       nil,
		"To be, or not to be":        {"to", "be", "or", "not", "to", "be"},
		"Ärger in 2 Straßen! O'Hara": {"ärger", "in", "2", "straßen", "o", "hara"},
	} {
		if got := wordcount.Words(line); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// The last count of each word and minute is what counting by hand gives, whatever the order of the lines.
func TestCounts(t *testing.T) {
	topo, err := wordcount.Topology()
	if err != nil {
		t.Fatal(err)
	}
	d := topologytest.New(t, topo, topologytest.Partitions(4), topologytest.CommitEvery(7))
	lines := topologytest.Input(d, "lines", serde.String, serde.String)
	counts := topologytest.Output(d, "word-counts", windows.TimeKeySerde(serde.String, time.Minute), serde.Int64)

	random := rand.New(rand.NewPCG(1, 2))
	vocabulary := []string{"sun", "Moon", "star,", "sky", "-", "SUN"}
	want := make(map[string]int64)
	for range 500 {
		at := time.UnixMilli(random.Int64N(int64(20 * time.Hour / time.Millisecond)))
		line := ""
		for range random.IntN(6) {
			line += " " + vocabulary[random.IntN(len(vocabulary))]
		}
		for _, word := range wordcount.Words(line) {
			want[fmt.Sprint(word, at.UnixMilli()/60_000)]++
		}
		lines.Send("", line, topologytest.At(at), topologytest.NullKey(), topologytest.ToPartition(random.IntN(4)))
	}
	d.Commit()

	got := make(map[string]int64)
	for _, r := range counts.ReadAll() {
		got[fmt.Sprint(r.Key.Key, r.Key.Start/60_000)] = r.Value
	}
	if len(want) < 100 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if dropped := d.Dropped(); len(dropped) > 0 {
		t.Errorf("dropped: %v", dropped)
	}
}
