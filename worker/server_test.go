package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

func TestNamespaceIsPreparedAsOftenAsOneLikes(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, "").Engine() // prepares it for the first time
	require.NoError(t, worker.PrepareNamespace(t.Context(), e.Client, e.Namespace))
	known, err := e.Client.OperatorService().ListSearchAttributes(t.Context(),
		&operatorservice.ListSearchAttributesRequest{Namespace: e.Namespace})
	require.NoError(t, err)
	for _, attribute := range engine.SearchAttributes() {
		require.Equal(t, attribute.GetValueType(), known.GetCustomAttributes()[attribute.GetName()], attribute.GetName())
	}
}

func TestPreparingGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, "").Engine()
	line := e.Line()
	line.Cut()
	away := e.Dial(line.Address())
	t.Cleanup(away.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.Error(t, worker.PrepareNamespace(ctx, away, e.Namespace))
}

// current is the build that new cases go to.
func current(t *testing.T, e *workflowtest.Engine) string {
	t.Helper()
	found, err := e.Client.WorkerDeploymentClient().GetHandle(worker.Deployment).Describe(t.Context(),
		client.WorkerDeploymentDescribeOptions{})
	require.NoError(t, err)
	if found.Info.RoutingConfig.CurrentVersion == nil {
		return ""
	}
	return found.Info.RoutingConfig.CurrentVersion.BuildID
}

// promote waits until a build is current. Each call has its time, however long others took.
func promote(t *testing.T, e *workflowtest.Engine, v worker.Version) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), workflowtest.LongestWait)
	defer cancel()
	require.NoError(t, worker.Promote(ctx, e.Client, v))
}

// ofDeployments is a namespace of its own kind: where a build is current, workers without one get nothing.
const ofDeployments = "test-deployments"

func TestBuildBecomesCurrentAndRunningCasesMoveOn(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).EngineOf(ofDeployments)
	ref := e.Apply(e.Student(), workflowtest.Good)
	stop := e.Work(worker.Config{Version: "first"})
	promote(t, e, "first")
	promote(t, e, "first")
	require.Equal(t, "first", current(t, e))
	e.AwaitStage(ref, campus.StageReview)

	e.Work(worker.Config{Version: "second"})
	promote(t, e, "second")
	require.Equal(t, "second", current(t, e))
	stop()
	_, err := e.Send(ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"),
		campus.Said{Action: string(campus.Approve)}, struct{}{})
	require.NoError(t, err)
	e.AwaitStage(ref, campus.StageActivation)
}

func TestBuildThatIsNotCurrentBeginsNoCase(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).EngineOf(ofDeployments)
	stop := e.Work(worker.Config{Version: "first"})
	promote(t, e, "first")
	stop()

	e.Work(worker.Config{Version: "second"})
	ref := e.Apply(e.Student(), workflowtest.Good)
	e.Await(func() bool { return waiting(e) == 0 }, "its dispatcher has started the case")
	time.Sleep(500 * time.Millisecond)
	require.Zero(t, storagetest.One[int](e.Env.Env, `select version from cases where id = $1`, ref.ID))
	promote(t, e, "second")
	e.AwaitStage(ref, campus.StageReview)
}

func TestBuildWithoutWorkersIsNotMadeCurrent(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, "").EngineOf(ofDeployments)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.ErrorContains(t, worker.Promote(ctx, e.Client, "nobody's"), "its workers were not seen in time")
}

func TestThisBuildIsAlwaysTheSame(t *testing.T) {
	t.Parallel()
	first, err := worker.ThisBuild()
	require.NoError(t, err)
	second, err := worker.ThisBuild()
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Len(t, string(first), 12)
}
