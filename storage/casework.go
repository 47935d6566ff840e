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

	"campuscard/campus"
)

// Record moves a case and nothing else.
func (s *Store) Record(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return s.moveAs(ctx, m, part{}, nil)
}

// move records a move and, in the same transaction, the fact it stands for. A move that is recorded already answers as
// it was written and changes nothing, fact included, so that every step of a workflow may be delivered twice.
//
// Conflict: campus.Behind when the case has other moves that the caller does not know. Forbidden: decision_unknown,
// decision_missing. Conflict: decision_closed, wrong_stage.
func (s *Store) move(ctx context.Context, m campus.Move, fact func(tx) error) (campus.Moved, error) {
	return s.moveAs(ctx, m, part{}, func(t tx, _ movedCase) error { return fact(t) })
}

// moveAs is move for a fact that is told which case has moved, or that is a part of the move's own statement.
//
// It needs a transaction only when there is more to do than the move's one statement: BEGIN and COMMIT are round trips
// like any other.
func (s *Store) moveAs(ctx context.Context, m campus.Move, own part,
	fact func(tx, movedCase) error) (moved campus.Moved, err error) {
	if m.Decision.ID != uuid.Nil {
		return s.moveDecided(ctx, m, own, fact)
	}
	if m.NeedsDecision() || len(m.Proposes) > 0 { // K3: only people propose
		return moved, decisionMissing(m)
	}
	if fact == nil && len(opensAfter(m))+len(m.Remind)+len(m.Escalate) == 0 {
		c, err := moveCase(s.read(ctx), m, own)
		return c.Row, wrap("record a move", err)
	}
	err = s.inTx(ctx, "record a move", func(t tx) error {
		moved, err = writeMove(t, m, own, fact)
		return err
	})
	return moved, err
}

// moveDecided records a move that a person has decided: with the case locked, and the decision looked for in SQL.
func (s *Store) moveDecided(ctx context.Context, m campus.Move, own part,
	fact func(tx, movedCase) error) (moved campus.Moved, err error) {
	err = s.inTx(ctx, "record a decision", func(t tx) error {
		c, err := lockCase(t, m.Case)
		if err != nil {
			return err
		}
		var found bool
		if moved, found, err = decidedBefore(t, m, c); err != nil || found {
			return err
		}
		if err := checkConfirmed(t, m); err != nil {
			return err
		}
		moved, err = writeMove(t, m, own, fact)
		return err
	})
	return moved, err
}

// writeMove writes a move with all that it brings along and the fact it stands for.
func writeMove(t tx, m campus.Move, own part, fact func(tx, movedCase) error) (campus.Moved, error) {
	c, err := moveCase(t, m, own)
	if err != nil || c.Repeated {
		return c.Row, err
	}
	if fact != nil {
		if err := fact(t, c); err != nil {
			return c.Row, err
		}
	}
	return c.Row, askPeople(t, m)
}

func decisionMissing(m campus.Move) error {
	return campus.Errorf(campus.Forbidden, "decision_missing",
		"move %s of case %s is a person's, and no decision is there", m.Name, m.Case.ID)
}

// caseOwner is what the rows around a case are filed under. A case about nobody in particular has no person, and one of
// the whole university no campus.
type caseOwner struct {
	University string
	Campus     string
	PersonID   uuid.UUID
}

// movedCase is the case a move has changed, locked until the transaction ends. When the move was there before, only Row
// is known, and nothing was changed.
type movedCase struct {
	Row           campus.Moved
	Repeated      bool
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

// movedSQL takes a case to the next version; where nothing is moved, nothing of what the move brings along is written.
// One that has ended is moved no more, and no stage is left without the decision it takes.
//
// What stands behind it is only there when the move needs it, and lists are JSON: Postgres plans a statement anew each
// time whose arrays it may count, and that is more work than the statement itself.
const movedSQL = `with moved as (
		update cases set stage = @stage, waits_for = @waits, due = @due, parked = @parked, cause = @cause,
			outcome = @outcome, reason = @reason, version = @version, closed_at = @closed,
			since = case when stage = @stage and waits_for = @waits then since else @now end,
			entered = case when stage = @stage then entered else @version end
		where id = @id and kind = @kind and version = @version - 1 and outcome = '' and not jsonb_exists(cast(@people_from as jsonb), stage) %s
		returning id, university, campus, person_id, policy_version, due),
	written as (
		insert into moves (case_id, version, name, decision, stage, waits_for, due, parked, cause, outcome, reason, state, at)
		select moved.id, @version, @name, cast(@decision as uuid), @stage, @waits, @due, cast(@parked as jsonb), @cause, @outcome, @reason,
			cast(@state as jsonb), cast(@now as timestamptz) from moved returning state)`

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

// moveCase takes the case to the move's version, or finds that it has been taken there.
func moveCase(t tx, m campus.Move, own part) (movedCase, error) {
	var c movedCase
	what := moveParts(t, m)
	maps.Copy(what.words, own.words)
	columns, into := "university, campus, person_id, policy_version, due, (select state from written)",
		[]any{&c.Owner.University, &c.Owner.Campus, &c.Owner.PersonID, &c.PolicyVersion, &c.Row.Due, &c.Row.State}
	if own.answer != "" {
		columns, into = columns+", "+own.answer, append(into, own.into)
	}
	err := t.ask(fmt.Sprintf(movedSQL, own.guard)+what.sql+own.sql+` select `+columns+` from moved`,
		what.words).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		c.Repeated = true
		c.Row, err = unmoved(t, m, own.refusal)
		return c, err
	}
	c.Row = campus.Moved{Version: m.Version, Stage: m.Stage, WaitsFor: m.WaitsFor, Due: c.Row.Due, Parked: m.Parked,
		Cause:   m.Cause,
		Outcome: m.Outcome, Reason: m.Reason, State: c.Row.State}
	return c, err
}

// unmoved is the move as it was written before, or says why it has found no case to move: the case has other moves, has
// ended, or there is none, or the fact does not hold. Who comes late to a case that has ended is told how.
func unmoved(t tx, m campus.Move, refusal func(tx) error) (campus.Moved, error) {
	var c caseRow
	if err := t.Raw(`select * from cases where id = ? and kind = ?`, m.Case.ID, m.Case.Kind).Scan(&c).Error; err != nil {
		return campus.Moved{}, err
	}
	if c.ID == uuid.Nil {
		return campus.Moved{}, campus.Errorf(campus.NotFound, "", "no case %s", m.Case.WorkflowID())
	}
	which, decision := `version = @version and name = @name and decision is not distinct from cast(@decision as uuid)`,
		nullable(m.Decision.ID)
	if c.Outcome != "" && decision == nil {
		which = `version = @last`
	}
	row, found, err := findMove(t, `case_id = @id and `+which,
		map[string]any{"id": c.ID, "version": m.Version, "name": m.Name, "decision": decision, "last": c.Version})
	switch {
	case err != nil || found:
		return row, err
	case c.Outcome != "":
		return row, wrongStage(c)
	case c.Version >= m.Version:
		return row, campus.Errorf(campus.Conflict, campus.Behind, "case %s is at version %d, %s would be %d", c.ID, c.Version,
			m.Name, m.Version)
	case c.Version < m.Version-1:
		return row, campus.Errorf(campus.Internal, "case_set_back", "case %s is at version %d, the workflow at %d", c.ID,
			c.Version, m.Version-1)
	case m.Decision.ID == uuid.Nil && slices.Contains(campus.OnlyPeopleFrom(m.Case.Kind, m.Stage), c.Stage):
		return row, decisionMissing(m)
	case refusal != nil:
		if err := refusal(t); err != nil {
			return row, err
		}
	}
	return row, campus.Errorf(campus.Internal, "", "move %s of case %s was not written", m.Name, c.ID)
}

// findDecided is the move of a case that was written for a move's decision.
func findDecided(t tx, m campus.Move) (campus.Moved, bool, error) {
	return findMove(t, `decision = @decision and case_id = @id`,
		map[string]any{"decision": m.Decision.ID, "id": m.Case.ID})
}

// findMove is a move as it was written.
func findMove(t tx, which string, words map[string]any) (row campus.Moved, found bool, err error) {
	var parked jsonList[string]
	err = t.ask(`select version, stage, waits_for, due, parked, cause, outcome, reason, state from moves where `+which,
		words).
		Scan(&row.Version, &row.Stage, &row.WaitsFor, &row.Due, &parked, &row.Cause, &row.Outcome, &row.Reason, &row.State)
	if errors.Is(err, sql.ErrNoRows) {
		return row, false, nil
	}
	row.Parked, row.Repeated = parked, true
	return row, err == nil, err
}

// NextOwnMove is the move of a case after a version, if it is one of the process itself; else its version is zero.
func (s *Store) NextOwnMove(ctx context.Context, ref campus.CaseRef, after int64) (campus.Moved, error) {
	row, _, err := findMove(s.read(ctx), `case_id = @id and version = @version and decision is null`,
		map[string]any{"id": ref.ID, "version": after + 1})
	return row, wrap("read the next move of a case", err)
}

// CaseVersion is the version of a case.
func (s *Store) CaseVersion(ctx context.Context, ref campus.CaseRef) (version int64, err error) {
	err = s.pool.QueryRow(ctx, `select version from cases where id = $1 and kind = $2`, ref.ID, ref.Kind).Scan(&version)
	return version, wrap("read the version of a case", err)
}

// DecidedAt is the version of the move that was written for a decision about a case; zero when there is none.
func (s *Store) DecidedAt(ctx context.Context, ref campus.CaseRef, decision uuid.UUID) (int64, error) {
	row, _, err := findDecided(s.read(ctx), campus.Move{Case: ref, Decision: campus.Decision{ID: decision}})
	return row.Version, wrap("look for the move of a decision", err)
}

// moveParts are what a move brings along, and the words of all.
func moveParts(t tx, m campus.Move) part {
	what := part{words: map[string]any{
		"stage": m.Stage, "waits": m.WaitsFor, "due": m.Due, "parked": jsonList[string](m.Parked),
		"cause": m.Cause, "outcome": m.Outcome, "reason": m.Reason, "version": m.Version, "closed": (*time.Time)(nil),
		"now": t.now, "id": m.Case.ID, "kind": m.Case.Kind, "name": m.Name, "decision": nullable(m.Decision.ID),
		"state":       stateText(m.State),
		"people_from": peopleFrom(m),
	}}
	add := func(sql string, words map[string]any) {
		what.sql += sql
		maps.Copy(what.words, words)
	}
	if events := slices.Concat(m.Earlier, m.Events); len(events) > 0 {
		add(timelineSQL, map[string]any{"events": eventRows(events)})
	}
	switch {
	case m.Outcome != "": // nothing stays open behind a closed case
		add(closedAllSQL, map[string]any{"closed": &t.now})
	case len(m.Closes) > 0:
		add(closedSQL, map[string]any{"closes": jsonText(m.Closes)})
	}
	if m.Decision.ID != uuid.Nil {
		add(auditedSQL, map[string]any{"by": m.Decision.By.String(), "action": auditAction(m),
			"subject": m.Case.WorkflowID()})
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

// auditAction is what the audit calls a decision: as the timeline does, where it says something.
func auditAction(m campus.Move) string {
	if len(m.Events) > 0 {
		return "case." + m.Events[0].Kind
	}
	return "case." + m.Name
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
	return jsonText(append([]campus.Stage{}, campus.OnlyPeopleFrom(m.Case.Kind, m.Stage)...))
}

// opensAfter are the items that are opened by a statement after the move's: all of them, when one is closed by the same
// move, or stands for a step whose tries end with it.
func opensAfter(m campus.Move) []campus.NewWorkItem {
	for _, item := range m.Opens {
		if m.Outcome != "" || item.Kind == campus.IncidentItem ||
			slices.Contains(m.Closes, campus.WorkItemKey{Kind: item.Kind, Step: item.Step}) {
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

// askPeople opens the work items that the move's statement has not opened, and marks those that are open. Closing was
// part of the move.
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
