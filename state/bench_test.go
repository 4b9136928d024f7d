package state_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// backends are what the benchmarks run on; Pebble is on the real disk.
func backends(b *testing.B, f func(b *testing.B, backend state.Backend)) {
	b.Run("memory", func(b *testing.B) { f(b, state.NewMemory()) })
	b.Run("pebble", func(b *testing.B) {
		p, err := state.OpenPebble(state.PebbleOptions{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		defer func() {
			if err := p.Close(); err != nil {
				b.Fatal(err)
			}
		}()
		f(b, p)
	})
}

func acquire(t testing.TB, b state.Backend, name string, kind state.Kind) state.Partition {
	t.Helper()
	p, err := b.Acquire(context.Background(), state.StoreID{Name: name, Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func counters(t testing.TB, b state.Backend) *state.KeyValueStore[string, int64] {
	c := state.Config{Name: "counts", Partition: acquire(t, b, "counts", state.KindKeyValue), Changelog: true}
	return state.NewKeyValue(c, serde.String, serde.Int64)
}

// zipfKeys draws from n keys, the frequent ones spread over the key space.
func zipfKeys(n int) []string {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.1, 1, uint64(n-1))
	keys := make([]string, 1<<20)
	for i := range keys {
		keys[i] = fmt.Sprintf("key-%012d", z.Uint64()*7919%uint64(n))
	}
	return keys
}

func increment(t testing.TB, s *state.KeyValueStore[string, int64], k string) {
	slot, err := s.Lookup(k)
	if err != nil {
		t.Fatal(err)
	}
	s.Set(slot, slot.Value+1, 1)
}

// BenchmarkCachedCount is the look-up and the update of a counter of 100,000 that are all cached.
func BenchmarkCachedCount(b *testing.B) {
	s := counters(b, state.NewMemory())
	keys := zipfKeys(100_000)
	for _, k := range keys {
		increment(b, s, k)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		increment(b, s, keys[i&(len(keys)-1)])
		i++
	}
}

func drop(key, value []byte) error { return nil }

// BenchmarkCommit is one commit of 50,000 changed counters: sort, encode, log, and write to the backend.
func BenchmarkCommit(b *testing.B) {
	const rows = 50_000
	for _, keys := range []string{"random", "prefixed"} {
		b.Run(keys, func(b *testing.B) {
			backends(b, func(b *testing.B, backend state.Backend) {
				s := counters(b, backend)
				all := make([]string, rows)
				for i := range all {
					all[i] = fmt.Sprintf("customer-%08d", i*7919%rows)
					if keys == "random" {
						all[i] = string(binary.BigEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15)) + "12345678"
					}
				}
				commit := func() {
					if err := s.Flush(drop); err != nil {
						b.Fatal(err)
					}
					s.Commit(1)
				}
				b.Run("flush", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						b.StopTimer()
						for _, k := range all {
							increment(b, s, k)
						}
						b.StartTimer()
						commit()
						b.StopTimer()
						if err := backend.Apply(context.Background(), s.Pending()); err != nil {
							b.Fatal(err)
						}
						b.StartTimer()
					}
				})
				b.Run("flush and apply", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						b.StopTimer()
						for _, k := range all {
							increment(b, s, k)
						}
						b.StartTimer()
						commit()
						if err := backend.Apply(context.Background(), s.Pending()); err != nil {
							b.Fatal(err)
						}
					}
				})
			})
		})
	}
}

// BenchmarkRestore is a changelog of 2,000,000 records of 16 + 48 bytes over 1,260,000 keys, in chunks of 250,000.
func BenchmarkRestore(b *testing.B) {
	const records, chunk = 2_000_000, 250_000
	rows := make([]state.ChangelogRow, records)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		key := binary.BigEndian.AppendUint64(nil, r.Uint64N(records)*0x9e3779b97f4a7c15)
		rows[i] = state.ChangelogRow{
			Key:   state.AppendChangelogKey(nil, state.RowRecord, append(key, "-counter"...)),
			Value: state.AppendRowValue(nil, int64(i), make([]byte, 40)),
		}
	}
	backends(b, func(b *testing.B, backend state.Backend) {
		p := acquire(b, backend, "restored", state.KindKeyValue)
		for b.Loop() {
			for from := 0; from < records; from += chunk {
				if err := p.Restore(rows[from:from+chunk], int64(from+chunk)); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if err := p.Drop(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		b.ReportMetric(0, "ns/op")
	})
}

func windowCounters(t testing.TB, b state.Backend, budget *state.Budget) *state.WindowStore[string, int64] {
	c := state.Config{Name: "windows", Partition: acquire(t, b, "windows", state.KindWindow), Budget: budget, Changelog: true}
	return state.NewWindow(c, state.WindowConfig{SizeMs: 5000, RetentionMs: 15_000}, serde.String, serde.Int64)
}

// BenchmarkHoppingCount is one record in 5 hopping windows of 20,000 keys, all cached.
func BenchmarkHoppingCount(b *testing.B) {
	s := windowCounters(b, state.NewMemory(), nil)
	keys := zipfKeys(20_000)
	i := 0
	count := func() {
		k := keys[i&(len(keys)-1)]
		i++
		for start := int64(0); start < 5000; start += 1000 {
			slot, _, err := s.Lookup(k, start)
			if err != nil {
				b.Fatal(err)
			}
			s.Set(slot, slot.Value+1, start)
		}
	}
	for range keys {
		count()
	}
	b.ReportAllocs()
	for b.Loop() {
		count()
	}
}

// BenchmarkScanWindow reads one closed window of 50,000 keys out of 10 windows, as an operator that emits on close does:
// still dirty in the cache, or from the backend.
func BenchmarkScanWindow(b *testing.B) {
	const keys = 50_000
	fill := func(b *testing.B, s *state.WindowStore[string, int64]) {
		for i := range keys {
			k := fmt.Sprintf("key-%012d", i*7919%keys)
			for start := int64(0); start < 10_000; start += 1000 {
				slot, _, err := s.Lookup(k, start)
				if err != nil {
					b.Fatal(err)
				}
				s.Set(slot, int64(i), start)
			}
		}
	}
	scan := func(b *testing.B, s *state.WindowStore[string, int64]) {
		n := 0
		for _, err := range s.Scan(5000, 5000) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != keys {
			b.Fatalf("%d rows, want %d", n, keys)
		}
	}
	b.Run("dirty", func(b *testing.B) {
		s := windowCounters(b, state.NewMemory(), nil)
		fill(b, s)
		for b.Loop() {
			scan(b, s)
		}
	})
	backends(b, func(b *testing.B, backend state.Backend) {
		s := windowCounters(b, backend, nil)
		fill(b, s)
		if err := s.Flush(drop); err != nil {
			b.Fatal(err)
		}
		s.Commit(1)
		if err := backend.Apply(context.Background(), s.Pending()); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			scan(b, s)
		}
	})
}

// BenchmarkColdCount is the count of BenchmarkCachedCount with a cache of an eighth of the counters, and commits whenever
// the budget is full.
func BenchmarkColdCount(b *testing.B) {
	backends(b, func(b *testing.B, backend state.Backend) {
		budget := state.NewBudget(4 << 20)
		c := state.Config{Name: "counts", Partition: acquire(b, backend, "counts", state.KindKeyValue), Budget: budget, Changelog: true}
		s := state.NewKeyValue(c, serde.String, serde.Int64)
		keys := zipfKeys(200_000)
		i := 0
		count := func() {
			increment(b, s, keys[i&(len(keys)-1)])
			if i++; i%20_000 == 0 || budget.Full() {
				if err := s.Flush(drop); err != nil {
					b.Fatal(err)
				}
				s.Commit(1)
				if err := backend.Apply(context.Background(), s.Pending()); err != nil {
					b.Fatal(err)
				}
			}
		}
		for range keys {
			count()
		}
		b.ReportAllocs()
		for b.Loop() {
			count()
		}
	})
}

// A look-up in a global table: a row that the view has cached, and one that it reads from the backend.
func BenchmarkViewGet(b *testing.B) {
	backends(b, func(b *testing.B, backend state.Backend) {
		const rows = 100_000
		p := acquire(b, backend, "rows", state.KindKeyValue)
		shared := state.NewShared(p)
		s := state.NewKeyValue(state.Config{Name: "rows", Partition: p}, serde.String, serde.Int64)
		keys := make([]string, rows)
		for i := range keys {
			keys[i] = fmt.Sprintf("key-%012d", i*7919%rows)
			if err := s.Put(keys[i], int64(i)); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Flush(nil); err != nil {
			b.Fatal(err)
		}
		s.Commit(rows)
		if err := shared.Apply(context.Background(), backend, s.Pending()); err != nil {
			b.Fatal(err)
		}
		for name, limit := range map[string]int64{"cached": 1 << 30, "read": 1} {
			b.Run(name, func(b *testing.B) {
				v := state.NewKeyValueView(shared, state.NewBudget(limit), serde.String, serde.Int64)
				for _, k := range keys {
					if _, found, err := v.Get(k); !found || err != nil {
						b.Fatal(found, err)
					}
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if _, found, err := v.Get(keys[i%rows]); !found || err != nil {
						b.Fatal(found, err)
					}
				}
			})
		}
	})
}
