package state

import "github.com/rivusio/rivusio/serde"

// segmentStore is what the stores in segments have of [Store], which is all of it.
type segmentStore[K, V any] struct{ segments segments[K, V] }

func newSegmentStore[K, V any](c Config, retentionMs int64, k serde.Serde[K], v serde.Serde[V]) segmentStore[K, V] {
	return segmentStore[K, V]{newSegments(c, retentionMs, k, v)}
}

// AppendKey appends the encoding of a key.
func (s *segmentStore[K, V]) AppendKey(dst []byte, k K) ([]byte, error) {
	return s.segments.keys.Append(dst, k)
}

// Name implements [Store].
func (s *segmentStore[K, V]) Name() string { return s.segments.layers.name }

// Times implements [Store].
func (s *segmentStore[K, V]) Times() *Times { return &s.segments.layers.times }

// EmitDirty implements [Store].
func (s *segmentStore[K, V]) EmitDirty() error { return s.segments.emitDirty() }

// Flush implements [Store].
func (s *segmentStore[K, V]) Flush(log func(key, value []byte) error) error {
	return s.segments.flush(log)
}

// Commit implements [Store].
func (s *segmentStore[K, V]) Commit(offset int64) { s.segments.commit(offset) }

// Abort implements [Store].
func (s *segmentStore[K, V]) Abort() { s.segments.abort() }

// Pending implements [Store].
func (s *segmentStore[K, V]) Pending() []*Generation { return s.segments.layers.handOut() }

// DirtyBytes implements [Store].
func (s *segmentStore[K, V]) DirtyBytes() int64 { return s.segments.cache.dirtyBytes }

// Figures implements [Store].
func (s *segmentStore[K, V]) Figures() Figures {
	c := &s.segments.cache
	return Figures{CachedBytes: c.usedBytes, DirtyBytes: c.dirtyBytes, Hits: c.hits, Misses: c.misses}
}

// Close implements [Store].
func (s *segmentStore[K, V]) Close() error {
	x := &s.segments
	x.layers.version++
	x.reset()
	x.cache.budget.leave(&x.cache)
	return nil
}
