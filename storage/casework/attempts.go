package casework

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
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

// OpenAttemptSQL opens the row of a try. Tries of the same step that never closed are lost: their process died, and
// nobody will close them. What the call is about is read by the same statement: every call begins with both.
const OpenAttemptSQL = `with lost as (
		update attempts set outcome = 'lost', finished_at = @now where case_id = @case and step = @step and outcome = 'open'),
	opened as (
		insert into attempts (id, case_id, step, attempt, key, stay, try, actor, started_at)
		values (@id, @case, @step, @attempt, @key, @stay, @try, @by, @now)) `

// OpenAttempt opens a try and reads what the statement finds beside it, if anything. Its words are @case, and @about
// for what is given.
func OpenAttempt[T any](ctx context.Context, s *Store, ref campus.StepRef, try int, query db.Statement,
	about any) (id uuid.UUID, what T, found bool, err error) {
	if id, err = uuid.NewV7(); err != nil {
		return uuid.Nil, what, false, err
	}
	what, found, err = db.One[T](ctx, s.DB, query, map[string]any{"id": id, "case": ref.Case.ID, "step": ref.Step,
		"attempt": ref.Attempt, "key": ref.Key, "stay": ref.Stay, "try": try, "by": ref.By.String(), "now": s.Now(), "about": about})
	if err != nil {
		return uuid.Nil, what, false, db.Wrap("open an attempt", err)
	}
	return id, what, found, nil
}

// OpenAttempt opens the row of a try before the call is made.
func (s *Store) OpenAttempt(ctx context.Context, ref campus.StepRef, try int) (uuid.UUID, error) {
	id, _, _, err := OpenAttempt[struct{}](ctx, s, ref, try, OpenAttemptSQL+`select`, nil)
	return id, err
}

// CloseAttempt says how a try ended; failure is nil when it went well. One that an outage of our own parts ended is
// lost: it says nothing about the other system, and does not count.
func (s *Store) CloseAttempt(ctx context.Context, id uuid.UUID, failure error) error {
	outcome := campus.AttemptOK
	if failure != nil {
		outcome = campus.AttemptFailed
	}
	if campus.OwnOutage(failure) {
		outcome = campus.AttemptLost
	}
	return db.Wrap("close an attempt", CloseAttempt(s.Read(ctx), id, outcome, failure))
}

// CloseAttempt is the method of that name within a transaction, for an outcome that is known.
func CloseAttempt(t db.Tx, id uuid.UUID, outcome campus.AttemptOutcome, failure error) error {
	message := ""
	if failure != nil {
		message = failure.Error()
	}
	return t.Write(`update attempts set outcome = @outcome, code = @code, message = @message, finished_at = @now where id = @id`,
		map[string]any{"id": id, "outcome": outcome, "code": campus.CodeOf(failure), "message": message, "now": t.Now})
}

// AddFailure keeps a try that somebody reports as failed, where staff look for causes (K3).
func AddFailure(t db.Tx, caseID uuid.UUID, step string, code campus.Code, message string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return t.Write(`insert into attempts
			(id, case_id, step, attempt, key, try, actor, started_at, finished_at, outcome, code, message)
		values (@id, @case, @step, 1, 1, 1, @by, @now, @now, @outcome, @code, @message)`, map[string]any{
		"id": id, "case": caseID, "step": step, "by": campus.System().String(), "now": t.Now, "outcome": campus.AttemptFailed,
		"code": code, "message": message})
}

// FailedTries are how many tries of an attempt at a step have failed.
func (s *Store) FailedTries(ctx context.Context, ref campus.StepRef) (int, error) {
	var failed int
	err := s.Pool.QueryRow(ctx,
		`select count(*) from attempts where case_id = $1 and step = $2 and attempt = $3 and outcome = 'failed'`,
		ref.Case.ID, ref.Step, ref.Attempt).Scan(&failed)
	return failed, db.Wrap("count tries", err)
}

// loseAttempts closes what a step left open when it is given up.
func loseAttempts(t db.Tx, caseID uuid.UUID, step string) error {
	return t.Write(`update attempts set outcome = 'lost', finished_at = @now
		where case_id = @id and step = @step and outcome = 'open'`,
		map[string]any{"id": caseID, "step": step, "now": t.Now})
}
