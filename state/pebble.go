package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// PebbleOptions are those of [OpenPebble]. Only Dir must be set.
type PebbleOptions struct {
	Dir           string       // made if it is not there
	CacheBytes    int64        // of blocks read from disk; default 64 MiB
	MemTableBytes int64        // of one memtable, up to four of which wait to be written; default 16 MiB
	Logger        *slog.Logger // what goes wrong in the background; nil: slog.Default
	FS            vfs.FS       // nil: that of the operating system
	// Scratch is a database that is new and never opened again: it writes no log, so the death of the process costs all of it,
	// and remembers in 16 MiB of memory which rows it cannot have.
	Scratch bool
}

const (
	defaultCacheBytes    = 64 << 20
	defaultMemTableBytes = 16 << 20
	// expiredAfter is how long after it expired the space of a range may stay in use, if nothing else rewrites it.
	expiredAfter = 10 * time.Second
	// syncInterval is how often, at most, the log is brought to the disk behind the back of those who write.
	syncInterval = time.Second
)

// Pebble is a [Backend] on disk: one database for all stores of a process, with a write-ahead log for whose sync nobody
// waits. What was applied survives the death of the process, but for the last milliseconds; the death of the machine costs
// what was applied in the last second or two. Either way all that comes after some apply is lost, and the changelogs have it.
type Pebble struct {
	dir       string
	log       *slog.Logger
	db        *pebble.DB
	leases    leases
	catalogue catalogue
	written   *written // of a scratch database, else nil
	failure   atomic.Pointer[pebbleFailure]
	stalls    atomic.Int64
	closing   sync.Once
	measuring sync.RWMutex // held to write while it is closed, to read while its figures are read
	closed    bool
}

// OpenPebble opens a database, or makes one, and keeps its directory locked until Close. It is an error if another process
// has it open, or if a newer version of this program wrote it.
func OpenPebble(o PebbleOptions) (*Pebble, error) {
	p := &Pebble{dir: o.Dir, log: o.Logger}
	if p.log == nil {
		p.log = slog.Default()
	}
	p.log = p.log.With("directory", o.Dir)
	if o.Dir == "" {
		return nil, errors.New("state: no directory for the database")
	}
	err := p.guard(func() (err error) {
		p.db, err = pebble.Open(o.Dir, p.options(o))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("state: open database in %s: %w", o.Dir, err)
	}
	if err := p.catalogue.open(p); err != nil {
		return nil, errors.Join(fmt.Errorf("state: open database in %s: %w", o.Dir, err), p.db.Close())
	}
	if o.Scratch {
		if err := p.refuseKept(); err != nil {
			return nil, errors.Join(fmt.Errorf("state: open database in %s: %w", o.Dir, err), p.db.Close())
		}
		p.written = newWritten()
	}
	return p, nil
}

func (p *Pebble) options(o PebbleOptions) *pebble.Options {
	fs := o.FS
	if fs == nil {
		fs = vfs.Default
	}
	po := &pebble.Options{
		FormatMajorVersion:          pebble.FormatNewest,
		CacheSize:                   o.CacheBytes,
		MemTableSize:                uint64(o.MemTableBytes),
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       20,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
		FlushDelayDeleteRange:       expiredAfter,
		DisableWAL:                  o.Scratch,
		FS:                          watchedFS{fs, new(atomic.Bool), func(what string) { p.fail(what) }},
		WALMinSyncInterval:          func() time.Duration { return syncInterval },
		Logger:                      pebbleLogger{p},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) {
				p.log.Error("state: database: background work failed, it will be tried again", "error", err)
			},
			DataCorruption: func(i pebble.DataCorruptionInfo) { p.fail(fmt.Sprintf("corrupt file %s: %v", i.Path, i.Details)) },
			WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
				p.stalls.Add(1)
				p.log.Debug("state: database: writes wait for the disk", "reason", i.Reason)
			},
		},
	}
	if po.CacheSize <= 0 {
		po.CacheSize = defaultCacheBytes
	}
	if o.MemTableBytes <= 0 {
		po.MemTableSize = defaultMemTableBytes
	}
	// The database takes the memory of memtables, of the present one and of one that it keeps to use again, out of its
	// block cache. Without room for them no block would stay cached, and every read would go to the disk.
	po.CacheSize += 2 * int64(po.MemTableSize)
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return po
}

// pebbleFailure is a condition under which the database must not be used further.
type pebbleFailure struct{ dir, what string }

func (f *pebbleFailure) Error() string {
	return fmt.Sprintf("state: database in %s failed and is not used any more: %s", f.dir, f.what)
}

// fail makes every later use of the database an error.
func (p *Pebble) fail(what string) *pebbleFailure {
	f := &pebbleFailure{p.dir, what}
	if p.failure.CompareAndSwap(nil, f) {
		p.log.Error("state: database failed", "error", what)
	}
	return f
}

// guard runs a use of the database. A failure that surfaces in it becomes an error; one that has happened prevents it.
func (p *Pebble) guard(use func() error) (err error) {
	if f := p.failure.Load(); f != nil {
		return f
	}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(*pebbleFailure)
			if !ok {
				panic(r)
			}
			err = f
		}
	}()
	if err := use(); err != nil {
		return err
	}
	if f := p.failure.Load(); f != nil {
		return f // the log did not take what was written
	}
	return nil
}

// pebbleLogger takes Pebble's messages. Pebble counts on Fatalf not returning. So it panics: under guard the caller gets
// an error; in Pebble's own goroutines the process ends with that message, which is safe, for what is on disk stays a
// prefix of what was applied.
type pebbleLogger struct{ p *Pebble }

func (l pebbleLogger) Infof(string, ...any) {}
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.p.log.Error("state: database: " + fmt.Sprintf(format, args...))
}
func (l pebbleLogger) Fatalf(format string, args ...any) {
	panic(l.p.fail(fmt.Sprintf(format, args...)))
}

// Acquire implements [Backend].
func (p *Pebble) Acquire(ctx context.Context, id StoreID) (Partition, error) {
	t, err := p.leases.acquire(ctx, id)
	if err != nil {
		return nil, err
	}
	partition := &pebblePartition{tenure: t, backend: p}
	err = p.guard(func() error { return partition.open() })
	if err != nil {
		t.release()
		return nil, err
	}
	return partition, nil
}

// Apply implements [Backend]. It does not wait for the disk, unless writes come faster than it takes them.
func (p *Pebble) Apply(_ context.Context, generations []*Generation) error {
	partitions, err := beginAll[*pebblePartition](generations)
	if err != nil {
		return err
	}
	defer endAll(partitions)
	now := time.Now()
	size := 1 << 10
	for _, g := range generations {
		size += int(g.Bytes()) + len(g.rows)*(rowPrefixBytes+8)
		if n := len(g.rows); n > 0 { // they are sorted
			g.partition.(*pebblePartition).raise(g.key(n - 1))
		}
	}
	err = p.write(size, func(b *pebble.Batch) error {
		for _, g := range generations {
			partition := g.partition.(*pebblePartition)
			for i := range g.rows {
				partition.put(b, g.key(i), g.value(i))
			}
			if err := partition.expire(b, g.kept, g.times.Kept); err != nil {
				return err
			}
			// A later generation of the same partition overwrites it, in the same batch.
			if err := partition.putCheckpoint(b, Checkpoint{Offset: g.offset, At: now, Times: g.times}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("state: apply to database in %s: %w", p.dir, err)
	}
	for _, g := range generations {
		g.partition.(*pebblePartition).setCheckpoint(Checkpoint{Offset: g.offset, At: now, Times: g.times})
	}
	for _, g := range generations {
		g.applied.Store(true)
	}
	return nil
}

// write commits a batch of about so many bytes, without waiting for the disk.
func (p *Pebble) write(bytes int, fill func(*pebble.Batch) error) error {
	return p.guard(func() error {
		b := p.db.NewBatch(pebble.WithInitialSizeBytes(bytes))
		if err := fill(b); err != nil {
			return errors.Join(err, b.Close())
		}
		if err := errors.Join(b.Commit(pebble.NoSync), b.Close()); err != nil {
			return err
		}
		return p.push()
	})
}

// push makes the log's last block go to the operating system, and at some time to the disk. Pebble would keep up to 32 KiB
// in its own memory until the block is full, which is many commits of a quiet partition. It writes what it has when a sync
// is asked for; the sync itself waits for syncInterval, and nobody waits for it.
func (p *Pebble) push() error {
	if p.written != nil {
		return nil // there is no log
	}
	b := new(pebble.Batch) // not from the pool of those that are closed
	if err := b.LogData(nil, nil); err != nil {
		return err
	}
	// The batch must live until the sync, which nobody knows of; so it is left to the garbage collector.
	return p.db.ApplyNoSyncWait(b, pebble.Sync)
}

// Partitions implements [Backend].
func (p *Pebble) Partitions() (ids []StoreID, err error) {
	err = p.guard(func() error {
		ids, err = p.catalogue.partitions(p)
		return err
	})
	return ids, err
}

// Close implements [Backend]. What was applied is on disk afterwards.
func (p *Pebble) Close() (err error) {
	p.closing.Do(func() {
		p.leases.close()
		p.measuring.Lock()
		p.closed = true
		p.measuring.Unlock()
		err = p.guard(p.db.Close) // which syncs the log
		if err != nil {
			err = fmt.Errorf("state: close database in %s: %w", p.dir, err)
		}
	})
	return err
}

// PebbleMetrics are figures of a database.
type PebbleMetrics struct {
	DiskBytes           int64 // of all files
	WALBytes            int64 // of the log, of what is only in memory besides
	L0Tables            int64 // files of the first level, which overlap
	ReadAmplification   int64 // levels that a read may have to look at
	MemTableBytes       int64
	CompactionDebtBytes int64 // to be rewritten until the database has its best shape
	CacheBytes          int64 // in use by blocks
	CacheHits           int64 // since it was opened
	CacheMisses         int64
	Flushes             int64 // memtables written, since it was opened
	Compactions         int64
	WriteStalls         int64 // times that writes had to wait for flushes or compactions
}

// Metrics returns figures of the present, zeros once it is closed. It is cheap, but not made to be called for each record. Any
// goroutine may call it.
func (p *Pebble) Metrics() PebbleMetrics {
	p.measuring.RLock()
	defer p.measuring.RUnlock()
	if p.closed {
		return PebbleMetrics{}
	}
	m := p.db.Metrics()
	return PebbleMetrics{
		DiskBytes:           int64(m.DiskSpaceUsage()),
		WALBytes:            int64(m.WAL.Size),
		L0Tables:            m.Levels[0].TablesCount,
		ReadAmplification:   int64(m.ReadAmp()),
		MemTableBytes:       int64(m.MemTable.Size),
		CompactionDebtBytes: int64(m.Compact.EstimatedDebt),
		CacheBytes:          m.BlockCache.Size,
		CacheHits:           m.BlockCache.Hits,
		CacheMisses:         m.BlockCache.Misses,
		Flushes:             m.Flush.Count,
		Compactions:         m.Compact.Count,
		WriteStalls:         p.stalls.Load(),
	}
}
