package task_test

import "testing"

// One operation is one record, from the task's buffer to the collector, with a share of a commit every 10,000 records.
func BenchmarkRecord(b *testing.B) {
	for name, path := range paths {
		b.Run(name, func(b *testing.B) {
			l := newLoop(b, path)
			b.ReportAllocs()
			rounds := 0
			for n := 0; n < b.N; n += loopRecords {
				l.round()
				if rounds++; rounds%10 == 0 {
					l.commit()
				}
			}
		})
	}
}
