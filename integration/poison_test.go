//go:build integration

package integration_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// poisonTopology reads JSON numbers, panics for some, refuses to write others, and makes some too large for the output.
func poisonTopology(c *cluster, application string, p topology.ErrorPolicy) *topology.Topology {
	c.t.Helper()
	b := topology.NewBuilder(application)
	b.OnError(p)
	b.Stream(application+"-in", serde.String, serde.JSON[int](), topology.Named("read")).
		MapValues(func(_ string, n int) string {
			switch {
			case n%100 == 13:
				panic(fmt.Sprint("no ", n))
			case n%100 == 14:
				return strings.Repeat("large ", 1000)
			}
			return fmt.Sprint(n)
		}, topology.Named("map")).
		To(application+"-out", topology.Named("write"))
	built, err := b.Build()
	c.must("build", err)
	return built
}

// TestPoisonOnKafka sends records that do not decode, that user code panics for and that the output topic does not take through
// each policy: all others come out once, and dead letters can be sent again.
func TestPoisonOnKafka(t *testing.T) {
	const application, records = "integration-poison", 2000
	c := connect(t)
	in, out, dead := application+"-in", application+"-out", application+"-dead"
	c.clean(application, in, out, dead)
	c.must("delete group", func() error { _, err := c.adm.DeleteGroups(t.Context(), dead+"-redrive"); return err }())
	c.create(4, keepAll, in, dead)
	c.create(4, map[string]string{"retention.ms": "-1", "max.message.bytes": "3000"}, out)
	good := 0
	feed := func() {
		var batch []*kgo.Record
		for i := range records {
			value := fmt.Sprint(i)
			if i%100 == 12 {
				value = "no number"
			} else if i%100 < 12 || i%100 > 14 {
				good++
			}
			batch = append(batch, &kgo.Record{Topic: in, Key: fmt.Appendf(nil, "k%d", i%50), Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}}})
		}
		c.produce(batch...)
	}
	run := func(p topology.ErrorPolicy) error {
		topo := poisonTopology(c, application, p)
		return c.runUntil(topo, func(*engine.App) bool { return c.lag(application, in) == 0 })
	}
	feed()

	var failed *operators.Error
	if err := run(topology.Stop()); !errors.As(err, &failed) || failed.Origin.Topic != in || failed.Origin.Offset < 0 {
		t.Fatalf("run ended with %v, want an *operators.Error with the place", err)
	}
	c.must("run", run(topology.DeadLetter(dead)))
	if n := c.count(out); n != int64(good) {
		t.Errorf("%d results, want %d", n, good)
	}
	byOperator := make(map[string]int)
	c.read(dead, func(r *kgo.Record) {
		headers := make(map[string]string)
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		byOperator[headers[operators.DeadLetterOperator]]++
		if headers["h"] != "1" || headers[operators.DeadLetterTopic] != in || headers[operators.DeadLetterMessage] == "" {
			t.Errorf("headers of a dead letter are %v", headers)
		}
	})
	if fmt.Sprint(byOperator) != "map[map:20 read:20 write:20]" {
		t.Errorf("dead letters by operator: %v", byOperator)
	}

	dlq := func(args ...string) string {
		t.Helper()
		path, err := processorBinary()
		c.must("build the binary", err)
		output, err := exec.CommandContext(t.Context(), path, append([]string{"dlq"}, append(args, "--brokers", brokers(t))...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("dlq %v: %v: %s", args, err, output)
		}
		return string(output)
	}
	if list := dlq("list", dead, "--operator", "write"); strings.Count(list, "\n") != 21 || !strings.Contains(list, "max.message.bytes") {
		t.Errorf("list:\n%s", list)
	}
	if show := dlq("show", dead, "0", "0"); !strings.Contains(show, "operator") || !strings.Contains(show, "header") {
		t.Errorf("show:\n%s", show)
	}
	if sent := dlq("redrive", dead); sent != "60 sent\n" {
		t.Errorf("redrive: %s", sent)
	}
	if sent := dlq("redrive", dead); sent != "0 sent\n" {
		t.Errorf("second redrive: %s", sent)
	}
	// With room in the output, what was too large passes; the others are dropped.
	c.alter(out, "max.message.bytes", "100000")
	c.must("run", run(topology.Skip()))
	if n := c.count(out); n != int64(good)+20 {
		t.Errorf("%d results after the dead letters were sent again, want %d", n, good+20)
	}
}

// runUntil runs a topology in this process until it fails or done reports true.
func (c *cluster) runUntil(topo *topology.Topology, done func(*engine.App) bool) error {
	c.t.Helper()
	app, err := engine.New(topo, engine.Config{
		Brokers: strings.Split(brokers(c.t), ","), StateDir: c.t.TempDir(), Logger: slog.New(slog.DiscardHandler), Workers: 2,
	})
	c.must("new", err)
	return c.until(app, time.Minute, done)
}
