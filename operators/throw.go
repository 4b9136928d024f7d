package operators

// Throw ends the record in work with an error, for user functions that return none, such as the predicate of a filter: the
// error names the operator and the record as a returned one does. It must be called on the goroutine of the function; it is
// a panic, so nothing after it runs.
func Throw(err error) { panic(thrown{err}) }

// thrown is the value of the panic of Throw. Whoever recovers it without knowing it still sees an error.
type thrown struct{ error }

func (t thrown) Unwrap() error { return t.error }
