package engine

// minMemoryLimit is the least that the parts can work with.
const minMemoryLimit = 64 << 20

// memTables is how many tables of the state on disk are in memory for a while.
const memTables = 4

// divideMemory gives each size that is not set its part of MemoryLimit.
func (c *Config) divideMemory() {
	if c.MemoryLimit <= 0 {
		return
	}
	part := func(size *int64, percent int64) { or(size, c.MemoryLimit*percent/100) }
	part(&c.CacheBytes, 30)
	part(&c.BlockCacheBytes, 15)
	part(&c.MemTableBytes, 16/memTables)
	part(&c.InputBytes, 15)
	part(&c.ProducerBytes, 8)
	or(&c.FetchBytes, int32(min(64<<20, c.MemoryLimit*8/100/int64(max(1, c.Workers)))))
	or(&c.BufferBytes, min(4<<20, c.InputBytes))
}

// MemoryUse is a part of the memory: its bound, and what of it is used.
type MemoryUse struct {
	Part       string // "caches", "input-buffers", "fetches", "producers", "block-cache" or "memtables"
	LimitBytes int64
	UsedBytes  int64 // -1 if it is not known
}

// Memory are the parts of the memory that the configuration bounds, as they were a moment ago. Beside them are the program
// itself and what user code keeps.
func (a *App) Memory() []MemoryUse {
	c := &a.cfg
	var caches, inputs, producers int64
	for _, w := range a.Workers() {
		caches += w.CachedBytes
		producers += w.ProducerBytes
	}
	for _, t := range a.Tasks() {
		for _, in := range t.Inputs {
			inputs += in.BufferedBytes
		}
	}
	uses := []MemoryUse{
		{"caches", c.CacheBytes, caches},
		{"input-buffers", c.InputBytes, inputs},
		{"fetches", int64(c.FetchBytes) * int64(c.Workers), -1},
		{"producers", c.ProducerBytes, producers},
	}
	if db, ok := a.Database(); ok {
		uses = append(uses, MemoryUse{"block-cache", c.BlockCacheBytes, db.CacheBytes}, MemoryUse{"memtables", memTables * c.MemTableBytes, db.MemTableBytes})
	}
	return uses
}
