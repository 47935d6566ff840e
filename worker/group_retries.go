package worker

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/storage"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
)

// groupRetrier retries the parked steps of a group one after the other, at the rate of the policy: a system that has
// just come back is not run down by all that waited for it (K3).
type groupRetrier struct {
	store    *storage.Store
	sender   *decisions.Sender
	policies *campus.Policies
	log      *slog.Logger
	running  errgroup.Group
}

func newGroupRetrier(
	store *storage.Store, sender *decisions.Sender, policies *campus.Policies, log *slog.Logger,
) *groupRetrier {
	g := &groupRetrier{store: store, sender: sender, policies: policies, log: log}
	g.running.SetLimit(groupRetriesAtOnce)
	return g
}

const (
	groupRetriesAtOnce = 32
	// groupRetryPatience is longer than the longest retry: a step that has been running for longer is asked about again,
	// under the same decision.
	groupRetryPatience = time.Minute
	groupRetryIdle     = time.Second
)

// round begins the next retry, and answers how long the policy lets the system rest after it.
func (g *groupRetrier) round(ctx context.Context) (time.Duration, error) {
	due, found, err := g.store.Casework.ClaimGroupRetry(ctx, groupRetryPatience)
	if err != nil || !found {
		return groupRetryIdle, err
	}
	g.running.Go(func() error { g.one(ctx, due); return nil })
	return g.policies.For(due.University).Work.RetryPause.Std(), nil
}

// end waits for the retries that run; each keeps its own outcome.
func (g *groupRetrier) end() { _ = g.running.Wait() }

// one retries one step and keeps what became of it. A step whose outcome is not known stays running, and is asked about
// again.
func (g *groupRetrier) one(ctx context.Context, due casework.DueGroupRetry) {
	ctx, cancel := context.WithTimeout(ctx, groupRetryPatience)
	defer cancel()
	state, failure := g.outcome(ctx, due)
	if state == "" {
		g.log.InfoContext(ctx, "the outcome of a retry is not known yet", "decision", due.ID, "error", failure)
		return
	}
	if err := g.store.Casework.CloseGroupRetry(context.WithoutCancel(ctx), due.ID, state, failure); err != nil {
		g.log.WarnContext(ctx, "the outcome of a retry was not kept", "decision", due.ID, "error", err)
	}
}

// outcome is what became of a step, empty while that is not known.
func (g *groupRetrier) outcome(ctx context.Context, due casework.DueGroupRetry) (state string, failure error) {
	who, request := due.Member(), groupRequest(due)
	_, decided, err := g.store.Casework.KnownDecision(ctx, request) // before this worker asked: the last one is gone
	switch {
	case err != nil:
		return "", err
	case due.Left, !who.May(campus.SettleSteps, due.Campus):
		return "refused", campus.NotPermitted(campus.SettleSteps)
	case due.Held && !decided:
		return "refused", campus.Errorf(campus.Conflict, "claimed_by_another", "work item %s is claimed by another", due.Item)
	case due.Closed && !decided:
		return "not_parked", nil
	case due.Tried && !decided:
		return "tried_elsewhere", nil
	}
	decision, err := g.retry(ctx, due, request)
	switch {
	case err == nil:
		return outcomeOf(decision)
	case untried(err) != "":
		return untried(err), nil
	case campus.CodeOf(err).Retryable():
		return "", err
	default:
		return "refused", err
	}
}

// outcomeOf is what became of a step by the decision to retry it. One that was refused has come to its end, whatever
// its code: with a fault of ours it was tried and has failed, as the member is told of a single one.
func outcomeOf(d casework.Decision) (state string, failure error) {
	switch d.State {
	case casework.DecisionOpen:
		return "", nil
	case casework.DecisionRefused:
		switch {
		case untried(d.Why) != "":
			return untried(d.Why), nil
		case d.Why.Code.Retryable():
			return "failed", d.Why
		}
		return "refused", d.Why
	}
	var settled campus.Settled
	switch err := json.Unmarshal(d.Answer, &settled); {
	case err != nil:
		return "", err
	case settled.Outcome == campus.StepOK:
		return "ok", nil
	}
	return "failed", &campus.Error{Code: settled.Code, Reason: settled.Reason, Message: settled.Message}
}

// untried is the state of a step that was not tried by a retry: it had gone well or been settled, or its case had
// ended; or somebody else was trying it, or had tried it and it was parked again. Empty for another reason.
func untried(err error) string {
	if campus.CodeOf(err) == campus.NotFound {
		return "not_parked"
	}
	switch campus.ReasonOf(err) {
	case campus.StepNotParked, campus.StepOver, campus.WrongStage:
		return "not_parked"
	case "stale_step", "step_busy", "decision_pending":
		return "tried_elsewhere"
	}
	return ""
}

// retry opens the decision of the member to retry the step, once however often it is called, and has the case take it.
// While it is open, what becomes of it is not known.
func (g *groupRetrier) retry(ctx context.Context, due casework.DueGroupRetry,
	request casework.Request) (casework.Decision, error) {
	decision, err := g.store.Casework.OpenDecision(ctx, request, casework.NewDecision{
		Case: campus.CaseRef{Kind: due.CaseKind, ID: due.CaseID}, Update: campus.SettleStepUpdate,
		Said:    campus.Said{Action: string(campus.RetryStep), Step: due.Step, Attempt: due.Attempt},
		Payload: cards.ReviewNote{},
	})
	if err == nil && decision.State == casework.DecisionOpen {
		decision, err = g.sender.Send(ctx, decision)
	}
	return decision, err
}

func groupRequest(due casework.DueGroupRetry) casework.Request {
	return casework.Request{ID: due.ID, Key: "group-retry/" + due.ID.String(), Actor: campus.Staff(due.StaffID),
		Route: "group retry", BodyHash: due.ID[:]}
}
