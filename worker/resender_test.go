package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// A withdrawal whose undoing is stuck answers late. Sending it again is over within the lease, so that no second worker
// takes it meanwhile and no other decision waits for it.
func TestResendOfALongWithdrawalIsOverSoon(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	student := e.Student()
	ref := e.Apply(student, workflowtest.Good)
	e.AwaitStage(ref, campus.StageReview)
	_, err := e.Send(ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"),
		campus.Said{Action: string(campus.Approve)}, struct{}{})
	require.NoError(t, err)
	e.AwaitStage(ref, campus.StageActivation)
	e.School.Fault("library", "outage")
	d, err := e.Env.Decide(ref, campus.WithdrawUpdate, campus.Student(student.ID), campus.Said{}, struct{}{})
	require.NoError(t, err)
	sender := decisions.NewSender(e.Store, e.Client, e.Log)
	for range 2 { // and again: Temporal knows it
		began := time.Now()
		d, err = sender.Resend(t.Context(), d)
		require.NoError(t, err)
		require.Less(t, time.Since(began), casework.ResendLease)
		require.Equal(t, casework.DecisionOpen, d.State)
	}
	require.Equal(t, 1, storagetest.One[int](e.Env.Env, `select count(*) from moves where decision = $1`, d.ID))
}
