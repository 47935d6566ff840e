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
	require.Equal(t, 1, storagetest.One[int](e.Env.Env,
		`select count(*) from batches where reason = 'schedule' and cards = 1`))
	require.Equal(t, 3, storagetest.One[int](e.Env.Env, `select count(*) from cases`),
		"application, plastic, batch: a look is none")
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
	told, ended := warnings{make(chan time.Time, 100)}, make(chan struct{})
	go func() {
		worker.OpenBatches(ctx, h.Store, policies, slog.New(told))
		close(ended)
	}()
	looked := func(university string, since time.Time) {
		t.Helper()
		require.Eventually(t, func() bool {
			return storagetest.One[bool](h, `select exists (select 1 from batch_rounds where university = $1 and at >= $2)`,
				university, since)
		}, time.Minute, 20*time.Millisecond)
	}
	looked(storagetest.University, h.Clock.Now())
	looked("zzz", h.Clock.Now())
	h.ExecAsOwner(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`)
	h.ExecAsOwner(`create trigger refuse before insert or update on batch_rounds for each row
		when (new.university <> 'zzz') execute function refuse()`)
	h.Clock.Advance(time.Hour)
	looked("zzz", h.Clock.Now())
	first := <-told.at
	require.Greater(t, (<-told.at).Sub(first), time.Second, "nothing is tried without a pause")
	stop()
	<-ended
}

// D3: a time of the schedule that nobody was there for is made up for within the hour. What is opened then is of the
// size and the policy of now, and until the next time nobody looks.
func TestSchedulesAreMadeUpForWithinTheHour(t *testing.T) {
	t.Parallel()
	nine := time.Date(2026, time.November, 18, 9, 0, 0, 0, campus.Shanghai)
	for name, test := range map[string]struct {
		last, now time.Time
		opened    bool
	}{
		"before the time":                     {nine.Add(-time.Hour), nine.Add(-time.Second), false},
		"at the time":                         {nine.Add(-time.Hour), nine, true},
		"a little late":                       {nine.Add(-time.Hour), nine.Add(time.Minute), true},
		"when that time was followed":         {nine, nine.Add(time.Minute), false},
		"after a night, within the hour":      {nine.Add(-20 * time.Hour), nine.Add(time.Hour - time.Second), true},
		"after a night, when it is over":      {nine.Add(-20 * time.Hour), nine.Add(time.Hour), false},
		"after a week, before the time":       {nine.AddDate(0, 0, -7), nine.Add(-time.Second), false},
		"after a week, a little late as well": {nine.AddDate(0, 0, -7), nine.Add(time.Minute), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			policies, err := campus.LoadPolicies(deploy.Policy,
				[]byte(`production: {schedule: "0 9 * * *", batch_size: 2, batch_at: 2}`))
			require.NoError(t, err)
			h.WaitingCards(h.Applied(h.Person()), 3)
			round, pause := worker.BatchRounds(h.Store, policies)
			at := func(now time.Time) int {
				t.Helper()
				h.Clock.Advance(now.Sub(h.Clock.Now()))
				require.NoError(t, round(t.Context()))
				return storagetest.One[int](h, `select count(*) from batches`)
			}
			looked := func(last time.Time) {
				h.Exec(`insert into batch_rounds (university, at) select code, $1 from universities
					on conflict (university) do update set at = excluded.at`, last)
			}
			looked(test.last)
			if !test.opened {
				require.Zero(t, at(test.now))
				return
			}
			require.Equal(t, 1, at(test.now))
			require.Equal(t, 1, storagetest.One[int](h, `select count(*) from batches b join cases c using (id)
				where b.cards = 2 and b.reason = 'schedule' and c.policy_version = $1`, policies.Version()))
			looked(test.last)
			require.Equal(t, 1, at(test.now.Add(time.Second)), "the next time is known, so nobody looks before it")
			tomorrow := nine.AddDate(0, 0, 1)
			for before, want := range map[time.Duration]time.Duration{
				time.Hour: time.Minute, 10 * time.Second: 10 * time.Second,
				time.Millisecond: 100 * time.Millisecond, -time.Second: 100 * time.Millisecond,
			} {
				h.Clock.Advance(tomorrow.Add(-before).Sub(h.Clock.Now()))
				require.Equal(t, want, pause(), "%s before the next time", before)
			}
			require.Equal(t, 2, at(tomorrow), "the rest")
		})
	}
}
