package demo

import (
	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/operators"
)

// totalsOperator makes the totals.
const totalsOperator = "spend-by-tier-window-aggregate"

// progress is what the tasks of an engine have done.
type progress struct {
	operators []operatorProgress // in the order of the topology
	lag       int64              // records of all inputs that are not processed, as far as is known
	late      int64              // records dropped because they were late
}

type operatorProgress struct {
	name         string
	in, discards int64
}

// progressOf adds up the tasks.
func progressOf(app *engine.App) progress {
	var p progress
	index := make(map[string]int)
	for _, task := range app.Tasks() {
		for _, input := range task.Inputs {
			p.lag += max(0, input.Lag)
		}
		for _, stats := range task.Operators {
			i, known := index[stats.Node]
			if !known {
				i = len(p.operators)
				index[stats.Node] = i
				p.operators = append(p.operators, operatorProgress{name: stats.Node})
			}
			p.operators[i].in += int64(stats.In)
			for reason, n := range stats.Dropped {
				p.operators[i].discards += int64(n)
				if operators.Reason(reason) == operators.Late {
					p.late += int64(n)
				}
			}
		}
	}
	return p
}

// received is how many records an operator has got.
func (p progress) received(name string) int64 {
	for _, o := range p.operators {
		if o.name == name {
			return o.in
		}
	}
	return 0
}
