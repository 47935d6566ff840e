package core

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/people"
)

// DecisionView is what became of a decision.
type DecisionView struct {
	ID         uuid.UUID `json:"id" format:"uuid"`
	Status     string    `json:"status" enum:"done,running" doc:"running: it is kept, and is carried out or refused later; what becomes of it is at /api/v1/decisions/{id}"`
	StatusText string    `json:"status_text,omitempty" doc:"While it is running: what to do"`

	Stage   campus.Stage    `json:"stage,omitempty" doc:"Where the case stands afterwards"`
	Outcome campus.Outcome  `json:"outcome,omitempty" doc:"How the case ended, if it did"`
	Step    *campus.Settled `json:"step,omitempty" doc:"For a parked step: the outcome of the new attempt"`
	Receipt string          `json:"receipt,omitempty" doc:"Of what is done at the counter"`
	Case    *uuid.UUID      `json:"case,omitempty" format:"uuid" doc:"The application that was made at the counter"`
}

// DecisionAnswer is 200 with the outcome, or 202 with the address of a decision that is still at work.
type DecisionAnswer struct {
	Status   int
	Location string `header:"Location"`
	Body     DecisionView
}

// StillRunning returns the 202 in /openapi.json.
func StillRunning(done *huma.Response) *huma.Response {
	running := *done
	running.Description = "Kept. What becomes of it is not known yet; look again at Location"
	return &running
}

// Describe tells /openapi.json of the answer to who need not wait.
func (*DecisionAnswer) Describe(op *huma.Operation) {
	op.Responses["202"] = StillRunning(op.Responses["200"])
}

// Update is a decision that a workflow is to take.
type Update struct {
	casework.NewDecision
	Later bool                  // the worker sends it; nobody waits
	Act   *people.NewCounterAct // it is made at the counter, and has a receipt
}

// Decide keeps a decision under its idempotency key and has the workflow take it. From then on it is carried out, or
// refused in Postgres before anybody is told so: what is not known yet is 202. The same request again gets what became
// of it.
func (s *Server) Decide(ctx context.Context, request casework.Request, u Update) (*DecisionAnswer, error) {
	decision, err := s.open(ctx, request, u)
	if err != nil {
		return nil, err
	}
	if decision.State == casework.DecisionOpen && !u.Later {
		if decision, err = s.decisions.Send(ctx, decision); err != nil {
			// It is kept, and the worker goes on sending it: that Postgres went away meanwhile refuses nothing.
			s.Log.WarnContext(ctx, "what became of a decision is not kept yet", "decision", decision.ID, "error", err)
		}
	}
	return decisionOf(ctx, decision)
}

func (s *Server) open(ctx context.Context, request casework.Request, u Update) (casework.Decision, error) {
	if u.Act != nil {
		return s.Store.OpenDecisionAtCounter(ctx, request, u.NewDecision, Member(ctx), *u.Act)
	}
	return s.Store.Casework.OpenDecision(ctx, request, u.NewDecision)
}

// Again is what became of the decision that the same request has made before, whatever stands against making it by now:
// somebody else may have claimed the item meanwhile, or the case be at another stage. What does not fit, and comes
// under the key of another request, is told of that.
func (s *Server) Again(ctx context.Context, request casework.Request, first *DecisionAnswer,
	err error) (*DecisionAnswer, error) {
	if err == nil || request.Key == "" || campus.CodeOf(err).Retryable() {
		return first, err
	}
	known, found, reused := s.Store.Casework.KnownDecision(ctx, request)
	switch {
	case reused != nil && campus.ReasonOf(reused) == "idempotency_key_reused" && campus.CodeOf(err) == campus.Conflict:
		return nil, reused
	case reused != nil || !found:
		return nil, err
	}
	return decisionOf(ctx, known)
}

// decisionOf returns a decision as Postgres has it: the answer, the refusal, or that it is being carried out.
func decisionOf(ctx context.Context, d casework.Decision) (*DecisionAnswer, error) {
	switch d.State {
	case casework.DecisionRefused:
		return nil, whyRefused(d)
	case casework.DecisionOpen:
		said := "decision.running"
		if d.Told {
			said = "decision.stuck"
		}
		return &DecisionAnswer{
			Status: http.StatusAccepted, Location: "/api/v1/decisions/" + d.ID.String(),
			Body: DecisionView{ID: d.ID, Status: "running", StatusText: campus.Text(Language(ctx), said, nil)},
		}, nil
	}
	view := DecisionView{ID: d.ID, Status: "done"}
	if atCounter(d) {
		view.Receipt = ReceiptPath(d.ID)
	}
	if d.Update == campus.SettleStepUpdate {
		view.Step = &campus.Settled{}
		return &DecisionAnswer{Status: http.StatusOK, Body: view}, json.Unmarshal(d.Answer, view.Step)
	}
	var decided campus.Decided
	err := json.Unmarshal(d.Answer, &decided)
	view.Stage, view.Outcome = decided.Stage, decided.Outcome
	return &DecisionAnswer{Status: http.StatusOK, Body: view}, err
}

// whyRefused returns the refusal, of which storage knows the field from the body of an application or of evidence.
func whyRefused(d casework.Decision) error {
	switch {
	case d.Why.Code.Retryable(): // it is known what became of it, whatever went wrong
		return campus.Errorf(campus.Conflict, "decision_failed", "decision %s was not carried out: %s", d.ID, d.Why.Message)
	case d.Update == campus.TryLivenessUpdate:
		return inField(strings.TrimPrefix(d.Why.Field, "liveness."), d.Why)
	case d.Update == campus.BringEvidenceUpdate && atCounter(d):
		return Below("evidence", d.Why)
	}
	return d.Why
}

// atCounter tells whether a decision was made for its holder, or about their person, at the counter: then there is a
// receipt once it is done.
func atCounter(d casework.Decision) bool {
	rule, _ := campus.RuleOf(d.Case.Kind, d.Update)
	return rule.HasReceipt() && d.By.Kind == campus.StaffActor
}

// getDecision answers the address that a 202 names. It asks Postgres alone.
func (s *Server) getDecision(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*DecisionAnswer, error) {
	decision, err := s.Store.Casework.FindDecision(ctx, Actor(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return decisionOf(ctx, decision)
}

// CaseDecision carries out a decision about a case by whoever calls.
func (s *Server) CaseDecision(ctx context.Context, c casework.Case, name string, payload any) (*DecisionAnswer, error) {
	if c.Stage == campus.StageQueued {
		return nil, campus.Errorf(campus.Conflict, "queued", "case %s has not begun yet", c.ID)
	}
	return s.Decide(ctx, s.Request(ctx),
		Update{NewDecision: casework.NewDecision{Case: c.Ref(), Update: name, Payload: payload}})
}

// PendingView is that somebody has decided, and what about; not what was decided, which is not so yet.
type PendingView struct {
	Since    time.Time `json:"since"`
	What     string    `json:"what" doc:"What is decided: the name of the decision"`
	WhatText string    `json:"what_text"`
	Step     string    `json:"step,omitempty" doc:"That is settled"`
	StepText string    `json:"step_text,omitempty"`
	By       string    `json:"by" doc:"student, machine, or staff with their id"`
	ByName   string    `json:"by_name,omitempty" doc:"Of a member of staff"`
}

// PendingOf says of holders only that they have decided: who they are takes another permission.
func PendingOf(in campus.Language) func(casework.OpenDecision) PendingView {
	return func(d casework.OpenDecision) PendingView {
		view := PendingView{Since: d.Since, What: d.Update, WhatText: campus.Text(in, "deciding."+d.Update, nil),
			Step: d.Step, StepText: campus.StepText(in, d.Step), By: d.Actor, ByName: d.ByName}
		if kind, _, _ := strings.Cut(d.Actor, "/"); kind != string(campus.StaffActor) {
			view.By = kind
		}
		return view
	}
}

// ReceiptPath is the address of the receipt of an act at the counter.
func ReceiptPath(act uuid.UUID) string { return "/api/v1/staff/receipts/" + act.String() }
