package conformance

import "slices"

// A scenario leaves it to Kafka Streams which tables without a store keep rows all the same, and which operators then know
// old rows. Here the topology says it, so the interpreter finds out.

// rowsNeeded reports whether some of the operators look up rows of a table, or take its old ones.
func rowsNeeded(id string, by []Operator) bool {
	return slices.ContainsFunc(by, func(op Operator) bool {
		switch op.Op {
		case "join", "leftJoin", "outerJoin":
			return op.Left == id || op.Right == id
		case "groupBy", "suppress":
			return op.From == id
		case "filter", "filterNot", "mapValues":
			return op.From == id && op.Store == "" && rowsNeeded(op.ID, by)
		}
		return false
	})
}

// oldNeeded reports whether some of the operators take old rows of a table.
func oldNeeded(id string, by []Operator) bool {
	return slices.ContainsFunc(by, func(op Operator) bool {
		switch op.Op {
		case "join", "leftJoin", "outerJoin":
			if op.Left != id && op.Right != id || !isTable(op.Left, by) || !isTable(op.Right, by) {
				return false
			}
			needs := op.Op == "outerJoin" || op.Left == id && (op.Op == "leftJoin" || op.FkFn != "")
			return needs || op.FkFn == "" && op.Store == "" && oldNeeded(op.ID, by)
		case "groupBy", "suppress":
			return op.From == id
		case "filter", "filterNot", "mapValues":
			return op.From == id && op.Store == "" && oldNeeded(op.ID, by)
		}
		return false
	})
}

// isTable reports whether an operator gives a table.
func isTable(id string, all []Operator) bool {
	op := find(id, all)
	if op == nil {
		return false
	}
	switch op.Op {
	case "table", "toTable", "count", "reduce", "aggregate":
		return true
	case "join", "leftJoin", "outerJoin":
		return isTable(op.Left, all) && isTable(op.Right, all)
	case "filter", "filterNot", "mapValues", "suppress":
		return isTable(op.From, all)
	default:
		return false
	}
}

// oldUnknown reports whether a filter does not know the old rows, although the table that it stands on keeps rows: in Kafka
// Streams a source table without a store has some only from the first operator on that looks them up, and a filter that
// stands before that one does not see them, unless it is asked for old rows itself. It then gives a delete for whatever it
// refuses, as a map to null does.
func (in *interpreter) oldUnknown(filter *Operator) bool {
	all := in.scenario.Topology
	place := func(id string) int { return slices.IndexFunc(all, func(op Operator) bool { return op.ID == id }) }
	from := place(filter.From)
	for from >= 0 && all[from].Store == "" && slices.Contains([]string{"filter", "filterNot", "mapValues"}, all[from].Op) {
		from = place(all[from].From)
	}
	if from < 0 || all[from].Store != "" || all[from].Op != "table" && all[from].Op != "toTable" {
		return false
	}
	id := all[from].ID
	return rowsNeeded(id, all) && !rowsNeeded(id, all[:place(filter.ID)]) && !oldNeeded(filter.ID, all)
}
