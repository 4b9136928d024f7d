package task

import "github.com/rivusio/rivusio/operators"

// Arena is memory in which records are encoded one behind the other, as [operators.Collector] wants it. What lies before its length
// is taken.
type Arena []byte

// Buffer is what is left, as an empty slice.
func (a Arena) Buffer() []byte { return a[len(a):len(a):cap(a)] }

// Take takes the bytes that a record uses, if they are in there: a large record has bytes of its own.
func (a *Arena) Take(o *operators.Output) {
	first, n := o.Key, len(o.Key)+len(o.Value)
	if len(first) == 0 {
		first = o.Value
	}
	if b, used := *a, len(*a); n > 0 && used+n <= cap(b) && &first[0] == &b[:used+1][used] {
		*a = b[:used+n]
	}
}
