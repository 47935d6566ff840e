package decisions

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"

	"campuscard/campus"
	"campuscard/workflows/engine"
)

// Lost deals with a case that seems to have no workflow, as after Temporal was restored from a dump that is older than
// the case. It starts the workflow again where that is safe; else it opens an incident, once.
func (s *Sender) Lost(ctx context.Context, ref campus.CaseRef) error {
	found, err := s.temporal.DescribeWorkflowExecution(ctx, ref.WorkflowID(), "")
	switch {
	case engine.IsGone(err):
		if begins, err := s.store.Casework.StartAgain(ctx, ref); err != nil || begins {
			return err
		}
	case err != nil:
		return err
	case found.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return nil
	default: // it was ended, and Temporal begins none a second time
		if open, err := s.store.Casework.CaseIsOpen(ctx, ref); err != nil || !open {
			return err
		}
	}
	s.log.ErrorContext(ctx, "an open case has no workflow", "workflow_id", ref.WorkflowID())
	return s.store.Casework.OpenIncident(ctx, ref, campus.NewWorkItem{
		Kind: campus.IncidentItem, Step: campus.LostWorkflow, Attempt: 1, Cause: campus.Internal, Reason: campus.WorkflowLost,
	})
}

// Found closes the incident of Lost: the case has a workflow again.
func (s *Sender) Found(ctx context.Context, ref campus.CaseRef) error {
	return s.store.Casework.CloseIncident(ctx, ref, campus.LostWorkflow)
}
