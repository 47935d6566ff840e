package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/workflows"
)

// groupRetrier retries the parked steps of a group one after the other, at the rate of the policy: a system that has just
// come back is not run down by all that waited for it (K3).
type groupRetrier struct {
	store    *storage.Store
	temporal client.Client
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
	who := due.Member()
	decided, err := g.store.Decided(ctx, due.ID) // before this worker asked: the last one is gone
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
	settled, err := g.retry(ctx, due)
	switch code := campus.CodeOf(err); {
	case err == nil && settled.Outcome == workflows.StepOK:
		return "ok", nil
	case err == nil:
		return "failed", &campus.Error{Code: settled.Code, Reason: settled.Reason, Message: settled.Message}
	case code == campus.NotFound, campus.ReasonOf(err) == "step_not_parked", campus.ReasonOf(err) == "stale_step":
		return "not_parked", nil
	case code.Retryable():
		return "", err
	default:
		return "refused", err
	}
}

// retry opens the decision of the member to retry the step, once however often it is called, and has the case take it.
func (g *groupRetrier) retry(ctx context.Context, due storage.DueGroupRetry) (settled workflows.Settled, err error) {
	by, ref := campus.Staff(due.StaffID), campus.CaseRef{Kind: due.CaseKind, ID: due.CaseID}
	decision, err := g.store.OpenDecision(ctx, storage.Request{ID: due.ID, Key: groupKey(due.ID), Actor: by,
		Route: "group retry", BodyHash: due.ID[:]}, ref.WorkflowID(), storage.ReviewNote{})
	if err != nil {
		return settled, err
	}
	handle, err := g.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: ref.WorkflowID(), UpdateID: decision.ID.String(), UpdateName: workflows.SettleStepUpdate,
		Args: []any{workflows.SettleStep{Decision: decision.ID, Seen: decision.Seen, By: by, Step: due.Step, Attempt: due.Attempt,
			Action: campus.RetryStep}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	switch {
	case workflows.IsGone(err):
		return settled, campus.Errorf(campus.NotFound, "", "case %s has ended", due.CaseID)
	case err != nil && workflows.IsOutage(err):
		return settled, campus.Errorf(campus.Unavailable, "engine_down", "the case was not reached: %v", err)
	case err != nil:
		return settled, workflows.FromTemporal(err)
	}
	err = handle.Get(ctx, &settled)
	if err != nil && workflows.IsOutage(err) {
		return settled, campus.Errorf(campus.Unavailable, "engine_down", "the case has not answered: %v", err)
	}
	return settled, workflows.FromTemporal(err)
}

func groupKey(id uuid.UUID) string { return "group-retry/" + id.String() }
