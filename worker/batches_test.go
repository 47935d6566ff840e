package worker_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
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

// warnings says when each was given.
type warnings struct{ at chan time.Time }

func (warnings) Enabled(context.Context, slog.Level) bool { return true }

func (w warnings) Handle(context.Context, slog.Record) error {
	w.at <- time.Now()
	return nil
}

func (w warnings) WithAttrs([]slog.Attr) slog.Handler { return w }

func (w warnings) WithGroup(string) slog.Handler { return w }

// D3: what goes wrong at one university does not keep the batches of another waiting, and is not tried without a pause.
func TestOneUniversityDoesNotStopTheSchedulesOfOthers(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	h.University("zzz")
	policies, err := campus.LoadPolicies(deploy.Policy, []byte(`production: {schedule: "@every 1s"}`))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	told, ended := warnings{make(chan time.Time, 100)}, make(chan error, 1)
	go func() { ended <- worker.OpenBatches(ctx, h.Store, policies, slog.New(told)) }()
	looked := func(university string, since time.Time) {
		t.Helper()
		require.Eventually(t, func() bool {
			return storagetest.One[bool](h, `select coalesce(batches_looked_at >= $2, false) from universities where code = $1`, university, since)
		}, time.Minute, 20*time.Millisecond)
	}
	looked(storagetest.University, h.Clock.Now())
	looked("zzz", h.Clock.Now())
	h.ExecAsOwner(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`)
	h.ExecAsOwner(`create trigger refuse before update on universities for each row when (new.code <> 'zzz') execute function refuse()`)
	h.Clock.Advance(time.Hour)
	looked("zzz", h.Clock.Now())
	first := <-told.at
	require.Greater(t, (<-told.at).Sub(first), time.Second, "nothing is tried without a pause")
	stop()
	require.NoError(t, <-ended)
}
