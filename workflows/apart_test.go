package workflows_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// outruns has every move written, but the first, and tells the run that the case has another at its version: so it is
// when Temporal has lost the run's moves.
type outruns struct {
	around
	runs atomic.Int64 // that were behind
}

func newOutruns(t *testing.T) *outruns {
	o := &outruns{}
	o.do = func(ctx context.Context, run func() (any, error)) (any, error) {
		result, err := run()
		info := activity.GetInfo(ctx)
		if err != nil || !info.IsLocalActivity || strings.HasPrefix(info.ActivityType.Name, "Begin") || !isNewMove(t, info, result) {
			return result, err
		}
		o.runs.Add(1)
		return nil, campus.Errorf(campus.Conflict, campus.Apart, "the test says so")
	}
	return o
}

// coursesBehind are of every kind of case, with what waits, parks and comes back. Where a run begins is the same for
// all courses, and TestRunsThatEndAfterEveryMove plays each of them.
var coursesBehind = []string{"appeal-duplicate-contested", "appeal-objected-and-granted", "application-asked-for-more", "application-freshman", "application-parked-then-retried",
	"application-photo-renewed", "batch-parked", "close-tills-file-and-difference", "ending-parked", "invitation-paused-and-cancelled", "package-parked",
	"plastic-spoilt", "plastic-unclaimed-resent"}

// TestRunsThatAreBehindAtEveryMove plays courses of every kind with each run behind its case as soon as that moves: the
// run ends, whatever it is at, and the next goes on from the row. Nobody is asked for help, nothing is done or told
// twice, and every decision has its answer (K8).
func TestRunsThatAreBehindAtEveryMove(t *testing.T) {
	t.Parallel()
	for _, name := range coursesBehind {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outrun := newOutruns(t)
			l := recorded[name](t, outrun)
			require.Equal(t, told[name].story, joined(slices.DeleteFunc(l.Events(l.ref), isOfTheMoment)))
			require.Equal(t, told[name].effects, l.effects())
			require.Positive(t, outrun.runs.Load())
			require.Zero(t, storagetest.One[int](l.Env.Env, `select count(*) from work_items where step = 'begin-again'`))
			l.answered()
		})
	}
}

// Nobody works while a decision is written, and a timer comes due that would undo it. Then a worker starts, with its
// resender, and the case ends as it was decided: also where the decision was answered, and nobody sends it any more.
func TestDecisionsThatTheServerHasLost(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy  string
		before  func(l *engineTest)
		lose    func(p *caseTest) campus.Decision
		after   func(l *engineTest)
		outcome campus.Outcome
	}{
		"an approval": {"application: {review_limit: 6s}", func(l *engineTest) { l.await(campus.StageReview) },
			(*caseTest).loseApproval, (*engineTest).activate, campus.Completed},
		"evidence": {"application: {evidence_wait: 6s}", func(l *engineTest) { l.review(campus.AskMore, "certificate_unreadable") },
			(*caseTest).loseEvidence, func(l *engineTest) {
				l.review(campus.Approve, "")
				l.answered() // one decision of a student at a time
				l.activate()
			}, campus.Completed},
		"an activation": {"activation: {wait: 6s, reopen: 1s}", func(l *engineTest) {
			l.review(campus.Approve, "")
			l.await(campus.StageActivation)
		}, (*caseTest).loseActivation, func(*engineTest) {}, campus.Completed},
		"a withdrawal": {"application: {review_limit: 6s}", func(l *engineTest) { l.await(campus.StageReview) },
			(*caseTest).loseWithdrawal, func(*engineTest) {}, campus.Withdrawn},
	} {
		for state, answered := range map[string]bool{"open": false, "answered": true} {
			t.Run(name+", "+state, func(t *testing.T) {
				t.Parallel()
				l := newLiveUnder(t, workflowtest.Quick+test.policy, workflowtest.Good)
				stop := l.work()
				test.before(l)
				stop()
				p := &caseTest{Env: l.Env, t: t, student: l.student, ref: l.ref}
				d := test.lose(p)
				if answered {
					_, err := l.Casework.CloseDecision(t.Context(), d.ID, []byte(`{"stage": "told"}`))
					require.NoError(t, err)
				}
				over := l.Now().Add(6 * time.Second)
				l.Await(func() bool { return l.Now().After(over) }, "the timer is due")
				l.work()
				test.after(l)
				l.end(test.outcome)
				l.answered()
				p.requireNoHelp()
			})
		}
	}
}

// answered waits until every decision has its answer.
func (l *engineTest) answered() {
	l.t.Helper()
	l.Await(func() bool {
		return storagetest.One[int](l.Env.Env, `select count(*) from requests where state = 'open'`) == 0
	}, "every decision is answered")
}

// A workflow that waits for a person is behind: who sends it a decision has it begin again from the row of its case,
// and the decision is carried out as the case stands.
func TestSenderHasAWorkflowBeginAgain(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(l *engineTest){
		"an approval that was answered": func(l *engineTest) {
			p := &caseTest{Env: l.Env, t: l.t, student: l.student, ref: l.ref}
			_, err := l.Casework.CloseDecision(l.t.Context(), p.loseApproval().ID, []byte(`{"stage": "provisioning"}`))
			require.NoError(l.t, err)
		},
		"a move of its own, which nobody sends": (*engineTest).loseReminder,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := working(t, workflowtest.Good)
			l.await(campus.StageReview)
			l.Await(func() bool { return l.place().Stage == campus.StageReview }, "the workflow waits")
			lose(l)
			d, err := l.Env.Decide(l.ref, campus.WithdrawUpdate, campus.Student(l.student.ID), campus.Said{}, struct{}{})
			require.NoError(t, err)
			sender := decisions.NewSender(l.Store, l.Client, l.Log)
			d, err = sender.Send(t.Context(), d)
			require.NoError(t, err)
			require.Equal(t, casework.DecisionOpen, d.State, "nobody is told that it was not taken")
			l.end(campus.Withdrawn)
			(&caseTest{Env: l.Env, t: t, ref: l.ref}).requireNoHelp()
			require.Contains(t, l.Events(l.ref), "begun_again")
		})
	}
}

// loseReminder has the case make a move that its workflow does not hear of.
func (l *engineTest) loseReminder() {
	l.t.Helper()
	p := &caseTest{Env: l.Env, t: l.t, ref: l.ref}
	c := l.Case(l.ref)
	m := l.NextMove(l.ref, c.Stage, c.WaitsFor)
	m.Name, m.Due, m.State = "remind:"+string(c.Stage), c.Due, p.stateNow()
	_, err := l.Casework.Record(l.t.Context(), m)
	require.NoError(l.t, err)
}

// A run is found to be behind in the middle of a call of another system: the next calls it under the same key, so that
// it acts once (K3, K8).
func TestRunThatEndsInACall(t *testing.T) {
	t.Parallel()
	l := working(t, workflowtest.Good)
	l.await(campus.StageReview)
	l.School.Fault("library", "slow", workflowtest.Fields{"latency_ms": 2_000, "moment": "after"})
	l.review(campus.Approve, "")
	l.Await(func() bool { return l.School.Calls("open_patron") > 0 }, "the call is being made")
	l.loseReminder()
	require.NoError(t, decisions.NewSender(l.Store, l.Client, l.Log).Apart(t.Context(), l.ref))
	l.Await(func() bool { return slices.ContainsFunc(l.Events(l.ref), isOfTheMoment) }, "another run begins")
	require.Equal(t, campus.StageProvisioning, l.Case(l.ref).Stage)
	l.School.Fault("library", "none")
	l.activate()
	l.end(campus.Completed)
	require.Equal(t, 1, l.School.Effects("open_patron"))
	require.Len(t, l.School.Keys("open_patron"), 1)
}

// A move waits for staff, as it does while its case is not there because Postgres was set back. Once the case is there
// again and apart, nobody waits for the hour after which the move is tried once more.
func TestRunWhoseMoveIsStuckBeginsAgain(t *testing.T) {
	t.Parallel()
	l := newLive(t, workflowtest.Good)
	mend := (&caseTest{Env: l.Env, t: t, ref: l.ref}).forbids("ask-review")
	l.Work(worker.Config{})
	l.AwaitParked(l.ref, "ask-review", 1)
	l.loseReminder()
	mend()
	require.NoError(t, decisions.NewSender(l.Store, l.Client, l.Log).Apart(t.Context(), l.ref))
	l.await(campus.StageReview)
	require.Contains(t, l.Events(l.ref), "begun_again")
	l.Await(func() bool {
		return storagetest.One[int](l.Env.Env,
			`select count(*) from work_items where kind = 'incident' and closed_at is null`) == 0
	}, "nobody is asked for help any more")
}

// Postgres was set back to before a batch was sent, which the bureau has: it is sent again under its key, and is the
// same batch with the same orders (D3).
func TestBatchThatPostgresHasAsNotSentIsSentOnce(t *testing.T) {
	t.Parallel()
	l := workingUnder(t, workflowtest.Batched)
	l.School.Bureau(workflowtest.Fields{"silent": true, "produce_ms": 3_600_000})
	l.queued()
	plastic := l.ref
	l.ref = l.batch()
	l.await(campus.StageProduction)
	l.AwaitStage(plastic, campus.StageProduction)
	for _, ref := range []campus.CaseRef{l.ref, plastic} {
		l.Await(func() bool { return l.placeOf(ref).Stage == campus.StageProduction }, "its workflow knows that")
	}
	ordered := storagetest.One[string](l.Env.Env, `select order_id from plastics`)
	number := storagetest.One[string](l.Env.Env, `select number from batches`)
	key := storagetest.One[string](l.Env.Env, `select order_key from batches`)
	l.SetBack(l.ref, "batch_sent")
	l.SetBack(plastic, "plastic_ordered")
	l.Exec(`delete from attempts where step = 'send-batch'`)
	l.Exec(`update batches set state = 'open', sent_at = null, number = '', order_key = ''`)
	l.Exec(`update plastics set state = 'ordered', order_id = '', order_key = '', bureau_seq = 0`)

	sender := decisions.NewSender(l.Store, l.Client, l.Log)
	for _, ref := range []campus.CaseRef{l.ref, plastic} {
		require.NoError(t, sender.Apart(t.Context(), ref))
		l.AwaitStage(ref, campus.StageProduction)
	}
	require.Equal(t, number, storagetest.One[string](l.Env.Env, `select number from batches`))
	require.Equal(t, key, storagetest.One[string](l.Env.Env, `select order_key from batches`), "asked for under the same key")
	require.Equal(t, ordered, storagetest.One[string](l.Env.Env, `select order_id from plastics`))
	require.Equal(t, map[string]int{"batch": 1, "order": 1}, map[string]int{"batch": l.School.Effects("batch"),
		"order": l.School.Effects("order")})
	(&caseTest{Env: l.Env, t: t, ref: l.ref}).requireNoHelp()
}

// Where beginning again does not help, it is not repeated in silence: after some runs staff are asked, and the next
// begins when they say so.
func TestRunsThatStayApartBecomeAnIncident(t *testing.T) {
	t.Parallel()
	const step = campus.BeginAgain
	l := working(t, workflowtest.Good)
	l.await(campus.StageReview)
	sender := decisions.NewSender(l.Store, l.Client, l.Log)
	l.Exec(`update cases set stage = 'photo' where id = $1`, l.ref.ID) // and its newest move does not say so
	l.Await(func() bool {
		require.NoError(t, sender.Apart(t.Context(), l.ref))
		return len(l.place().Stuck) > 0
	}, "staff are asked")
	l.AwaitParked(l.ref, step, 1)
	require.Equal(t, []string{step}, l.place().Stuck)
	asked := l.run()
	for range 3 {
		require.NoError(t, sender.Apart(t.Context(), l.ref))
	}
	require.Equal(t, 1, storagetest.One[int](l.Env.Env, `select count(*) from events where kind = 'begun_again'`),
		"the timeline says once that it has begun again where it was")
	require.Equal(t, asked, l.run(), "no other run begins")

	l.Exec(`update cases set stage = 'review' where id = $1`, l.ref.ID)
	_, err := l.Settle(l.ref, "operator", campus.SkipStep, step, 1)
	require.Equal(t, "step_not_skippable", campus.ReasonOf(err))
	require.Equal(t, campus.StepOK, l.settle("operator", campus.RetryStep, step, 1).Outcome)
	l.review(campus.Approve, "")
	l.activate()
	l.end(campus.Completed)
	require.NotEqual(t, asked, l.run())
	require.Zero(t, storagetest.One[int](l.Env.Env, `select count(*) from work_items where closed_at is null`))
}

// run is the newest run of the case.
func (l *engineTest) run() string {
	l.t.Helper()
	found, err := l.Client.DescribeWorkflowExecution(l.t.Context(), l.ref.WorkflowID(), "")
	require.NoError(l.t, err)
	return found.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}
