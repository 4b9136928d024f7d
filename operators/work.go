package operators

// Work is what an operator may have left to do when a record is done: a window that closes may have any number of results,
// and one transaction must not have to take them all. A task does it before its next record, one turn at a time, the
// operators further down first; between turns it may commit. So what a turn does must follow from the store alone, as it
// was left by the turn before.
type Work struct {
	c    *Context
	turn func() error
	left bool
}

// Work registers what the operator may leave for later. turn does a bounded part of it, and calls [Work.Leave] if there is
// more. An operator registers when it is made; what was left at the last commit it leaves again then.
func (c *Context) Work(turn func() error) *Work {
	w := &Work{c: c, turn: turn}
	c.scope.works = append(c.scope.works, w)
	return w
}

// Leave says that there is something left to do. The next turn takes it back.
func (w *Work) Leave() { w.left = true }

// Left reports whether there is something left to do.
func (w *Work) Left() bool { return w.left }

// Forget forgets what operators registered; the task makes its operators anew.
func (s *Scope) Forget() { s.works, s.beside, s.commits, s.watch = nil, nil, nil, watching{} }

// WorkLeft reports whether any operator has something left to do.
func (s *Scope) WorkLeft() bool {
	for _, w := range s.works {
		if w.left {
			return true
		}
	}
	return false
}

// Turn does one turn of the work that is left. Operators are made after those below them, so the first is the lowest.
func (s *Scope) Turn() error {
	for _, w := range s.works {
		if !w.left {
			continue
		}
		w.left = false
		s.BeginOther("after a record", w.c, max(0, s.StreamTime))
		return w.turn()
	}
	return nil
}

// LeavesWork reports whether an operator was made that may leave work for later turns.
func (s *Scope) LeavesWork() bool { return len(s.works) > 0 }
