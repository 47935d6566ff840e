package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// brief is a policy whose steps are given up after seven seconds and three tries, each long enough for a busy machine.
const brief = `
steps: {tries: 3, backoff: 50ms, call: 2s, budget: 7s}
production: {batches: false}
`

// briefBudget is the budget of brief.
const briefBudget = 7 * time.Second

// While our own file store is away, for longer than a step is tried, nothing parks; when it is back the case goes on by
// itself, and what other systems were asked has acted once.
func TestNothingParksWhileTheFileStoreIsAway(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*storagetest.Proxy){
		"refuses": (*storagetest.Proxy).Refuse,
		"hangs":   (*storagetest.Proxy).Hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiveUnder(t, brief, workflowtest.Good)
			d := l.Detour(t)
			stop(d.Objects)
			l.WorkOn(d.Store, worker.Config{})
			l.outlasts("liveness")
			d.Objects.Pass()
			l.await(campus.StageReview)
			require.NotContains(t, l.Events(l.ref), "step_parked")
			require.Equal(t, 1, l.School.Effects("liveness_check"))
			require.Equal(t, 1, l.School.Effects("comparison"))
		})
	}
}

// outlasts waits until an outage of ours has ended tries of a step for longer than its budget, and nothing is parked.
func (l *engineTest) outlasts(step string) {
	l.t.Helper()
	l.Await(func() bool {
		tries := l.Tries(l.ref, step)
		return len(tries) > 0 && l.Now().Sub(tries[0].StartedAt) > briefBudget && l.looks() > 2
	}, "%s waits for longer than its budget", step)
	for _, try := range l.Tries(l.ref, step) {
		require.NotEqual(l.t, campus.AttemptFailed, try.Outcome, "it is no failure of the other system: %s", try.Message)
	}
	require.Empty(l.t, l.OpenItems(l.ref))
}

// Postgres goes away while a system of the school acts, and stays away for longer than a step is tried.
func TestNothingParksWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*storagetest.Proxy){
		"refuses": (*storagetest.Proxy).Refuse,
		"hangs":   (*storagetest.Proxy).Hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiveUnder(t, brief, workflowtest.Good)
			d := l.Detour(t)
			l.School.Fault("face", "slow", workflowtest.Fields{"latency_ms": 600, "moment": "after"})
			l.WorkOn(d.Store, worker.Config{})
			l.Await(func() bool { return l.School.Effects("liveness_check") > 0 },
				"the face service has acted, and has not answered yet")
			stop(d.Postgres)
			l.School.Fault("face", "none")
			l.outlasts("liveness")
			d.Postgres.Pass()
			l.await(campus.StageReview)
			require.NotContains(t, l.Events(l.ref), "step_parked")
			require.Equal(t, 1, l.School.Effects("liveness_check"))
		})
	}
}

// looks are how often the workflow has waited for our own parts.
func (l *engineTest) looks() (n int) {
	l.t.Helper()
	for _, event := range l.History(l.ref).GetEvents() {
		if strings.Contains(string(event.GetUserMetadata().GetSummary().GetData()), "our own parts") {
			n++
		}
	}
	return n
}

// What the school's system fails counts over an outage of ours: once before it and once after it are two tries.
func TestFailuresOfTheSchoolCountOverAnOutage(t *testing.T) {
	t.Parallel()
	l := newLiveUnder(t, "steps: {tries: 2, backoff: 2s, call: 1s, budget: 60s}", workflowtest.Good)
	d := l.Detour(t)
	l.School.Fault("face", "outage")
	l.WorkOn(d.Store, worker.Config{})
	l.Await(func() bool { return l.failedChecks() == 1 }, "the face service has failed once")
	d.Objects.Refuse()
	l.Await(func() bool { return l.looks() > 2 }, "the step waits for our own parts")
	require.Empty(t, l.OpenItems(l.ref))
	d.Objects.Pass()
	l.AwaitParked(l.ref, "liveness", 1)
	require.Equal(t, 2, l.failedChecks())
}

// A try that an outage of ours ended takes none from the school's system: it has both of its own afterwards.
func TestAnOutageTakesNoTries(t *testing.T) {
	t.Parallel()
	l := newLiveUnder(t, "steps: {tries: 2, backoff: 2s, call: 1s, budget: 60s}", workflowtest.Good)
	d := l.Detour(t)
	l.School.Fault("face", "outage")
	d.Objects.Refuse()
	l.WorkOn(d.Store, worker.Config{})
	l.Await(func() bool {
		tries := l.Tries(l.ref, "liveness")
		return len(tries) > 0 && tries[0].Outcome == campus.AttemptLost
	}, "our own file store has ended a try")
	d.Objects.Pass()
	l.AwaitParked(l.ref, "liveness", 1)
	require.Equal(t, 2, l.failedChecks())
}

// failedChecks are the tries of the liveness check that the face service has failed.
func (l *engineTest) failedChecks() (n int) {
	l.t.Helper()
	for _, try := range l.Tries(l.ref, "liveness") {
		if try.Outcome == campus.AttemptFailed {
			n++
		}
	}
	return n
}

// Nobody works for longer than a step is tried: that is no failure of the school either.
func TestNothingParksWhileNobodyWorks(t *testing.T) {
	t.Parallel()
	l := newLiveUnder(t, "steps: {tries: 9, backoff: 2s, call: 1s, budget: 12s}", workflowtest.Good)
	l.School.Fault("face", "outage")
	stop := l.work()
	l.Await(func() bool { return l.failedChecks() > 0 }, "the face service has failed, and more tries than there is time for are left")
	stop()
	l.Await(func() bool {
		for _, event := range l.History(l.ref).GetEvents() {
			if event.GetActivityTaskTimedOutEventAttributes() != nil {
				return true
			}
		}
		return false
	}, "the time of the step is over")
	l.School.Fault("face", "none")
	l.work()
	l.await(campus.StageReview)
	require.NotContains(t, l.Events(l.ref), "step_parked")
}
