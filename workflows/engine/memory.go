package engine

import "encoding/json"

// Memory is what a process knows beside its stage: codes and ids. It is written with every move, and read from the move
// that was written, so it changes by moves alone. What stands before its first change follows from the plan, which is
// read from the tables whenever a run begins.
type Memory[S any] struct {
	State S
}

func (m *Memory[S]) keep() any { return m.State }

func (m *Memory[S]) restore(state json.RawMessage) error {
	var known S
	m.State = known
	if len(state) == 0 { // of a case that ended before its workflow began
		return nil
	}
	return json.Unmarshal(state, &m.State)
}

// Knowing is the state with something changed, for the move that changes it.
func (m *Memory[S]) Knowing(change func(*S)) func() any {
	return func() any {
		next := m.State
		change(&next)
		return next
	}
}
