package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/examples/wordcount"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/windows"
)

// run runs a command line and returns what it wrote.
func run(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	root := command()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return out.String(), err
}

func TestCommands(t *testing.T) {
	for args, want := range map[string]string{
		"describe --topology orders":     "Topology: orders",
		"describe --topology word-count": "Topology: word-count",
		"demo --help":                    "--rate int",
	} {
		if out, err := run(t.Context(), strings.Fields(args)...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: got %v and %q", args, err, out)
		}
	}
	for args, want := range map[string]string{
		"demo --duration -1s": "--duration: -1s is less than 0s",
		"demo --rate 0":       "--rate: 0 is less than 1",
		"demo --workers 5":    "--workers: 5 is not between 1 and 4",
	} {
		if _, err := run(t.Context(), strings.Fields(args)...); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

// Two workers count lines of four partitions, exactly once, as a count by hand does.
func TestWordCount(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "lines", "word-counts"))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(broker.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ConsumeTopics("word-counts"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	want := sendLines(t, cl)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() {
		out, err := run(ctx, "run", "--topology", "word-count", "--workers", "2", "--brokers", broker.ListenAddrs()[0], "--state-dir", t.TempDir())
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
		done <- err
	}()
	key := windows.TimeKeySerde(serde.String, time.Minute)
	got := make(map[windows.Keyed[string]]int64)
	for deadline := time.Now().Add(30 * time.Second); fmt.Sprint(got) != fmt.Sprint(want); {
		poll, cancel := context.WithDeadline(t.Context(), deadline)
		fetches := cl.PollFetches(poll)
		cancel()
		if err := fetches.Err(); err != nil {
			t.Fatalf("%v; got %v\nwant %v", err, got, want)
		}
		for _, r := range fetches.Records() {
			k, keyErr := key.Decode(r.Key)
			n, err := serde.Int64.Decode(r.Value)
			if keyErr != nil || err != nil {
				t.Fatal(keyErr, err)
			}
			got[k] = n
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// sendLines sends lines over two hours, in disorder and without keys, and counts their words.
func sendLines(t *testing.T, cl *kgo.Client) map[windows.Keyed[string]]int64 {
	random := rand.New(rand.NewPCG(3, 4))
	counts := make(map[windows.Keyed[string]]int64)
	start := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for range 3000 {
		at := start.Add(time.Duration(random.Int64N(int64(2 * time.Hour)))).Truncate(time.Millisecond)
		line := fmt.Sprintf("Word%d, word%d!", random.IntN(9), random.IntN(9))
		for _, word := range wordcount.Words(line) {
			for w := range wordcount.Window.Of(at.UnixMilli()) {
				counts[windows.Key(word, w)]++
			}
		}
		cl.Produce(t.Context(), &kgo.Record{Topic: "lines", Partition: random.Int32N(4), Value: []byte(line), Timestamp: at}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return counts
}
