package engine

import (
	"slices"

	"campuscard/campus"
)

// Pending is what has become known since the last move, and is written with the next one: a move of its own for each
// would tell nobody anything sooner that matters.
type Pending struct {
	closes   []campus.WorkItemKey  // incidents of steps that nobody needs any more
	finished []campus.FinishedStep // calls that went well
	Events   []campus.Event
	Facts    []campus.Fact
}

func (n Pending) empty() bool {
	return len(n.closes)+len(n.finished)+len(n.Events)+len(n.Facts) == 0
}

// add puts what is known into a move.
func (n Pending) add(m *campus.Move) {
	m.Closes = append(m.Closes, n.closes...)
	m.Finished, m.Earlier = n.finished, n.Events
	m.Facts = append(n.Facts[:len(n.Facts):len(n.Facts)], m.Facts...)
}

// without leaves out the events that were told before, by a run that had come as far (K8).
func (n Pending) without(said []string) Pending {
	n.Events = slices.DeleteFunc(slices.Clone(n.Events),
		func(e campus.Event) bool { return slices.Contains(said, e.Kind) })
	return n
}

// again is what of it may be told once more, where the move that should have told it was written before, with less
// perhaps: all that is the same the second time. A line of the timeline is rather missing than there twice.
func (n Pending) again() Pending {
	n.Events = nil
	return n
}

// And is both, in their order.
func (n Pending) And(later Pending) Pending {
	return Pending{
		closes: append(n.closes, later.closes...), finished: append(n.finished, later.finished...),
		Events: append(n.Events, later.Events...), Facts: append(n.Facts, later.Facts...),
	}
}
