package engine

import (
	"testing"
)

// A limit is divided among the sizes, and what is given stays.
func TestMemoryLimit(t *testing.T) {
	for _, limit := range []int64{minMemoryLimit, 512 << 20, 8 << 30} {
		c := Config{Brokers: []string{"localhost:9092"}, MemoryLimit: limit, Workers: 3}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		c = c.withDefaults()
		sum := c.CacheBytes + c.BlockCacheBytes + memTables*c.MemTableBytes + c.InputBytes + c.ProducerBytes + int64(c.FetchBytes)*int64(c.Workers)
		if sum > limit*95/100 || sum < limit*80/100 && limit < 4<<30 {
			t.Errorf("of %d bytes %d are given away", limit, sum)
		}
		given := Config{MemoryLimit: limit, CacheBytes: 1 << 20, FetchBytes: 1 << 20}.withDefaults()
		if given.CacheBytes != 1<<20 || given.FetchBytes != 1<<20 || given.BlockCacheBytes != c.BlockCacheBytes {
			t.Errorf("with sizes that are given: %+v", given)
		}
	}
	if err := (Config{Brokers: []string{"localhost:9092"}, MemoryLimit: 1}).Validate(); err == nil {
		t.Error("a limit of one byte is valid")
	}
}

// Many inputs share InputBytes: the marks of each are lower then.
func TestBufferMarks(t *testing.T) {
	w := &worker{app: &App{cfg: Config{InputBytes: 100 << 20, Workers: 2}.withDefaults()}, feeds: make(map[topicPartition]*feed)}
	for _, c := range []struct {
		feeds int
		high  int64
	}{{0, 4 << 20}, {1, 4 << 20}, {12, 4 << 20}, {50, 1 << 20}} {
		for i := range c.feeds {
			w.feeds[topicPartition{"in", int32(i)}] = nil
		}
		if high, low := w.bufferMarks(); high != c.high || low != c.high/2 {
			t.Errorf("%d inputs: marks are %d and %d, want %d", c.feeds, high, low, c.high)
		}
	}
}
