// Package operators is what a topology is made of at run time: one constructor per operator, from its own parameters
// and the [Forward] of its children to its own Forward.
//
// It knows no broker and no builder. A task calls the first Forward with each record; everything after that is plain
// calls, depth first, on the task's goroutine (I2), so nothing here locks, sleeps or starts a goroutine. The one exception is
// [Async], whose calls of user code run beside the task; what they return is forwarded on the task's goroutine.
//
// Rules that hold for every operator:
//
//	O1  A record belongs to the caller again when Forward returns. Operators that make a record reuse one of their
//	    own, so a chain allocates nothing per record; whoever keeps a record copies it.
//	O2  A null value that the serde of a stream cannot carry never reaches user code; see [Nulls]. Each operator says
//	    what it does with such a record instead.
//	O3  A record that an operator discards on purpose is counted with its reason ([Context.Drop]); nothing else gets
//	    lost. An error stops the task and names the operator ([Error]).
//	O4  What a window or a join does depends on records and their order only ([EventTime]), never on the wall clock,
//	    the cache or the commit interval (I6).
package operators
