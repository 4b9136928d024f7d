package config

import (
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rivusio/rivusio/admin"
	"github.com/rivusio/rivusio/engine"
)

// Keys are all keys, in the order of the reference. The slice is shared and must not be changed.
var Keys = sync.OnceValue(func() []Key {
	return slices.Concat(processKeys(), commitKeys(), memoryKeys(), inputKeys(), backpressureTable(), groupKeys(), topicKeys(), tlsTable(), saslTable(), adminTable(), registryTable(), logKeys(), telemetryKeys())
})

func processKeys() []Key {
	return []Key{
		list("brokers", "localhost:9092", address, func(c *Config) *[]string { return &c.Engine.Brokers },
			"Addresses, HOST:PORT, from which the cluster is found."),
		one("topology", text, "", func(c *Config) *string { return &c.Topology },
			"Name of the topology to run.").derived("the only one"),
		one("plugins", text, "", func(c *Config) *string { return &c.Plugins },
			"Folder with WebAssembly plugins, which a topology in a file may name beside the built-in ones.").derived("none"),
		one("instance", instanceName, "", func(c *Config) *string { return &c.Engine.Instance },
			"Name of this process among those of the application; it must be unique and the same after a restart.").derived("a name kept in state_dir"),
		one("state_dir", text, "rivusio-state", func(c *Config) *string { return &c.Engine.StateDir },
			"Directory of this process's state."),
		one("workers", number(1, 1024), "1", func(c *Config) *int { return &c.Engine.Workers },
			"Number of threads that process records, each with its own tasks."),
	}
}

func commitKeys() []Key {
	return []Key{
		one("guarantee", guarantee, engine.ExactlyOnce.String(), func(c *Config) *engine.Guarantee { return &c.Engine.Guarantee },
			"What a failure does to results: nothing at all, or it may repeat some."),
		one("commit_interval", period(time.Millisecond), "", func(c *Config) *time.Duration { return &c.Engine.CommitInterval },
			"How often is committed: readers of committed records see results after it.").derived("100ms with exactly-once, 1s with at-least-once"),
		one("max_dirty_size", size[int64](1), "", func(c *Config) *int64 { return &c.Engine.MaxDirtyBytes },
			"Changed state, over all workers, that may wait for a commit before there is an early one.").derived("half of cache_size"),
		one("linger", orNone(period(time.Millisecond)), "5ms", func(c *Config) *time.Duration { return &c.Engine.Linger },
			"How long written records wait for others to share a batch with."),
		one("compression", choice(words(engine.NoCompression, engine.Gzip, engine.Snappy, engine.LZ4, engine.Zstd)), "none",
			func(c *Config) *engine.Compression { return &c.Engine.Compression },
			"How batches of written records are compressed."),
	}
}

func memoryKeys() []Key {
	return []Key{
		one("memory_limit", size[int64](64<<20), "", func(c *Config) *int64 { return &c.Engine.MemoryLimit },
			"Memory of the process; it is divided among what the other sizes bound, but for those that are given, and the Go runtime keeps to it.").derived("none, and each size has its default"),
		one("cache_size", size[int64](1), "", func(c *Config) *int64 { return &c.Engine.CacheBytes },
			"Rows of all stores held in memory, over all workers.").derived("30 % of memory_limit, or 64MiB"),
		one("block_cache_size", size[int64](1), "", func(c *Config) *int64 { return &c.Engine.BlockCacheBytes },
			"How much of the state on disk is cached.").derived("15 % of memory_limit, or 64MiB"),
		one("memtable_size", size[int64](1), "", func(c *Config) *int64 { return &c.Engine.MemTableBytes },
			"One in-memory table of the state on disk; up to four exist for a while.").derived("4 % of memory_limit, or 32MiB"),
		one("input_size", size[int64](1<<10), "", func(c *Config) *int64 { return &c.Engine.InputBytes },
			"What may wait in all tasks together: with many input partitions each may have less than buffer_size.").derived("15 % of memory_limit, or 256MiB"),
		one("producer_size", size[int64](1<<10), "", func(c *Config) *int64 { return &c.Engine.ProducerBytes },
			"What is written and not acknowledged, over all workers; beyond it processing waits.").derived("8 % of memory_limit, or 64MiB"),
	}
}

func inputKeys() []Key {
	return []Key{
		one("buffer_size", size[int64](1), "4MiB", func(c *Config) *int64 { return &c.Engine.BufferBytes },
			"How much of one input partition may wait in its task before its fetching pauses."),
		one("buffer_resume_size", size[int64](1), "", func(c *Config) *int64 { return &c.Engine.BufferResumeBytes },
			"How little of it must be left before its fetching resumes.").derived("half of buffer_size"),
		one("fetch_size", size[int32](1<<10), "", func(c *Config) *int32 { return &c.Engine.FetchBytes },
			"One fetch from one broker, of which a worker holds one at most.").derived("8 % of memory_limit over all workers, or 16MiB"),
		one("max_task_idle", orNone(period(0)), "0s", func(c *Config) *time.Duration { return &c.Engine.MaxTaskIdle },
			"How long a task that merges inputs waits for one that it has read up to its end; with none it waits for no input, not even for one that lags."),
	}
}

func backpressureTable() []Key {
	return []Key{
		one("backpressure.policy", choice([]string{"hold", "off"}, func(w string) bool { return w == "off" }), "hold", func(c *Config) *bool { return &c.Engine.Backpressure.Off },
			"Whether sources are held while a stage behind a repartition topic that they feed lags too much."),
		one("backpressure.high_lag", number[int64](1, math.MaxInt64), "1000000", func(c *Config) *int64 { return &c.Engine.Backpressure.HighLag },
			"How many records of one partition of a repartition topic may lie unread before its sources are held."),
		one("backpressure.low_lag", number[int64](1, math.MaxInt64), "", func(c *Config) *int64 { return &c.Engine.Backpressure.LowLag },
			"How few must be left before they go on.").derived("half of backpressure.high_lag"),
		one("backpressure.high_delay", period(time.Second), "30s", func(c *Config) *time.Duration { return &c.Engine.Backpressure.HighDelay },
			"How long the stage may need for what lies unread, at the speed that it has had lately, before its sources are held."),
		one("backpressure.low_delay", period(time.Millisecond), "", func(c *Config) *time.Duration { return &c.Engine.Backpressure.LowDelay },
			"How little must be left before they go on.").derived("a sixth of backpressure.high_delay"),
		list("backpressure.topics", "", topicLag, func(c *Config) *[]engine.TopicLag { return &c.Engine.Backpressure.Topics },
			"Repartition topics with a high_lag of their own, as TOPIC=RECORDS.").derived("none"),
	}
}

func groupKeys() []Key {
	return []Key{
		one("stop_policy", stopPolicy, engine.StopAuto.String(), func(c *Config) *engine.StopPolicy { return &c.Engine.StopPolicy },
			"What happens to the partitions at a stop: stay keeps them for a restart within session_timeout, handover gives them to others at once, auto is stay if instance is given, else handover."),
		one("stop_timeout", period(time.Millisecond), "30s", func(c *Config) *time.Duration { return &c.Engine.StopTimeout },
			"Bound of a stop; after it, what is not committed is given up."),
		one("stall_timeout", period(time.Second), "5m", func(c *Config) *time.Duration { return &c.Engine.StallTimeout },
			"How long user code may hold up a worker before the worker leaves the group."),
		one("connect_timeout", period(time.Millisecond), "15s", func(c *Config) *time.Duration { return &c.Engine.ConnectTimeout },
			"Bound of the first contact with the cluster."),
		one("session_timeout", period(100*time.Millisecond), "10s", func(c *Config) *time.Duration { return &c.Engine.SessionTimeout },
			"After how long without a sign of life a member loses its partitions."),
		one("transaction_timeout", period(time.Second), "10s", func(c *Config) *time.Duration { return &c.Engine.TransactionTimeout },
			"After how long brokers abort a transaction that does not end."),
	}
}

func topicKeys() []Key {
	return []Key{
		one("replication_factor", number[int16](1, math.MaxInt16), "", func(c *Config) *int16 { return &c.Engine.ReplicationFactor },
			"Replication factor of the internal topics that are made.").derived("the brokers' default"),
		one("require_topics", truth, "false", func(c *Config) *bool { return &c.Engine.RequireTopics },
			"A missing internal topic is an error, instead of being made."),
		one("purge_interval", period(time.Millisecond), "30s", func(c *Config) *time.Duration { return &c.Engine.PurgeInterval },
			"How often records of repartition topics that all have read are deleted."),
		one("pattern_interval", period(time.Millisecond), "5m", func(c *Config) *time.Duration { return &c.Engine.PatternInterval },
			"How often a source that reads a pattern of topics looks for others that match."),
	}
}

func tlsTable() []Key {
	return []Key{
		one("tls.enabled", truth, "false", func(c *Config) *bool { return &c.tls.enabled },
			"Connections are encrypted."),
		one("tls.ca_file", text, "", func(c *Config) *string { return &c.tls.caFile },
			"PEM file of the authorities that sign the brokers' certificates; it is read again for each connection.").derived("those of the system"),
		one("tls.cert_file", text, "", func(c *Config) *string { return &c.tls.certFile },
			"PEM file of the client's certificate; it is read again for each connection."),
		one("tls.key_file", text, "", func(c *Config) *string { return &c.tls.keyFile },
			"PEM file of the client's private key; it is read again for each connection."),
		one("tls.server_name", text, "", func(c *Config) *string { return &c.tls.serverName },
			"Name that the brokers' certificates must be for.").derived("the address of each"),
		one("tls.insecure_skip_verify", truth, "false", func(c *Config) *bool { return &c.tls.insecure },
			"Any certificate is taken. For tests only: whoever is on the way can read and change everything."),
	}
}

func saslTable() []Key {
	return []Key{
		one("sasl.mechanism", choice(words(engine.Plain, engine.ScramSHA256, engine.ScramSHA512, engine.OAuthBearer)), "",
			func(c *Config) *engine.Mechanism { return &c.sasl.mechanism },
			"How connections are authenticated.").derived("they are not"),
		one("sasl.user", text, "", func(c *Config) *string { return &c.sasl.user },
			"User of PLAIN and SCRAM."),
		one("sasl.password", text, "", func(c *Config) *string { return &c.sasl.password },
			"Password of PLAIN and SCRAM.").secret(),
		one("sasl.password_file", text, "", func(c *Config) *string { return &c.sasl.passwordFile },
			"File with the password."),
		one("sasl.token", text, "", func(c *Config) *string { return &c.sasl.token },
			"Token of OAUTHBEARER.").secret(),
		one("sasl.token_file", text, "", func(c *Config) *string { return &c.sasl.tokenFile },
			"File with the token; it is read again for each connection."),
	}
}

func adminTable() []Key {
	return []Key{
		one("admin.address", listenAddress, "", func(c *Config) *string { return &c.admin.address },
			"Where the admin server listens, which shows health, metrics and tasks; none: there is no server.").
			derived(admin.DefaultAddress + " or the next free port"),
		one("admin.token", text, "", func(c *Config) *string { return &c.admin.token },
			"Token that requests must bear, but for those of the probes.").derived("none is asked for").secret(),
		one("admin.token_file", text, "", func(c *Config) *string { return &c.admin.tokenFile },
			"File with the token; it is read again for each request."),
		one("admin.tls_cert_file", text, "", func(c *Config) *string { return &c.admin.certFile },
			"PEM file of the admin server's certificate; it is read again for each connection.").derived("connections are not encrypted"),
		one("admin.tls_key_file", text, "", func(c *Config) *string { return &c.admin.keyFile },
			"PEM file of the admin server's private key; it is read again for each connection."),
		one("admin.profiling", profiling, "auto", func(c *Config) *admin.Profiling { return &c.admin.profiling },
			"Whether the profiles of the Go runtime are served; auto: if only this machine is listened to, or with a token."),
	}
}

func logKeys() []Key {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	return []Key{
		one("log.level", choice([]string{"debug", "info", "warn", "error"}, func(w string) slog.Level { return levels[w] }), "info",
			func(c *Config) *slog.Level { return &c.Log.Level },
			"The least level that is logged."),
		one("log.format", choice(words(LogAuto, LogText, LogJSON)), string(LogAuto), func(c *Config) *LogFormat { return &c.Log.Format },
			"Form of log lines; auto is text on a terminal and JSON elsewhere."),
	}
}

var guarantee = choice([]string{engine.ExactlyOnce.String(), engine.AtLeastOnce.String()}, func(w string) engine.Guarantee {
	if w == engine.AtLeastOnce.String() {
		return engine.AtLeastOnce
	}
	return engine.ExactlyOnce
})

var stopPolicy = choice([]string{engine.StopAuto.String(), engine.Stay.String(), engine.Handover.String()}, func(w string) engine.StopPolicy {
	switch w {
	case engine.Stay.String():
		return engine.Stay
	case engine.Handover.String():
		return engine.Handover
	}
	return engine.StopAuto
})

// words are the choices of a type that is a word already.
func words[T ~string](choices ...T) ([]string, func(string) T) {
	var names []string
	for _, c := range choices {
		names = append(names, string(c))
	}
	return names, func(w string) T { return T(w) }
}

// lookup finds a key by its name in the file.
func lookup(name string) (Key, bool) {
	i := slices.IndexFunc(Keys(), func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return Keys()[i], true
}

// isSection reports whether keys begin with the name and a dot.
func isSection(name string) bool {
	return slices.ContainsFunc(Keys(), func(k Key) bool { return strings.HasPrefix(k.Name, name+".") })
}
