package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/worker"
	"campuscard/workflows"
	"campuscard/workflows/workflowtest"
)

// approve and others are what people answer on the real server; each requires that the answer is yes.
func approve(t *testing.T, e *workflowtest.Engine, ref campus.CaseRef) {
	t.Helper()
	e.AwaitStage(ref, campus.StageReview)
	_, err := e.Send(ref, workflows.ReviewUpdate, workflowtest.Staff("reviewer"), struct{}{},
		func(d *workflows.Decide) { d.Action = string(campus.Approve) })
	require.NoError(t, err)
}

func activate(t *testing.T, e *workflowtest.Engine, ref campus.CaseRef, s workflowtest.Student) {
	t.Helper()
	e.AwaitStage(ref, campus.StageActivation)
	_, err := e.Send(ref, workflows.ActivateUpdate, campus.Student(s.ID), struct{}{}, nil)
	require.NoError(t, err)
	require.NoError(t, e.Ended(ref))
}

func TestPlainApplicationOnTheRealServer(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	student := e.Student()
	ref := e.Apply(student, workflowtest.Good)
	approve(t, e, ref)
	activate(t, e, ref, student)
	require.Equal(t, campus.Completed, e.Case(ref).Outcome)
	events := len(e.History(ref).Events)
	t.Logf("the history of a plain application has %d events", events)
	require.LessOrEqual(t, events, 100)
}
