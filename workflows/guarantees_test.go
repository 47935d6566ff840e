package workflows_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// around does something about every activity of a worker.
type around struct {
	interceptor.WorkerInterceptorBase
	do func(ctx context.Context, run func() (any, error)) (any, error)
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (a *around) InterceptActivity(_ context.Context,
	next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &aroundActivity{interceptor.ActivityInboundInterceptorBase{Next: next}, a}
}

type aroundActivity struct {
	interceptor.ActivityInboundInterceptorBase
	around *around
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *aroundActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	return a.around.do(ctx, func() (any, error) { return a.Next.ExecuteActivity(ctx, in) })
}

// losesAnswers is a worker that dies, as it were, each time after it has done something new and before it could say so.
// The one try of a staff retry is left alone: that its answer may be lost is
// TestRetryOfAStepWhoseAnswersWereLostActsOnce.
func losesAnswers() interceptor.WorkerInterceptor {
	return &around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
		result, err := run()
		info := activity.GetInfo(ctx)
		onlyTry := info.RetryPolicy != nil && info.RetryPolicy.MaximumAttempts == 1
		if err == nil && info.Attempt == 1 && !onlyTry {
			return nil, campus.Errorf(campus.Unavailable, "", "the answer was lost")
		}
		return result, err
	}}
}

// effects is what the school has done, by operation, when nothing more is under way.
func (l *engineTest) effects() map[string]int {
	l.t.Helper()
	if l.ref.Kind == campus.ApplicationCase && l.Case(l.ref).Outcome == campus.Completed {
		l.AwaitStage(l.PlasticCase(l.ref), campus.StageProduction)
	}
	effects := l.School.AllEffects()
	for _, told := range []string{"message", "mail"} { // they go out when their time has come, beside the case
		delete(effects, told)
	}
	return effects
}

// twice does everything twice and refuses to go on when the second time has changed a fact.
func twice(h *workflowtest.Env) interceptor.WorkerInterceptor {
	return &around{do: func(ctx context.Context, run func() (any, error)) (any, error) {
		result, err := run()
		if err != nil {
			return result, err
		}
		before := h.Facts()
		result, err = run()
		if err == nil && activity.GetInfo(ctx).IsLocalActivity && before != h.Facts() {
			err = campus.Errorf(campus.Invalid, "", "%s has changed something the second time",
				activity.GetInfo(ctx).ActivityType.Name)
		}
		return result, err
	}}
}

func TestEveryStepMayBeDeliveredTwice(t *testing.T) {
	t.Parallel()
	p := newApplication(t, "production: {batches: false}", workflowtest.TooDark)
	p.School.Bureau(workflowtest.Fields{"silent": true, "spoil_next": 1})
	p.env = p.newEnv(twice(p.Env))
	p.tryLiveness(workflowtest.Good)
	p.review(campus.AskMore, "certificate_unreadable")
	p.bringCertificate(p.student.Certificate)
	p.review(campus.Approve, "")
	p.activate()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, 2, p.School.Effects("liveness_check"))
	require.Equal(t, 1, p.School.Effects("grant"))

	plastic := stage(t, p.Env, p.student, p.PlasticCase(p.ref))
	plastic.env = plastic.newEnv(twice(p.Env))
	plastic.bureauHas("spoilt")
	plastic.after(plastic.Policy().Plastic.Poll.Std()).bureauHas("delivered")
	plastic.run()
	plastic.requireEnd(campus.Expired, "not_picked_up")
	require.Equal(t, 2, p.School.Effects("order"))

	again := newApplication(t, "identity: {liveness_tries: 1}", workflowtest.TooDark)
	again.env = again.newEnv(twice(again.Env))
	again.verify(campus.Pass)
	again.review(campus.Reject, "document_unreadable")
	again.run()
	again.requireEnd(campus.Rejected, "document_unreadable")
}

func TestMoveThatArrivesLateTwiceOrTooEarlyChangesNothing(t *testing.T) {
	t.Parallel()
	h := workflowtest.New(t, "")
	ref := h.Apply(h.Student(), workflowtest.Good)
	move := func(version int64, stage campus.Stage) campus.Move {
		return campus.Move{
			Case: ref, Version: version, Name: "to:" + string(stage), Stage: stage, WaitsFor: campus.WaitsForSchool,
			Events:  []campus.Event{{Kind: "checking", Actor: campus.System()}},
			Opens:   []campus.NewWorkItem{{Kind: campus.IncidentItem, Step: "registry"}},
			Notices: []campus.Notice{{Template: "notice.approved"}},
		}
	}
	record := func(m campus.Move) (int64, error) {
		row, err := h.Casework.Record(t.Context(), m)
		return row.Version, err
	}
	for _, test := range []struct {
		what string
		campus.Move
	}{
		{"the first", move(1, campus.StageChecking)}, {"the next", move(2, campus.StageIdentity)},
	} {
		_, err := record(test.Move)
		require.NoError(t, err, test.what)
	}
	before := h.Facts()
	for what, m := range map[string]campus.Move{"twice": move(2, campus.StageIdentity),
		"late": move(1, campus.StageChecking)} {
		version, err := record(m)
		require.NoError(t, err, what)
		require.Equal(t, m.Version, version, "%s: it answers as it was written", what)
	}
	_, err := record(move(4, campus.StageReview))
	require.Equal(t, campus.Apart, campus.ReasonOf(err), "too early")
	_, err = record(move(2, campus.StageReview))
	require.Equal(t, campus.Apart, campus.ReasonOf(err), "another at the same version")
	require.Equal(t, before, h.Facts())
	require.Equal(t, campus.StageIdentity, h.Case(ref).Stage)
}

func TestOfManyWhoDecideAtOnceOneDoes(t *testing.T) {
	t.Parallel()
	l := working(t, workflowtest.Good)
	l.await(campus.StageReview)
	failures := make([]error, 8)
	var together sync.WaitGroup
	for i := range failures {
		said := campus.Said{Action: string([]campus.ReviewAction{campus.Approve, campus.AskMore}[i%2])}
		together.Go(func() {
			_, failures[i] = l.Send(l.ref, campus.ReviewUpdate, campus.Staff(uuid.New()), said, cards.ReviewNote{})
		})
	}
	together.Wait()
	yes := 0
	for _, err := range failures {
		if err == nil {
			yes++
			continue
		}
		require.Equal(t, campus.Conflict, campus.CodeOf(err), err)
		require.Contains(t, []string{"decision_pending", campus.WrongStage}, campus.ReasonOf(err))
	}
	require.Equal(t, 1, yes)
	require.Equal(t, 1, storagetest.One[int](l.Env.Env, `select count(*) from moves where decision is not null`))
}

func TestDecisionSentTwiceIsTakenOnceAndAnsweredAlike(t *testing.T) {
	t.Parallel()
	l := working(t, workflowtest.Good)
	l.await(campus.StageReview)
	d, err := l.Env.Decide(l.ref, campus.ReviewUpdate, workflowtest.Staff("reviewer"),
		campus.Said{Action: string(campus.Approve)}, cards.ReviewNote{})
	require.NoError(t, err)
	answers, failures := make([]casework.Decision, 4), make([]error, 4)
	var together sync.WaitGroup
	sender := decisions.NewSender(l.Store, l.Client, l.Log)
	for i := range answers {
		together.Go(func() { answers[i], failures[i] = sender.Send(t.Context(), d) })
	}
	together.Wait()
	for i := range answers {
		require.NoError(t, failures[i])
		require.JSONEq(t, `{"stage": "provisioning"}`, string(answers[i].Answer))
	}
	l.await(campus.StageActivation)
	require.Equal(t, 1, storagetest.One[int](l.Env.Env, `select count(*) from events where kind = 'approved'`))
	require.Len(t, l.CardStates(l.student), 1)
}

func TestWithdrawalWhileTheSchoolFailsEndsTheCaseWell(t *testing.T) {
	t.Parallel()
	l := newLive(t, workflowtest.Good)
	l.School.Fault("academic", "slow", workflowtest.Fields{"latency_ms": 700, "moment": "before"})
	l.School.Fault("carrier", "slow", workflowtest.Fields{"latency_ms": 700, "moment": "before"})
	l.Work(worker.Config{})
	l.await(campus.StageChecking)
	l.Await(func() bool { return len(l.Tries(l.ref, "registry")) > 0 && len(l.Tries(l.ref, "phone")) > 0 },
		"the checks are under way")
	l.School.Fault("academic", "outage")
	l.byStudent(campus.WithdrawUpdate, struct{}{})
	l.end(campus.Withdrawn)
}

func TestWithdrawalWhileServicesAreBeingGrantedLeavesNone(t *testing.T) {
	t.Parallel()
	l := working(t, workflowtest.Good)
	l.await(campus.StageReview)
	for _, system := range []string{"access", "library", "canteen"} {
		l.School.Fault(system, "slow", workflowtest.Fields{"latency_ms": 500, "moment": "before"})
	}
	l.review(campus.Approve, "")
	l.Await(func() bool { return len(l.Tries(l.ref, "grant-library")) > 0 }, "the services are being granted")
	l.byStudent(campus.WithdrawUpdate, struct{}{})
	l.end(campus.Withdrawn)
	for grant, revoke := range map[string]string{"grant": "revoke", "open_patron": "close_patron",
		"open_account": "close_account"} {
		require.Equal(t, l.School.Effects(grant), l.School.Effects(revoke), grant)
	}
	require.Equal(t, []campus.CardState{campus.CardClosed}, l.CardStates(l.student))
}

func TestLongCaseContinuesAsNewOnTheRealServer(t *testing.T) {
	t.Parallel()
	l := working(t, workflowtest.Good)
	l.review(campus.Approve, "")
	l.activate()
	l.plastic()
	first := l.runID()
	for range 10 { // signals that say nothing at length make the history large
		require.NoError(t, l.Client.SignalWorkflow(t.Context(), l.ref.WorkflowID(), "", campus.FactsChanged,
			make([]byte, 512<<10)))
	}
	l.Await(func() bool { return l.runID() != first }, "the run continues as new")
	require.Equal(t, campus.StageProduction, l.Case(l.ref).Stage)
	l.School.Fault("bureau", "outage")
	_, err := l.Settle(l.ref, "operator", campus.RetryStep, "order-1", 1)
	require.Equal(t, "step_not_parked", campus.ReasonOf(err), "the new run takes updates")
	l.report("delivered", 2)
	l.pickUp()
	l.end(campus.Completed)
}

func (l *engineTest) runID() string {
	l.t.Helper()
	found, err := l.Client.DescribeWorkflowExecution(l.t.Context(), l.ref.WorkflowID(), "")
	require.NoError(l.t, err)
	return found.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}

func TestAttemptThatNobodyClosedIsLost(t *testing.T) {
	t.Parallel()
	h := workflowtest.New(t, "")
	ref := campus.StepRef{Case: h.Apply(h.Student(), workflowtest.Good), Step: "registry", Attempt: 1, Key: 1,
		By: campus.System()}
	_, err := h.Casework.OpenAttempt(t.Context(), ref, 1)
	require.NoError(t, err)
	other := ref
	other.Step = "phone"
	_, err = h.Casework.OpenAttempt(t.Context(), other, 1)
	require.NoError(t, err)
	second, err := h.Casework.OpenAttempt(t.Context(), ref, 2)
	require.NoError(t, err)
	require.NoError(t, h.Casework.CloseAttempt(t.Context(), second, nil))
	tries := h.Tries(ref.Case, "registry")
	require.Equal(t, campus.AttemptLost, tries[0].Outcome)
	require.NotNil(t, tries[0].FinishedAt)
	require.Equal(t, campus.AttemptOK, tries[1].Outcome)
	require.Equal(t, campus.AttemptOpen, h.Tries(ref.Case, "phone")[0].Outcome, "another step's try may still be at work")
}
