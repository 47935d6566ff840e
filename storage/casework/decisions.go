package casework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// DecisionState is how far a decision has come.
type DecisionState string

// The states of a decision. An open one is sent to its workflow until it is done or refused.
const (
	DecisionOpen    DecisionState = "open"
	DecisionDone    DecisionState = "done"
	DecisionRefused DecisionState = "refused"
)

// Decision is a request whose answer comes from the workflow of a case. Its id is the id of the update that is sent.
type Decision struct {
	campus.Decision
	Case   campus.CaseRef
	State  DecisionState
	Answer json.RawMessage // of the workflow, once it is done
	Why    *campus.Error   // it was refused
	Told   bool            // it is open, and staff know that its case does not go on by itself
}

// decisionRow is a decision as the table has it.
type decisionRow struct {
	ID         uuid.UUID
	Actor      string
	Response   []byte
	CaseID     *uuid.UUID
	Kind       campus.CaseKind
	UpdateName string
	Argument   []byte
	Seen       int64
	Entered    int64
	State      DecisionState
	Told       bool
}

// selectDecision reads decisions. An incident that is no parked step is one of our own: the workflow is stuck, or lost.
const selectDecision = `select r.id, r.actor, r.response, r.case_id, c.kind, r.update_name, r.argument, r.seen,
		r.entered, r.state, r.state = 'open' and exists (select 1 from work_items w where w.case_id = c.id
			and w.kind = 'incident' and w.closed_at is null and w.step <> '' and not jsonb_exists(c.parked, w.step)) as told
	from requests r join cases c on c.id = r.case_id `

// refusal is why a decision was refused, as it is kept.
type refusal struct {
	Code    campus.Code `json:"code"`
	Reason  string      `json:"reason,omitempty"`
	Field   string      `json:"field,omitempty"`
	Message string      `json:"message,omitempty"`
}

func (r decisionRow) decision() (Decision, error) {
	by, err := campus.ParseActor(r.Actor)
	if err != nil {
		return Decision{}, err
	}
	d := Decision{
		Decision: campus.Decision{ID: r.ID, Update: r.UpdateName, By: by, Seen: r.Seen},
		Case:     campus.CaseRef{Kind: r.Kind, ID: *r.CaseID}, State: r.State, Told: r.Told,
	}
	if err := json.Unmarshal(r.Argument, &d.Said); err != nil {
		return d, fmt.Errorf("read what decision %s says: %w", r.ID, err)
	}
	if r.State == DecisionDone {
		d.Answer = r.Response
	}
	if r.State == DecisionRefused {
		var why refusal
		if err := json.Unmarshal(r.Response, &why); err != nil {
			return d, fmt.Errorf("read why decision %s was refused: %w", r.ID, err)
		}
		d.Why = &campus.Error{Code: why.Code, Reason: why.Reason, Field: why.Field, Message: why.Message}
	}
	return d, nil
}

// NewDecision is a decision that is about to be made.
type NewDecision struct {
	Case    campus.CaseRef
	Update  string
	Said    campus.Said
	Payload any // what the person has written or handed in; no workflow gets it
}

// OpenDecision keeps a decision before its update is sent: what it says, what comes with it, and how the case stood.
// The same request again gets the decision as it is by then. Conflict: wrong_stage when it cannot be made now,
// decision_pending while another about the same is open.
func (s *Store) OpenDecision(ctx context.Context, req Request, n NewDecision) (Decision, error) {
	return s.OpenDecisionWith(ctx, req, n, func(db.Tx, Decision) error { return nil })
}

// OpenDecisionWith is OpenDecision for a decision that something else is kept with.
func (s *Store) OpenDecisionWith(ctx context.Context, req Request, n NewDecision,
	also func(db.Tx, Decision) error) (Decision, error) {
	var d Decision
	err := s.InTx(ctx, "open a decision", func(t db.Tx) (err error) {
		if d, err = knownDecision(t, req); err != nil || d.ID != uuid.Nil {
			return err
		}
		if d, err = insertDecision(t, req, n); err != nil {
			return err
		}
		return also(t, d)
	})
	switch db.Violated(err) {
	case "requests_one_open":
		return Decision{}, campus.Errorf(campus.Conflict, "decision_pending", "another decision about case %s is open",
			n.Case.ID)
	case "requests_pkey": // the same request at the same moment
		return s.openedDecision(ctx, req)
	}
	return d, err
}

// knownDecision returns the decision that has a request's key; a conflict if another request has it.
func knownDecision(t db.Tx, req Request) (Decision, error) {
	first, err := FindRequest(t, req)
	if err != nil || first.ID == uuid.Nil {
		return Decision{}, err
	}
	return readDecisionRow(t, first.ID)
}

func (s *Store) openedDecision(ctx context.Context, req Request) (Decision, error) {
	d, err := knownDecision(s.Read(ctx), req)
	return d, db.Wrap("open a decision", err)
}

func readDecisionRow(t db.Tx, id uuid.UUID) (Decision, error) {
	var row decisionRow
	if err := t.Raw(selectDecision+`where r.id = ?`, id).Scan(&row).Error; err != nil {
		return Decision{}, err
	}
	if row.CaseID == nil {
		return Decision{}, campus.Errorf(campus.NotFound, "", "no decision %s", id)
	}
	return row.decision()
}

// insertDecision keeps a decision that can be made as the case stands.
func insertDecision(t db.Tx, req Request, n NewDecision) (Decision, error) {
	if err := n.Said.Check(); err != nil {
		return Decision{}, err
	}
	ref := n.Case
	var c CaseRow
	if err := t.Raw(`select * from cases where id = ? and kind = ?`, ref.ID, ref.Kind).Scan(&c).Error; err != nil {
		return Decision{}, err
	}
	rule, known := campus.RuleOf(ref.Kind, n.Update)
	switch {
	case c.ID == uuid.Nil:
		return Decision{}, campus.Errorf(campus.NotFound, "", "no case %s", ref.WorkflowID())
	case !known, c.Outcome != "", !rule.At(c.Stage):
		return Decision{}, whyNotRetried(t, ref.ID, n.Said, wrongStage(c))
	}
	body, err := json.Marshal(n.Payload)
	if err != nil {
		return Decision{}, fmt.Errorf("keep a decision: %w", err)
	}
	err = t.Exec(`insert into requests (key, id, actor, route, body_hash, created_at, workflow, payload,
			case_id, about, update_name, argument, seen, entered, state)
		values (@key, @id, @actor, @route, @hash, @now, @workflow, @payload, @case, @about, @update, @argument, @seen, @entered, 'open')`,
		map[string]any{"key": req.Key, "id": req.ID, "actor": req.Actor.String(), "route": req.Route, "hash": req.BodyHash,
			"now":      t.Now,
			"workflow": ref.WorkflowID(), "payload": string(body), "case": ref.ID, "about": n.Said.About(rule), "update": n.Update,
			"argument": db.JSONText(n.Said), "seen": c.Version, "entered": c.Entered}).Error
	return Decision{
		Decision: campus.Decision{ID: req.ID, Update: n.Update, By: req.Actor, Seen: c.Version, Said: n.Said},
		Case:     ref, State: DecisionOpen,
	}, err
}

// whyNotRetried is why a retry is refused. Where its step waits for nobody any more, or its case has ended, and an
// incident was there, what is asked for has come about and nothing has to be done: that is told (K3).
func whyNotRetried(t db.Tx, caseID uuid.UUID, said campus.Said, why error) error {
	reason := campus.ReasonOf(why)
	if said.Action != string(campus.RetryStep) || reason != campus.StepNotParked && reason != campus.WrongStage {
		return why
	}
	var over bool
	err := t.Ask(`select coalesce(bool_and(closed_at is not null), false) from work_items
		where case_id = @case and kind = 'incident' and step = @step`,
		map[string]any{"case": caseID, "step": said.Step}).Scan(&over)
	switch {
	case err != nil:
		return err
	case over:
		return campus.Errorf(campus.Conflict, campus.StepOver, "step %s went well or was settled", said.Step)
	}
	return why
}

func wrongStage(c CaseRow) error {
	return campus.Errorf(campus.Conflict, campus.WrongStage, "case %s is at stage %s", c.ID, c.Stage)
}

// FindDecision returns a decision of an actor; somebody else's is not found.
func (s *Store) FindDecision(ctx context.Context, actor campus.Actor, id uuid.UUID) (Decision, error) {
	d, err := readDecisionRow(s.Read(ctx), id)
	if err == nil && d.By != actor {
		return Decision{}, campus.Errorf(campus.NotFound, "", "no decision %s", id)
	}
	return d, db.Wrap("read a decision", err)
}

// KnownDecision returns the decision that the same request has made before; false when it has made none.
func (s *Store) KnownDecision(ctx context.Context, req Request) (Decision, bool, error) {
	d, err := knownDecision(s.Read(ctx), req)
	return d, d.ID != uuid.Nil, db.Wrap("find a decision", err)
}

// CaseIsOpen tells whether a case has come to no end yet.
func (s *Store) CaseIsOpen(ctx context.Context, ref campus.CaseRef) (bool, error) {
	var open bool
	err := s.Pool.QueryRow(ctx, `select exists (select 1 from cases where id = $1 and kind = $2 and outcome = '')`,
		ref.ID, ref.Kind).Scan(&open)
	return open, db.Wrap("look at a case", err)
}

// CloseDecision keeps what the workflow has answered. A caller that comes second finds the first answer kept.
func (s *Store) CloseDecision(ctx context.Context, id uuid.UUID, answer json.RawMessage) (Decision, error) {
	return s.endDecision(ctx, id, func(t db.Tx, _ Decision) error {
		return t.Exec(`update requests set state = 'done', status = ?, response = ? where id = ?`, http.StatusOK,
			string(answer), id).Error
	})
}

// RefuseDecision keeps that a decision is refused, before anybody is told. If a move of its case stands for the
// decision, it has been carried out, whatever the workflow says, and the answer is read from the moves.
func (s *Store) RefuseDecision(ctx context.Context, id uuid.UUID, why error) (Decision, error) {
	return s.endDecision(ctx, id, func(t db.Tx, d Decision) error {
		answer, err := answerFromMoves(t, d)
		if err != nil {
			return err
		}
		if answer != nil {
			return t.Exec(`update requests set state = 'done', status = ?, response = ? where id = ?`, http.StatusOK,
				db.JSONText(answer), id).Error
		}
		why := whyNotRetried(t, d.Case.ID, d.Said, why)
		kept := refusal{Code: campus.CodeOf(why), Reason: campus.ReasonOf(why), Message: why.Error()}
		if ours, ok := errors.AsType[*campus.Error](why); ok {
			kept.Field = ours.Field
		}
		return t.Exec(`update requests set state = 'refused', response = ? where id = ?`, db.JSONText(kept), id).Error
	})
}

// endDecision ends an open decision, which is locked meanwhile, so that a move that stands for it is written before or
// never. It is sent no more.
func (s *Store) endDecision(ctx context.Context, id uuid.UUID,
	end func(db.Tx, Decision) error) (d Decision, err error) {
	err = s.InTx(ctx, "end a decision", func(t db.Tx) error {
		if err := t.Exec(`select 1 from requests where id = ? for update`, id).Error; err != nil {
			return err
		}
		if d, err = readDecisionRow(t, id); err != nil {
			return err
		}
		if d.State != DecisionOpen {
			return nil
		}
		if err := end(t, d); err != nil {
			return err
		}
		if err := t.Exec(`update requests set resend_at = null where id = ?`, id).Error; err != nil {
			return err
		}
		d, err = readDecisionRow(t, id)
		return err
	})
	return d, err
}

// ReadDecision returns what a person has written or handed in with a decision.
func ReadDecision[T any](t db.Tx, id uuid.UUID) (payload T, err error) {
	var body []byte
	if err := t.Raw(`select payload from requests where id = ?`, id).Row().Scan(&body); err != nil {
		return payload, fmt.Errorf("read decision %s: %w", id, err)
	}
	return payload, json.Unmarshal(body, &payload)
}
