package worker_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows"
	"campuscard/workflows/workflowtest"
)

// D3: batches on a schedule, a Temporal schedule for each university.
func TestScheduleOpensBatches(t *testing.T) {
	t.Parallel()
	// A namespace of its own kind: a schedule would open batches for other tests.
	e := workflowtest.New(t, workflowtest.Batched+"universities: {lcu: {production: {schedule: \"@every 1s\"}}}").EngineOf("test-schedules")
	schedule := e.Client.ScheduleClient().GetHandle(t.Context(), "batches/"+storagetest.University)
	t.Cleanup(func() { _ = schedule.Delete(context.WithoutCancel(t.Context())) }) // the test has deleted it, if it went well
	e.School.Bureau(workflowtest.Fields{"produce_ms": 3_600_000})
	student := e.Student()
	ref := e.Apply(student, workflowtest.Good)
	stop := e.Work(worker.Config{Schedules: true})
	e.AwaitStage(ref, campus.StageReview)
	send := func(update string, by campus.Actor, action string) {
		_, err := e.Send(ref, update, by, campus.Said{Action: action}, struct{}{})
		require.NoError(t, err)
	}
	send(campus.ReviewUpdate, workflowtest.Staff("reviewer"), string(campus.Approve))
	e.AwaitStage(ref, campus.StageActivation)
	send(campus.ActivateUpdate, campus.Student(student.ID), "")
	e.AwaitStage(e.PlasticCase(ref), campus.StageProduction)
	require.Equal(t, 1, storagetest.One[int](e.House.House, `select count(*) from batches where reason = 'schedule' and cards = 1`))
	stop()

	policies, err := campus.LoadPolicies(deploy.Policy, []byte(`production: {schedule: ""}`))
	require.NoError(t, err)
	e.Policies = policies
	e.Work(worker.Config{Schedules: true})
	e.Await(func() bool {
		_, err := schedule.Describe(t.Context())
		return workflows.IsGone(err)
	}, "a university without a schedule has none")
}

func TestScheduleIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, "").EngineOf("test-schedules")
	schedule := e.Client.ScheduleClient().GetHandle(t.Context(), "batches/"+storagetest.University)
	t.Cleanup(func() { _ = schedule.Delete(context.WithoutCancel(t.Context())) }) // so that it opens nothing in tests to come
	for cron, hour := range map[string]int{"0 9 * * *": 9, "0 15 * * *": 15} {
		policies, err := campus.LoadPolicies(deploy.Policy, []byte(`production: {schedule: "`+cron+`"}`))
		require.NoError(t, err)
		e.Policies = policies
		stop := e.Work(worker.Config{Schedules: true})
		e.Await(func() bool {
			found, err := schedule.Describe(t.Context())
			return err == nil && len(found.Info.NextActionTimes) > 0 &&
				found.Info.NextActionTimes[0].In(campus.Shanghai).Hour() == hour
		}, "the schedule is that of the policy")
		stop()
	}
}
