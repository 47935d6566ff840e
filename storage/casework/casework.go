package casework

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// Record moves a case and nothing else.
func (s *Store) Record(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return s.Move(ctx, m, func(db.Tx) error { return nil })
}

// Move records a move and, in the same transaction, the fact it stands for. A move that is recorded already answers as
// it was written and changes nothing, fact included, so that every step of a workflow may be delivered twice.
//
// Conflict: campus.Apart when the case is not where the caller has left it. Forbidden: decision_unknown,
// decision_missing. Conflict: decision_closed, wrong_stage.
func (s *Store) Move(ctx context.Context, m campus.Move, fact func(db.Tx) error) (campus.Moved, error) {
	return s.MoveAs(ctx, m, func(t db.Tx, _ MovedCase) error { return fact(t) })
}

// MoveAs is Move for a fact that is told which case has moved.
func (s *Store) MoveAs(ctx context.Context, m campus.Move, fact func(db.Tx, MovedCase) error) (moved campus.Moved,
	err error) {
	err = s.InTx(ctx, "record a move", func(t db.Tx) error {
		c, err := apply(t, m)
		moved = c.Row
		if err != nil || c.Repeated {
			return err
		}
		return fact(t, c)
	})
	return moved, err
}

// apply takes a case to the version of a move, and writes what the move brings along. One that a person has decided is
// made with the case locked, and with the decision looked for in SQL.
func apply(t db.Tx, m campus.Move) (c MovedCase, err error) {
	switch {
	case m.Decision.ID == uuid.Nil && (m.NeedsDecision() || len(m.Proposes) > 0): // K3: only people propose
		return c, decisionMissing(m)
	case m.Decision.ID != uuid.Nil:
		locked, err := LockCase(t, m.Case)
		if err != nil {
			return c, err
		}
		if c.Row, c.Repeated, err = decidedBefore(t, m, locked); err != nil || c.Repeated {
			return c, err
		}
		if err := checkConfirmed(t, m); err != nil {
			return c, err
		}
	}
	if c, err = MoveCase(t, m); err != nil || c.Repeated {
		return c, err
	}
	return c, bring(t, m, c)
}

func decisionMissing(m campus.Move) error {
	return campus.Errorf(campus.Forbidden, "decision_missing",
		"move %s of case %s is a person's, and no decision is there", m.Name, m.Case.ID)
}

// CaseOwner is what the rows around a case are filed under. A case about nobody in particular has no person, and one of
// the whole university no campus.
type CaseOwner struct {
	University string
	Campus     string
	PersonID   uuid.UUID
}

// MovedCase is the case a move has changed, locked until the transaction ends. When the move was there before, only Row
// is known, and nothing was changed.
type MovedCase struct {
	Row           campus.Moved
	Repeated      bool
	Owner         CaseOwner
	PolicyVersion string
}

// movedSQL takes a case to the next version and keeps the move. One that has ended is moved no more, and no stage is
// left without the decision it takes.
const movedSQL = `with moved as (
		update cases set stage = @stage, waits_for = @waits, due = @due, parked = cast(@parked as jsonb), cause = @cause,
			outcome = @outcome, reason = @reason, version = @version, closed_at = @closed,
			since = case when stage = @stage and waits_for = @waits then since else @now end,
			entered = case when stage = @stage then entered else @version end,
			entered_at = case when stage = @stage then entered_at else @now end
		where id = @id and kind = @kind and version = @version - 1 and outcome = ''
			and not jsonb_exists(cast(@people_from as jsonb), stage)
		returning id, university, campus, person_id, policy_version, due),
	written as (
		insert into moves (case_id, version, name, decision, stage, waits_for, due, parked, cause, outcome, reason, state, at)
		select id, @version, @name, cast(@decision as uuid), @stage, @waits, @due, cast(@parked as jsonb), @cause, @outcome,
			@reason, cast(@state as jsonb), cast(@now as timestamptz) from moved returning state)
	select university, campus, person_id, policy_version, due, (select state from written) from moved`

// MoveCase takes the case to the move's version, or finds that it has been taken there.
func MoveCase(t db.Tx, m campus.Move) (c MovedCase, err error) {
	var closed *time.Time
	if m.Outcome != "" {
		closed = &t.Now
	}
	err = t.Ask(movedSQL, map[string]any{
		"id": m.Case.ID, "kind": m.Case.Kind, "version": m.Version, "name": m.Name, "stage": m.Stage, "waits": m.WaitsFor,
		"due": m.Due, "parked": db.JSONList[string](m.Parked), "cause": m.Cause, "outcome": m.Outcome, "reason": m.Reason,
		"state": stateText(m.State), "closed": closed, "now": t.Now, "decision": Nullable(m.Decision.ID),
		"people_from": peopleFrom(m),
	}).Scan(&c.Owner.University, &c.Owner.Campus, &c.Owner.PersonID, &c.PolicyVersion, &c.Row.Due, &c.Row.State)
	if errors.Is(err, sql.ErrNoRows) {
		c.Repeated = true
		c.Row, err = unmoved(t, m)
		return c, err
	}
	c.Row = campus.Moved{Version: m.Version, Stage: m.Stage, WaitsFor: m.WaitsFor, Due: c.Row.Due, Parked: m.Parked,
		Cause: m.Cause, Outcome: m.Outcome, Reason: m.Reason, State: c.Row.State}
	return c, err
}

// unmoved is the move as it was written before, or says why it has found no case to move: the case has other moves, has
// ended, or there is none. Who comes late to a case that has ended is told how.
func unmoved(t db.Tx, m campus.Move) (campus.Moved, error) {
	var c CaseRow
	if err := t.Raw(`select * from cases where id = ? and kind = ?`, m.Case.ID, m.Case.Kind).Scan(&c).Error; err != nil {
		return campus.Moved{}, err
	}
	if c.ID == uuid.Nil {
		return campus.Moved{}, campus.Errorf(campus.NotFound, "", "no case %s", m.Case.WorkflowID())
	}
	row, found, err := findSame(t, m, c)
	switch {
	case err != nil || found:
		return row, err
	case c.Outcome != "":
		return row, wrongStage(c)
	case c.Version != m.Version-1: // Temporal has lost moves, or Postgres was set back
		return row, campus.Errorf(campus.Conflict, campus.Apart, "case %s is at version %d, %s would be %d", c.ID, c.Version,
			m.Name, m.Version)
	case m.Decision.ID == uuid.Nil && slices.Contains(campus.OnlyPeopleFrom(m.Case.Kind, m.Stage), c.Stage):
		return row, decisionMissing(m)
	}
	return row, campus.Errorf(campus.Internal, "", "move %s of case %s was not written", m.Name, c.ID)
}

// The moves of a case as they were written.
const (
	selectMove = `select version, stage, waits_for, due, parked, cause, outcome, reason, state from moves
		where case_id = @id and `
	selectSameMove = selectMove + `version = @version and name = @name and decision is not distinct from cast(@decision as uuid)`
	selectMoveAt   = selectMove + `version = @version`
	selectDecided  = selectMove + `decision = @decision`
)

// findSame is a move that was delivered before. A process that comes to a case which has ended meanwhile gets the last
// one.
func findSame(t db.Tx, m campus.Move, c CaseRow) (campus.Moved, bool, error) {
	if c.Outcome != "" && m.Decision.ID == uuid.Nil {
		return findMove(t, selectMoveAt, map[string]any{"id": c.ID, "version": c.Version})
	}
	return findMove(t, selectSameMove, map[string]any{"id": c.ID, "version": m.Version, "name": m.Name,
		"decision": Nullable(m.Decision.ID)})
}

// findDecided is the move of a case that was written for a move's decision.
func findDecided(t db.Tx, m campus.Move) (campus.Moved, bool, error) {
	return findMove(t, selectDecided, map[string]any{"decision": m.Decision.ID, "id": m.Case.ID})
}

// findMove is a move as it was written.
func findMove(t db.Tx, query db.Statement, words map[string]any) (row campus.Moved, found bool, err error) {
	var parked db.JSONList[string]
	err = t.Ask(query, words).Scan(&row.Version, &row.Stage, &row.WaitsFor, &row.Due, &parked, &row.Cause, &row.Outcome,
		&row.Reason, &row.State)
	if errors.Is(err, sql.ErrNoRows) {
		return row, false, nil
	}
	row.Parked, row.Repeated = parked, true
	return row, err == nil, err
}

func stateText(state json.RawMessage) string {
	if len(state) == 0 {
		return "{}"
	}
	return string(state)
}

// peopleFrom are the stages from which the move would take a decision that it has not, as JSON.
func peopleFrom(m campus.Move) string {
	if m.Decision.ID != uuid.Nil {
		return "[]"
	}
	return db.JSONText(append([]campus.Stage{}, campus.OnlyPeopleFrom(m.Case.Kind, m.Stage)...))
}

// Nullable is an id for a column that may have none.
func Nullable(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// OpenCase files a new case, waiting for its workflow.
func OpenCase(t db.Tx, ref campus.CaseRef, owner CaseOwner, policyVersion string) error {
	return t.Exec(`insert into cases
			(id, kind, university, campus, person_id, stage, waits_for, since, entered_at, policy_version, opened_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		ref.ID, ref.Kind, owner.University, owner.Campus, Nullable(owner.PersonID), campus.StageQueued, campus.WaitsForEngine,
		t.Now, t.Now, policyVersion, t.Now).Error
}

// NewCase is what OpenCase is told.
type NewCase struct {
	Ref           campus.CaseRef
	Owner         CaseOwner
	PolicyVersion string
}

// OpenCases files many new cases. It is queued, as Write does: what refers to them is queued after it.
func OpenCases(t db.Tx, lot []NewCase) error {
	return t.Write(`insert into cases
			(id, kind, university, campus, person_id, stage, waits_for, since, entered_at, policy_version, opened_at)
		select v.id, v.kind, v.university, v.campus, v.person, @stage, @waits_for, cast(@now as timestamptz),
			cast(@now as timestamptz), v.policy, cast(@now as timestamptz)
		from unnest(cast(@ids as uuid[]), cast(@kinds as text[]), cast(@universities as text[]), cast(@campuses as text[]),
			cast(@people as uuid[]), cast(@policies as text[]))
			v (id, kind, university, campus, person, policy)`, map[string]any{
		"now": t.Now, "stage": campus.StageQueued, "waits_for": campus.WaitsForEngine,
		"ids":          db.IDs(lot, func(c NewCase) uuid.UUID { return c.Ref.ID }),
		"kinds":        db.Column(lot, func(c NewCase) string { return string(c.Ref.Kind) }),
		"universities": db.Column(lot, func(c NewCase) string { return c.Owner.University }),
		"campuses":     db.Column(lot, func(c NewCase) string { return c.Owner.Campus }),
		"people":       db.IDs(lot, func(c NewCase) uuid.UUID { return c.Owner.PersonID }),
		"policies":     db.Column(lot, func(c NewCase) string { return c.PolicyVersion }),
	})
}
