package casework

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// Begin records the first move of a case. Of a case that has begun before nothing is changed: the answer is its newest
// move and how it stands, from which a run goes on (K8).
func (s *Store) Begin(ctx context.Context, m campus.Move) (campus.Begun, error) {
	moved, err := s.Record(ctx, m)
	return s.Begun(ctx, m.Case, moved, err)
}

// Begun is Begin for a first move that was recorded with a fact: moved and err are what that has answered.
func (s *Store) Begun(ctx context.Context, ref campus.CaseRef, moved campus.Moved, err error) (campus.Begun, error) {
	if err == nil && !moved.Repeated {
		return campus.Begun{Moved: moved}, nil
	}
	if err != nil && campus.ReasonOf(err) != campus.Apart {
		return campus.Begun{}, err
	}
	var begun campus.Begun
	err = s.InTx(ctx, "read how a case stands", func(t db.Tx) (err error) {
		begun, err = standing(t, ref)
		return err
	})
	return begun, err
}

// standing is how a case stands that has begun.
func standing(t db.Tx, ref campus.CaseRef) (begun campus.Begun, err error) {
	c, err := LockCase(t, ref)
	if err != nil {
		return begun, err
	}
	var found bool
	begun.Moved, found, err = findMove(t, selectMoveAt, map[string]any{"id": ref.ID, "version": c.Version})
	if err == nil && !found {
		err = campus.Errorf(campus.Internal, "", "case %s is at version %d, and has no such move", ref.ID, c.Version)
	}
	if err != nil {
		return begun, err
	}
	s := campus.Standing{Entered: c.Entered, EnteredAt: c.EnteredAt}
	if s.Calls, err = newestCalls(t, ref.ID); err != nil {
		return begun, err
	}
	s.Waiting, err = waitingSteps(t, ref.ID)
	begun.Standing = &s
	return begun, err
}

// newestCalls are the newest attempts at the steps of a case.
func newestCalls(t db.Tx, caseID uuid.UUID) (calls []campus.StepCall, err error) {
	err = t.Raw(`select distinct on (step) step, attempt, key, stay, case when bool_or(outcome = 'ok') over same then 0
			else count(*) filter (where outcome = 'failed') over same end as failed
		from attempts where case_id = ? window same as (partition by step, attempt)
		order by step, attempt desc, key desc`, caseID).Scan(&calls).Error
	return calls, err
}

// waitingSteps are the steps of a case that wait for staff.
func waitingSteps(t db.Tx, caseID uuid.UUID) ([]campus.ParkedItem, error) {
	var rows []struct {
		Step       string
		Attempt    int
		Cause      campus.Code
		Reason     string
		Proposed   campus.Settlement
		ProposedBy *uuid.UUID
	}
	err := t.Raw(`select step, attempt, cause, reason, proposed_action as proposed, proposed_by from work_items
		where case_id = ? and kind = ? and closed_at is null order by step`, caseID, campus.IncidentItem).Scan(&rows).Error
	var waiting []campus.ParkedItem
	for _, row := range rows {
		item := campus.ParkedItem{Step: row.Step, Attempt: row.Attempt, Cause: row.Cause, Reason: row.Reason,
			Proposed: row.Proposed}
		if row.ProposedBy != nil {
			item.ProposedBy = campus.Staff(*row.ProposedBy)
		}
		waiting = append(waiting, item)
	}
	return waiting, err
}
