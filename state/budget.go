package state

// Budget bounds the bytes that the stores of one worker cache. Stores of one budget run on one goroutine, and so does
// whatever asks it. Sizes are those of the encoded rows plus what the cache itself takes; objects that are larger in
// memory than encoded weigh more than they count.
//
// Generations (flushed rows that the backend does not have yet) are apart: each is at most as large as the dirty bytes
// were at its flush.
type Budget struct {
	limit, used, dirty int64
	caches             []evictor
	next               int // the cache that gives first, next time
}

type evictor interface {
	// evict drops clean rows of at least so many bytes, or all it can.
	evict(bytes int64)
}

// NewBudget makes a budget of so many bytes. 0 or less: no limit.
func NewBudget(limitBytes int64) *Budget { return &Budget{limit: limitBytes} }

// Limit is the number of bytes that the budget was made with.
func (b *Budget) Limit() int64 { return b.limit }

// Used is the number of bytes in the caches.
func (b *Budget) Used() int64 { return b.used }

// Dirty is how many of the used bytes wait for a flush.
func (b *Budget) Dirty() int64 { return b.dirty }

// Full reports whether it is time to commit: so much is dirty that evicting the rest would help little.
func (b *Budget) Full() bool { return b.limit > 0 && b.dirty > b.limit-b.limit/8 }

// room evicts, if needed, before something is cached. As long as the budget is not full an eighth of the limit is clean,
// and a call drops half of that, so that the sweep over the dirty rest is paid by many rows.
func (b *Budget) room() {
	if b.limit <= 0 || b.used <= b.limit || b.Full() {
		return
	}
	target := b.limit - b.limit/16
	for range b.caches {
		b.next = (b.next + 1) % len(b.caches)
		b.caches[b.next].evict(b.used - target)
		if b.used <= target {
			return
		}
	}
}

func (b *Budget) join(c evictor) { b.caches = append(b.caches, c) }

func (b *Budget) leave(c evictor) {
	for i, other := range b.caches {
		if other == c {
			b.caches = append(b.caches[:i], b.caches[i+1:]...)
			return
		}
	}
}
