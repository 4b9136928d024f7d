package engine

// refill pauses and resumes fetching by what the tasks' buffers hold, and by which sources are held. An input that its task
// waits for is empty, so it is never paused for its buffer (hard point 6), and [backpressure] holds none that a stage needs.
func (w *worker) refill() {
	var pause, resume map[string][]int32
	held := *w.app.held.Load()
	high, low := w.bufferMarks()
	for _, r := range w.tasks {
		if r.t == nil {
			continue
		}
		for _, f := range r.feeds {
			switch bytes := r.t.BufferedBytes(f.input); {
			case !f.full && bytes > high:
				f.full = true
			case f.full && bytes <= low:
				f.full = false
			}
			_, isHeld := held[f.topic]
			switch stop := f.full || isHeld || f.ended(); {
			case stop && !f.stopped:
				f.stopped = true
				f.stops++
				addPartition(&pause, f)
			case !stop && f.stopped:
				f.stopped = false
				addPartition(&resume, f)
			}
		}
	}
	if pause != nil {
		w.client.PauseFetchPartitions(pause)
	}
	if resume != nil && !w.paused {
		w.client.ResumeFetchPartitions(resume)
	}
}

// bufferMarks are how many bytes of an input make its fetching wait, and how few let it go on: what the configuration says
// for one, or less if all inputs of the worker together would have more than its share of InputBytes.
func (w *worker) bufferMarks() (high, low int64) {
	c := &w.app.cfg
	share := c.InputBytes / int64(c.Workers) / int64(max(1, len(w.feeds)))
	if share >= c.BufferBytes {
		return c.BufferBytes, c.BufferResumeBytes
	}
	return share, share / 2
}

func addPartition(m *map[string][]int32, f *feed) {
	if *m == nil {
		*m = make(map[string][]int32)
	}
	(*m)[f.topic] = append((*m)[f.topic], f.partition)
}

// obeyPause follows what the user wants: while paused nothing is fetched or processed, but the group's heartbeat goes on.
func (w *worker) obeyPause() error {
	want := w.app.paused.Load()
	if want == w.paused {
		return nil
	}
	if want {
		if err := w.commitIfTouched(); err != nil {
			return err
		}
	}
	w.paused = want
	var all map[string][]int32
	for _, r := range w.tasks {
		for _, f := range r.feeds {
			if r.t != nil && !f.stopped {
				addPartition(&all, f)
			}
		}
	}
	if all == nil {
		return nil
	}
	if want {
		w.client.PauseFetchPartitions(all)
	} else {
		w.client.ResumeFetchPartitions(all)
	}
	return nil
}
