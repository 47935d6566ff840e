package engine

import "encoding/json"

// Memory is what a process knows beside its stage: codes and ids. It is written with every move, and read from the move
// that was written, so it changes by moves alone; beside that, a process keeps what it reads back from the tables when
// it begins, and the papers that were replaced.
type Memory[S any] struct {
	State S
}

func (m *Memory[S]) keep() any { return m.State }

func (m *Memory[S]) restore(state json.RawMessage) error {
	var known S
	err := json.Unmarshal(state, &known)
	m.State = known
	return err
}

// Knowing is the state with something changed, for the move that changes it.
func (m *Memory[S]) Knowing(change func(*S)) func() any {
	return func() any {
		next := m.State
		change(&next)
		return next
	}
}
