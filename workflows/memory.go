package workflows

import "encoding/json"

// memory is what a process knows beside its stage: codes and ids. It is written with every move, and read from the move
// that was written, so it changes by moves alone; beside that, a process keeps what it reads back from the tables when
// it begins, and the papers that were replaced.
type memory[S any] struct {
	state S
}

func (m *memory[S]) keep() any { return m.state }

func (m *memory[S]) restore(state json.RawMessage) error {
	var known S
	err := json.Unmarshal(state, &known)
	m.state = known
	return err
}

// knowing is the state with something changed, for the move that changes it.
func (m *memory[S]) knowing(change func(*S)) func() any {
	return func() any {
		next := m.state
		change(&next)
		return next
	}
}
