package telemetry_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/telemetry"
	"github.com/rivusio/rivusio/topology"
)

// rig is a broker in memory, in a bubble of virtual time, and what an App on it exports.
type rig struct {
	t       *testing.T
	network *kfake.VirtualNetwork
	broker  *kfake.Cluster
	client  *kgo.Client
	spans   *tracetest.InMemoryExporter
	reader  *sdkmetric.ManualReader
	tel     *telemetry.Telemetry
}

func newRig(t *testing.T, c telemetry.Config, topics ...string) *rig {
	t.Helper()
	r := &rig{t: t, network: new(kfake.VirtualNetwork), spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	var err error
	if r.broker, err = kfake.NewCluster(kfake.Ports(9001), kfake.ListenFn(r.network.Listen)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.broker.Close)
	r.client, err = kgo.NewClient(kgo.SeedBrokers(r.broker.ListenAddrs()...), kgo.Dialer(r.network.DialContext), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	if _, err := kadm.NewClient(r.client).CreateTopics(t.Context(), 1, 1, nil, topics...); err != nil {
		t.Fatal(err)
	}
	c.Getenv = func(string) string { return "" }
	c.Logger = slog.New(slog.DiscardHandler)
	c.SpanProcessors, c.Readers = []sdktrace.SpanProcessor{sdktrace.NewSimpleSpanProcessor(r.spans)}, []sdkmetric.Reader{r.reader}
	if r.tel, err = telemetry.New(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return r
}

// run runs a topology while do does something, and gives the App to it.
func (r *rig) run(b *topology.Builder, do func(*engine.App)) {
	r.t.Helper()
	topo, err := b.Build()
	if err != nil {
		r.t.Fatal(err)
	}
	c := engine.Config{Brokers: r.broker.ListenAddrs(), Instance: "one", StateDir: r.t.TempDir(), Dialer: r.network.DialContext, Logger: slog.New(slog.DiscardHandler)}
	r.tel.Configure(&c)
	app, err := engine.New(topo, c)
	if err != nil {
		r.t.Fatal(err)
	}
	defer r.tel.Observe(app)()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	await(r.t, "the App to run", app.Ready)
	do(app)
	stop()
	if err := <-done; err != nil {
		r.t.Fatalf("Run: %v", err)
	}
}

func (r *rig) produce(topic string, ms int64, key, value, traceparent string) {
	r.t.Helper()
	rec := &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value), Timestamp: time.UnixMilli(ms)}
	if traceparent != "" {
		rec.Headers = []kgo.RecordHeader{{Key: "traceparent", Value: []byte(traceparent)}}
	}
	if err := r.client.ProduceSync(r.t.Context(), rec).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// read waits for n committed records of a topic.
func (r *rig) read(topic string, n int) []*kgo.Record {
	r.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.broker.ListenAddrs()...), kgo.Dialer(r.network.DialContext), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		records = append(records, cl.PollFetches(ctx).Records()...)
		if ctx.Err() != nil {
			r.t.Fatalf("topic %s has %d records after a minute, want %d", topic, len(records), n)
		}
	}
	return records
}

// header is the last header of a record with that key.
func header(r *kgo.Record, key string) string {
	value := ""
	for _, h := range r.Headers {
		if h.Key == key {
			value = string(h.Value)
		}
	}
	return value
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("waited a minute for %s", what)
}
