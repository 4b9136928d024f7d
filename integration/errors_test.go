//go:build integration

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/integration"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

const exitFailure, exitUsage = 1, 2

// TestErrors makes each mistake that a user can make with brokers and topics: the shipped binary must end by itself and
// say what is wrong.
func TestErrors(t *testing.T) {
	c := connect(t)
	// fails runs the binary and checks how it ends.
	fails := func(t *testing.T, code int, says []string, args ...string) {
		t.Helper()
		p := newProgram(t, processorBinary, "processor", append([]string{"run", "--state-dir", t.TempDir()}, args...)...)
		p.start()
		if got := p.exit(time.Minute); got != code {
			t.Errorf("exit code is %d, want %d", got, code)
		}
		p.says(says...)
		last := strings.TrimSpace(p.logTail(1 << 20))
		last = last[strings.LastIndex(last, "\n")+1:]
		t.Log(last)
	}

	t.Run("missing input topic", func(t *testing.T) {
		c.clean("word-count", "lines", "word-counts")
		c.create(4, keepAll, "word-counts")
		fails(t, exitFailure, []string{`input topic "lines"`, "does not exist"}, "--topology", "word-count", "--brokers", brokers(t))
	})
	t.Run("missing output topic", func(t *testing.T) {
		c.clean("word-count", "lines", "word-counts")
		c.create(4, keepAll, "lines")
		fails(t, exitFailure, []string{`output topic "word-counts"`, "does not exist"}, "--topology", "word-count", "--brokers", brokers(t))
	})
	t.Run("wrong partition count", func(t *testing.T) {
		c.clean("word-count", "lines", "word-counts")
		c.create(4, keepAll, "lines", "word-counts")
		c.create(3, keepAll, "word-count-words-repartition")
		fails(t, exitFailure, []string{`repartition topic "word-count-words-repartition"`, "it has 3 partitions, expected 4"},
			"--topology", "word-count", "--brokers", brokers(t))
	})
	t.Run("broker down", func(t *testing.T) {
		address := closedPort(t)
		began := time.Now()
		fails(t, exitFailure, []string{address, "within 2s"}, "--topology", "word-count", "--brokers", address, "--connect-timeout", "2s")
		if took := time.Since(began); took < 2*time.Second {
			t.Errorf("it took %v with a timeout of 2s", took)
		}
	})
	t.Run("unknown key", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "rivusio.yaml")
		if err := os.WriteFile(file, []byte("brokers: "+brokers(t)+"\ncomit_interval: 1s\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		fails(t, exitUsage, []string{"rivusio.yaml:2", "comit_interval"}, "--topology", "word-count", "--config", file)
	})
	t.Run("value that does not decode", func(t *testing.T) {
		c.clean("orders", "orders", "customers", "spend-by-tier")
		c.create(2, keepAll, "orders", "customers", "spend-by-tier")
		c.produce(&kgo.Record{Topic: "orders", Key: []byte("order-1"), Value: []byte(`{"id":"1","customer":"c","cents":3}`)})
		bad := &kgo.Record{Topic: "orders", Key: []byte("order-2"), Value: []byte(`{"id":`)}
		c.produce(bad)
		fails(t, exitFailure, []string{fmt.Sprintf(`topic "orders", partition %d, offset %d, key "order-2"`, bad.Partition, bad.Offset)},
			"--topology", "orders", "--brokers", brokers(t))
	})
}

// closedPort is an address on which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestCoPartitioning joins topics of different numbers of partitions.
func TestCoPartitioning(t *testing.T) {
	const application, stream, table, out = "integration-join", "integration-join-stream", "integration-join-table", "integration-join-out"
	c := connect(t)
	c.clean(application, stream, table, out)
	c.create(4, keepAll, stream, out)
	c.create(3, keepAll, table)
	b := topology.NewBuilder(application)
	rows := b.Table(table, "rows", serde.String, serde.String)
	b.Stream(stream, serde.String, serde.String).
		JoinTable(rows, func(_, v, row string) string { return v + row }, topology.Named("with-rows")).
		To(out)
	built, err := b.Build()
	c.must("build", err)
	app, err := engine.New(built, engine.Config{Brokers: strings.Split(brokers(t), ","), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	c.must("new", err)
	err = app.Run(t.Context())
	if err == nil {
		t.Fatal("the topology ran on 4 and 3 partitions")
	}
	for _, text := range []string{`"with-rows"`, `"integration-join-stream" has 4`, `"integration-join-table" has 3`} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %s", err, text)
		}
	}
}

// TestUndecodable gives a source records that are no numbers: the task fails, or they are skipped and counted, by the
// source's option.
func TestUndecodable(t *testing.T) {
	c := connect(t)
	topics := c.tallies("integration-undecodable", 4)
	from, want := newReadings(4, 1_750_000_000_000), newReference()
	bad := &kgo.Record{Topic: topics.Input, Key: []byte("sensor-0007"), Value: []byte("no number")}
	c.feedNow(topics.Input, from, want, 1_000)
	c.produce(bad)
	c.feedNow(topics.Input, from, want, 1_000)

	err := c.run(topics, nil)
	var failed *operators.Error
	if !errors.As(err, &failed) {
		t.Fatalf("run ended with %v, want an *operators.Error", err)
	}
	at := operators.Origin{Topic: bad.Topic, Partition: bad.Partition, Offset: bad.Offset}
	if failed.Origin != at || string(failed.Key) != string(bad.Key) {
		t.Errorf("the error is about %+v, key %q, want %+v, key %q", failed.Origin, failed.Key, at, bad.Key)
	}

	topics.SkipUndecodable = true
	var skipped uint64
	err = c.run(topics, func(app *engine.App) bool {
		skipped = 0
		for _, task := range app.Tasks() {
			for _, n := range task.Operators {
				skipped += n.Dropped[operators.UndecodableRecord]
			}
		}
		return skipped > 0 && c.lag(topics.Application, topics.Input) == 0 && c.lag(topics.Application, topics.Repartition()) == 0
	})
	c.must("run that skips", err)
	if skipped != 1 {
		t.Errorf("%d records were counted as skipped, want 1", skipped)
	}
	compared := c.compare(topics, want)
	compared.exactly()
	if compared.differences > 0 {
		t.Errorf("outputs: %v", compared)
	}
}

// run runs a topology in this process until it fails or done reports true.
func (c *cluster) run(topics integration.Tallies, done func(*engine.App) bool) error {
	c.t.Helper()
	built, err := topics.Topology()
	c.must("build", err)
	app, err := engine.New(built, engine.Config{
		Brokers: strings.Split(brokers(c.t), ","), StateDir: c.t.TempDir(), Logger: slog.New(slog.DiscardHandler),
	})
	c.must("new", err)
	return c.until(app, time.Minute, done)
}

// until runs an App until it fails, done reports true or the time is over. Once true, done is not asked again: an App
// that stops has fewer tasks with each look.
func (c *cluster) until(app *engine.App, limit time.Duration, done func(*engine.App) bool) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), limit)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-time.After(50 * time.Millisecond):
			if done != nil && done(app) {
				cancel()
				return <-ended
			}
		}
	}
}
