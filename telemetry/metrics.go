package telemetry

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what a metric's values mean.
type Kind string

// The kinds of metrics.
const (
	Counter       Kind = "counter"         // only grows, until the process ends
	UpDownCounter Kind = "up-down counter" // an amount that may be added up over processes
	Gauge         Kind = "gauge"           // a value of the present, of which sums mean nothing
	Histogram     Kind = "histogram"
)

// Metric is one metric as it is documented.
type Metric struct {
	Name        string
	Kind        Kind
	Unit        string // UCUM: "s", "By", "{record}"
	Description string
	Attributes  []string // beside [AttrApplication], which all of Rivusio's have

	observe func(c *collection, e emit) // nil for histograms, and for what is counted as it comes
}

// Prometheus is the name of the metric at a Prometheus endpoint; of a histogram it is that without _bucket, _sum and _count.
func (m Metric) Prometheus() string {
	name := strings.ReplaceAll(m.Name, ".", "_")
	switch m.Unit {
	case "s":
		name = withSuffix(name, "_seconds")
	case "By":
		name = withSuffix(name, "_bytes")
	}
	if m.Kind == Counter {
		name = withSuffix(name, "_total")
	}
	return name
}

func withSuffix(name, suffix string) string { return strings.TrimSuffix(name, suffix) + suffix }

// The attributes of metrics and spans. Those of messaging are OpenTelemetry's.
const (
	AttrApplication = "rivusio.application"
	AttrOperator    = "rivusio.operator.name"
	AttrOperation   = "rivusio.operator.type"
	AttrTask        = "rivusio.task.id"
	AttrWorker      = "rivusio.worker"
	AttrReason      = "rivusio.drop.reason"
	AttrActivity    = "rivusio.task.activity" // busy, idle, backpressured
	AttrTaskState   = "rivusio.task.state"
	AttrState       = "rivusio.application.state"
	AttrStore       = "rivusio.store.name"
	AttrOutcome     = "rivusio.outcome"

	AttrSystem        = "messaging.system"
	AttrOperationName = "messaging.operation.name"
	AttrOperationType = "messaging.operation.type"
	AttrTopic         = "messaging.destination.name"
	AttrPartition     = "messaging.destination.partition.id"
	AttrGroup         = "messaging.consumer.group.name"
	AttrOffset        = "messaging.kafka.offset"
	AttrTombstone     = "messaging.kafka.message.tombstone"
	AttrBatchCount    = "messaging.batch.message_count"
	AttrClient        = "messaging.client.id"
	AttrErrorType     = "error.type"
	AttrServerAddress = "server.address"
	AttrServerPort    = "server.port"
	AttrMemoryType    = "go.memory.type"
	AttrMemoryPart    = "rivusio.memory.part"
)

// Metrics is the table of all metrics. The slice is the caller's.
func Metrics() []Metric {
	return slices.Concat(operatorMetrics(), taskMetrics(), inputMetrics(), commitMetrics(), storeMetrics(), databaseMetrics(),
		memoryMetrics(), applicationMetrics(), messagingMetrics())
}

func operatorMetrics() []Metric {
	of := []string{AttrTask, AttrOperator, AttrOperation}
	return []Metric{
		{"rivusio.operator.records.in", Counter, "{record}", "Records that came to an operator.", of, observeIn},
		{"rivusio.operator.records.out", Counter, "{record}", "Records that an operator forwarded while it worked on one, counted for each operator that they went to, or wrote to a topic.", of, observeOut},
		{"rivusio.operator.records.dropped", Counter, "{record}", "Records that an operator discarded on purpose: late, without a key that it needs, undecodable and so on.", append(slices.Clone(of), AttrReason), observeDropped},
		{"rivusio.operator.failures", Counter, "{failure}", "What operators failed for without stopping their task, by what was done: skip, dead-letter, or retry, which counts each time.", []string{AttrOperator, AttrOutcome}, observeFailures},
		{"rivusio.operator.duration", Histogram, "s", "Time that an operator took for a record, without those that it forwarded to; measured for one record in telemetry.time_one_in.", of[1:], nil},
	}
}

func taskMetrics() []Metric {
	of := []string{AttrTask}
	return []Metric{
		{"rivusio.task.time", Counter, "s", "How a task spent its time: busy, backpressured (it had records and was held up) or idle. The three add up to a second for each second.", []string{AttrTask, AttrActivity}, observeOccupation},
		{"rivusio.task.stream_time", Gauge, "s", "Largest timestamp of a record that a task processed, in seconds since the epoch.", of, observeStreamTime},
		{"rivusio.task.stream_time.delay", Gauge, "s", "How far a task's stream time is behind the wall clock.", of, observeDelay},
		{"rivusio.tasks", UpDownCounter, "{task}", "Tasks of the process, by state.", []string{AttrTaskState}, observeTasks},
	}
}

func inputMetrics() []Metric {
	of := []string{AttrTask, AttrTopic, AttrPartition}
	return []Metric{
		{"rivusio.input.lag", Gauge, "{record}", "Offsets between what a task processed of an input partition and its end.", of, observeLag},
		{"rivusio.input.lag.duration", Gauge, "s", "About how long the next record to be processed has been in the input partition; 0 at its end.", of, observeBehind},
		{"rivusio.input.buffer.size", UpDownCounter, "By", "Records of an input partition that wait in its task.", of, observeBuffered},
		{"rivusio.input.paused", Gauge, "{partition}", "1 while fetching of an input partition is paused because its buffer is full or its source is held, else 0.", of, observePaused},
		{"rivusio.input.pauses", Counter, "{pause}", "Times that fetching of an input partition was paused.", of, observePauses},
	}
}

func commitMetrics() []Metric {
	of := []string{AttrWorker, AttrOutcome}
	return []Metric{
		{"rivusio.commit.duration", Histogram, "s", "Commits of workers, from the first step to the brokers' answer.", of, nil},
		{"rivusio.transaction.duration", Histogram, "s", "Transactions of workers, from begin to end; exactly once only.", of, nil},
		{"rivusio.transaction.aborts", Counter, "{transaction}", "Transactions that were aborted and commits that were refused; their records are processed again.", of[:1], observeAborts},
		{"rivusio.commit.records", Counter, "{record}", "Records written in commits that succeeded, those of changelogs included.", of[:1], observeCommitted},
	}
}

func storeMetrics() []Metric {
	of := []string{AttrTask, AttrStore}
	return []Metric{
		{"rivusio.store.size", UpDownCounter, "By", "About how much a task's partition of a store takes where it is kept, as of the last ten seconds; on disk without what is still in memory.", of, observeStoreSize},
		{"rivusio.store.cache.usage", UpDownCounter, "By", "Rows of a store that are cached.", of, observeCached},
		{"rivusio.store.cache.dirty", UpDownCounter, "By", "Cached rows of a store that wait for a commit.", of, observeDirty},
		{"rivusio.store.cache.hits", Counter, "{lookup}", "Look-ups of rows that were cached.", of, observeHits},
		{"rivusio.store.cache.misses", Counter, "{lookup}", "Look-ups that had to read below the cache.", of, observeMisses},
		{"rivusio.restore.records", Counter, "{record}", "Records of changelogs that a task read to restore its stores.", of[:1], observeRestored},
		{"rivusio.restore.remaining", Gauge, "{record}", "Offsets of changelogs that a task has yet to read.", of[:1], observeRemaining},
		{"rivusio.restore.duration", Histogram, "s", "Restores of store partitions; by whether there was state (kept), none (empty) or such as could not be used (rebuilt).", []string{AttrStore, AttrOutcome}, nil},
	}
}

func databaseMetrics() []Metric {
	return []Metric{
		{"rivusio.database.size", UpDownCounter, "By", "All files of the state on disk.", nil, observeDatabase(func(d database) int64 { return d.DiskBytes })},
		{"rivusio.database.wal.size", UpDownCounter, "By", "Write-ahead log of the state on disk.", nil, observeDatabase(func(d database) int64 { return d.WALBytes })},
		{"rivusio.database.memtable.size", UpDownCounter, "By", "State that is not in files yet.", nil, observeDatabase(func(d database) int64 { return d.MemTableBytes })},
		{"rivusio.database.block_cache.usage", UpDownCounter, "By", "Blocks of the state on disk that are cached.", nil, observeDatabase(func(d database) int64 { return d.CacheBytes })},
		{"rivusio.database.block_cache.hits", Counter, "{block}", "Blocks that were read from the cache.", nil, observeDatabase(func(d database) int64 { return d.CacheHits })},
		{"rivusio.database.block_cache.misses", Counter, "{block}", "Blocks that were read from files.", nil, observeDatabase(func(d database) int64 { return d.CacheMisses })},
		{"rivusio.database.l0.tables", Gauge, "{table}", "Files of the first level; writes stall at 20.", nil, observeDatabase(func(d database) int64 { return d.L0Tables })},
		{"rivusio.database.read_amplification", Gauge, "{level}", "Levels that a read may have to look at.", nil, observeDatabase(func(d database) int64 { return d.ReadAmplification })},
		{"rivusio.database.compactions", Counter, "{compaction}", "Compactions.", nil, observeDatabase(func(d database) int64 { return d.Compactions })},
		{"rivusio.database.compaction.debt", UpDownCounter, "By", "What compactions have yet to rewrite.", nil, observeDatabase(func(d database) int64 { return d.CompactionDebtBytes })},
		{"rivusio.database.flushes", Counter, "{flush}", "Memtables that were written to files.", nil, observeDatabase(func(d database) int64 { return d.Flushes })},
		{"rivusio.database.write_stalls", Counter, "{stall}", "Times that writes had to wait for flushes or compactions.", nil, observeDatabase(func(d database) int64 { return d.WriteStalls })},
	}
}

func memoryMetrics() []Metric {
	of := []string{AttrWorker}
	return []Metric{
		{"rivusio.cache.usage", UpDownCounter, "By", "Rows that the stores of a worker cache.", of, observeCacheUsage},
		{"rivusio.cache.limit", UpDownCounter, "By", "Bound of rivusio.cache.usage.", of, observeCacheLimit},
		{"rivusio.cache.dirty", UpDownCounter, "By", "Rows in the caches of a worker that wait for a commit.", of, observeCacheDirty},
		{"rivusio.producer.buffer.records", UpDownCounter, "{record}", "Records that a worker's producer holds.", of, observeProducerRecords},
		{"rivusio.producer.buffer.size", UpDownCounter, "By", "The same in bytes.", of, observeProducerBytes},
		{"rivusio.memory.usage", UpDownCounter, "By", "What is used of each part of the memory that the configuration bounds.", []string{AttrMemoryPart}, observeMemoryUsage},
		{"rivusio.memory.limit", UpDownCounter, "By", "Bound of each part of the memory.", []string{AttrMemoryPart}, observeMemoryLimit},
		{"process.memory.usage", UpDownCounter, "By", "Physical memory of the process; Linux only.", nil, observeResident},
		{"process.cpu.time", Counter, "s", "CPU time of the process, as the Go runtime estimates it, without idle time.", nil, observeCPU},
		{"go.memory.used", UpDownCounter, "By", "Memory of the Go runtime.", []string{AttrMemoryType}, observeGoMemory},
		{"go.memory.limit", UpDownCounter, "By", "Soft limit of that memory (GOMEMLIMIT), if there is one.", nil, observeGoLimit},
		{"go.goroutine.count", UpDownCounter, "{goroutine}", "Goroutines.", nil, observeGoroutines},
	}
}

func applicationMetrics() []Metric {
	return []Metric{
		{"rivusio.application.state", Gauge, "{state}", "1 for the state that the application is in, 0 for all others.", []string{AttrState}, observeState},
		{"rivusio.rebalances", Counter, "{rebalance}", "Changes of the partitions that a worker has.", []string{AttrWorker}, observeRebalances},
		{"rivusio.rebalance.duration", Histogram, "s", "Rebalances of a worker, from its request to join to its new assignment.", []string{AttrWorker}, nil},
	}
}

func messagingMetrics() []Metric {
	client := []string{AttrSystem, AttrOperationName, AttrTopic, AttrPartition, AttrGroup}
	return []Metric{
		{"messaging.client.consumed.messages", Counter, "{message}", "Records that were fetched.", client, observeConsumed},
		{"messaging.client.sent.messages", Counter, "{message}", "Records that were written, to changelogs and internal topics too.", client[:4], observeSent},
		{"messaging.client.operation.duration", Histogram, "s", "Requests to brokers: poll (Fetch), send (Produce), commit (the end of transactions, commits of offsets).", []string{AttrSystem, AttrOperationName, AttrServerAddress, AttrServerPort, AttrErrorType}, nil},
		{"messaging.process.duration", Histogram, "s", "Time that a task took for a record, all operators together; measured for one record in telemetry.time_one_in.", []string{AttrSystem, AttrOperationName, AttrTopic, AttrGroup, AttrErrorType}, nil},
	}
}

// Reference is the table in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString("| metric | kind | unit | what it is | attributes |\n| --- | --- | --- | --- | --- |\n")
	for _, m := range Metrics() {
		attributes := "–"
		if len(m.Attributes) > 0 {
			attributes = "`" + strings.Join(m.Attributes, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s |\n", m.Name, m.Kind, m.Unit, m.Description, attributes)
	}
	return b.String()
}
