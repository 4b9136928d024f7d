package operators

// Beside is an operator whose work goes on beside its task, on goroutines of its own. All methods but those are called on
// the task's goroutine. When something has come back it calls [Runtime.Wake].
type Beside interface {
	// Returned reports whether something has come back since the last Take.
	Returned() bool
	// Take forwards what has come back. It does not wait.
	Take() error
	// Full reports whether the operator has as much as it may; the task takes no more input until something has come back.
	Full() bool
	// Busy reports whether there is something that was not taken.
	Busy() bool
	// Await waits until everything has come back.
	Await()
}

// RunBeside registers an operator that works beside its task. It does so when it is made.
func (c *Context) RunBeside(b Beside) { c.scope.beside = append(c.scope.beside, b) }

// OnCommit calls f at each commit, after the results on commit have left and before the changes of stores go to their
// changelogs: what an operator keeps in memory it puts into its store there.
func (c *Context) OnCommit(f func() error) {
	c.scope.commits = append(c.scope.commits, commitHook{c, f})
}

type commitHook struct {
	c *Context
	f func() error
}

// Commit calls what operators registered with OnCommit.
func (s *Scope) Commit() error {
	for _, h := range s.commits {
		s.current = h.c
		if err := h.f(); err != nil {
			return s.failure(err)
		}
	}
	return nil
}

// Returned reports whether something has come back to an operator that works beside the task.
func (s *Scope) Returned() bool {
	for _, b := range s.beside {
		if b.Returned() {
			return true
		}
	}
	return false
}

// Take forwards what has come back to operators that work beside the task. Those further down are first.
func (s *Scope) Take() error {
	for _, b := range s.beside {
		if b.Returned() {
			if err := b.Take(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Full reports whether an operator that works beside the task has as much as it may.
func (s *Scope) Full() bool {
	for _, b := range s.beside {
		if b.Full() {
			return true
		}
	}
	return false
}

// Busy reports whether an operator that works beside the task has something that was not taken.
func (s *Scope) Busy() bool {
	for _, b := range s.beside {
		if b.Busy() {
			return true
		}
	}
	return false
}

// Await waits until everything has come back to all operators that work beside the task.
func (s *Scope) Await() {
	for _, b := range s.beside {
		b.Await()
	}
}

// WorksBeside reports whether an operator was made that works beside the task.
func (s *Scope) WorksBeside() bool { return len(s.beside) > 0 }
