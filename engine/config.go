package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/internal/faults"
	"github.com/rivusio/rivusio/operators"
)

// Guarantee says what a failure does to results.
type Guarantee int

const (
	// ExactlyOnce commits outputs, state changes and offsets in one transaction: a consumer that reads committed records
	// sees each result once.
	ExactlyOnce Guarantee = iota
	// AtLeastOnce commits offsets after outputs and state changes: nothing is lost, and a failure may repeat results.
	AtLeastOnce
)

// String is the name of the guarantee as in configuration.
func (g Guarantee) String() string {
	switch g {
	case ExactlyOnce:
		return "exactly-once"
	case AtLeastOnce:
		return "at-least-once"
	}
	return fmt.Sprintf("guarantee %d", int(g))
}

// StopPolicy says what happens to the partitions of a process that stops.
type StopPolicy int

const (
	// StopAuto is Stay if the instance name is configured, else Handover.
	StopAuto StopPolicy = iota
	// Stay keeps the place in the group: a process that is back within the session timeout goes on with its partitions,
	// without a rebalance.
	Stay
	// Handover leaves the group after the last commit, so that others take the partitions over at once.
	Handover
)

// String is the name of the policy as in configuration.
func (p StopPolicy) String() string {
	switch p {
	case StopAuto:
		return "auto"
	case Stay:
		return "stay"
	case Handover:
		return "handover"
	}
	return fmt.Sprintf("stop policy %d", int(p))
}

// Compression is how batches of written records are compressed.
type Compression string

// The compressions of Kafka.
const (
	NoCompression Compression = "none"
	Gzip          Compression = "gzip"
	Snappy        Compression = "snappy"
	LZ4           Compression = "lz4"
	Zstd          Compression = "zstd"
)

// Mechanism is a SASL mechanism.
type Mechanism string

// The SASL mechanisms that are supported.
const (
	Plain       Mechanism = "PLAIN"
	ScramSHA256 Mechanism = "SCRAM-SHA-256"
	ScramSHA512 Mechanism = "SCRAM-SHA-512"
	OAuthBearer Mechanism = "OAUTHBEARER"
)

// SASL authenticates connections.
type SASL struct {
	Mechanism Mechanism
	// User and Password are those of PLAIN and SCRAM.
	User, Password string
	// Token gives a token for OAUTHBEARER; it is called for every connection, from any goroutine.
	Token func(ctx context.Context) (string, error)
}

// Config is how an App runs. The zero value with Brokers is valid.
type Config struct {
	// Brokers are the addresses, HOST:PORT, from which the cluster is found. Required.
	Brokers []string
	// Instance names this process among those of the application. It must be unique and the same after a restart: group
	// membership and transactional ids are built from it. Default: a name that is made once and kept in StateDir.
	Instance string
	// StateDir is where the state of this process is kept, in a directory of the application's name, which one process at
	// a time may use. Default "rivusio-state".
	StateDir string
	// Workers is the number of goroutines that process records, each with its own tasks. Default 1.
	Workers int
	// Guarantee is what a failure does to results. Default ExactlyOnce.
	Guarantee Guarantee

	// MemoryLimit, if it is not 0, is what the memory of the process is to be: the defaults of the sizes below are parts of it,
	// see [Config.Memory], and about a tenth is left for the program. At least 64 MiB. Default: none.
	MemoryLimit int64

	// CommitInterval is how often is committed: how old results can be before readers of committed records see them, and
	// how much a failure repeats. Default 100 ms with ExactlyOnce, 1 s with AtLeastOnce.
	CommitInterval time.Duration
	// MaxDirtyBytes is how much changed state, over all workers, may wait for a commit before there is an early one.
	// Default half of CacheBytes.
	MaxDirtyBytes int64
	// CacheBytes bounds the decoded rows that stores hold in memory, over all workers and global stores. Default 64 MiB.
	CacheBytes int64
	// BlockCacheBytes is how much of the state on disk is cached. Default 64 MiB.
	BlockCacheBytes int64
	// MemTableBytes is the size of one in-memory table of the state on disk; up to four exist for a while. Default 32 MiB.
	MemTableBytes int64

	// BufferBytes is how much of one input partition may wait in its task before its fetching pauses. Default 4 MiB.
	BufferBytes int64
	// BufferResumeBytes is how little must be left before it resumes. Default half of BufferBytes.
	BufferResumeBytes int64
	// InputBytes bounds what waits in all tasks together: with many input partitions each may have less than BufferBytes.
	// Default 256 MiB.
	InputBytes int64
	// FetchBytes bounds one fetch from one broker, of which a worker holds one at most. Default 16 MiB.
	FetchBytes int32
	// MaxTaskIdle is how long a task that merges inputs waits for one that it has read up to its end. Negative: not at all,
	// and not for those that lag either. Default 0: only for those that lag.
	MaxTaskIdle time.Duration

	// ProducerBytes bounds what is written and not acknowledged, over all workers; beyond it processing waits. Default 64 MiB.
	ProducerBytes int64

	// Backpressure is when sources are held because of a stage behind them that lags.
	Backpressure Backpressure

	// Linger is how long written records wait for others to share a batch with. Negative: not at all. Default 5 ms.
	Linger time.Duration
	// Compression of written records. Default NoCompression.
	Compression Compression

	// StopPolicy says what happens to the partitions when Run ends. Default StopAuto.
	StopPolicy StopPolicy
	// StopTimeout bounds the stop; after it, what is not committed is given up. Default 30 s.
	StopTimeout time.Duration
	// StallTimeout is how long user code may hold up a worker before it leaves the group, so that others take over; likewise
	// a global store, before the App is not live any more. Default 5 min.
	StallTimeout time.Duration
	// ConnectTimeout bounds the first contact with the cluster; after it Run fails. Default 15 s.
	ConnectTimeout time.Duration
	// SessionTimeout is after how long without a sign of life a member loses its partitions. Default 10 s.
	SessionTimeout time.Duration
	// TransactionTimeout is after how long brokers abort a transaction that does not end. Default 10 s.
	TransactionTimeout time.Duration

	// ReplicationFactor is that of the internal topics that are made. Default: the brokers' default.
	ReplicationFactor int16
	// RequireTopics makes a missing internal topic an error, instead of making it.
	RequireTopics bool
	// PurgeInterval is how often records of repartition topics that all have read are deleted. Default 30 s.
	PurgeInterval time.Duration
	// PatternInterval is how often a source that reads a pattern of topics looks for others that match. Default 5 minutes
	// (Kafka's metadata.max.age.ms).
	PatternInterval time.Duration

	// Until, if it is not nil, makes Run end by itself when the group has processed what its inputs have before these marks, one
	// for each partition, and everything that came of it in repartition topics. Nothing at or behind a mark is processed. Records
	// that wait for another attempt, and batches that wait for more, are not waited for.
	Until Marks
	// Mute drops what would be written to topics outside of the topology, dead letters too. State, changelogs and repartition
	// topics are as without.
	Mute bool

	// TLS encrypts connections if it is not nil.
	TLS *tls.Config
	// SASL authenticates connections if it is not nil.
	SASL *SASL
	// Dialer opens connections; TLS is then its own business. Default: TCP.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)

	// Logger is where the engine logs. Default slog.Default.
	Logger *slog.Logger
	// Observer is told what happens. Default: nobody.
	Observer Observer
	// Watch says which records are traced and timed, and who makes the spans and takes the times. Default: none.
	Watch operators.Watch
	// OnStateChange is called with each change of the state, in order, and must return soon. Default: nothing.
	OnStateChange func(from, to State)

	// Faults break the engine on purpose, for tests of this module.
	Faults faults.Engine

	tune []kgo.Opt // more options of all clients, for tests of this package
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	or(&c.StateDir, "rivusio-state")
	or(&c.Workers, 1)
	if c.Guarantee == AtLeastOnce {
		or(&c.CommitInterval, time.Second)
	}
	or(&c.CommitInterval, 100*time.Millisecond)
	c.divideMemory()
	or(&c.CacheBytes, 64<<20)
	or(&c.MaxDirtyBytes, c.CacheBytes/2)
	or(&c.BlockCacheBytes, 64<<20)
	or(&c.MemTableBytes, 32<<20)
	or(&c.BufferBytes, 4<<20)
	or(&c.BufferResumeBytes, c.BufferBytes/2)
	or(&c.InputBytes, 256<<20)
	or(&c.ProducerBytes, 64<<20)
	c.Backpressure = c.Backpressure.withDefaults()
	or(&c.FetchBytes, 16<<20)
	or(&c.Linger, 5*time.Millisecond)
	or(&c.Compression, NoCompression)
	if c.StopPolicy == StopAuto {
		c.StopPolicy = Handover
		if c.Instance != "" {
			c.StopPolicy = Stay
		}
	}
	or(&c.StopTimeout, 30*time.Second)
	or(&c.StallTimeout, 5*time.Minute)
	or(&c.ConnectTimeout, 15*time.Second)
	or(&c.SessionTimeout, 10*time.Second)
	or(&c.TransactionTimeout, 10*time.Second)
	or(&c.ReplicationFactor, -1)
	or(&c.PurgeInterval, 30*time.Second)
	or(&c.PatternInterval, 5*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Observer == nil {
		c.Observer = NoObserver{}
	}
	return c
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate returns all mistakes, joined, each with the name of its field; nil if there is none.
func (c Config) Validate() error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("engine: config: "+format, args...))
		}
	}
	bad(len(c.Brokers) == 0, "Brokers is empty, want at least one HOST:PORT")
	for _, b := range c.Brokers {
		_, _, err := net.SplitHostPort(b)
		bad(err != nil, "Brokers: %q is not HOST:PORT", b)
	}
	bad(c.Instance != "" && !validInstance.MatchString(c.Instance), "Instance %q is not 1 to 200 letters, digits, '.', '_' and '-'", c.Instance)
	c = c.withDefaults()
	bad(c.Workers < 0, "Workers is %d, want at least 1", c.Workers)
	bad(c.Guarantee != ExactlyOnce && c.Guarantee != AtLeastOnce, "Guarantee is %d, which is none", c.Guarantee)
	bad(c.StopPolicy != Stay && c.StopPolicy != Handover, "StopPolicy is %d, which is none", c.StopPolicy)
	bad(c.MemoryLimit != 0 && c.MemoryLimit < minMemoryLimit, "MemoryLimit is %d, want at least %d", c.MemoryLimit, minMemoryLimit)
	bad(c.ReplicationFactor < -1, "ReplicationFactor is %d, want at least 1", c.ReplicationFactor)
	for _, d := range []struct {
		name    string
		value   time.Duration
		atLeast time.Duration
	}{
		{"CommitInterval", c.CommitInterval, time.Millisecond},
		{"StopTimeout", c.StopTimeout, time.Millisecond},
		{"StallTimeout", c.StallTimeout, time.Second},
		{"ConnectTimeout", c.ConnectTimeout, time.Millisecond},
		{"SessionTimeout", c.SessionTimeout, 100 * time.Millisecond},
		{"TransactionTimeout", c.TransactionTimeout, time.Second},
		{"PurgeInterval", c.PurgeInterval, time.Millisecond},
		{"PatternInterval", c.PatternInterval, time.Millisecond},
	} {
		bad(d.value < d.atLeast, "%s is %v, want at least %v", d.name, d.value, d.atLeast)
	}
	bad(c.Guarantee == ExactlyOnce && c.CommitInterval >= c.TransactionTimeout,
		"CommitInterval is %v, want less than TransactionTimeout, which is %v", c.CommitInterval, c.TransactionTimeout)
	for _, b := range []struct {
		name           string
		value, atLeast int64
	}{
		{"CacheBytes", c.CacheBytes, 1}, {"MaxDirtyBytes", c.MaxDirtyBytes, 1}, {"BlockCacheBytes", c.BlockCacheBytes, 1},
		{"MemTableBytes", c.MemTableBytes, 1}, {"BufferBytes", c.BufferBytes, 1}, {"BufferResumeBytes", c.BufferResumeBytes, 0},
		{"InputBytes", c.InputBytes, 1 << 10}, {"ProducerBytes", c.ProducerBytes, 1 << 10}, {"FetchBytes", int64(c.FetchBytes), 1 << 10},
	} {
		bad(b.value < b.atLeast, "%s is %d, want at least %d", b.name, b.value, b.atLeast)
	}
	bad(c.BufferResumeBytes >= c.BufferBytes, "BufferResumeBytes is %d, want less than BufferBytes, which is %d", c.BufferResumeBytes, c.BufferBytes)
	c.Backpressure.validate(bad)
	switch c.Compression {
	case NoCompression, Gzip, Snappy, LZ4, Zstd:
	default:
		bad(true, "Compression is %q, want none, gzip, snappy, lz4 or zstd", c.Compression)
	}
	bad(c.TLS != nil && c.Dialer != nil, "TLS and Dialer are both set; the Dialer must open encrypted connections itself")
	if c.SASL != nil {
		c.SASL.validate(bad)
	}
	return errors.Join(errs...)
}

func (s *SASL) validate(bad func(wrong bool, format string, args ...any)) {
	switch s.Mechanism {
	case Plain, ScramSHA256, ScramSHA512:
		bad(s.User == "", "SASL.User is empty, %s needs one", s.Mechanism)
	case OAuthBearer:
		bad(s.Token == nil, "SASL.Token is nil, %s needs one", s.Mechanism)
	default:
		bad(true, "SASL.Mechanism is %q, want %s, %s, %s or %s", s.Mechanism, Plain, ScramSHA256, ScramSHA512, OAuthBearer)
	}
}
