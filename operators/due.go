package operators

// dueHeap has what is due first on top. It caches in memory the order of rows that lie in a store.
type dueHeap[T any] struct {
	items  []T
	before func(a, b T) bool
}

func (h *dueHeap[T]) push(t T) {
	h.items = append(h.items, t)
	for i := len(h.items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.before(h.items[i], h.items[parent]) {
			return
		}
		h.items[i], h.items[parent] = h.items[parent], h.items[i]
		i = parent
	}
}

func (h *dueHeap[T]) pop() T {
	top, last := h.items[0], len(h.items)-1
	h.items[0] = h.items[last]
	h.items[last] = *new(T)
	h.items = h.items[:last]
	for i := 0; ; {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h.before(h.items[child], h.items[first]) {
				first = child
			}
		}
		if first == i {
			return top
		}
		h.items[i], h.items[first] = h.items[first], h.items[i]
		i = first
	}
}
