package workflows

import "campuscard/campus"

// news is what has become known since the last move, and is written with the next one: a move of its own for each would
// tell nobody anything sooner that matters.
type news struct {
	closes   []campus.WorkItemKey  // incidents of steps that nobody needs any more
	finished []campus.FinishedStep // calls that went well
	events   []campus.Event
	facts    []campus.Fact
}

// add puts what is known into a move.
func (n news) add(m *campus.Move) {
	m.Closes = append(m.Closes, n.closes...)
	m.Finished, m.Earlier = n.finished, n.events
	m.Facts = append(n.facts[:len(n.facts):len(n.facts)], m.Facts...)
}

// again is what of it may be told once more, where the move that should have told it was written before, with less
// perhaps: all that is the same the second time. A line of the timeline is rather missing than there twice.
func (n news) again() news {
	n.events = nil
	return n
}

// and is both, in their order.
func (n news) and(later news) news {
	return news{
		closes: append(n.closes, later.closes...), finished: append(n.finished, later.finished...),
		events: append(n.events, later.events...), facts: append(n.facts, later.facts...),
	}
}
