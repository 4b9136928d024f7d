// Package assign says which member of a group runs which task. It is a function of its arguments only: no clock, no
// broker, no random choice, so the same group gives the same answer wherever it is asked.
//
// Rules of the package:
//
//	A1  Every task goes to exactly one member.
//	A2  Members are alike: of all tasks, of the stateful ones and of each sub-topology, no member has more than one more
//	    than another.
//	A3  Of all assignments that keep A2 it takes one that moves the fewest stateful tasks, and then the fewest others. So
//	    an assignment that keeps A2 does not change while its group and its tasks stay.
//
// It does not know how tasks are handed over, and it weighs neither the load of a task nor the size of its state.
package assign
