package workflows_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// nextRun has the run of the case end, something happen, and another begin.
func (l *engineTest) nextRun(meanwhile func()) {
	l.t.Helper()
	before := l.run()
	require.NoError(l.t, l.Client.TerminateWorkflow(l.t.Context(), l.ref.WorkflowID(), before, "by the test"))
	meanwhile()
	sender := decisions.NewSender(l.Store, l.Client, l.Log)
	l.Await(func() bool {
		require.NoError(l.t, sender.Lost(l.t.Context(), l.ref))
		return l.run() != before
	}, "another run begins")
}

// away has an activity fail as long as a system is away.
func away(name string) (*around, *atomic.Bool) {
	var fails atomic.Bool
	return &around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
		if activity.GetInfo(ctx).ActivityType.Name == name && fails.Load() {
			return nil, campus.Errorf(campus.Unavailable, "", "it is away")
		}
		return run()
	}}, &fails
}

// What another system has failed counts over all runs: each has what is left of the budget, and not all of it (K3).
func TestTriesCountOverRuns(t *testing.T) {
	t.Parallel()
	l := newLiveUnder(t, "steps: {tries: 2, backoff: 10s, call: 5s, budget: 5m}", workflowtest.Good)
	l.School.Fault("face", "outage")
	l.work()
	l.Await(func() bool { return l.failedChecks() == 1 }, "the face service has failed once")
	l.nextRun(func() {})
	l.AwaitParked(l.ref, "liveness", 1)
	require.Equal(t, 2, l.failedChecks())
}

func interceptors(all ...interceptor.WorkerInterceptor) []interceptor.WorkerInterceptor { return all }

// A retry takes a proposal away, also where the run ends while it is made.
func TestProposalThatARetryTookAwayStaysAway(t *testing.T) {
	t.Parallel()
	const step = "grant-library"
	var holds atomic.Bool
	held, release := make(chan struct{}, 1), make(chan struct{})
	l := newLive(t, workflowtest.Good)
	l.Work(worker.Config{Around: interceptors(&around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
		if activity.GetInfo(ctx).ActivityType.Name != "GrantService" {
			return run()
		}
		if holds.CompareAndSwap(true, false) {
			held <- struct{}{}
			<-release
		}
		return nil, campus.Errorf(campus.Unavailable, "", "it is away")
	}})})
	l.review(campus.Approve, "")
	require.Equal(t, campus.StepSecondPerson, l.settle("first", campus.SkipStep, step, 1).Outcome)
	holds.Store(true)
	d, err := l.Env.Decide(l.ref, campus.SettleStepUpdate, workflowtest.Staff("operator"),
		campus.Said{Action: string(campus.RetryStep), Step: step, Attempt: 1}, struct{}{})
	require.NoError(t, err)
	sender := decisions.NewSender(l.Store, l.Client, l.Log)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = sender.Send(context.WithoutCancel(t.Context()), d) // it is sent again below
	}()
	<-held
	l.nextRun(func() { close(release) })
	<-sent
	l.Await(func() bool {
		d, _ = sender.Send(t.Context(), d)
		return d.State == casework.DecisionDone
	}, "the retry has its answer")
	require.Equal(t, campus.StepSecondPerson, l.settle("second", campus.SkipStep, step, 2).Outcome)
}

// A run that begins when a wait is over already ends it: nobody is reminded of what they cannot do any more.
func TestReminderThatFellDueTogetherWithTheEnd(t *testing.T) {
	t.Parallel()
	l := newLiveUnder(t, workflowtest.Quick+"activation: {wait: 6s, first_reminder: 3s, last_reminder: 5s}\n",
		workflowtest.Good)
	stop := l.work()
	l.review(campus.Approve, "")
	l.await(campus.StageActivation)
	stop()
	require.NotContains(t, l.Events(l.ref), "reminded")
	l.nextRun(func() {
		over := l.Now().Add(7 * time.Second)
		l.Await(func() bool { return l.Now().After(over) }, "the wait is over")
		l.work()
	})
	l.await(campus.StageLapsed)
	require.NotContains(t, l.Events(l.ref), "reminded")
}

// A decision leaves a stage at which a step is parked, and the run ends before the step has let go: nobody is asked
// about it at the next stage.
func TestStepThatIsParkedAtAStageThatWasLeft(t *testing.T) {
	t.Parallel()
	l := working(t, workflowtest.Good, newRunEnder(t))
	l.School.Fault("library", "outage")
	l.review(campus.Approve, "")
	l.AwaitParked(l.ref, "grant-library", 1)
	_, err := l.Env.Decide(l.ref, campus.WithdrawUpdate, campus.Student(l.student.ID), campus.Said{}, struct{}{})
	require.NoError(t, err)
	l.AwaitParked(l.ref, "revoke-library", 1)
	require.Equal(t, []string{"revoke-library"}, []string(l.Case(l.ref).Parked))
	require.Len(t, l.OpenItems(l.ref), 1)
	l.School.Fault("library", "none")
	l.settle("operator", campus.RetryStep, "revoke-library", 1)
	l.end(campus.Withdrawn)
}

// Two people give the case up while the student chooses the counter, and the choice comes first: it stands.
func TestAbortThatIsOvertakenByTheChoiceOfTheCounter(t *testing.T) {
	t.Parallel()
	const step = "liveness"
	said := campus.Said{Action: string(campus.AbortSteps), Step: step, Attempt: 1}
	p := newApplication(t, "production: {batches: false}", workflowtest.Good)
	p.School.Fault("face", "outage")
	sent := false
	p.env = p.newEnv(&rewrites{first: func(m campus.Move) {
		if m.Name == campus.SettleMove(said, false) && !sent {
			sent = true
			p.sendChoice()
		}
	}})
	p.after(10*time.Minute).settle("first", campus.AbortSteps, step, 1)
	p.settle("second", campus.AbortSteps, step, 1)
	p.verify(campus.Pass)
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.True(t, sent)
}

// sendChoice has the student choose the counter. It returns when the run has let that in, where it waits for its turn.
func (p *caseTest) sendChoice() {
	d, err := p.Decide(p.ref, campus.ChooseCounterUpdate, campus.Student(p.student.ID), campus.Said{}, struct{}{})
	require.NoError(p.t, err)
	sent := make(chan struct{})
	p.env.RegisterDelayedCallback(func() {
		r := &reply{what: "the choice"}
		r.kept = p.keeps(d.ID)
		p.env.UpdateWorkflow(campus.ChooseCounterUpdate, d.ID.String(), r, d.Decision)
		p.env.RegisterDelayedCallback(func() { close(sent) }, time.Millisecond)
	}, time.Millisecond)
	<-sent
}

// The card of a returned plastic ends while no run is there to hear of it: the next looks by itself.
func TestReturnedPlasticWhoseCardEndsBetweenTwoRuns(t *testing.T) {
	t.Parallel()
	l := workingUnder(t, workflowtest.Batched+"plastic: {pickup_wait: 6s, pickup_first_reminder: 0s, pickup_last_reminder: 0s}\n")
	l.School.Bureau(workflowtest.Fields{"silent": true, "produce_ms": 0})
	l.queued()
	l.batch()
	l.await(campus.StageReturned)
	l.nextRun(func() {
		l.Exec(`update cards set state = 'closed' where person_id = $1`, l.student.ID)
	})
	l.end(campus.Expired)
	require.Equal(t, campus.CardReplacedReason, l.Case(l.ref).Reason)
}

// A photo that could not be fetched waits for staff: the next run comes to it at once, and not after another look.
func TestStepThatIsParkedWhileAPhotoIsWaitedFor(t *testing.T) {
	t.Parallel()
	const step = "fetch-photo"
	l := newLive(t, workflowtest.Good)
	l.School.RenewPhoto(l.student, "somebody else")
	fails, down := away("FetchPhoto")
	l.Work(worker.Config{Around: interceptors(fails)})
	l.await(campus.StagePhoto)
	down.Store(true)
	l.School.RenewPhoto(l.student, "")
	l.AwaitParked(l.ref, step, 2)
	looks := len(l.Tries(l.ref, "poll-photo"))
	l.nextRun(func() { down.Store(false) })
	require.Equal(t, campus.StepOK, l.settle("operator", campus.RetryStep, step, 2).Outcome)
	l.await(campus.StageReview)
	require.Len(t, l.Tries(l.ref, "poll-photo"), looks)
}

// A comparison waits for staff: the next run does not ask for the photo once more, and staff need not wait for that.
func TestComparisonThatIsParkedWaitsForNothingElse(t *testing.T) {
	t.Parallel()
	const step = string(campus.PhotoItem)
	l := newLive(t, workflowtest.Good)
	fails, down := away("CompareFaces")
	down.Store(true)
	l.Work(worker.Config{Around: interceptors(fails)})
	l.AwaitParked(l.ref, step, 1)
	fetched := len(l.Tries(l.ref, "fetch-photo"))
	l.nextRun(func() {
		l.School.Fault("academic", "outage")
		down.Store(false)
	})
	require.Equal(t, campus.StepOK, l.settle("operator", campus.RetryStep, step, 1).Outcome)
	l.await(campus.StageReview)
	require.Len(t, l.Tries(l.ref, "fetch-photo"), fetched)
	require.Equal(t, []string{"liveness_passed", "photo_matched"}, slices.DeleteFunc(l.Events(l.ref),
		func(event string) bool { return event != "liveness_passed" && event != "photo_matched" }))
	require.Equal(t, 2, storagetest.One[int](l.Env.Env,
		`select count(*) from findings where item in ('liveness', 'photo') and verdict = 'pass'`))
}

// Two people skip the photo, and the run ends before the case is at the counter: what was found of the face is known
// there all the same.
func TestFindingOfTheFaceWhenThePhotoIsSkipped(t *testing.T) {
	t.Parallel()
	const step = "fetch-photo"
	l := newLive(t, workflowtest.Good)
	fails, down := away("FetchPhoto")
	down.Store(true)
	slow := &around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
		if activity.GetInfo(ctx).ActivityType.Name == "CheckLiveness" {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
		return run()
	}}
	l.Work(worker.Config{Around: interceptors(newRunEnder(t), fails, slow)})
	require.Equal(t, campus.StepSecondPerson, l.settle("first", campus.SkipStep, step, 1).Outcome)
	require.Equal(t, campus.StepSkipped, l.settle("second", campus.SkipStep, step, 1).Outcome)
	l.await(campus.StageInPerson)
	require.Equal(t, "pass", storagetest.One[string](l.Env.Env,
		`select coalesce((select verdict from findings where item = 'liveness'), 'none')`))
	require.Equal(t, 1, l.School.Effects("liveness_check"))
}

// K5: a step of our own that is mended is not shown as parked any more, also where no move follows.
func TestStuckStepThatIsMendedIsNotShown(t *testing.T) {
	t.Parallel()
	const step = "forget-images"
	l := working(t, workflowtest.TooDark)
	l.await(campus.StageLiveness)
	l.ExecAsOwner(`alter table file_deletions add constraint file_deletions_forbidden check (false) not valid`)
	l.byStudent(campus.ChooseCounterUpdate, struct{}{})
	l.AwaitParked(l.ref, step, 1)
	l.finds(`CampusStage = 'in_person' AND CampusParkedStep = 'forget-images'`)
	l.ExecAsOwner(`alter table file_deletions drop constraint file_deletions_forbidden`)
	require.Equal(t, campus.StepOK, l.settle("operator", campus.RetryStep, step, 1).Outcome)
	l.finds(`CampusStage = 'in_person' AND CampusWaitsFor = '` + string(campus.WaitsForCardCentre) +
		`' AND CampusParkedStep IS NULL AND CampusCause IS NULL`)
}
