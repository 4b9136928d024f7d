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

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/topology"
)

// Config is how a demo runs.
type Config struct {
	Duration time.Duration // how long orders are generated; 0: until the context ends
	Rate     int           // orders per second, if the machine takes them
	Workers  int           // 1 to MaxWorkers
	Out      io.Writer     // what the demo shows
	Log      io.Writer     // warnings of the engine, if there is no Terminal to show them on
	Terminal *os.File      // Out, if it is a terminal: there is a live view then; else nil
}

// MaxWorkers is how many workers have something to do.
const MaxWorkers = partitions

const (
	look      = 10 * time.Millisecond // how often something is looked at for which it waits
	drainTime = 30 * time.Second      // how long the last orders may take

	segmentBytes = "segment.bytes"
	smallSegment = "1048576"
)

// demo is a demo that runs.
type demo struct {
	cfg      Config
	cluster  *kfake.Cluster
	cl       *kgo.Client // of generator and administration
	ledger   *ledger
	source   *generator
	auditor  *auditor
	topology *topology.Topology
	app      *engine.App
	screen   *screen

	ended  chan struct{} // closed when the engine has ended
	result error         // of the engine, once it has
}

// Run runs a demo until its time is over or the context ends. It returns an error if something failed, or if the totals
// are not those of the orders.
func Run(ctx context.Context, cfg Config) (err error) {
	d := &demo{cfg: cfg, ledger: newLedger(), ended: make(chan struct{})}
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
	if err := d.source.introduce(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := d.newEngine(state); err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(d.ended)
		d.result = d.app.Run(running)
	}()
	go d.auditor.run(running)
	err = d.work(ctx, stop)
	stop()
	<-d.ended
	<-d.auditor.ended
	d.screen.end()
	return err
}

// startBroker starts the broker, with its topics and the clients of those who are not the engine.
func (d *demo) startBroker() (err error) {
	// Rows that were replaced, and orders that were read, go every other second: the memory of a demo does not grow.
	if d.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "2000"})); err != nil {
		return fmt.Errorf("start the broker: %w", err)
	}
	// Customers are not compacted, as they would be elsewhere: this broker has no least age of what it compacts, so orders
	// could meet a customer whose only row, a later one, is yet to come.
	for topic, settings := range map[string]map[string]string{
		orders.OrdersTopic: {"retention.bytes": "8388608", segmentBytes: smallSegment}, orders.CustomersTopic: nil, orders.TotalsTopic: nil,
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

// shrink makes the segments of the repartition topics small: the broker frees memory by whole segments.
func (d *demo) shrink(ctx context.Context) error {
	var topics []string
	for _, r := range d.topology.Describe().Repartitions {
		topics = append(topics, r.Topic)
	}
	size := smallSegment
	changed, err := kadm.NewClient(d.cl).AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: segmentBytes, Value: &size}}, topics...)
	for _, c := range changed {
		err = errors.Join(err, c.Err)
	}
	if err != nil {
		return fmt.Errorf("make segments small: %w", err)
	}
	return nil
}

// newEngine makes the engine as a user would, but for what a broker in memory makes necessary.
func (d *demo) newEngine(stateDir string) (err error) {
	if d.topology, err = orders.Topology(); err != nil {
		return err
	}
	d.app, err = engine.New(d.topology, engine.Config{
		Brokers: d.cluster.ListenAddrs(), StateDir: stateDir, Workers: d.cfg.Workers,
		PurgeInterval: 2 * time.Second, // of repartition topics
		MemTableBytes: 8 << 20,
		Logger:        slog.New(slog.NewTextHandler(d.screen.log(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	return err
}

// work lets orders flow, waits until the last is processed, stops the engine and compares.
func (d *demo) work(ctx context.Context, stop context.CancelFunc) error {
	if err := d.wait(ctx, "the engine is not ready", d.settled); err != nil || ctx.Err() != nil {
		return err
	}
	if err := d.shrink(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	d.screen.begin()
	begin := time.Now()
	if err := d.generate(ctx); err != nil {
		return err
	}
	took := time.Since(begin)
	if err := d.wait(context.WithoutCancel(ctx), "the last orders are not processed", d.drained); err != nil {
		return err
	}
	dropped := progressOf(d.app).late
	stop()
	if <-d.ended; d.result != nil {
		return d.result
	}
	if err := d.auditor.finish(); err != nil {
		return err
	}
	a, err := d.ledger.check(dropped)
	if err != nil {
		return err
	}
	d.screen.summary(a, took)
	return nil
}

// generate sends orders until the time is over, the context ends or something fails.
func (d *demo) generate(ctx context.Context) error {
	var end context.CancelFunc
	if d.cfg.Duration > 0 {
		ctx, end = context.WithTimeout(ctx, d.cfg.Duration)
	} else {
		ctx, end = context.WithCancel(ctx)
	}
	defer end()
	generated := make(chan error, 1)
	go func() { generated <- d.source.run(ctx) }()
	select {
	case err := <-generated:
		return err
	case <-d.ended:
		end()
		return cmp.Or(d.result, errEnded)
	case <-d.auditor.ended:
		end()
		return errors.Join(d.auditor.err, <-generated)
	}
}

var errEnded = errors.New("the engine ended by itself")

// wait waits until something is so, the engine has ended, or it took too long. The end of the context is no error.
func (d *demo) wait(ctx context.Context, otherwise string, so func() bool) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for deadline := time.Now().Add(drainTime); !so() && ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-d.ended:
			return cmp.Or(d.result, errEnded)
		case now := <-ticker.C:
			if now.After(deadline) {
				return fmt.Errorf("%s after %v", otherwise, drainTime)
			}
		}
	}
	return nil
}

// settled reports whether every worker has its tasks. A task that moves counts its records anew.
func (d *demo) settled() bool {
	tasks := d.app.Tasks()
	workers := make(map[int]bool)
	for _, t := range tasks {
		workers[t.Worker] = true
	}
	return d.app.Ready() && len(tasks) == partitions*len(d.topology.Describe().SubTopologies) && len(workers) == d.cfg.Workers
}

func (d *demo) drained() bool { return d.source.pending() <= 0 }
