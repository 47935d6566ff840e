package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"campuscard/campus"
)

// errMoved ends a transaction whose move is already in: it was delivered twice.
var errMoved = errors.New("the move is already recorded")

// Record moves a case and nothing else.
func (s *Store) Record(ctx context.Context, m campus.Move) error {
	return s.move(ctx, m, nil)
}

// move records a move and, in the same transaction, the fact it stands for. A move whose version the case already
// has changes nothing and succeeds, fact included, so that every step of a workflow may be delivered twice.
func (s *Store) move(ctx context.Context, m campus.Move, fact func(tx) error) error {
	err := s.inTx(ctx, "record a move", func(t tx) error {
		who, err := moveCase(t, m)
		if err != nil {
			return err
		}
		if fact != nil {
			if err := fact(t); err != nil {
				return err
			}
		}
		return recordMove(t, m, who)
	})
	if errors.Is(err, errMoved) {
		return nil
	}
	return err
}

// caseOwner is what the rows around a case are filed under. A case about nobody in particular has no person, and one of
// the whole university no campus.
type caseOwner struct {
	University string
	Campus     string
	PersonID   uuid.UUID
}

// moveCase takes the case to the move's version, or says that it has been there.
func moveCase(t tx, m campus.Move) (caseOwner, error) {
	var closed *time.Time
	if m.Outcome != "" {
		closed = &t.now
	}
	var owner caseOwner
	moved := t.Raw(`update cases set stage = @stage, waits_for = @waits, due = @due, parked = @parked, cause = @cause,
			outcome = @outcome, reason = @reason, version = @version, closed_at = @closed,
			since = case when stage = @stage and waits_for = @waits then since else @now end
		where id = @id and kind = @kind and version = @version - 1
		returning university, campus, person_id`,
		map[string]any{
			"stage": m.Stage, "waits": m.WaitsFor, "due": m.Due, "parked": jsonList[string](m.Parked),
			"cause": m.Cause, "outcome": m.Outcome, "reason": m.Reason, "version": m.Version, "closed": closed,
			"now": t.now, "id": m.Case.ID, "kind": m.Case.Kind,
		}).Scan(&owner)
	if moved.Error != nil {
		return owner, moved.Error
	}
	if moved.RowsAffected == 1 {
		return owner, nil
	}
	var version int64
	if err := t.Raw(`select version from cases where id = ? and kind = ?`, m.Case.ID, m.Case.Kind).
		Row().Scan(&version); err != nil {
		return owner, campus.Errorf(campus.NotFound, "", "no case %s", m.Case.WorkflowID())
	}
	if version >= m.Version {
		return owner, errMoved
	}
	return owner, campus.Errorf(campus.Internal, "", "case %s is at version %d, the move expects %d",
		m.Case.WorkflowID(), version, m.Version-1)
}

// recordMove writes what a move brings along: timeline, work items, notices.
func recordMove(t tx, m campus.Move, owner caseOwner) error {
	for _, event := range m.Events {
		if err := addEvent(t, m.Case.ID, event, m.Decision); err != nil {
			return err
		}
	}
	for _, key := range m.Closes {
		if err := closeWorkItem(t, m.Case.ID, key); err != nil {
			return err
		}
	}
	if m.Outcome != "" { // nothing stays open behind a closed case
		if err := t.Exec(`update work_items set closed_at = ? where case_id = ? and closed_at is null`,
			t.now, m.Case.ID).Error; err != nil {
			return err
		}
	}
	for _, item := range m.Opens {
		if item.Kind == campus.IncidentItem { // the step is given to staff: a try whose end nobody saw is lost
			if err := loseAttempts(t, m.Case.ID, item.Step); err != nil {
				return err
			}
		}
		if err := openWorkItem(t, m.Case.ID, owner, item); err != nil {
			return err
		}
	}
	if err := keepProposals(t, m); err != nil {
		return err
	}
	if err := markWorkItems(t, m, "reminded_at", m.Remind); err != nil {
		return err
	}
	if err := markWorkItems(t, m, "escalated_at", m.Escalate); err != nil {
		return err
	}
	if m.Decision != uuid.Nil && len(m.Events) > 0 {
		first := m.Events[0]
		if err := addAudit(t, first.Actor, "case."+first.Kind, m.Case.WorkflowID(), owner.University); err != nil {
			return err
		}
	}
	for _, notice := range m.Notices { // of a case that is about somebody
		if err := queueNotice(t, owner.PersonID, &m.Case.ID, notice, nil); err != nil {
			return err
		}
	}
	return nil
}

func addEvent(t tx, caseID uuid.UUID, event campus.Event, decision uuid.UUID) error {
	data, err := json.Marshal(event.Data)
	if err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	if event.Data == nil {
		data = []byte("{}")
	}
	return t.Exec(`insert into events (case_id, at, kind, actor, data, public, decision_id) values (?, ?, ?, ?, ?, ?, ?)`,
		caseID, t.now, event.Kind, event.Actor.String(), string(data), event.Public, nullable(decision)).Error
}

func nullable(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// openCase files a new case, waiting for its workflow.
func openCase(t tx, ref campus.CaseRef, owner caseOwner, policyVersion string) error {
	return t.Exec(`insert into cases (id, kind, university, campus, person_id, stage, waits_for, since, policy_version, opened_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		ref.ID, ref.Kind, owner.University, owner.Campus, nullable(owner.PersonID), campus.StageQueued, campus.WaitsForEngine,
		t.now, policyVersion, t.now).Error
}

// Decided tells whether a decision has been recorded in a case, whatever became of the answer.
func (s *Store) Decided(ctx context.Context, decision uuid.UUID) (bool, error) {
	var found bool
	err := s.read(ctx).Raw(`select exists (select 1 from events where decision_id = ?)`, decision).Row().Scan(&found)
	return found, wrap("look for a decision", err)
}

// lockCase reads a case's row and keeps others from moving it until the transaction ends.
func lockCase(t tx, ref campus.CaseRef) (caseRow, error) {
	var row caseRow
	err := t.Raw(`select * from cases where id = ? and kind = ? for update`, ref.ID, ref.Kind).Scan(&row).Error
	if err == nil && row.ID == uuid.Nil {
		err = gorm.ErrRecordNotFound
	}
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return row, campus.Errorf(campus.NotFound, "", "no case %s", ref.WorkflowID())
	}
	return row, err
}
