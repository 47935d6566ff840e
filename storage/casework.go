package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	if fact == nil {
		return s.moveAs(ctx, m, part{}, nil)
	}
	return s.moveAs(ctx, m, part{}, func(t tx, _ movedCase) error { return fact(t) })
}

// moveAs is move for a fact that is told which case has moved, or that is a part of the move's own statement.
func (s *Store) moveAs(ctx context.Context, m campus.Move, own part, fact func(tx, movedCase) error) error {
	err := s.recordMove(ctx, m, own, fact)
	if errors.Is(err, errMoved) {
		return nil
	}
	return err
}

// recordMove needs a transaction only when there is more to do than the move's one statement: BEGIN and COMMIT are round
// trips like any other.
func (s *Store) recordMove(ctx context.Context, m campus.Move, own part, fact func(tx, movedCase) error) error {
	if fact == nil && len(opensAfter(m))+len(m.Proposes)+len(m.Remind)+len(m.Escalate) == 0 {
		_, err := moveCase(s.read(ctx), m, own)
		return wrap("record a move", err)
	}
	return s.inTx(ctx, "record a move", func(t tx) error {
		moved, err := moveCase(t, m, own)
		if err != nil {
			return err
		}
		if fact != nil {
			if err := fact(t, moved); err != nil {
				return err
			}
		}
		return askPeople(t, m)
	})
}

// caseOwner is what the rows around a case are filed under. A case about nobody in particular has no person, and one of
// the whole university no campus.
type caseOwner struct {
	University string
	Campus     string
	PersonID   uuid.UUID
}

// movedCase is the case a move has changed, locked until the transaction ends.
type movedCase struct {
	Owner         caseOwner
	PolicyVersion string
}

// part is a fact that is written by the statement of its move: more of its "with", and the words used there.
type part struct {
	sql   string
	words map[string]any

	answer  string         // a value of the moved case that the statement answers with
	into    any            // where it goes
	guard   string         // "and ...": the case is moved only where this is true as well
	refusal func(tx) error // why it is not; needed with a guard
}

// movedSQL takes a case to the next version; where nothing is moved, nothing of what the move brings along is written. One
// that has ended in the queue is not begun.
//
// What stands behind it is only there when the move needs it, and lists are JSON: Postgres plans a statement anew each time
// whose arrays it may count, and that is more work than the statement itself.
const movedSQL = `with moved as (
		update cases set stage = @stage, waits_for = @waits, due = @due, parked = @parked, cause = @cause,
			outcome = @outcome, reason = @reason, version = @version, closed_at = @closed,
			since = case when stage = @stage and waits_for = @waits then since else @now end
		where id = @id and kind = @kind and version = @version - 1 and (version > 0 or outcome = '') %s
		returning id, university, campus, person_id, policy_version)`

const (
	timelineSQL = `, timeline as (
		insert into events (case_id, at, kind, actor, data, public, decision_id)
		select moved.id, @now, e.kind, e.actor, e.data, e.public, cast(@decision as uuid)
		from moved, rows from (jsonb_to_recordset(cast(@events as jsonb)) as (kind text, actor text, data jsonb, public boolean))
			with ordinality e (kind, actor, data, public, n) order by e.n)`
	closedAllSQL = `, closed as (
		update work_items w set closed_at = @now from moved where w.case_id = moved.id and w.closed_at is null)`
	closedSQL = `, closed as (
		update work_items w set closed_at = @now from moved where w.case_id = moved.id and w.closed_at is null
			and (w.kind, w.step) in (select kind, coalesce(step, '') from jsonb_to_recordset(cast(@closes as jsonb)) as c (kind text, step text)))`
	auditedSQL = `, audited as (
		insert into audit (at, actor, action, subject, university)
		select @now, @by, @action, @subject, moved.university from moved)`
	notifiedSQL = `, notified as (
		insert into notices (id, person_id, case_id, template, template_version, params, created_at, next_try)
		select n.id, moved.person_id, moved.id, n.template, coalesce((select max(version) from notice_templates
			where university = moved.university and template = n.template), 0), decode(n.params, 'base64'), @now, @now
		from moved, jsonb_to_recordset(cast(@notices as jsonb)) as n (id uuid, template text, params text))`
	openedSQL   = `, opened as (` + openItemsSQL + `)`
	finishedSQL = `, finished as (
		update attempts a set outcome = 'ok', finished_at = f.at
		from moved, jsonb_to_recordset(cast(@finished as jsonb)) as f (step text, at timestamptz)
		where a.case_id = moved.id and a.step = f.step and a.outcome = 'open')`
)

// moveCase takes the case to the move's version, or says that it has been there.
func moveCase(t tx, m campus.Move, own part) (movedCase, error) {
	var moved movedCase
	what := moveParts(t, m)
	maps.Copy(what.words, own.words)
	columns, into := "university, campus, person_id, policy_version", []any{&moved.Owner.University, &moved.Owner.Campus, &moved.Owner.PersonID, &moved.PolicyVersion}
	if own.answer != "" {
		columns, into = columns+", "+own.answer, append(into, own.into)
	}
	err := t.ask(fmt.Sprintf(movedSQL, own.guard)+what.sql+own.sql+` select `+columns+` from moved`, what.words).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		err = unmoved(t, m, own.refusal)
	}
	return moved, err
}

// unmoved says why a move has found no case: it is late, or too early, or there is none, or its fact does not hold.
func unmoved(t tx, m campus.Move, refusal func(tx) error) error {
	var version int64
	var ended bool
	if err := t.Raw(`select version, outcome <> '' from cases where id = ? and kind = ?`, m.Case.ID, m.Case.Kind).
		Row().Scan(&version, &ended); err != nil {
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return campus.Errorf(campus.NotFound, "", "no case %s", m.Case.WorkflowID())
	}
	if version >= m.Version || ended && version == 0 && m.Version == 1 {
		return errMoved
	}
	if version == m.Version-1 && refusal != nil {
		if err := refusal(t); err != nil {
			return err
		}
	}
	return campus.Errorf(campus.Internal, "", "case %s is at version %d, the move expects %d",
		m.Case.WorkflowID(), version, m.Version-1)
}

// moveParts are what a move brings along, and the words of all.
func moveParts(t tx, m campus.Move) part {
	what := part{words: map[string]any{
		"stage": m.Stage, "waits": m.WaitsFor, "due": m.Due, "parked": jsonList[string](m.Parked),
		"cause": m.Cause, "outcome": m.Outcome, "reason": m.Reason, "version": m.Version, "closed": (*time.Time)(nil),
		"now": t.now, "id": m.Case.ID, "kind": m.Case.Kind,
	}}
	add := func(sql string, words map[string]any) {
		what.sql += sql
		maps.Copy(what.words, words)
	}
	if events := slices.Concat(m.Earlier, m.Events); len(events) > 0 {
		add(timelineSQL, map[string]any{"events": eventRows(events), "decision": nullable(m.Decision)})
	}
	switch {
	case m.Outcome != "": // nothing stays open behind a closed case
		add(closedAllSQL, map[string]any{"closed": &t.now})
	case len(m.Closes) > 0:
		add(closedSQL, map[string]any{"closes": jsonText(m.Closes)})
	}
	if m.Decision != uuid.Nil && len(m.Events) > 0 {
		add(auditedSQL, map[string]any{"by": m.Events[0].Actor.String(), "action": "case." + m.Events[0].Kind, "subject": m.Case.WorkflowID()})
	}
	if len(m.Notices) > 0 {
		add(notifiedSQL, map[string]any{"notices": noticeRows(t, m.Notices)})
	}
	if len(m.Findings) > 0 {
		found := findingsPart(m.Findings)
		add(found.sql, found.words)
	}
	if len(m.Granted) > 0 {
		add(grantedSQL, map[string]any{"granted": jsonText(m.Granted)})
	}
	if m.Forgets != nil {
		add(forgottenSQL, forgetWords(*m.Forgets))
	}
	if len(m.Finished) > 0 {
		add(finishedSQL, map[string]any{"finished": jsonText(m.Finished)})
	}
	if len(m.Opens) > 0 && len(opensAfter(m)) == 0 {
		add(openedSQL, map[string]any{"opens": itemRows(m.Opens)})
	}
	return what
}

// opensAfter are the items that are opened by a statement after the move's: all of them, when one is closed by the same
// move, or stands for a step whose tries end with it.
func opensAfter(m campus.Move) []campus.NewWorkItem {
	for _, item := range m.Opens {
		if m.Outcome != "" || item.Kind == campus.IncidentItem || slices.Contains(m.Closes, campus.WorkItemKey{Kind: item.Kind, Step: item.Step}) {
			return m.Opens
		}
	}
	return nil
}

// eventRows are events as timelineSQL reads them.
func eventRows(events []campus.Event) string {
	type row struct {
		Kind   string          `json:"kind"`
		Actor  string          `json:"actor"`
		Data   json.RawMessage `json:"data"`
		Public bool            `json:"public"`
	}
	rows := make([]row, len(events))
	for i, e := range events {
		rows[i] = row{e.Kind, e.Actor.String(), json.RawMessage(eventData(e)), e.Public}
	}
	return jsonText(rows)
}

// askPeople opens the work items that the move's statement has not opened, and marks those that are open. Closing was part
// of the move.
func askPeople(t tx, m campus.Move) error {
	items := opensAfter(m)
	for _, item := range items {
		if item.Kind == campus.IncidentItem { // the step is given to staff: a try whose end nobody saw is lost
			if err := loseAttempts(t, m.Case.ID, item.Step); err != nil {
				return err
			}
		}
	}
	if len(items) > 0 {
		err := t.Exec(`with moved as (select id, university, campus from cases where id = @id) `+openItemsSQL,
			map[string]any{"id": m.Case.ID, "now": t.now, "opens": itemRows(items)}).Error
		if err != nil {
			return err
		}
	}
	if err := keepProposals(t, m); err != nil {
		return err
	}
	if err := markWorkItems(t, m, "reminded_at", m.Remind); err != nil {
		return err
	}
	return markWorkItems(t, m, "escalated_at", m.Escalate)
}

func addEvent(t tx, caseID uuid.UUID, event campus.Event, decision uuid.UUID) error {
	return t.Exec(`insert into events (case_id, at, kind, actor, data, public, decision_id) values (?, ?, ?, ?, ?, ?, ?)`,
		caseID, t.now, event.Kind, event.Actor.String(), eventData(event), event.Public, nullable(decision)).Error
}

func eventData(event campus.Event) string {
	if event.Data == nil {
		return "{}"
	}
	return jsonText(event.Data)
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
