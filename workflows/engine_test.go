package workflows_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/cards"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// engineTest is a case on the real server, with people who act when it has come to them.
type engineTest struct {
	*workflowtest.Engine
	t       *testing.T
	student workflowtest.Student
	ref     campus.CaseRef
}

// newLive is an application on the real server, handed in with live frames that have a flaw. Nobody works yet.
func newLive(t *testing.T, flaw workflowtest.Flaw) *engineTest {
	t.Helper()
	return newLiveUnder(t, workflowtest.Quick, flaw)
}

// newLiveUnder is newLive under another policy.
func newLiveUnder(t *testing.T, policy string, flaw workflowtest.Flaw) *engineTest {
	t.Helper()
	e := workflowtest.New(t, policy).Engine()
	e.School.Bureau(idle)
	l := &engineTest{Engine: e, t: t, student: e.Student()}
	l.ref = e.Apply(l.student, flaw)
	return l
}

// applying is newLive of somebody whom the school has under some criteria.
func applying(t *testing.T, criteria string, change ...func(*cards.NewApplication)) *engineTest {
	t.Helper()
	e := workflowtest.New(t, workflowtest.Quick).Engine()
	e.School.Bureau(idle)
	l := &engineTest{Engine: e, t: t, student: e.Applicant(criteria)}
	l.ref = e.Apply(l.student, workflowtest.Good, change...)
	return l
}

// working is newLive with a worker.
func working(t *testing.T, flaw workflowtest.Flaw, with ...interceptor.WorkerInterceptor) *engineTest {
	t.Helper()
	l := newLive(t, flaw)
	l.Work(worker.Config{Around: with})
	return l
}

// workingUnder is working under another policy.
func workingUnder(t *testing.T, policy string, with ...interceptor.WorkerInterceptor) *engineTest {
	t.Helper()
	l := newLiveUnder(t, policy, workflowtest.Good)
	l.Work(worker.Config{Around: with})
	return l
}

// current is the newest plastic of the case.
func (l *engineTest) current() production.Plastic {
	l.t.Helper()
	made, err := l.Production.CurrentPlastic(l.t.Context(), l.ref.ID)
	require.NoError(l.t, err)
	return made
}

// work runs a worker until the returned function is called.
func (l *engineTest) work() (stop func()) {
	l.t.Helper()
	return l.Work(worker.Config{})
}

// application is the case before that of the plastic.
func (l *engineTest) application() campus.CaseRef {
	l.t.Helper()
	return campus.CaseRef{Kind: campus.ApplicationCase,
		ID: storagetest.One[uuid.UUID](l.Env.Env, `select id from applications`)}
}

// await waits until the case has come to a stage.
func (l *engineTest) await(stage campus.Stage) {
	l.t.Helper()
	l.AwaitStage(l.ref, stage)
}

func (l *engineTest) send(update string, by campus.Actor, said campus.Said, payload any) {
	l.t.Helper()
	_, err := l.Send(l.ref, update, by, said, payload)
	require.NoError(l.t, err, update)
}

func (l *engineTest) byStudent(update string, payload any) {
	l.t.Helper()
	l.send(update, campus.Student(l.student.ID), campus.Said{}, payload)
}

// review decides as soon as there is something to review.
func (l *engineTest) review(action campus.ReviewAction, reason string) {
	l.t.Helper()
	l.await(campus.StageReview)
	l.send(campus.ReviewUpdate, workflowtest.Staff("reviewer"), campus.Said{Action: string(action), Reason: reason},
		cards.ReviewNote{Note: "请补交"})
}

// verify is the card centre, to whom person and document agree.
func (l *engineTest) verify() {
	l.t.Helper()
	l.await(campus.StageInPerson)
	l.send(campus.VerifyUpdate, workflowtest.Staff("card centre"), campus.Said{Action: string(campus.Pass)}, struct{}{})
}

func (l *engineTest) activate() {
	l.t.Helper()
	l.await(campus.StageActivation)
	l.byStudent(campus.ActivateUpdate, struct{}{})
}

// settle settles a step as soon as it is parked at the attempt, and answers the outcome.
func (l *engineTest) settle(operator string, action campus.Settlement, step string, attempt int) campus.Settled {
	l.t.Helper()
	l.AwaitParked(l.ref, step, attempt)
	settled, err := l.Settle(l.ref, operator, action, step, attempt)
	require.NoError(l.t, err)
	return settled
}

// plastic goes on with the case of the plastic that the activation has begun, and waits until it is in production.
func (l *engineTest) plastic() {
	l.t.Helper()
	l.end(campus.Completed)
	l.ref = l.PlasticCase(l.ref)
	l.await(campus.StageProduction)
}

// queued goes on with the case of the plastic until it waits for a batch.
func (l *engineTest) queued() {
	l.t.Helper()
	l.review(campus.Approve, "")
	l.activate()
	l.end(campus.Completed)
	l.ref = l.PlasticCase(l.ref)
	l.await(campus.StageBatching)
}

// batch opens a batch of what waits.
func (l *engineTest) batch() campus.CaseRef {
	l.t.Helper()
	return openNow(l.t, l.Env)
}

// report is a call-back of the bureau about the newest plastic.
func (l *engineTest) report(status string, sequence int) {
	l.t.Helper()
	made, err := l.Production.CurrentPlastic(l.t.Context(), l.ref.ID)
	require.NoError(l.t, err)
	report, err := activities.ProductionReport(school.Production{
		OrderID: made.OrderID, Reference: made.ID.String(), Batch: batchOf(made), Status: status, Kiosk: made.KioskID,
		Compartment: "A07", Sequence: sequence,
	})
	require.NoError(l.t, err)
	require.NoError(l.t, l.TakeReport(l.t.Context(), report))
}

// pickUp is the holder at the kiosk.
func (l *engineTest) pickUp() {
	l.t.Helper()
	l.await(campus.StagePickup)
	made, err := l.Production.CurrentPlastic(l.t.Context(), l.ref.ID)
	require.NoError(l.t, err)
	code, err := l.Production.PickupCode(made)
	require.NoError(l.t, err)
	_, err = l.PickUp(l.t.Context(), storagetest.Request(campus.Machine(made.KioskID)), production.Pickup{
		Kiosk: made.KioskID, Code: code, DocumentNumber: l.student.Document, Tries: func(string) int { return 5 },
	})
	require.NoError(l.t, err)
}

// end requires that the case and its workflow end well, in this way.
func (l *engineTest) end(outcome campus.Outcome) {
	l.t.Helper()
	l.await(campus.StageDone)
	require.NoError(l.t, l.Ended(l.ref))
	require.Equal(l.t, outcome, l.Case(l.ref).Outcome)
	require.Empty(l.t, l.OpenItems(l.ref))
}

func joined(kinds []string) string { return strings.Join(kinds, " ") }
