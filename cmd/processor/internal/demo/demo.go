package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/examples/orders"
)

// Config is how a demo runs.
type Config struct {
	Duration time.Duration // how long orders are generated; 0: until the context ends
	Rate     int           // orders per second, if the machine takes them
	Workers  int
	Out      io.Writer // what the demo shows
	Log      io.Writer // warnings of the engine, if there is no Terminal to show them on
	Terminal *os.File  // Out, if it is a terminal: there is a live view then; else nil
}

const (
	look      = 10 * time.Millisecond // how often something is looked at for which it waits
	drainTime = 30 * time.Second      // how long the last orders may take
)

// demo is a demo that runs.
type demo struct {
	cfg     Config
	cluster *kfake.Cluster
	cl      *kgo.Client
	ledger  *ledger
	source  *generator
	auditor *auditor
	app     *engine.App
	screen  *screen
	stopped chan error // of the engine
}

// Run runs a demo until its time is over or the context ends. It returns an error if something failed, or if the totals
// are not those of the orders.
func Run(ctx context.Context, cfg Config) (err error) {
	d := &demo{cfg: cfg, ledger: newLedger(), stopped: make(chan error, 1)}
	state, err := os.MkdirTemp("", "rivusio-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
	if err := d.startBroker(); err != nil {
		return err
	}
	defer d.cluster.Close()
	defer d.cl.Close()
	defer d.auditor.cl.Close()
	if err := d.source.introduce(ctx); err != nil {
		return err
	}
	if err := d.newEngine(state); err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() { d.stopped <- d.app.Run(running) }()
	go d.auditor.run(running)
	return errors.Join(d.work(ctx, stop), d.screen.end())
}

// startBroker starts the broker, with its topics and the clients of those who are not the engine.
func (d *demo) startBroker() (err error) {
	// Rows that were replaced, and orders that were read, go every other second: the memory of a demo does not grow.
	if d.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "2000"})); err != nil {
		return fmt.Errorf("start the broker: %w", err)
	}
	for topic, settings := range map[string]map[string]string{
		orders.OrdersTopic: {"retention.bytes": "33554432"}, orders.CustomersTopic: {"cleanup.policy": "compact"}, orders.TotalsTopic: nil,
	} {
		if err := d.cluster.CreateTopic(topic, partitions, settings); err != nil {
			return fmt.Errorf("make topic %q: %w", topic, err)
		}
	}
	d.cl, err = kgo.NewClient(
		kgo.SeedBrokers(d.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(100_000),
	)
	if err != nil {
		return err
	}
	d.source = newGenerator(d.cl, d.ledger, d.cfg.Rate)
	d.source.pending = func() int64 {
		_, paid := d.ledger.counts()
		return paid - progressOf(d.app).received(totalsOperator)
	}
	d.screen = newScreen(d)
	d.auditor, err = newAuditor(d.cluster, d.ledger, d.screen.closed)
	return err
}

// newEngine makes the engine as a user would, but for what a broker in memory makes necessary.
func (d *demo) newEngine(stateDir string) error {
	topo, err := orders.Topology()
	if err != nil {
		return err
	}
	d.app, err = engine.New(topo, engine.Config{
		Brokers: d.cluster.ListenAddrs(), StateDir: stateDir, Workers: d.cfg.Workers,
		PurgeInterval: 2 * time.Second, // of repartition topics
		MemTableBytes: 8 << 20,
		Logger:        slog.New(slog.NewTextHandler(d.screen.log(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	return err
}

// work lets orders flow, waits until the last is processed, stops the engine and compares.
func (d *demo) work(ctx context.Context, stop context.CancelFunc) error {
	if err := d.wait(ctx, "the engine is not ready", d.app.Ready); err != nil {
		stop()
		return errors.Join(err, <-d.stopped)
	}
	generating, end := ctx, context.CancelFunc(func() {})
	if d.cfg.Duration > 0 {
		generating, end = context.WithTimeout(ctx, d.cfg.Duration)
	}
	defer end()
	begin := time.Now()
	d.screen.begin()
	generated := make(chan error, 1)
	go func() { generated <- d.source.run(generating) }()
	select {
	case err := <-generated:
		if err != nil {
			return err
		}
	case err := <-d.stopped:
		return cmp.Or(err, errors.New("the engine ended by itself"))
	case err := <-d.auditor.failed:
		return err
	}
	took := time.Since(begin)
	if err := d.wait(context.WithoutCancel(ctx), "the last orders are not processed", d.drained); err != nil {
		return err
	}
	dropped := progressOf(d.app).late
	stop()
	if err := <-d.stopped; err != nil {
		return err
	}
	if err := d.auditor.finish(); err != nil {
		return err
	}
	result, err := d.ledger.check(dropped)
	if err != nil {
		return err
	}
	d.screen.summary(result, took)
	return nil
}

// wait waits until something is so, the engine has ended, or it took too long. The end of the context is no error.
func (d *demo) wait(ctx context.Context, otherwise string, so func() bool) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for deadline := time.Now().Add(drainTime); !so() && ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case err := <-d.stopped:
			return cmp.Or(err, errors.New("the engine ended by itself"))
		case now := <-ticker.C:
			if now.After(deadline) {
				return fmt.Errorf("%s after %v", otherwise, drainTime)
			}
		}
	}
	return nil
}

func (d *demo) drained() bool { return d.source.pending() <= 0 }
