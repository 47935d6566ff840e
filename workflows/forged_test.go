package workflows_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/money"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

// forgedPolicy is a policy under which nothing happens by itself while decisions are forged.
const forgedPolicy = `
steps: {tries: 2, backoff: 50ms}
plastic: {pickup_wait: 1s}
production: {schedule: "", urgent_before: 0s}
`

// forgery is a case whose workflow is told of decisions that nobody has made.
type forgery struct {
	*engineTest
	other  campus.CaseRef // that waits at a review all the time
	forged *forgedUpdates
}

// forgedUpdates are the updates that were forged, over all cases.
type forgedUpdates struct {
	mu   sync.Mutex
	done map[campus.CaseKind]map[string]bool
}

func (f *forgedUpdates) add(kind campus.CaseKind, update string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done[kind] == nil {
		f.done[kind] = map[string]bool{}
	}
	f.done[kind][update] = true
}

// falseIDs are the ids that a forger may give, each with what the table has under it: a decision like the forged one
// but for one thing. An id without a statement is in no table.
var falseIDs = map[string]struct {
	id     func() uuid.UUID
	change string
}{
	"an empty id":                    {id: func() uuid.UUID { return uuid.Nil }},
	"an invented id":                 {id: uuid.New},
	"the id of another person's":     {change: `update requests set actor = 'staff:9d6e1f3a-0000-4000-8000-000000000001' where id = $1`},
	"the id of another case's":       {change: `update requests set case_id = (select id from cases where id <> case_id limit 1) where id = $1`},
	"the id of another decision's":   {change: `update requests set update_name = update_name || '-not' where id = $1`},
	"the id of one that says else":   {change: `update requests set argument = '{"action": "else"}' where id = $1`},
	"the id of one that was done":    {change: `update requests set state = 'done', status = 200, response = '{}' where id = $1`},
	"the id of one that was refused": {change: `update requests set state = 'refused', response = '{"code": "conflict"}' where id = $1`},
}

// forge has the case's workflow told of a decision under every false id, and requires that nothing comes of it.
func (f *forgery) forge(update string, by campus.Actor, said campus.Said) {
	f.t.Helper()
	f.forged.add(f.ref.Kind, update)
	for what, lie := range falseIDs {
		d := campus.Decision{Update: update, By: by, Seen: f.version(), Said: said}
		if lie.id != nil {
			d.ID = lie.id()
			f.tell(what, d)
			continue
		}
		kept, err := f.Env.Decide(f.ref, update, by, said, cards.ReviewNote{})
		require.NoError(f.t, err)
		f.Hold(kept)
		if what == "the id of another case's" {
			f.Exec(`update requests set case_id = $2 where id = $1`, kept.ID, f.other.ID)
		} else {
			f.Exec(lie.change, kept.ID)
		}
		d.ID = kept.ID
		f.tell(what, d)
		f.Exec(`delete from requests where id = $1`, kept.ID)
	}
}

func (f *forgery) version() int64 {
	f.t.Helper()
	return storagetest.One[int64](f.Env.Env, `select version from cases where id = $1`, f.ref.ID)
}

// tell sends a forged decision through Temporal itself, and requires that it is refused and changes nothing.
func (f *forgery) tell(what string, d campus.Decision) {
	f.t.Helper()
	facts, details, calls := f.quiet(), f.details(), f.School.Calls("")
	reason := f.sendForged(d)
	require.Contains(f.t, []string{"decision_missing", "decision_unknown", "decision_closed", campus.DecisionPassed,
		"step_not_parked"},
		reason, "%s with %s", d.Update, what)
	require.Equal(f.t, strings.Fields(facts), strings.Fields(f.Facts()), "%s with %s", d.Update, what)
	require.Equal(f.t, details, f.details(), "%s with %s", d.Update, what)
	require.Equal(f.t, calls, f.School.Calls(""), "%s with %s", d.Update, what)
}

// sendForged answers with which reason an update is refused that nobody has kept.
func (f *forgery) sendForged(d campus.Decision) string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	handle, err := f.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: f.ref.WorkflowID(), UpdateID: uuid.NewString(), UpdateName: d.Update, Args: []any{d},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	require.Error(f.t, err, "%s is carried out", d.Update)
	require.True(f.t, engine.IsAnswer(err), "%s: %v", d.Update, err)
	return campus.ReasonOf(engine.FromTemporal(err))
}

// quiet waits until nothing is written any more, and answers what the tables have.
func (f *forgery) quiet() string {
	f.t.Helper()
	var facts string
	f.Await(func() bool {
		left := storagetest.One[int](f.Env.Env,
			`select (select count(*) from outbox) + (select count(*) from file_deletions) +
			(select count(*) from notices where done_at is null)`)
		before := facts
		facts = f.Facts()
		return left == 0 && before == facts
	}, "nothing is written any more")
	return facts
}

// forging begins a case that is forged, beside another that waits.
func forging(t *testing.T, all *forgedUpdates, flaw workflowtest.Flaw, change ...func(*cards.NewApplication)) *forgery {
	t.Helper()
	return forgingOn(t, workflowtest.New(t, forgedPolicy).Engine(), all, flaw, (*workflowtest.Engine).Student, change...)
}

func forgingOn(t *testing.T, e *workflowtest.Engine, all *forgedUpdates, flaw workflowtest.Flaw,
	who func(*workflowtest.Engine) workflowtest.Student, change ...func(*cards.NewApplication),
) *forgery {
	t.Helper()
	e.School.Bureau(idle)
	f := &forgery{engineTest: &engineTest{Engine: e, t: t, student: who(e)}, forged: all}
	f.other = e.Apply(e.Student(), workflowtest.Good)
	f.ref = e.Apply(f.student, flaw, change...)
	f.work()
	f.AwaitStage(f.other, campus.StageReview)
	return f
}

// forgeries are the courses in which decisions about each kind of case are forged.
var forgeries = map[campus.CaseKind]map[string]func(*testing.T, *forgedUpdates){
	campus.ApplicationCase: {"of a student": forgedApplication, "of a freshman": forgedFreshman,
		"that has lapsed": forgedLapsed},
	campus.PlasticCase:    {"with its batch": forgedPlastic},
	campus.BatchCase:      {}, // with that of a plastic
	campus.PackageCase:    {"chosen": forgedPackage},
	campus.InvitationCase: {"campaign": forgedCampaign},
	campus.EndingCase:     {"of a card": forgedEnding},
	campus.AppealCase:     {"of a payment": forgedAppeal, "of a duplicate": forgedDuplicate},
	campus.CloseCase:      {"of a day": forgedClose},
}

// K3, C3: whatever Temporal is told, only a decision that its person has made, and that is open, changes anything.
func TestForgedDecisionsChangeNothing(t *testing.T) {
	t.Parallel()
	all := &forgedUpdates{done: map[campus.CaseKind]map[string]bool{}}
	t.Run("of", func(t *testing.T) {
		for kind, tests := range forgeries {
			for name, test := range tests {
				t.Run(string(kind)+"/"+name, func(t *testing.T) {
					t.Parallel()
					test(t, all)
				})
			}
		}
	})
	for _, kind := range campus.CaseKinds() {
		for _, update := range campus.DecisionUpdates(kind) {
			require.True(t, all.done[kind][update], "%s of a case of kind %s is not forged in any course here", update, kind)
		}
	}
}

func forgedApplication(t *testing.T, all *forgedUpdates) {
	f := forging(t, all, workflowtest.TooDark)
	student, reviewer, centre := campus.Student(f.student.ID), workflowtest.Staff("reviewer"), workflowtest.Staff("card centre")
	f.await(campus.StageLiveness)
	f.forge(campus.TryLivenessUpdate, student, campus.Said{})
	f.forge(campus.ChooseCounterUpdate, student, campus.Said{})
	f.forge(campus.WithdrawUpdate, student, campus.Said{})
	f.byStudent(campus.ChooseCounterUpdate, struct{}{})
	f.await(campus.StageInPerson)
	f.forge(campus.VerifyUpdate, centre, campus.Said{Action: string(campus.Pass)})
	f.forge(campus.VerifyUpdate, centre, campus.Said{Action: string(campus.Fail)})
	f.verify()
	f.await(campus.StageReview)
	for _, action := range []campus.ReviewAction{campus.Approve, campus.Reject, campus.AskMore} {
		f.forge(campus.ReviewUpdate, reviewer, campus.Said{Action: string(action)})
	}
	said := campus.Said{Action: string(campus.AskMore), Reason: "certificate_unreadable"}
	asked, err := f.Decide(f.ref, campus.ReviewUpdate, reviewer, said, cards.ReviewNote{Note: "请补交"})
	require.NoError(t, err)
	f.await(campus.StageEvidence)
	f.forge(campus.BringEvidenceUpdate, student, campus.Said{})
	f.forge(campus.ChooseCounterUpdate, student, campus.Said{})
	f.byStudent(campus.BringEvidenceUpdate, struct{}{})
	f.await(campus.StageReview)
	f.tell("the id of one that was carried out", asked.Decision)
	f.settlements("library", "grant-library", func() { f.review(campus.Approve, "") })
	f.await(campus.StageActivation)
	f.forge(campus.ActivateUpdate, student, campus.Said{})
	f.activate()
	f.end(campus.Completed)
}

// forgedLapsed is a house of its own: where activations lapse soon, that is a change of its own beside the forged ones.
func forgedLapsed(t *testing.T, all *forgedUpdates) {
	e := workflowtest.New(t, forgedPolicy+"activation: {wait: 1s}\n").Engine()
	f := forgingOn(t, e, all, workflowtest.Good, (*workflowtest.Engine).Student)
	f.review(campus.Approve, "")
	f.await(campus.StageLapsed)
	f.forge(campus.ReopenUpdate, campus.Student(f.student.ID), campus.Said{})
	f.byStudent(campus.ReopenUpdate, struct{}{})
}

// settlements forges settlements of a step that parks while a system is away. What was forged first is not the first of
// four eyes, and what is forged second not the second.
func (f *forgery) settlements(system, step string, then func()) {
	f.t.Helper()
	f.School.Fault(system, "outage")
	then()
	f.AwaitParked(f.ref, step, 1)
	f.forgeSettlements(step)
	f.School.Fault(system, "none")
	require.Equal(f.t, campus.StepOK, f.settle("operator", campus.RetryStep, step, 1).Outcome)
}

func (f *forgery) forgeSettlements(step string) {
	f.t.Helper()
	actions := []campus.Settlement{campus.RetryStep, campus.AbortSteps}
	if !f.noSkip(step) {
		actions = append(actions, campus.SkipStep)
	}
	for _, action := range actions {
		said := campus.Said{Action: string(action), Step: step, Attempt: 1}
		for _, by := range []string{"first", "second"} {
			f.forge(campus.SettleStepUpdate, workflowtest.Staff(by), said)
		}
		if !action.FourEyes() {
			continue
		}
		require.Equal(f.t, campus.StepSecondPerson, f.settle("second", action, step, 1).Outcome, "nobody has seen it before")
		f.forge(campus.SettleStepUpdate, workflowtest.Staff("first"), said)
	}
}

// noSkip tells whether nothing can go on without a step.
func (f *forgery) noSkip(step string) bool {
	return slices.Contains([]string{"order-1", "send-batch"}, step)
}

func forgedFreshman(t *testing.T, all *forgedUpdates) {
	f := forgingOn(t, workflowtest.New(t, forgedPolicy).Engine(), all, workflowtest.Good,
		func(e *workflowtest.Engine) workflowtest.Student {
			return e.Applicant("kind=admitted&category=mainland")
		})
	f.review(campus.Approve, "")
	f.await(campus.StageEnrolment)
	f.forge(campus.ActivateUpdate, campus.Student(f.student.ID), campus.Said{})
	f.byStudent(campus.WithdrawUpdate, struct{}{})
	f.end(campus.Withdrawn)
}

func forgedPlastic(t *testing.T, all *forgedUpdates) {
	f := forging(t, all, workflowtest.Good)
	f.queued()
	plastic := f.ref
	f.School.Fault("bureau", "outage")
	f.ref = f.batch()
	var step string
	f.Await(func() bool {
		for _, item := range f.OpenItems(f.ref) {
			step = item.Step
		}
		return step != ""
	}, "the batch parks")
	f.forgeSettlements(step)
	f.School.Fault("bureau", "none")
	f.settle("operator", campus.RetryStep, step, 1)
	f.ref = plastic
	f.await(campus.StageProduction)
	f.report("delivered", 4)
	f.await(campus.StageReturned)
	f.forge(campus.ResendUpdate, campus.Student(f.student.ID), campus.Said{})
	f.forge(campus.SettleStepUpdate, workflowtest.Staff("first"),
		campus.Said{Action: string(campus.RetryStep), Step: "order-1", Attempt: 1})
	f.send(campus.ResendUpdate, campus.Student(f.student.ID), campus.Said{},
		production.Resend{Kiosk: storagetest.WestKiosk})
	f.await(campus.StageBatching)
}

func forgedPackage(t *testing.T, all *forgedUpdates) {
	f := forging(t, all, workflowtest.Good, func(a *cards.NewApplication) { a.Packages = []campus.ChosenPackage{laundry} })
	f.School.Fault("laundry", "outage")
	f.queued()
	f.ref = f.packageCase(f.held()[laundry.Code])
	f.settlements("laundry", "subscribe-laundry", func() {})
	f.end(campus.Completed)
}

func forgedEnding(t *testing.T, all *forgedUpdates) {
	f := forging(t, all, workflowtest.Good)
	f.queued()
	next := &engineTest{Engine: f.Engine, t: t, student: f.Student()}
	next.ref = f.Apply(next.student, workflowtest.Good)
	next.review(campus.Approve, "")
	next.await(campus.StageActivation)
	f.graduates(next.student)
	f.ref = campus.CaseRef{Kind: campus.EndingCase, ID: f.card().ID}
	f.settlements("library", "revoke-library", next.activate)
	f.end(campus.Completed)
}

func forgedAppeal(t *testing.T, all *forgedUpdates) {
	f := forging(t, all, workflowtest.Good)
	f.await(campus.StageReview)
	student, first := campus.Student(f.student.ID), workflowtest.Staff("first")
	x := paid(t, f.Env, f.student, 101*yuan, false)
	f.ref = campus.CaseRef{Kind: campus.AppealCase, ID: f.Appealed(f.student.ID, x.payment).CaseID}
	f.await(campus.StageAnswer)
	f.forge(campus.AnswerAppealUpdate, first, campus.Said{Action: string(campus.AgreeAppeal)})
	f.forge(campus.WithdrawUpdate, student, campus.Said{})
	f.forge(campus.SettleStepUpdate, first, campus.Said{Action: string(campus.RetryStep), Step: "refund-appeal", Attempt: 1})
	refundAll := campus.Said{Action: string(campus.RefundAll), Reason: "appeal_proven"}
	f.says(campus.StageAnswer, "merchant", campus.AnswerAppealUpdate, campus.AgreeAppeal, "")
	f.await(campus.StageVerdict)
	f.forge(campus.DecideAppealUpdate, first, refundAll)
	f.forge(campus.DecideAppealUpdate, first, campus.Said{Action: string(campus.RefundNothing), Reason: "own_payment"})
	f.says(campus.StageVerdict, "first", campus.DecideAppealUpdate, campus.RefundNothing, "appeal_not_proven")
	f.await(campus.StageObjection)
	f.forge(campus.ObjectAppealUpdate, student, campus.Said{})
	f.byStudent(campus.ObjectAppealUpdate, money.AppealNote{Note: "我有小票"})
	f.says(campus.StageVerdict, "second", campus.DecideAppealUpdate, campus.RefundAll, "appeal_proven")
	f.await(campus.StageSecondPerson)
	f.forge(campus.ConfirmAppealUpdate, workflowtest.Staff("operator"), campus.Said{Action: string(campus.ConfirmVerdict)})
	f.forge(campus.ConfirmAppealUpdate, workflowtest.Staff("reviewer"), campus.Said{Action: string(campus.SendBack)})
	f.says(campus.StageSecondPerson, "operator", campus.ConfirmAppealUpdate, campus.ConfirmVerdict, "")
	f.end(campus.Completed)
	f.requireMoney(303 * yuan)
}

func forgedDuplicate(t *testing.T, all *forgedUpdates) {
	f := forging(t, all, workflowtest.Good)
	f.await(campus.StageReview)
	x := paid(t, f.Env, f.student, 10*yuan, true)
	f.ref = campus.CaseRef{Kind: campus.AppealCase, ID: f.Appealed(f.student.ID, x.payment).CaseID}
	f.await(campus.StageContest)
	f.forge(campus.ContestUpdate, workflowtest.Staff("merchant"),
		campus.Said{Action: string(campus.ObjectRefund), Reason: "two_sales"})
	f.says(campus.StageContest, "merchant", campus.ContestUpdate, campus.ObjectRefund, "two_sales")
	f.await(campus.StageDispute)
	f.forge(campus.DecideDisputeUpdate, workflowtest.Staff("first"),
		campus.Said{Action: string(campus.UpholdObjection), Reason: "two_sales"})
	f.says(campus.StageDispute, "first", campus.DecideDisputeUpdate, campus.DismissObjection, "objection_not_proven")
	f.end(campus.Completed)
	f.requireMoney(20 * yuan)
}

func forgedClose(t *testing.T, all *forgedUpdates) {
	f := forging(t, all, workflowtest.Good)
	f.await(campus.StageReview)
	paidUnknown(f.Env)
	f.settlements("wallet", "channel-file-wallet", func() { f.ref = openClose(t, f.Env) })
	f.await(campus.StageSigning)
	f.forge(campus.SignUpdate, workflowtest.Staff("first"), campus.Said{})
	f.forge(campus.SettleDifferenceUpdate, workflowtest.Staff("first"), explained(1))
	f.send(campus.SettleDifferenceUpdate, workflowtest.Staff("first"), explained(1), money.DifferenceNote{Note: "明日补记"})
	f.signs("first")
	f.end(campus.Completed)
}

func forgedCampaign(t *testing.T, all *forgedUpdates) {
	f := forging(t, all, workflowtest.Good)
	f.await(campus.StageReview)
	admitted(f.Env, 1)
	f.ref = openedCampaign(t, f.Env, 2, 7)
	operator := workflowtest.Staff("operator")
	f.await(campus.StageScheduled)
	f.forge(campus.PauseUpdate, operator, campus.Said{})
	f.send(campus.PauseUpdate, operator, campus.Said{}, struct{}{})
	f.forge(campus.ResumeUpdate, operator, campus.Said{})
	f.forge(campus.CancelUpdate, operator, campus.Said{})
	f.forge(campus.SettleStepUpdate, operator, campus.Said{Action: string(campus.RetryStep), Step: "look", Attempt: 1})
	f.send(campus.CancelUpdate, operator, campus.Said{}, struct{}{})
	f.end(campus.Withdrawn)
}
