package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/workflows"
)

// How long a decision is waited for: until the workflow has taken it, and until it has answered (design 4.4).
const (
	admission = 5 * time.Second
	patience  = 20 * time.Second
)

// decisionView is what became of a decision.
type decisionView struct {
	ID      uuid.UUID          `json:"id" format:"uuid"`
	Status  string             `json:"status" enum:"done,running" doc:"running: look again at /api/v1/decisions/{id}"`
	Stage   campus.Stage       `json:"stage,omitempty" doc:"Where the case stands afterwards"`
	Outcome campus.Outcome     `json:"outcome,omitempty" doc:"How the case ended, if it did"`
	Step    *workflows.Settled `json:"step,omitempty" doc:"For a parked step: the outcome of the new attempt"`
	Receipt string             `json:"receipt,omitempty" doc:"Of what is done at the counter"`
	Case    *uuid.UUID         `json:"case,omitempty" format:"uuid" doc:"The application that was made at the counter"`
}

// decisionAnswer is 200 with the outcome, or 202 with the address of a decision that is still at work.
type decisionAnswer struct {
	Status   int
	Location string `header:"Location"`
	Body     decisionView
}

// stillRunning is the 202 in /openapi.json.
func stillRunning(done *huma.Response) *huma.Response {
	running := *done
	running.Description = "Taken, and still at work"
	return &running
}

// update is a decision as a workflow takes it.
type update struct {
	workflowID string
	name       string
	arg        func(storage.Decision) any
	payload    any                    // what stays in SQL: texts, uploads
	step       bool                   // answers workflows.Settled instead of workflows.Decided
	act        *storage.NewCounterAct // it is made at the counter, and has a receipt
}

// decide keeps a decision under its idempotency key and has the workflow take it. The same request again gets the
// first answer, or waits on for the same update: Temporal knows it by the id of the kept row.
func (s *Server) decide(ctx context.Context, request storage.Request, u update) (*decisionAnswer, error) {
	decision, err := s.store.OpenDecision(ctx, request, u.workflowID, u.payload)
	if err != nil {
		return nil, err
	}
	if u.act != nil {
		if err := s.store.OpenCounterAct(ctx, decision.ID, member(ctx), *u.act); err != nil {
			return nil, err
		}
	}
	taken, err := s.decideOnce(ctx, decision, u)
	if err == nil && u.act != nil {
		taken.Body.Receipt = receiptPath(decision.ID)
	}
	return taken, err
}

func (s *Server) decideOnce(ctx context.Context, decision storage.Decision, u update) (*decisionAnswer, error) {
	if decision.Answer != nil {
		return keptDecision(decision)
	}
	handle, err := s.send(ctx, decision, u)
	if err != nil {
		return s.unsent(ctx, decision, err)
	}
	return s.await(ctx, decision, handle, u.step)
}

// send has the workflow admit the decision.
func (s *Server) send(ctx context.Context, decision storage.Decision, u update) (client.WorkflowUpdateHandle, error) {
	ctx, cancel := context.WithTimeout(ctx, admission)
	defer cancel()
	return s.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: u.workflowID, UpdateID: decision.ID.String(), UpdateName: u.name, Args: []any{u.arg(decision)},
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
}

// unsent answers for a decision that no running workflow has taken: it may have been taken before the workflow ended,
// Temporal may be away, or it was refused.
func (s *Server) unsent(ctx context.Context, decision storage.Decision, err error) (*decisionAnswer, error) {
	if workflows.IsOutage(err) {
		return nil, campus.Errorf(campus.Unavailable, "engine_down", "the decision was not taken: %v", err)
	}
	if !workflows.IsGone(err) {
		return nil, workflows.FromTemporal(err)
	}
	recorded, err := s.store.Decided(ctx, decision.ID)
	if err != nil {
		return nil, err
	}
	if !recorded {
		return nil, campus.Errorf(campus.Conflict, "wrong_stage", "the case is not open to this any more")
	}
	return s.keep(ctx, decision, decisionView{ID: decision.ID, Status: "done", Stage: campus.StageDone})
}

// await waits for the outcome of an admitted decision, and answers 202 when it takes longer than people wait.
func (s *Server) await(ctx context.Context, decision storage.Decision, handle client.WorkflowUpdateHandle, step bool) (*decisionAnswer, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	view := decisionView{ID: decision.ID, Status: "done"}
	var err error
	if step {
		view.Step = &workflows.Settled{}
		err = handle.Get(waiting, view.Step)
	} else {
		var decided workflows.Decided
		err = handle.Get(waiting, &decided)
		view.Stage, view.Outcome = decided.Stage, decided.Outcome
	}
	switch {
	case err == nil:
		return s.keep(ctx, decision, view)
	case workflows.IsOutage(err):
		return &decisionAnswer{
			Status: http.StatusAccepted, Location: "/api/v1/decisions/" + decision.ID.String(),
			Body: decisionView{ID: decision.ID, Status: "running"},
		}, nil
	default:
		return nil, workflows.FromTemporal(err)
	}
}

func (s *Server) keep(ctx context.Context, decision storage.Decision, view decisionView) (*decisionAnswer, error) {
	if err := s.store.CloseDecision(ctx, decision.Key, http.StatusOK, view); err != nil {
		return nil, err
	}
	return &decisionAnswer{Status: http.StatusOK, Body: view}, nil
}

func keptDecision(decision storage.Decision) (*decisionAnswer, error) {
	var view decisionView
	err := json.Unmarshal(decision.Answer, &view)
	return &decisionAnswer{Status: decision.Status, Body: view}, err
}

// getDecision is where a 202 points to.
func (s *Server) getDecision(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*decisionAnswer, error) {
	decision, err := s.store.FindDecision(ctx, actor(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if decision.Answer != nil {
		return keptDecision(decision)
	}
	handle := s.temporal.GetWorkflowUpdateHandle(client.GetWorkflowUpdateHandleOptions{
		WorkflowID: decision.Workflow, UpdateID: decision.ID.String(),
	})
	var outcome json.RawMessage
	waiting, cancel := context.WithTimeout(ctx, admission)
	defer cancel()
	switch err := handle.Get(waiting, &outcome); {
	case err == nil:
		view, err := outcomeOf(decision.ID, outcome)
		if err != nil {
			return nil, err
		}
		return s.keep(ctx, decision, view)
	case workflows.IsOutage(err):
		return &decisionAnswer{Status: http.StatusAccepted, Location: "/api/v1/decisions/" + in.ID.String(),
			Body: decisionView{ID: decision.ID, Status: "running"}}, nil
	default:
		return s.unsent(ctx, decision, err)
	}
}

// outcomeOf reads the answer of an update of either kind: a settlement names its step.
func outcomeOf(id uuid.UUID, outcome json.RawMessage) (decisionView, error) {
	view := decisionView{ID: id, Status: "done"}
	var settled workflows.Settled
	if err := json.Unmarshal(outcome, &settled); err != nil {
		return view, err
	}
	if settled.Step != "" {
		view.Step = &settled
		return view, nil
	}
	var decided workflows.Decided
	err := json.Unmarshal(outcome, &decided)
	view.Stage, view.Outcome = decided.Stage, decided.Outcome
	return view, err
}

// caseDecision is a decision about a case by whoever calls.
func (s *Server) caseDecision(ctx context.Context, c storage.Case, name string, d workflows.Decide, payload any) (*decisionAnswer, error) {
	if c.Stage == campus.StageQueued {
		return nil, campus.Errorf(campus.Conflict, "queued", "case %s has not begun yet", c.ID)
	}
	d.By = actor(ctx)
	return s.decide(ctx, s.request(ctx), update{
		workflowID: c.Ref().WorkflowID(), name: name, payload: payload,
		arg: func(own storage.Decision) any { d.Decision, d.Seen = own.ID, own.Seen; return d },
	})
}
