package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// D3: batches on a schedule, of each university its own. Nothing runs but cases.
func TestScheduleOpensBatches(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Batched+"universities: {lcu: {production: {schedule: \"@every 1s\"}}}").Engine()
	e.School.Bureau(workflowtest.Fields{"produce_ms": 3_600_000})
	student := e.Student()
	ref := e.Apply(student, workflowtest.Good)
	e.Work(worker.Config{Schedules: true})
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
	require.Equal(t, 3, storagetest.One[int](e.House.House, `select count(*) from cases`), "application, plastic, batch: a look is none")
}
