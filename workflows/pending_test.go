package workflows_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

// What has become known goes with the next move: also with the one that parks a step.
func TestNewsGoWithTheMoveThatParks(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	l := working(t, workflowtest.Good, &around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
		if activity.GetInfo(ctx).ActivityType.Name == "CompareFaces" && !mended.Load() {
			return nil, campus.Errorf(campus.Invalid, "", "it cannot be compared")
		}
		return run()
	}})
	step := string(campus.PhotoItem)
	l.AwaitParked(l.ref, step, 1)
	require.Equal(t, []string{"applied", "checking", "checked", "liveness_passed", "step_parked"}, l.Events(l.ref))
	require.Equal(t, "pass", l.Verdicts(l.ref)[campus.LivenessItem])
	l.requireTries("ok", 5)
	require.Equal(t, 6, len(l.Objects()), "what the comparison needs is kept, and the papers")

	mended.Store(true)
	require.Equal(t, campus.StepOK, l.settle("operator", campus.RetryStep, step, 1).Outcome)
	l.review(campus.Approve, "")
	l.activate()
	l.end(campus.Completed)
	l.requireTries("ok", 9)
	require.Equal(t, 3, storagetest.One[int](l.Env.Env,
		`select count(*) from provisions where reference <> '' and revoked_at is null`))
}

// requireTries requires that so many calls have ended in one way, and none in another.
func (l *engineTest) requireTries(outcome string, want int) {
	l.t.Helper()
	require.Equal(l.t, want, storagetest.One[int](l.Env.Env,
		`select count(*) from attempts where case_id = $1 and outcome = $2`, l.ref.ID, outcome))
	require.Zero(l.t, storagetest.One[int](l.Env.Env,
		`select count(*) from attempts where case_id = $1 and outcome <> $2`, l.ref.ID, outcome))
}
