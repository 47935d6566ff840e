package worker_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// behind is how far the clock of a machine is behind: less than what is brought forward after a clock has been set
// back, so that this does not help here.
const behind = 10 * time.Minute

// workBehind runs a worker on a machine whose clock is behind, and answers its metrics.
func workBehind(t *testing.T, e *workflowtest.Engine) *prometheus.Registry {
	t.Helper()
	cfg := e.Config
	cfg.ClockEvery = time.Minute
	quiet := slog.New(slog.DiscardHandler)
	store, err := storage.Open(t.Context(), cfg, func() time.Time { return time.Now().Add(-behind) }, quiet)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	metrics := prometheus.NewRegistry()
	w := worker.New(worker.Config{Unmanaged: true, Metrics: metrics}, e.Client, store, e.Systems, e.Policies, quiet)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	return metrics
}

// oldest are the metrics that say how long something has waited, in seconds.
func oldest(t *testing.T, metrics *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := metrics.Gather()
	require.NoError(t, err)
	seen := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if strings.HasSuffix(family.GetName(), "_oldest_seconds") {
				seen[family.GetName()] = min(seen[family.GetName()], metric.GetGauge().GetValue())
			}
		}
	}
	return seen
}

func notNegative(t *testing.T, seen map[string]float64) {
	t.Helper()
	require.NotEmpty(t, seen)
	for name, seconds := range seen {
		require.GreaterOrEqual(t, seconds, 0.0, name)
	}
}

// What is due is asked of Postgres's clock, so that one wrong machine holds up nobody (K5).
func TestWorkerWhoseClockIsBehindLeavesNothingUndone(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	ref := e.Apply(e.Student(), workflowtest.Good)
	metrics := workBehind(t, e)
	e.AwaitStage(ref, campus.StageReview)
	e.Exec(`insert into outbox (kind, workflow, workflow_id, created_at, next_try)
		values ('signal', $1, $2, now(), now())`, campus.FactsChanged, ref.WorkflowID())
	e.Await(func() bool { return inOutbox(e) == 0 }, "the signal is delivered")
	e.Await(func() bool {
		return storagetest.One[int](e.Env.Env, `select count(*) from notices where done_at is null`) == 0
	}, "the messages are sent")
	notNegative(t, oldest(t, metrics))
}

// What a clock had put off that has been set back since, as after a failover of Postgres, comes up as soon as a worker
// looks (K5).
func TestWorkerBringsForwardWhatAClockHasPutOff(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	stop := e.Work(worker.Config{})
	ref := e.Apply(e.Student(), workflowtest.Good)
	e.AwaitStage(ref, campus.StageReview)
	stop()
	e.Exec(`insert into outbox (kind, workflow, workflow_id, created_at, next_try)
		values ('signal', $1, $2, now() + interval '1 hour', now() + interval '1 hour')`, campus.FactsChanged, ref.WorkflowID())
	e.Work(worker.Config{})
	e.Await(func() bool { return inOutbox(e) == 0 }, "the signal is delivered")
}

// What was written by a process that is a little ahead has waited for no time, and not for less.
func TestNothingHasWaitedForLessThanNoTime(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	ref := e.Apply(e.Student(), workflowtest.Good)
	e.Exec(`insert into outbox (kind, workflow, workflow_id, created_at, next_try)
		values ('signal', $1, $2, now() + interval '1 hour', now() + interval '1 hour')`,
		campus.FactsChanged, ref.WorkflowID())
	e.Exec(`update cases set since = now() + interval '1 hour'`)
	metrics := prometheus.NewRegistry()
	quiet := slog.New(slog.DiscardHandler)
	worker.New(worker.Config{Unmanaged: true, Metrics: metrics}, e.Client, e.Store, e.Systems, e.Policies, quiet)
	seen := oldest(t, metrics)
	require.Contains(t, seen, "campuscard_outbox_oldest_seconds")
	require.Contains(t, seen, "campuscard_cases_oldest_seconds")
	notNegative(t, seen)
}
