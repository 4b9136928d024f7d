package operators

// Hook watches the records of one operator in one task. It runs on the task's goroutine and must be deterministic where it
// changes anything.
type Hook struct {
	// Before is called with each record before the operator is. An error stops the task as one of the operator's would.
	// Nil: not called.
	Before func(*Watched) error
	// After is called when the operator, and with it everything below it, is done with the record, with the error that it
	// returned. It is not called when the operator panics. Nil: not called.
	After func(*Watched, error)
}

// Watched is a record as a [Hook] sees it. It is valid until the record is done.
type Watched struct {
	// Record is the *Record[K, V] of the operator's input types; below a table V is a [Change]. It must not be changed.
	Record             any
	Timestamp          int64
	NullKey, NullValue bool
	// Headers are those that the operator sees: Before may replace the slice, for instance to pass a trace on, see
	// [WithHeader].
	Headers []Header
}

// Wrapper makes the hook of an operator for a task, on the task's goroutine; op is what it is: "filter", "sink". The zero
// Hook watches nothing.
type Wrapper func(c *Context, op string) Hook

// Wrap asks wrappers for the hooks of an operator. It must be called before [Enter] and [Read].
func (c *Context) Wrap(op string, wrappers []Wrapper) {
	c.op = op
	for _, w := range wrappers {
		if h := w(c, op); h.Before != nil || h.After != nil {
			c.hooks = append(c.hooks, h)
		}
	}
}

func hooked[K, V any](h Hook, f Forward[K, V]) Forward[K, V] {
	var (
		o Record[K, V]
		w Watched
	)
	return func(r *Record[K, V]) error {
		o = *r
		w = Watched{Record: r, Timestamp: r.Timestamp, NullKey: r.NullKey, NullValue: r.NullValue, Headers: r.Headers}
		var err error
		if h.Before != nil {
			err = h.Before(&w)
		}
		o.Headers = w.Headers
		if err == nil {
			err = f(&o)
		}
		if h.After != nil {
			h.After(&w, err)
		}
		return err
	}
}

// HeaderValue is the value of the last header with that key, as Kafka clients read it; ok is false if there is none.
func HeaderValue(headers []Header, key string) (value []byte, ok bool) {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key == key {
			return headers[i].Value, true
		}
	}
	return nil, false
}

// WithHeader is a copy of headers in which one key has one value, in the place of all that it had. Headers of a record that an
// operator was given are never changed in place; a record of its own gets such a copy.
func WithHeader(headers []Header, key string, value []byte) []Header {
	return append(WithoutHeader(headers, key), Header{Key: key, Value: value})
}

// WithoutHeader is a copy of headers without a key.
func WithoutHeader(headers []Header, key string) []Header {
	without := make([]Header, 0, len(headers)+1)
	for _, h := range headers {
		if h.Key != key {
			without = append(without, h)
		}
	}
	return without
}
