// Package decisions brings the decisions of people to the workflows of their cases, and what became of them back to
// Postgres. The API sends a decision when it is made; the worker sends it again until its end is known.
package decisions

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/casework"
	"campuscard/workflows/engine"
)

// How long a decision is waited for: until the workflow has taken it, until it has answered while somebody waits for
// that, or while nobody does; and until the answer is kept.
const (
	admission = 5 * time.Second
	patience  = 20 * time.Second
	glance    = time.Second
	keeping   = 5 * time.Second
)

// Sender sends decisions that are kept in Postgres.
type Sender struct {
	store    *storage.Store
	temporal client.Client
	log      *slog.Logger
}

// NewSender makes a sender.
func NewSender(store *storage.Store, temporal client.Client, log *slog.Logger) *Sender {
	return &Sender{store: store, temporal: temporal, log: log}
}

// Send has the workflow of its case take a decision, waits for what becomes of it as long as people wait, and keeps
// that. Temporal knows the decision by its id, so that it may be sent again. One that is still open afterwards is sent
// again by the worker: nobody may be told that it was not taken.
func (s *Sender) Send(ctx context.Context, d casework.Decision) (casework.Decision, error) {
	return s.send(ctx, d, patience, keeping)
}

// Resend is Send when nobody waits: that the workflow has taken the decision is enough, and what becomes of it is seen
// at the next look. It is over before another may take the decision.
func (s *Sender) Resend(ctx context.Context, d casework.Decision) (casework.Decision, error) {
	return s.send(ctx, d, glance, casework.ResendLease-admission-glance-time.Second)
}

func (s *Sender) send(ctx context.Context, d casework.Decision, wait, keep time.Duration) (casework.Decision, error) {
	if d.State == casework.DecisionRefused {
		return d, nil
	}
	if err := d.Check(); err != nil { // it was kept without being looked at: Temporal does not get it
		s.log.ErrorContext(ctx, "a decision says more than codes", "decision", d.ID, "case", d.Case.WorkflowID())
		return s.kept(d)(s.store.Casework.RefuseDecision(ctx, d.ID, err))
	}
	answered, err := s.outcome(ctx, d, wait)
	// What became of it is kept also when whoever has sent it waits no more.
	kept, cancel := context.WithTimeout(context.WithoutCancel(ctx), keep)
	defer cancel()
	switch {
	case err == nil:
		return s.done(kept, d, answered)
	case engine.IsGone(err):
		if open, err := s.store.Casework.CaseIsOpen(kept, d.Case); err != nil || open {
			return s.waits(kept, d, err)
		}
		return s.kept(d)(s.store.Casework.RefuseDecision(kept, d.ID, isOver()))
	case !engine.IsAnswer(err):
		s.log.WarnContext(ctx, "a decision is still open", "decision", d.ID, "case", d.Case.WorkflowID(), "error", err)
		return d, nil
	}
	return s.refuse(kept, d, engine.FromTemporal(err))
}

// done keeps what the workflow has answered. Temporal answers a decision that it has in its history whatever has become
// of Postgres since. Where no move stands for one, the case may have been set back to before it, so that it counts only
// where the run that has answered is at the same place as the case; else it stays open for the run that begins from the
// row (K8), which may have begun meanwhile.
func (s *Sender) done(ctx context.Context, d casework.Decision, a answer) (casework.Decision, error) {
	moved, err := s.store.Casework.IsCarriedOut(ctx, d.ID)
	if err != nil {
		return d, err
	}
	if moved || d.Step == campus.BeginAgain { // its retry is about the run that has ended with it
		return s.kept(d)(s.store.Casework.CloseDecision(ctx, d.ID, a.says))
	}
	run, err := s.place(ctx, d.Case, a.run)
	if err != nil {
		return d, err
	}
	now, err := s.store.Casework.Place(ctx, d.Case)
	switch {
	case err != nil:
		return d, err
	case run.Version == now.Version && run.Stage == now.Stage && run.Outcome == now.Outcome:
		return s.kept(d)(s.store.Casework.CloseDecision(ctx, d.ID, a.says))
	case run.Outcome != "" && now.Outcome != "":
		return s.kept(d)(s.store.Casework.RefuseDecision(ctx, d.ID, isOver()))
	}
	if err := s.Lost(ctx, d.Case); err != nil { // the run may be over, and its case open
		return d, err
	}
	return s.again(ctx, d)
}

// again leaves a decision open that the run which begins now is to carry out.
func (s *Sender) again(ctx context.Context, d casework.Decision) (casework.Decision, error) {
	begins, err := s.beginsAgain(ctx, d.Case)
	if err == nil && begins {
		err = s.store.Casework.ResendSoon(ctx, d.ID) // the person waits: not until the lease is over
	}
	return d, err
}

func isOver() error {
	return campus.Errorf(campus.Conflict, campus.WrongStage, "the case is not open to this any more")
}

// waits leaves a decision open whose case goes on and has no workflow: it has not begun yet, or Temporal has lost it.
// A decision of staff about the latter itself is refused, because nobody is there to take it.
func (s *Sender) waits(ctx context.Context, d casework.Decision, err error) (casework.Decision, error) {
	if err == nil {
		err = s.Lost(ctx, d.Case)
	}
	if err != nil {
		return d, err
	}
	if d.Update == campus.SettleStepUpdate && d.Step == campus.LostWorkflow {
		gone := campus.Errorf(campus.Conflict, campus.WorkflowLost, "case %s has no workflow", d.Case.WorkflowID())
		return s.kept(d)(s.store.Casework.RefuseDecision(ctx, d.ID, gone))
	}
	return s.kept(d)(s.store.Casework.FindDecision(ctx, d.By, d.ID))
}

// refuse keeps that the workflow has refused a decision. Where the case has a move for it all the same, the workflow
// may have lost that, as it has when it says that it is behind: another run begins from the row of the case.
func (s *Sender) refuse(ctx context.Context, d casework.Decision, why error) (casework.Decision, error) {
	if campus.ReasonOf(why) == campus.EngineBehind {
		return s.again(ctx, d)
	}
	if campus.CodeOf(why).Retryable() { // the person is told that it failed, and not why
		s.log.ErrorContext(ctx, "a decision was not carried out", "decision", d.ID, "case", d.Case.WorkflowID(), "error", why)
	}
	now, err := s.kept(d)(s.store.Casework.RefuseDecision(ctx, d.ID, why))
	if err != nil || now.State != casework.DecisionDone || campus.ReasonOf(why) == campus.DecisionPassed {
		return now, err
	}
	return now, s.Apart(ctx, d.Case)
}

// kept returns a decision as it is kept now, or as it was when that fails.
func (*Sender) kept(before casework.Decision) func(casework.Decision, error) (casework.Decision, error) {
	return func(now casework.Decision, err error) (casework.Decision, error) {
		if err != nil {
			return before, err
		}
		return now, nil
	}
}

// answer is what a workflow has said to a decision.
type answer struct {
	says json.RawMessage
	run  string // that has said it: another may have begun since
}

// outcome sends the update and waits for its answer.
func (s *Sender) outcome(ctx context.Context, d casework.Decision, wait time.Duration) (a answer, err error) {
	admitting, cancel := context.WithTimeout(ctx, admission)
	defer cancel()
	handle, err := s.temporal.UpdateWorkflow(admitting, client.UpdateWorkflowOptions{
		WorkflowID: d.Case.WorkflowID(), UpdateID: d.ID.String(), UpdateName: d.Update, Args: []any{d.Decision},
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		return a, err
	}
	waiting, stop := context.WithTimeout(ctx, wait)
	defer stop()
	err = handle.Get(waiting, &a.says)
	a.run = handle.RunID()
	return a, err
}
