package db

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// turns has those of this process who want to lock the same row wait for each other without a connection.
type turns struct {
	mu   sync.Mutex
	rows map[uuid.UUID]*turn
}

type turn struct {
	taken chan struct{} // holds one while it is somebody's turn
	want  int
}

// turnTime is how long somebody waits for their turn: longer than whoever has it waits for the row.
const turnTime = 5 * time.Second

// Turn waits until nobody else of this process has the turn for a row, and answers what gives it back. Who has it may
// wait for the row on one of the few connections of Alone. So a row that stays locked takes one of them, however many
// want it (decision 93); nobody waits for uuid.Nil. Unavailable: contested.
func (s *DB) Turn(ctx context.Context, row uuid.UUID) (done func(), err error) {
	if row == uuid.Nil {
		return func() {}, nil
	}
	t := s.turns.want(row)
	timer := time.NewTimer(turnTime)
	defer timer.Stop()
	select {
	case t.taken <- struct{}{}:
		return func() { <-t.taken; s.turns.leave(row) }, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = campus.Errorf(campus.Unavailable, "contested", "others wait for a row that stays locked")
	}
	s.turns.leave(row)
	return nil, err
}

func (t *turns) want(row uuid.UUID) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = map[uuid.UUID]*turn{}
	}
	if t.rows[row] == nil {
		t.rows[row] = &turn{taken: make(chan struct{}, 1)}
	}
	t.rows[row].want++
	return t.rows[row]
}

func (t *turns) leave(row uuid.UUID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows[row].want--; t.rows[row].want == 0 {
		delete(t.rows, row)
	}
}
