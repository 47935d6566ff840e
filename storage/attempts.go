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

// openAttemptSQL opens the row of a try. Tries of the same step that never closed are lost: their process died, and
// nobody will close them. What the call is about is read by the same statement: every call begins with both.
const openAttemptSQL = `with lost as (
		update attempts set outcome = 'lost', finished_at = @now where case_id = @case and step = @step and outcome = 'open'),
	opened as (
		insert into attempts (id, case_id, step, attempt, try, actor, started_at) values (@id, @case, @step, @attempt, @try, @by, @now)) `

// openAttempt opens a try and scans what look finds into found. Words of look are @case, and @about for what is given.
func (s *Store) openAttempt(ctx context.Context, ref campus.StepRef, try int, look string, about, found any) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, err
	}
	t := s.read(ctx)
	err = t.Raw(openAttemptSQL+look, map[string]any{"id": id, "case": ref.Case.ID, "step": ref.Step, "attempt": ref.Attempt, "try": try,
		"by": ref.By.String(), "now": t.now, "about": about}).Scan(found).Error
	if err != nil {
		return uuid.Nil, wrap("open an attempt", err)
	}
	return id, nil
}

// OpenAttempt opens the row of a try before the call is made.
func (s *Store) OpenAttempt(ctx context.Context, ref campus.StepRef, try int) (uuid.UUID, error) {
	var one int
	return s.openAttempt(ctx, ref, try, `select 1`, nil, &one)
}

// OpenApplicantAttempt opens a try of a step that is about who has made the application of its case. An error beside an id
// is of what the try is about; the try is open. So it is with the other two.
func (s *Store) OpenApplicantAttempt(ctx context.Context, ref campus.StepRef, try int) (uuid.UUID, Applicant, error) {
	var found applicantFound
	id, err := s.openAttempt(ctx, ref, try, selectApplicant, ref.Case.ID, &found)
	if err != nil {
		return id, Applicant{}, err
	}
	who, err := s.identifyApplicant(found, ref.Case.ID)
	return id, who, err
}

// OpenHolderAttempt opens a try of a step that is about a card and its holder.
func (s *Store) OpenHolderAttempt(ctx context.Context, ref campus.StepRef, try int, card uuid.UUID) (uuid.UUID, CardHolder, error) {
	var found CardHolder
	id, err := s.openAttempt(ctx, ref, try, selectCardHolder, card, &found)
	if err == nil && found.Card.ID == uuid.Nil {
		err = campus.Errorf(campus.NotFound, "", "no card %s", card)
	}
	return id, found, err
}

// OpenLivenessAttempt opens a try of a step that is about the newest answer to a challenge.
func (s *Store) OpenLivenessAttempt(ctx context.Context, ref campus.StepRef, try int) (uuid.UUID, LivenessTry, error) {
	var found LivenessTry
	id, err := s.openAttempt(ctx, ref, try, selectLastTry, ref.Case.ID, &found)
	if err == nil && found.ID == uuid.Nil {
		err = campus.Errorf(campus.NotFound, "", "application %s has no liveness try", ref.Case.ID)
	}
	return id, found, err
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
