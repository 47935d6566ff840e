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
)

// groupRetrier retries the parked steps of a group one after the other, at the rate of the policy: a system that has just
// come back is not run down by all that waited for it (K3).
type groupRetrier struct {
	store    *storage.Store
	sender   *decisions.Sender
	policies *campus.Policies
	log      *slog.Logger
}

const (
	groupRetriesAtOnce = 32
	// groupRetryPatience is longer than the longest retry: a step that has been running for longer is asked about again,
	// under the same decision.
	groupRetryPatience = time.Minute
	groupRetryIdle     = time.Second
)

func (g *groupRetrier) run(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(groupRetriesAtOnce)
	defer group.Wait() //nolint:errcheck // each has kept its own outcome
	for {
		due, found, err := g.store.ClaimGroupRetry(ctx, groupRetryPatience)
		pause := g.policies.For(due.University).Work.RetryPause.Std()
		switch {
		case err != nil && ctx.Err() == nil:
			g.log.WarnContext(ctx, "group retries wait", "error", err)
			pause = groupRetryIdle
		case !found:
			pause = groupRetryIdle
		default:
			group.Go(func() error { g.one(ctx, due); return nil })
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

// one retries one step and keeps what became of it. A step whose outcome is not known stays running, and is asked about
// again.
func (g *groupRetrier) one(ctx context.Context, due storage.DueGroupRetry) {
	ctx, cancel := context.WithTimeout(ctx, groupRetryPatience)
	defer cancel()
	state, failure := g.outcome(ctx, due)
	if state == "" {
		g.log.InfoContext(ctx, "the outcome of a retry is not known yet", "decision", due.ID, "error", failure)
		return
	}
	if err := g.store.CloseGroupRetry(context.WithoutCancel(ctx), due.ID, state, failure); err != nil {
		g.log.WarnContext(ctx, "the outcome of a retry was not kept", "decision", due.ID, "error", err)
	}
}

// outcome is what became of a step, empty while that is not known.
func (g *groupRetrier) outcome(ctx context.Context, due storage.DueGroupRetry) (state string, failure error) {
	who, request := due.Member(), groupRequest(due)
	_, decided, err := g.store.KnownDecision(ctx, request) // before this worker asked: the last one is gone
	switch {
	case err != nil:
		return "", err
	case due.Left, !who.May(campus.SettleSteps, due.Campus):
		return "refused", campus.Errorf(campus.Forbidden, "permission_missing", "the member may not settle this any more")
	case due.Held && !decided:
		return "refused", campus.Errorf(campus.Conflict, "claimed_by_another", "work item %s is claimed by another", due.Item)
	case due.Closed && !decided:
		return "not_parked", nil
	}
	settled, err := g.retry(ctx, due, request)
	switch code := campus.CodeOf(err); {
	case err == nil && settled.Outcome == campus.StepOK:
		return "ok", nil
	case err == nil && settled.Outcome == "":
		return "", nil
	case err == nil:
		return "failed", &campus.Error{Code: settled.Code, Reason: settled.Reason, Message: settled.Message}
	case code == campus.NotFound, isPast(campus.ReasonOf(err)):
		return "not_parked", nil
	case code.Retryable():
		return "", err
	default:
		return "refused", err
	}
}

// isPast tells that a step was not tried because it had been settled, or its case had ended.
func isPast(reason string) bool {
	return reason == "step_not_parked" || reason == "stale_step" || reason == campus.WrongStage
}

// retry opens the decision of the member to retry the step, once however often it is called, and has the case take it. No
// outcome: it is not known yet.
func (g *groupRetrier) retry(ctx context.Context, due storage.DueGroupRetry, request storage.Request) (settled campus.Settled, err error) {
	decision, err := g.store.OpenDecision(ctx, request, storage.NewDecision{
		Case: campus.CaseRef{Kind: due.CaseKind, ID: due.CaseID}, Update: campus.SettleStepUpdate,
		Said:    campus.Said{Action: string(campus.RetryStep), Step: due.Step, Attempt: due.Attempt},
		Payload: storage.ReviewNote{},
	})
	if err == nil && decision.State == storage.DecisionOpen {
		decision, err = g.sender.Send(ctx, decision)
	}
	switch {
	case err != nil:
		return settled, err
	case decision.State == storage.DecisionRefused:
		return settled, decision.Why
	case decision.State == storage.DecisionOpen:
		return settled, nil
	}
	return settled, json.Unmarshal(decision.Answer, &settled)
}

func groupRequest(due storage.DueGroupRetry) storage.Request {
	return storage.Request{ID: due.ID, Key: "group-retry/" + due.ID.String(), Actor: campus.Staff(due.StaffID),
		Route: "group retry", BodyHash: due.ID[:]}
}
