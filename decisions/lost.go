package decisions

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"

	"campuscard/campus"
	"campuscard/workflows/engine"
)

// Lost deals with a case that seems to have no workflow, as after Temporal was restored from a dump that is older than
// the case, or after somebody has terminated it: another run goes on from the row of the case (K8). One that comes no
// further becomes an incident, once.
func (s *Sender) Lost(ctx context.Context, ref campus.CaseRef) error {
	if runs, err := s.runs(ctx, ref); err != nil || runs {
		return err
	}
	if begins, err := s.store.Casework.StartAgain(ctx, ref); err != nil || begins {
		return err
	}
	if runs, err := s.runs(ctx, ref); err != nil || runs { // it has begun in between
		return err
	}
	s.log.ErrorContext(ctx, "an open case has no workflow", "workflow_id", ref.WorkflowID())
	return s.store.Casework.OpenIncident(ctx, ref, campus.NewWorkItem{
		Kind: campus.IncidentItem, Step: campus.LostWorkflow, Attempt: 1, Cause: campus.Internal, Reason: campus.WorkflowLost,
	})
}

// runs tells whether Temporal runs a case.
func (s *Sender) runs(ctx context.Context, ref campus.CaseRef) (bool, error) {
	found, err := s.temporal.DescribeWorkflowExecution(ctx, ref.WorkflowID(), "")
	if engine.IsGone(err) {
		return false, nil
	}
	return found.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, err
}

// Found closes the incident of Lost: the case has a workflow again.
func (s *Sender) Found(ctx context.Context, ref campus.CaseRef) error {
	return s.store.Casework.CloseIncident(ctx, ref, campus.LostWorkflow)
}
