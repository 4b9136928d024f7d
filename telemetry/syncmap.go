package telemetry

import (
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// syncMap is numbers by key.
type syncMap[K comparable] struct{ m sync.Map }

func (s *syncMap[K]) at(k K) *atomic.Int64 {
	if n, ok := s.m.Load(k); ok {
		return n.(*atomic.Int64)
	}
	n, _ := s.m.LoadOrStore(k, new(atomic.Int64))
	return n.(*atomic.Int64)
}

func (s *syncMap[K]) each(f func(K, *atomic.Int64)) {
	s.m.Range(func(k, n any) bool {
		f(k.(K), n.(*atomic.Int64))
		return true
	})
}

// options keeps the options of recordings, so that attributes are put together once for each place. The zero value is ready.
type options struct{ m sync.Map }

type optionKey struct{ what, application, place, failed string }

func (o *options) get(k optionKey, attributes func() []attribute.KeyValue) []metric.RecordOption {
	if of, ok := o.m.Load(k); ok {
		return of.([]metric.RecordOption)
	}
	of := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes()...))}
	o.m.Store(k, of)
	return of
}
