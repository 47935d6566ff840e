package casework

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// IsCarriedOut tells whether a move stands for a decision.
func (s *Store) IsCarriedOut(ctx context.Context, id uuid.UUID) (moved bool, err error) {
	err = s.Pool.QueryRow(ctx, `select exists (select 1 from moves where decision = $1)`, id).Scan(&moved)
	return moved, db.Wrap("look for the move of a decision", err)
}

// answerFromMoves returns what became of a decision that was carried out, as its workflow would have answered; nil of
// one that was not.
func answerFromMoves(t db.Tx, d Decision) (any, error) {
	var row struct {
		Version int64
		Name    string
		campus.Decided
	}
	err := t.Raw(`select version, name, stage, outcome from moves where decision = ?`, d.ID).Row().
		Scan(&row.Version, &row.Name, &row.Stage, &row.Outcome)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil || d.Update != campus.SettleStepUpdate {
		return row.Decided, err
	}
	settled := campus.Settled{Step: d.Step, Attempt: d.Attempt, Outcome: campus.StepSecondPerson}
	switch {
	case row.Name != campus.SettleMove(d.Said, false):
		return settled, nil // it has proposed something
	case d.Action == string(campus.SkipStep):
		settled.Outcome = campus.StepSkipped
	case d.Action == string(campus.AbortSteps):
		settled.Outcome = campus.StepAborted
	default:
		return retriedAttempt(t, d, row.Version)
	}
	return settled, nil
}

// retriedAttempt returns the outcome of the attempt that a retry has made, which the next move about its step says. One
// whose end nobody saw has failed: its step waits for staff again, or another has ended it; that is no fault of the
// other system.
func retriedAttempt(t db.Tx, d Decision, version int64) (campus.Settled, error) {
	settled := campus.Settled{Step: d.Step, Attempt: d.Attempt + 1, Outcome: campus.StepFailed,
		Code: campus.Unavailable, Reason: campus.TryLost}
	var found Attempt
	var wentWell bool
	well, failed := campus.RetriedMoves(d.Step)
	err := t.Raw(`select coalesce((select name = @well from moves where case_id = @id and version > @version
			and name in (@well, @failed) order by version limit 1), false)`,
		map[string]any{"id": d.Case.ID, "version": version, "well": well, "failed": failed}).Row().Scan(&wentWell)
	if err != nil || wentWell {
		settled.Outcome, settled.Code, settled.Reason = campus.StepOK, "", ""
		return settled, err
	}
	err = t.Raw(`select * from attempts where case_id = ? and step = ? and attempt = ? order by started_at desc limit 1`,
		d.Case.ID, d.Step, settled.Attempt).Scan(&found).Error
	switch {
	case err != nil || found.ID == uuid.Nil:
	case found.Outcome == campus.AttemptOK:
		settled.Outcome, settled.Code, settled.Reason = campus.StepOK, "", ""
	case found.Outcome == campus.AttemptFailed:
		settled.Code, settled.Reason, settled.Message = found.Code, "", found.Message
	}
	return settled, err
}
