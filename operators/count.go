package operators

// Counter keeps counts as values of another type than int64.
type Counter[N any] struct {
	Of     func(int64) N // makes a value of a number
	Number func(N) int64 // is the number of a value that Of made
}

// CountRecords counts. It never looks at the values.
func CountRecords[K, V any]() Aggregator[K, V, int64] {
	return Aggregator[K, V, int64]{
		First: func(K, V) int64 { return 1 },
		Add:   func(_ K, _ V, n int64) int64 { return n + 1 },
	}
}

// CountRecordsAs is [CountRecords] with counts of another type.
func CountRecordsAs[K, V, N any](c Counter[N]) Aggregator[K, V, N] {
	return Aggregator[K, V, N]{
		First: func(K, V) N { return c.Of(1) },
		Add:   func(_ K, _ V, n N) N { return c.Of(c.Number(n) + 1) },
	}
}

// CountSessions counts. It never looks at the values.
func CountSessions[K, V any]() SessionAggregator[K, V, int64] {
	return SessionAggregator[K, V, int64]{
		Aggregator: CountRecords[K, V](),
		Begin:      func(_ K, n int64) int64 { return n },
		Merge:      func(_ K, a, b int64) int64 { return a + b },
	}
}

// CountSessionsAs is [CountSessions] with counts of another type.
func CountSessionsAs[K, V, N any](c Counter[N]) SessionAggregator[K, V, N] {
	return SessionAggregator[K, V, N]{
		Aggregator: CountRecordsAs[K, V](c),
		Begin:      func(_ K, n N) N { return n },
		Merge:      func(_ K, a, b N) N { return c.Of(c.Number(a) + c.Number(b)) },
	}
}

// CountRows counts the rows of each group. The count of a group that became empty is 0; its row stays (Kafka Streams).
func CountRows[K, V any]() TableAggregator[K, V, int64] {
	return TableAggregator[K, V, int64]{CountRecords[K, V](), func(_ K, _ V, n int64) int64 { return n - 1 }}
}

// CountRowsAs is [CountRows] with counts of another type.
func CountRowsAs[K, V, N any](c Counter[N]) TableAggregator[K, V, N] {
	return TableAggregator[K, V, N]{CountRecordsAs[K, V](c), func(_ K, _ V, n N) N { return c.Of(c.Number(n) - 1) }}
}
