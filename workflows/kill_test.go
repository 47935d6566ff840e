package workflows_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/workflows/workflowtest"
)

// killing is a case whose worker is killed at every stage, in the middle of what it does.
type killing struct {
	*engineTest
	worker *workflowtest.Process
}

// during kills the worker while a system of the school acts and has not answered yet, and starts another.
func (k *killing) during(system, operation string, next func()) {
	k.t.Helper()
	before := k.School.Calls(operation)
	k.School.Fault(system, "slow", workflowtest.Fields{"latency_ms": 60_000, "moment": "after"})
	next()
	k.Await(func() bool { return k.School.Calls(operation) > before }, "%s is called", system)
	k.worker.Kill()
	k.School.Fault(system, "none")
	k.worker = k.Process()
}

func TestWorkerKilledAtEveryStage(t *testing.T) {
	t.Parallel()
	k := &killing{engineTest: newLiveUnder(t, workflowtest.Patient, workflowtest.Good)}
	k.during("carrier", "verification", func() { k.worker = k.Process() })
	k.await(campus.StageReview)
	k.during("library", "open_patron", func() { k.review(campus.Approve, "") })
	k.await(campus.StageActivation)
	k.during("bureau", "order", k.activate)
	k.plastic()
	k.worker.Kill()
	k.report("delivered", 2) // while nobody works
	k.worker = k.Process()
	k.pickUp()
	k.end(campus.Completed)
	require.Equal(t, map[string]int{
		"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
	}, k.effects())
	application := k.application()
	require.Equal(t, campus.AttemptLost, k.Tries(application, "phone")[0].Outcome)
	require.Equal(t, campus.AttemptOK, k.Tries(application, "phone")[1].Outcome)
	require.Equal(t, campus.AttemptLost, k.Tries(application, "grant-library")[0].Outcome)
	require.Equal(t, "applied checking checked liveness_passed photo_matched review_asked approved provisioned activated",
		joined(k.Events(application)))
	require.Equal(t, "plastic_begun plastic_ordered plastic_ready picked_up", joined(k.Events(k.ref)))
}

// A worker that dies in the middle of a call says nothing about the system that was called: not when staff have asked
// for the try, and not when it was the last one. The call is made again under its key, and acts once.
func TestWorkerKilledInARetry(t *testing.T) {
	t.Parallel()
	k := &killing{engineTest: newLiveUnder(t, workflowtest.Quick, workflowtest.Good)}
	k.worker = k.Process()
	k.await(campus.StageReview)
	k.School.Fault("library", "outage")
	k.review(campus.Approve, "")
	k.AwaitParked(k.ref, "grant-library", 1)
	var retry casework.Decision
	by := workflowtest.Staff("operator")
	k.during("library", "open_patron", func() { // the worker sends it
		var err error
		retry, err = k.Env.Decide(k.ref, campus.SettleStepUpdate, by,
			campus.Said{Action: string(campus.RetryStep), Step: "grant-library", Attempt: 1}, struct{}{})
		require.NoError(t, err)
	})
	k.await(campus.StageActivation)
	var settled campus.Settled
	k.Await(func() bool {
		d, err := k.Casework.FindDecision(t.Context(), by, retry.ID)
		require.NoError(t, err)
		return d.State == casework.DecisionDone && json.Unmarshal(d.Answer, &settled) == nil
	}, "the retry has its answer")
	require.Equal(t, campus.Settled{Step: "grant-library", Attempt: 2, Outcome: campus.StepOK}, settled)
	require.NotContains(t, k.Events(k.ref), "step_failed_again")
	require.Equal(t, 1, k.School.Effects("open_patron"))
	require.Len(t, k.School.Keys("open_patron"), 1)
	tries := k.Tries(k.ref, "grant-library")
	require.Equal(t, []campus.AttemptOutcome{campus.AttemptLost, campus.AttemptOK},
		[]campus.AttemptOutcome{tries[len(tries)-2].Outcome, tries[len(tries)-1].Outcome})
}

func TestWorkerKilledInTheLastTry(t *testing.T) {
	t.Parallel()
	k := &killing{engineTest: newLiveUnder(t, "steps: {tries: 1, backoff: 50ms, call: 5s}", workflowtest.Good)}
	k.during("carrier", "verification", func() { k.worker = k.Process() })
	k.await(campus.StageReview)
	require.NotContains(t, k.Events(k.ref), "step_parked")
	require.Equal(t, campus.AttemptLost, k.Tries(k.ref, "phone")[0].Outcome)
}

func TestWorkerStoppedAndStartedAtEveryStage(t *testing.T) {
	t.Parallel()
	l := newLiveUnder(t, workflowtest.Patient, workflowtest.Good)
	for _, step := range []struct {
		stage campus.Stage
		next  func()
	}{
		{campus.StageReview, func() { l.review(campus.AskMore, "certificate_unreadable") }},
		{campus.StageEvidence, func() { l.byStudent(campus.BringEvidenceUpdate, struct{}{}) }},
		{campus.StageReview, func() { l.review(campus.Approve, "") }},
		{campus.StageActivation, l.activate},
	} {
		stop := l.work()
		l.await(step.stage)
		stop()
		stop = l.work()
		step.next()
		stop()
	}
	l.work()
	l.end(campus.Completed)
}
