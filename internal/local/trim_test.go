package local_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

func counting(t *testing.T) *topology.Topology {
	return build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).
			GroupBy(func(_, v string) string { return v }).
			Count("counts").ToStream().To("out")
	})
}

// Trimming changes no result, whatever its rhythm, and memory stays that of the state however much runs through.
func TestTrimKeepsMemoryFlat(t *testing.T) {
	run := func(records, every int) (out string, heapBytes uint64) {
		b := broker(t, map[string]int32{"in": 1, "out": 1})
		r := start(t, local.Config{Graph: counting(t).Graph(), Broker: b, CommitEvery: 16})
		var next local.Positions
		var tail []string
		collect := func() {
			var got []local.Record
			got, next = b.Read("out", next)
			for _, rec := range got {
				tail = append(tail, fmt.Sprintf("%s=%x@%d", rec.Key, rec.Value, rec.Offset))
			}
			tail = tail[max(0, len(tail)-50):]
		}
		for i := range records {
			send(t, b, "in", int64(i), "k", fmt.Sprint(i%7))
			if err := r.Run(); err != nil {
				t.Fatal(err)
			}
			if every > 0 && i%every == 0 {
				collect()
				r.Trim(map[string]local.Positions{"out": next})
			}
		}
		if err := r.Commit(); err != nil {
			t.Fatal(err)
		}
		collect()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(b)
		return strings.Join(tail, "\n"), m.HeapAlloc
	}
	whole, _ := run(500, 0)
	for _, every := range []int{1, 5, 64} {
		if trimmed, _ := run(500, every); trimmed != whole {
			t.Errorf("trimmed every %d records:\n%s\nwhole:\n%s", every, trimmed, whole)
		}
	}
	_, small := run(2_000, 100)
	_, large := run(40_000, 100)
	if large > small+2<<20 {
		t.Errorf("the heap has %d bytes after 2,000 records and %d after 40,000", small, large)
	}
	if _, kept := run(40_000, 0); kept < large+2<<20 {
		t.Errorf("without trimming the heap has %d bytes, with it %d: this test shows nothing", kept, large)
	}
}

// A state that is complete goes on from a trimmed broker; one that is not is refused and not made of a part.
func TestTrimmedTopicsAreNotRestoredInPart(t *testing.T) {
	b := broker(t, map[string]int32{"in": 1, "out": 1})
	backend := state.NewMemory()
	defer backend.Close()
	cfg := local.Config{Graph: counting(t).Graph(), Broker: b, Backend: backend}
	r := start(t, cfg)
	for range 3 {
		send(t, b, "in", 1, "k", "v")
		if err := r.Run(); err != nil {
			t.Fatal(err)
		}
	}
	r.Trim(nil)
	if got := read(b, "out"); strings.Count(got, "v") != 3 {
		t.Errorf("a topic without a reader was trimmed: %s", got)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = start(t, cfg)
	send(t, b, "in", 1, "k", "v")
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	if records, _ := b.Read("out", nil); records[len(records)-1].Value[7] != 4 {
		t.Errorf("count %x, want 4", records[len(records)-1].Value)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.EmptyState = true
	if _, err := local.New(cfg); err == nil || !strings.Contains(err.Error(), `needed from offset 0 on, but was trimmed up to`) {
		t.Errorf("a state of a trimmed changelog: %v", err)
	}
}
