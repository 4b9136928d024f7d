// Package pipes is Rivusio's smallest part: a [Pipe] makes one output of one input. Pipes are chained, retried, bounded in
// time, run side by side, and run over slices, channels, iterators and files of JSON lines. It needs no Kafka and knows of none.
//
//	words := pipes.Func[string, []string](func(_ context.Context, line string) ([]string, error) { return strings.Fields(line), nil })
//	count := pipes.Func[[]string, int](func(_ context.Context, words []string) (int, error) { return len(words), nil })
//	for n, err := range pipes.Each(pipes.Slice(lines), pipes.Chain(words, count))(ctx) {
//		...
//	}
//
// Rules of the package:
//
//	P1  What does not fit does not compile: a pipe to A is chained with one from A, with nothing in between.
//	P2  There is no second kind of pipe for input and output: one that computes and one that waits for a service mix in any
//	    order. A pipe that waits ends when its context does.
//	P3  A pipe may have an Open and a Close ([Opener], [Closer]). Each is called once in a lifetime, Close in the reverse order
//	    of Open and in any case: also after an error, a panic and a cancelled context. A pipe that lies at two places of a
//	    chain is opened once.
//	P4  An error names the pipe at fault and wraps its cause, once ([Error]). User code that panics becomes such an error.
//	P5  What is in flight is bounded, and no goroutine outlives the call that started it.
//
// A [Stream] ends at its first error, after the results that came before. Nothing is retried or skipped unless it is said:
// [Retry]. Streams are pulled: nothing is read before it is asked for, but by what runs concurrently or waits for time.
//
// The package keeps nothing beyond a call: no state by key, no offsets. See topology for those.
package pipes
