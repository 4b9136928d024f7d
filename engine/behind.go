package engine

import "time"

const (
	endSamples  = 64          // of a partition that are remembered
	endInterval = time.Second // between two of them, at least
)

// ends remembers when a partition ended where, to tell how long its record at an offset has been there. Timestamps of
// records do not say that: they are the events'.
type ends struct{ samples []endSample }

type endSample struct {
	at  time.Time
	end int64
}

// note says where the partition ends now. What is remembered gets coarser the further back it reaches.
func (e *ends) note(now time.Time, end int64) {
	n := len(e.samples)
	if n > 0 && (end <= e.samples[n-1].end || now.Sub(e.samples[n-1].at) < endInterval) {
		return
	}
	if n == endSamples {
		for i := range n / 2 {
			e.samples[i] = e.samples[2*i]
		}
		e.samples = e.samples[:n/2]
	}
	e.samples = append(e.samples, endSample{now, end})
}

// behind is about how long the record at an offset has been there; 0 at the end. Of an offset from before the first sample
// it is what the rate since then would make it.
func (e *ends) behind(now time.Time, offset, end int64) time.Duration {
	n := len(e.samples)
	if offset >= end || n == 0 {
		return 0
	}
	first, last := e.samples[0], e.samples[n-1]
	if offset < first.end {
		since := now.Sub(first.at)
		if rate := float64(last.end-first.end) / last.at.Sub(first.at).Seconds(); n > 1 && rate > 0 {
			since += time.Duration(float64(first.end-offset) / rate * float64(time.Second))
		}
		return since
	}
	for i := 1; i < n; i++ {
		if a, b := e.samples[i-1], e.samples[i]; offset < b.end {
			part := float64(offset-a.end) / float64(b.end-a.end)
			return now.Sub(a.at.Add(time.Duration(part * float64(b.at.Sub(a.at)))))
		}
	}
	return now.Sub(last.at)
}
