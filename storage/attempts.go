package storage

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
)

// Attempt is one try of one step (K3).
type Attempt struct {
	ID         uuid.UUID             `json:"id"`
	CaseID     uuid.UUID             `json:"-"`
	Step       string                `json:"step"`
	Attempt    int                   `json:"attempt"`
	Try        int                   `json:"try"`
	Actor      string                `json:"actor"`
	StartedAt  time.Time             `json:"started_at"`
	FinishedAt *time.Time            `json:"finished_at,omitempty"`
	Outcome    campus.AttemptOutcome `json:"outcome"`
	Code       campus.Code           `json:"code,omitempty"`
	Message    string                `json:"message,omitempty"`
}

// OpenAttempt opens the row of a try before the call is made. Tries of the same step that never closed are lost: their
// process died, and nobody will close them.
func (s *Store) OpenAttempt(ctx context.Context, ref campus.StepRef, try int) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, err
	}
	_, err = s.pool.Exec(ctx, `with lost as (
			update attempts set outcome = 'lost', finished_at = $7 where case_id = $2 and step = $3 and outcome = 'open')
		insert into attempts (id, case_id, step, attempt, try, actor, started_at) values ($1, $2, $3, $4, $5, $6, $7)`,
		id, ref.Case.ID, ref.Step, ref.Attempt, try, ref.By.String(), s.Now())
	return id, wrap("open an attempt", err)
}

// CloseAttempt says how a try ended; failure is nil when it went well.
func (s *Store) CloseAttempt(ctx context.Context, id uuid.UUID, failure error) error {
	outcome, message := campus.AttemptOK, ""
	if failure != nil {
		outcome, message = campus.AttemptFailed, failure.Error()
	}
	_, err := s.pool.Exec(ctx, `update attempts set outcome = $2, code = $3, message = $4, finished_at = $5 where id = $1`,
		id, outcome, campus.CodeOf(failure), message, s.Now())
	return wrap("close an attempt", err)
}

// loseAttempts closes what a step left open when it is given up.
func loseAttempts(t tx, caseID uuid.UUID, step string) error {
	return t.Exec(`update attempts set outcome = 'lost', finished_at = ? where case_id = ? and step = ? and outcome = 'open'`,
		t.now, caseID, step).Error
}
