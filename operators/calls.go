package operators

import (
	"sync"
	"sync/atomic"
	"time"
)

// calls runs a function on flights, up to a number at once. The goroutines that do so take the next flight by themselves,
// so nothing stands still while the task does something else.
type calls[K2, V2 any] struct {
	limit int
	byKey bool
	call  func(*flight[K2, V2])
	wake  func() // any goroutine may call it

	returned atomic.Bool // something is there to collect

	mu      sync.Mutex
	idle    *sync.Cond // running may have become 0
	ready   []*flight[K2, V2]
	lasts   map[string]*flight[K2, V2] // the last flight of each key that has not returned
	back    []*flight[K2, V2]          // have returned and were not collected
	spare   []*flight[K2, V2]          // the former back
	running int                        // goroutines
	ended   bool
}

func (c *calls[K2, V2]) init(limit int, byKey bool, call func(*flight[K2, V2]), wake func()) {
	c.limit, c.byKey, c.call, c.wake = limit, byKey, call, wake
	c.idle = sync.NewCond(&c.mu)
	c.lasts = make(map[string]*flight[K2, V2])
}

// begin calls the function on a flight as soon as it may.
func (c *calls[K2, V2]) begin(f *flight[K2, V2]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey && f.parked.Key != nil {
		last := c.lasts[string(f.parked.Key)]
		c.lasts[string(f.parked.Key)] = f
		if last != nil {
			last.behind = f
			return
		}
	}
	c.ready = append(c.ready, f)
	if c.running < c.limit {
		c.running++
		go c.run()
	}
}

// run works until nothing is ready.
func (c *calls[K2, V2]) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.ready) > 0 && !c.ended {
		f := c.ready[0]
		c.ready[0] = nil
		c.ready = c.ready[1:]
		c.mu.Unlock()
		c.call(f)
		c.mu.Lock()
		c.finish(f)
	}
	c.running--
	if c.running == 0 {
		c.idle.Broadcast()
	}
}

func (c *calls[K2, V2]) finish(f *flight[K2, V2]) {
	if f.behind != nil {
		c.ready = append(c.ready, f.behind)
		f.behind = nil
	} else if c.byKey && f.parked.Key != nil {
		delete(c.lasts, string(f.parked.Key))
	}
	c.back = append(c.back, f)
	if !c.ended && !c.returned.Swap(true) {
		c.wake()
	}
}

// collect returns the flights that have returned since the last call and marks them as done. The task's goroutine calls it.
func (c *calls[K2, V2]) collect() []*flight[K2, V2] {
	c.returned.Store(false)
	c.mu.Lock()
	back := c.back
	c.back, c.spare = c.spare[:0], back
	c.mu.Unlock()
	for _, f := range back {
		f.done = true
	}
	return back
}

// await waits until nothing is ready and nothing runs.
func (c *calls[K2, V2]) await() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.running > 0 {
		c.idle.Wait()
	}
}

// end begins no more calls and waits for those that run, up to a time. It returns how many still do.
func (c *calls[K2, V2]) end(limit time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended, c.ready = true, nil
	late := false
	timer := time.AfterFunc(limit, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		late = true
		c.idle.Broadcast()
	})
	defer timer.Stop()
	for c.running > 0 && !late {
		c.idle.Wait()
	}
	return c.running
}
