package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

func TestOpenCasesAreReplayed(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	for range 2 {
		e.AwaitStage(e.Apply(e.Student(), workflowtest.Good), campus.StageReview)
	}
	replay := func() (int, error) {
		return worker.Replay(t.Context(), e.Client, e.Namespace, slog.New(slog.DiscardHandler))
	}
	e.Await(func() bool {
		count, err := replay()
		require.NoError(t, err)
		return count == 2
	}, "both cases are listed")

	startAnother(t, e)
	e.Await(func() bool {
		count, err := replay()
		return count == 3 && err != nil && err.Error() == "1 of 3 open cases break with this build"
	}, "the case of another build is found")
}

// moving is a client for which the history of every case lacks an event the first times it is fetched, as one that was
// fetched while the case moved.
func moving(t *testing.T, e *workflowtest.Engine, times int) client.Client {
	t.Helper()
	var mu sync.Mutex
	fetched := map[string]int{}
	cut := func(ctx context.Context, method string, asked, answer any, to *grpc.ClientConn, call grpc.UnaryInvoker,
		options ...grpc.CallOption,
	) error {
		err := call(ctx, method, asked, answer, to, options...)
		page, isHistory := answer.(*workflowservice.GetWorkflowExecutionHistoryResponse)
		if err != nil || !isHistory {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		id := asked.(*workflowservice.GetWorkflowExecutionHistoryRequest).GetExecution().GetWorkflowId()
		if fetched[id]++; fetched[id] <= times {
			page.History.Events = slices.DeleteFunc(page.History.Events, func(event *history.HistoryEvent) bool {
				return event.GetEventType() == enumspb.EVENT_TYPE_MARKER_RECORDED
			})
		}
		return nil
	}
	return through(t, e, cut)
}

// through is a client whose calls of Temporal go through something.
func through(t *testing.T, e *workflowtest.Engine, something grpc.UnaryClientInterceptor) client.Client {
	t.Helper()
	temporal, err := client.NewLazyClient(client.Options{
		HostPort: e.Address, Namespace: e.Namespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		ConnectionOptions: client.ConnectionOptions{
			DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(something)},
		},
	})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	return temporal
}

// named are the cases that a log names, in its order.
func named(t *testing.T, log io.Reader) []string {
	t.Helper()
	var ids []string
	for lines := json.NewDecoder(log); lines.More(); {
		var line struct {
			ID string `json:"workflow_id"`
		}
		require.NoError(t, lines.Decode(&line))
		ids = append(ids, line.ID)
	}
	return ids
}

func TestCaseThatMovesWhileItIsLookedAtIsFetchedAgain(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.Work(worker.Config{})
	var ids []string
	for range 3 {
		ref := e.Apply(e.Student(), workflowtest.Good)
		e.AwaitStage(ref, campus.StageReview)
		ids = append(ids, ref.WorkflowID())
	}
	slices.Sort(ids)
	e.Await(func() bool {
		count, err := worker.Replay(t.Context(), e.Client, e.Namespace, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		return count == len(ids)
	}, "all cases are listed")
	var log bytes.Buffer
	count, err := worker.Replay(t.Context(), moving(t, e, 2), e.Namespace, slog.New(slog.NewJSONHandler(&log, nil)))
	require.NoError(t, err)
	require.Equal(t, len(ids), count)
	require.Empty(t, log.String(), "nobody is named who goes well in the end")

	count, err = worker.Replay(t.Context(), moving(t, e, 3), e.Namespace, slog.New(slog.NewJSONHandler(&log, nil)))
	require.EqualError(t, err, "3 of 3 open cases break with this build")
	require.Equal(t, len(ids), count)
	require.Equal(t, ids, named(t, &log), "in one order, each once")
}

// A Temporal that goes away says nothing about a case.
func TestReplayNamesNobodyWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	startAnother(t, e)
	e.Await(func() bool {
		_, err := worker.Replay(t.Context(), e.Client, e.Namespace, slog.New(slog.DiscardHandler))
		return err != nil
	}, "the case is listed")
	leaves := func(ctx context.Context, method string, asked, answer any, to *grpc.ClientConn, call grpc.UnaryInvoker,
		options ...grpc.CallOption,
	) error {
		if _, isHistory := asked.(*workflowservice.GetWorkflowExecutionHistoryRequest); isHistory {
			return status.Error(codes.Unavailable, "gone after it has listed the cases")
		}
		return call(ctx, method, asked, answer, to, options...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var log bytes.Buffer
	_, err := worker.Replay(ctx, through(t, e, leaves), e.Namespace, slog.New(slog.NewJSONHandler(&log, nil)))
	require.ErrorContains(t, err, "fetch the history")
	require.Empty(t, log.String())
}

// startAnother starts a case whose workflow is of another build, which did something quite different.
func startAnother(t *testing.T, e *workflowtest.Engine) {
	t.Helper()
	other := sdkworker.New(e.Client, "other", sdkworker.Options{DisableRegistrationAliasing: true})
	slept := make(chan struct{})
	other.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ campus.CaseInput) error {
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return err
		}
		close(slept)
		return workflow.Sleep(ctx, time.Hour)
	}, workflow.RegisterOptions{Name: string(campus.PlasticCase)})
	require.NoError(t, other.Start())
	t.Cleanup(other.Stop)
	input := campus.CaseInput{
		Case:       campus.CaseRef{Kind: campus.PlasticCase, ID: uuid.New()},
		University: storagetest.University, Campus: storagetest.EastCampus,
	}
	_, err := e.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: input.Case.WorkflowID(), TaskQueue: "other", TypedSearchAttributes: engine.StartAttributes(input),
	}, string(campus.PlasticCase), input)
	require.NoError(t, err)
	<-slept
}
