package payments_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/examples/payments"
	"github.com/rivusio/rivusio/serde/avro"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/serde/registry/registrytest"
)

// before is the schema of payments before they had a currency, when an account was called by another name.
const before = `{"type": "record", "name": "Payment", "namespace": "shop", "fields": [
	{"name": "id", "type": "string"}, {"name": "account", "type": "string"}, {"name": "cents", "type": "int"},
	{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}`

func client(t *testing.T, r *registrytest.Registry, autoRegister bool) *registry.Client {
	c, err := registry.New(registry.Config{URLs: []string{r.URL()}, AutoRegister: autoRegister, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// readable says whether what was written by one schema can be read by another.
func readable(reader, writer string) error {
	f, err := avro.Dynamic(reader)
	if err == nil {
		_, err = f.Reader(registry.Schema{Type: registry.Avro, Text: writer})
	}
	return err
}

// Payments of two versions come in, totals go out by a schema that the application has registered.
func TestPayments(t *testing.T) {
	r := registrytest.New(t, readable)
	r.Register(t, "payments-value", sr.Schema{Schema: before})
	r.Register(t, "payments-value", sr.Schema{Schema: payments.PaymentSchema})
	c := client(t, r, true)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "payments", "account-totals"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("account-totals"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()

	at := time.UnixMilli(1_700_000_000_000).UTC()
	old := registry.In[any](c, "payments-value", avro.Must(avro.Dynamic(before)))
	now := registry.Value(c, "payments", avro.Must(avro.Typed[payments.Payment](payments.PaymentSchema)))
	for i := range 100 {
		var value []byte
		if i%2 == 0 {
			value, err = old.Append(nil, map[string]any{"id": fmt.Sprint(i), "account": "a", "cents": int64(100), "at": at.UnixMilli()})
		} else {
			value, err = now.Append(nil, payments.Payment{ID: fmt.Sprint(i), Account: "a", Cents: 10, Currency: "EUR", At: at.Add(time.Duration(i) * time.Second)})
		}
		if err != nil {
			t.Fatal(err)
		}
		cl.Produce(t.Context(), &kgo.Record{Topic: "payments", Key: []byte(fmt.Sprint(i)), Value: value}, nil)
	}
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	topo, err := payments.Topology(c)
	if err != nil {
		t.Fatal(err)
	}
	app, err := engine.New(topo, engine.Config{Brokers: cluster.ListenAddrs(), Instance: "one", StateDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	want := payments.Total{Account: "a", Currency: "EUR", Payments: 100, Cents: 5500, Last: at.Add(99 * time.Second)}
	totals := registry.Value(c, "account-totals", avro.Must(avro.Typed[payments.Total](payments.TotalSchema)))
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last payments.Total
	for last.Payments < want.Payments {
		fetches := cl.PollFetches(deadline)
		if deadline.Err() != nil {
			t.Fatalf("the last total is %+v, want %+v", last, want)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if last, err = totals.Decode(rec.Value); err != nil {
				t.Fatal(err)
			}
			if key := string(rec.Key); key != "a/EUR" {
				t.Errorf("key %s", key)
			}
		})
	}
	if last.Last = last.Last.UTC(); last != want {
		t.Errorf("%+v, want %+v", last, want)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What cannot be decoded ends the application with an error that says which record it is, and which schema it names.
func TestHostilePayments(t *testing.T) {
	r := registrytest.New(t, readable)
	r.Register(t, "payments-value", sr.Schema{Schema: payments.PaymentSchema})
	for value, want := range map[string]string{
		"\x00\x00\x00\x00\x63x":                      "schema with id 99",
		"\x00\x00\x00\x00\x01\x02p":                  "schema 1: ",
		"\x00\x00\x00\x00\x01\xff\xff\xff\xff\x0f":   "schema 1: ",
		`{"id": "p1", "account": "a", "cents": 100}`: "the first byte is 0x7b",
		"\x00": "too few for the header",
	} {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "payments", "account-totals"))
		if err != nil {
			t.Fatal(err)
		}
		cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
		if err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "payments", Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		topo, err := payments.Topology(client(t, r, true))
		if err != nil {
			t.Fatal(err)
		}
		app, err := engine.New(topo, engine.Config{Brokers: cluster.ListenAddrs(), Instance: "one", StateDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			t.Fatal(err)
		}
		err = app.Run(t.Context())
		for _, part := range []string{want, `topic "payments"`, "partition 0", "offset 0"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v, want %s", value, err, part)
			}
		}
		cl.Close()
		cluster.Close()
	}
}

// A schema that those who read the totals could not read ends the start.
func TestIncompatibleTotals(t *testing.T) {
	r := registrytest.New(t, readable)
	r.Register(t, "payments-value", sr.Schema{Schema: payments.PaymentSchema})
	r.Register(t, "account-totals-value", sr.Schema{Schema: strings.Replace(payments.TotalSchema, `"cents", "type": "long"`, `"cents", "type": "string"`, 1)})
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "payments", "account-totals"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	topo, err := payments.Topology(client(t, r, true))
	if err != nil {
		t.Fatal(err)
	}
	app, err := engine.New(topo, engine.Config{Brokers: cluster.ListenAddrs(), Instance: "one", StateDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	var incompatible *registry.IncompatibleError
	if err := app.Run(t.Context()); !errors.As(err, &incompatible) || incompatible.Subject != "account-totals-value" {
		t.Error(err)
	}
}
