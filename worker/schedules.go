package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/workflows"
)

// schedules keeps a Temporal schedule for each university, which opens its batches (D3). What the policy says when a
// worker starts is what is kept; a university without a schedule has none.
type schedules struct {
	store    *storage.Store
	temporal client.Client
	policies *campus.Policies
	log      *slog.Logger
}

const (
	schedulePause   = 2 * time.Second // between tries while Temporal or Postgres is away
	scheduleLook    = time.Minute     // between looks for universities that are new
	scheduleCatchUp = time.Hour
)

func (s *schedules) run(ctx context.Context) error {
	kept := map[string]bool{}
	for {
		pause := scheduleLook
		if err := s.keepNew(ctx, kept); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "the schedules wait", "error", err)
			pause = schedulePause
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

// keepNew keeps the schedules of the universities that this worker has not seen yet.
func (s *schedules) keepNew(ctx context.Context, kept map[string]bool) error {
	universities, err := s.store.Universities(ctx)
	if err != nil {
		return err
	}
	for _, u := range universities {
		if kept[u.Code] {
			continue
		}
		if err := s.keep(ctx, u.Code, s.policies.For(u.Code).Production); err != nil {
			return fmt.Errorf("keep the schedule of %s: %w", u.Code, err)
		}
		kept[u.Code] = true
	}
	return nil
}

// keep makes the schedule of a university what its policy says.
func (s *schedules) keep(ctx context.Context, university string, policy campus.ProductionPolicy) error {
	id := "batches/" + university
	handle := s.temporal.ScheduleClient().GetHandle(ctx, id)
	if !policy.Batches || policy.Schedule == "" {
		if err := handle.Delete(ctx); err != nil && !workflows.IsGone(err) {
			return err
		}
		return nil
	}
	spec := client.ScheduleSpec{CronExpressions: []string{policy.Schedule}, TimeZoneName: campus.Shanghai.String()}
	action := &client.ScheduleWorkflowAction{
		ID: workflows.OpenBatchWorkflow + "/" + university, Workflow: workflows.OpenBatchWorkflow, TaskQueue: workflows.CaseQueue,
		Args: []any{university}, StaticSummary: "open a batch · " + university,
	}
	_, err := s.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Spec: spec, Action: action, CatchupWindow: scheduleCatchUp, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
	})
	if !alreadyScheduled(err) {
		return err
	}
	return handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			now := in.Description.Schedule
			now.Spec, now.Action = &spec, action
			return &client.ScheduleUpdate{Schedule: &now}, nil
		},
	})
}

func alreadyScheduled(err error) bool {
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return true
	}
	_, started := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err)
	return started
}
