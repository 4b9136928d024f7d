package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/twmb/franz-go/plugin/kslog"
)

// clientOptions are those of every client.
func (c *Config) clientOptions() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("rivusio"),
		kgo.DisableClientMetrics(),
		kgo.WithLogger(clientLogger{kslog.New(c.Logger)}),
	}
	if c.Dialer != nil {
		opts = append(opts, kgo.Dialer(c.Dialer))
	} else if c.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(c.TLS.Clone()))
	}
	if c.SASL != nil {
		opts = append(opts, kgo.SASL(c.SASL.mechanism()))
	}
	return append(opts, c.tune...)
}

func (s *SASL) mechanism() sasl.Mechanism {
	auth := scram.Auth{User: s.User, Pass: s.Password}
	switch s.Mechanism {
	case Plain:
		return plain.Auth{User: s.User, Pass: s.Password}.AsMechanism()
	case ScramSHA256:
		return auth.AsSha256Mechanism()
	case ScramSHA512:
		return auth.AsSha512Mechanism()
	default:
		return oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := s.Token(ctx)
			return oauth.Auth{Token: token}, err
		})
	}
}

// clientLogger keeps the client's chatter about every transaction out of the log: its information is debug here.
type clientLogger struct{ *kslog.Logger }

func (l clientLogger) Level() kgo.LogLevel {
	if level := l.Logger.Level(); level != kgo.LogLevelInfo {
		return level
	}
	return kgo.LogLevelWarn
}

// memberOptions are those of a worker's client: group member, consumer and producer in one.
func (w *worker) memberOptions() []kgo.Opt {
	c := &w.app.cfg
	linger := max(0, c.Linger)
	return append(append(c.clientOptions(),
		kgo.ClientID(w.clientID),
		kgo.ConsumerGroup(w.app.graph.Application),
		kgo.ConsumeTopics(w.app.plan.Inputs()...),
		kgo.InstanceID(w.member),
		kgo.Balancers(watchedBalancer{newBalancer(w.app.graph.Application, w.app.graph, w.app.plan), &w.group}),
		kgo.SessionTimeout(c.SessionTimeout),
		kgo.HeartbeatInterval(c.SessionTimeout/4),
		kgo.RebalanceTimeout(max(c.SessionTimeout, 2*c.TransactionTimeout)),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(w.group.onAssigned),
		kgo.OnPartitionsRevoked(w.group.onRevoked),
		kgo.OnPartitionsLost(w.group.onLost),
		kgo.OnOffsetsFetched(w.group.onOffsets),
		kgo.AdjustFetchOffsetsFn(w.adjustOffsets),
		kgo.OnPartitionsCallbackBlocked(w.group.onBlocked),

		// A committed offset that is not there any more is an error, never a reset (I8). Both options: each alone changes
		// the other's default.
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(),
		kgo.FetchMaxWait(fetchWait),
		kgo.FetchMaxBytes(c.FetchBytes),
		kgo.FetchMaxPartitionBytes(min(c.FetchBytes, 1<<20)),

		kgo.MetadataMinAge(produceRetry),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(linger),
		kgo.ProducerBatchCompression(c.codec()),
		kgo.MaxBufferedRecords(maxBufferedRecords),
		kgo.MaxBufferedBytes(int(max(1<<10, c.ProducerBytes/int64(c.Workers)))),
		kgo.ProducerBatchMaxBytesFn(w.app.limits.batchBytes),
	), c.observe()...)
}

// fetchWait is how long brokers may hold a fetch for which they have nothing. A partition that is added or resumed
// meanwhile is in the next one only (Kafka's fetch.max.wait.ms has the same default).
const fetchWait = 500 * time.Millisecond

// produceRetry is how long the client waits before it sends again what a broker refused, because it does so after a look at
// the metadata, which it takes every 5 seconds at most by default. Since KIP-890 brokers refuse the first records of a
// transaction while they still write the markers of the one before (CONCURRENT_TRANSACTIONS), which takes milliseconds.
const produceRetry = 20 * time.Millisecond

// maxBufferedRecords bounds what a worker's producer holds.
const maxBufferedRecords = 50_000

func (c *Config) codec() kgo.CompressionCodec {
	switch c.Compression {
	case Gzip:
		return kgo.GzipCompression()
	case Snappy:
		return kgo.SnappyCompression()
	case LZ4:
		return kgo.Lz4Compression()
	case Zstd:
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}

// connect makes a client and waits for a first answer.
func (c *Config) connect(ctx context.Context) (*kgo.Client, error) {
	// Administration looks again at topics that were just made; the default would show what was there five seconds ago.
	fresh := kgo.MetadataMinAge(topicsRetry)
	cl, err := kgo.NewClient(append([]kgo.Opt{fresh}, c.clientOptions()...)...)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.ConnectTimeout)
	defer cancel()
	if err := ping(ctx, cl); err != nil {
		cl.Close()
		return nil, fmt.Errorf("engine: no answer from brokers %s within %v: %w", strings.Join(c.Brokers, ", "), c.ConnectTimeout, err)
	}
	return cl, nil
}

// ping waits for a first answer. Brokers may be starting at the same time, so one that does not listen is asked again
// until the context ends.
func ping(ctx context.Context, cl *kgo.Client) error {
	for {
		err := cl.Ping(ctx)
		var dial *net.OpError
		if err == nil || !errors.As(err, &dial) || dial.Op != "dial" {
			return err
		}
		select {
		case <-time.After(topicsRetry):
		case <-ctx.Done():
			return err
		}
	}
}
