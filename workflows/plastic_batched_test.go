package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

// newBatched is the case of a plastic that goes to the bureau with others.
func newBatched(t *testing.T, policy string) *caseTest {
	t.Helper()
	before := newApplication(t, policy, workflowtest.Good)
	before.School.Bureau(idle)
	before.review(campus.Approve, "")
	before.activate()
	before.run()
	return stage(t, before.Env, before.student, before.PlasticCase(before.ref))
}

// batched has a batch take what waits to the bureau, which says so of each card.
func (p *caseTest) batched(answers ...func(*production.EntryAnswer)) {
	p.do(func() {
		b := openNow(p.t, p.Env)
		require.NoError(p.t, p.Production.NoteBatchOrder(p.t.Context(), b.ID, "key of "+b.ID.String()))
		made := p.plastic()
		answer := production.EntryAnswer{Plastic: made.ID, OrderID: "bo-" + made.ID.String() + "-" + b.ID.String()}
		for _, change := range answers {
			change(&answer)
		}
		require.NoError(p.t, p.Production.SaveBatchOrder(p.t.Context(), b.ID, "bb", []production.EntryAnswer{answer}))
		p.env.SignalWorkflow(campus.FactsChanged, nil)
	})
}

func rejected(a *production.EntryAnswer) { a.OrderID, a.Rejected, a.Reason = "", true, "not_printable" }

// stands requires where the case stands.
func (p *caseTest) stands(stage campus.Stage, waits campus.Party) {
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(p.t, []any{stage, waits}, []any{c.Stage, c.WaitsFor})
		require.NotNil(p.t, c.Due)
	})
}

// sendAgain is the student's wish to have the card at a kiosk after all.
func (p *caseTest) sendAgain(kiosk string) *reply {
	return p.decide(campus.ResendUpdate, campus.Student(p.student.ID), campus.Said{},
		func() any { return production.Resend{Kiosk: kiosk} })
}

func TestPlasticGoesToTheBureauWithABatch(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.stands(campus.StageBatching, campus.WaitsForEngine)
	p.do(func() { require.Zero(t, p.School.Calls("order"), "it is not ordered by itself") })
	p.batched()
	p.stands(campus.StageProduction, campus.WaitsForBureau)
	p.report("produced", 2)
	p.report("shipped", 3)
	p.report("delivered", 4)
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, "plastic_begun plastic_queued plastic_ordered plastic_ready picked_up", p.story())
	require.Zero(t, p.School.Calls("production"), "its batch asks")
	require.Equal(t, []string{"notice.ready_for_pickup"}, p.Notices(p.ref))
}

// By size: the card that is one too many opens the batch.
func TestEnoughCardsOpenABatch(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "production: {batch_at: 1, urgent_before: 0s}")
	p.do(func() {
		require.Equal(t, 1, storagetest.One[int](p.Env.Env, `select count(*) from batches where reason = 'size'`))
		require.NotNil(t, p.plastic().BatchID)
		p.Exec(`update plastics set state = 'cancelled'`)
		p.env.SignalWorkflow(campus.FactsChanged, nil)
	})
	p.run()
	p.requireEnd(campus.Expired, "bureau_cancelled")
}

// D2: a card whose promise nears opens a batch of its own, and then becomes somebody's work all the same.
func TestPromiseThatNearsOpensABatch(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	urgent := func() int {
		return storagetest.One[int](p.Env.Env, `select count(*) from batches where reason = 'urgent'`)
	}
	p.after(48*time.Hour - 2*time.Hour).do(func() { require.Zero(t, urgent(), "there is time") })
	p.after(4 * time.Hour).do(func() {
		require.Equal(t, 1, urgent())
		require.NotNil(t, p.plastic().BatchID)
		require.Equal(t, campus.StageBatching, p.Case(p.ref).Stage, "nobody has sent it yet")
		require.Empty(t, p.OpenItems(p.ref))
	})
	p.after(12 * time.Hour).do(func() {
		items := p.OpenItems(p.ref)
		require.Len(t, items, 1)
		require.Equal(t, "promise_in_danger", items[0].Reason)
		require.Equal(t, 1, urgent(), "one is enough")
	})
	p.run()
	p.requireEnd(campus.Expired, "never_produced")
	require.Equal(t, campus.PlasticCancelled, p.plastic().State)
}

func TestPlasticLostOnTheWayIsMadeAgain(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.batched()
	p.report("shipped", 3)
	p.report("lost", 4)
	p.stands(campus.StageBatching, campus.WaitsForEngine)
	p.batched()
	p.report("damaged", 4)
	p.batched()
	p.report("delivered", 4)
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, []string{"lost", "damaged", "picked_up"}, storagetest.One[[]string](p.Env.Env,
		`select array_agg(state order by seq) from plastics where case_id = $1`, p.ref.ID))
	require.Equal(t, "plastic_begun plastic_queued plastic_ordered plastic_lost plastic_ordered plastic_damaged plastic_ordered plastic_ready picked_up",
		p.story())
}

func TestPlasticThatIsNotInItsCompartmentIsMadeAgain(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.batched()
	p.report("delivered", 4)
	p.do(func() {
		who := campus.StaffMember{ID: uuid.New(), University: storagetest.University}
		_, err := p.Production.ReportPlastic(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, p.ref.ID,
			campus.PlasticLost, "")
		require.NoError(t, err)
		p.env.SignalWorkflow(campus.FactsChanged, nil)
	})
	p.stands(campus.StageBatching, campus.WaitsForEngine)
	p.batched()
	p.report("delivered", 4)
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, []string{"notice.ready_for_pickup", "notice.plastic_remade", "notice.ready_for_pickup"},
		p.Notices(p.ref))
}

func TestPlasticTheBureauWouldNotMakeWaitsForStaff(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.batched(rejected)
	p.do(func() {
		require.Equal(t, []string{"order-1"}, []string(p.Case(p.ref).Parked))
		items := p.OpenItems(p.ref)
		require.Len(t, items, 1)
		require.Equal(t, []any{campus.IncidentItem, campus.Refused, "order_rejected"},
			[]any{items[0].Kind, items[0].Cause, items[0].Reason})
		require.Contains(t, p.Tries(p.ref, "order-1")[0].Message, "not_printable")
	})
	p.settle("operator", campus.SkipStep, "order-1", 1).refused("step_not_skippable")
	p.settle("operator", campus.RetryStep, "order-1", 1)
	p.batched(rejected)
	p.settle("first", campus.AbortSteps, "order-2", 1)
	p.settle("second", campus.AbortSteps, "order-2", 1)
	p.run()
	p.requireEnd(campus.Aborted, "order_given_up")
	require.Equal(t, []string{"spoilt", "spoilt"}, storagetest.One[[]string](p.Env.Env,
		`select array_agg(state order by seq) from plastics where case_id = $1`, p.ref.ID))
}

func TestPlasticWhoseBatchIsGivenUpWaitsForAnother(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.batched()
	p.stands(campus.StageProduction, campus.WaitsForBureau)
	p.do(func() {
		ref := campus.CaseRef{Kind: campus.BatchCase, ID: *p.plastic().BatchID}
		m := p.NextMove(ref, campus.StageDone, campus.WaitsForNobody)
		m.Outcome = campus.Aborted
		_, err := p.Production.EndBatch(t.Context(), m, campus.BatchFailed, false)
		require.NoError(t, err)
		p.env.SignalWorkflow(campus.FactsChanged, nil)
	})
	p.stands(campus.StageBatching, campus.WaitsForEngine)
	p.batched()
	p.report("delivered", 4)
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, 1, p.plastic().Seq, "it is the same card")
	require.Equal(t, 2, strings.Count(p.story(), "plastic_queued plastic_ordered"))
}

func TestUnclaimedPlasticIsSentAgain(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.batched()
	p.report("delivered", 4)
	p.sendAgain(storagetest.WestKiosk).refused("wrong_stage")
	p.after(30*day).stands(campus.StageReturned, campus.WaitsForStudent)
	p.do(func() { require.Equal(t, "not_picked_up", p.Case(p.ref).Reason) })
	p.sendAgain("lcu-moon-1").refused("kiosk_unknown")
	promised := p.Clock.Now()
	p.do(func() { promised = p.plastic().PromisedAt })
	p.sendAgain(storagetest.WestKiosk)
	p.sendAgain(storagetest.EastKiosk).refused("wrong_stage")
	p.stands(campus.StageBatching, campus.WaitsForEngine)
	p.do(func() {
		require.True(t, p.plastic().PromisedAt.After(promised), "a promise of its own")
		require.True(t, p.plastic().PromisedAt.Equal(*p.Case(p.ref).Due))
	})
	p.batched()
	p.stands(campus.StageProduction, campus.WaitsForBureau)
	p.report("delivered", 4)
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, 1, p.plastic().Seq, "nothing was made anew")
	require.Equal(t, storagetest.WestKiosk, p.plastic().KioskID)
	require.Contains(t, p.story(), "plastic_returned plastic_resent plastic_ordered plastic_ready picked_up")
}

func TestResentPlasticTheCourierCannotBringIsMadeAgain(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.batched()
	p.report("delivered", 4)
	p.after(30 * day)
	p.sendAgain(storagetest.EastKiosk)
	p.batched(rejected)
	p.stands(campus.StageBatching, campus.WaitsForEngine)
	p.do(func() { require.Equal(t, 2, p.plastic().Seq) })
	p.batched()
	p.report("delivered", 4)
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
}

func TestPlasticNobodyEverWantsIsDestroyed(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.batched()
	p.report("delivered", 4)
	p.run()
	p.requireEnd(campus.Expired, "not_picked_up")
	require.Equal(t, campus.PlasticCancelled, p.plastic().State)
	require.Equal(t, []string{"notice.ready_for_pickup", "notice.remind_pickup", "notice.remind_pickup",
		"notice.plastic_returned",
		"notice.remind_returned", "notice.plastic_destroyed"}, p.Notices(p.ref))
	require.Zero(t, p.School.Calls("cancellation"), "there is nothing to take back")
}

func TestBatchedPlasticThatContinuesAsNewKeepsItsPlace(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.do(func() { p.env.SignalWorkflow(campus.FactsChanged, nil) })
	p.env.SetContinueAsNewSuggested(true)
	next := p.continued()
	require.Equal(t, p.input, next)
	require.Equal(t, campus.StageBatching, p.Case(p.ref).Stage)
	again := stage(t, p.Env, p.student, p.ref)
	again.input = next
	again.batched()
	again.report("delivered", 4)
	again.pickUp()
	again.run()
	again.requireEnd(campus.Completed, "")
}

func TestEveryStepOfABatchedPlasticMayBeDeliveredTwice(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.env = p.newEnv(twice(p.Env))
	p.batched()
	p.report("lost", 3)
	p.after(52 * time.Hour) // the promise nears, and a batch is opened
	p.do(func() {
		require.Equal(t, 1, storagetest.One[int](p.Env.Env, `select count(*) from batches where reason = 'urgent'`))
		p.Exec(`update plastics set batch_id = null where state = 'ordered'`)
	})
	p.batched()
	p.report("delivered", 4)
	p.after(30 * day)
	p.sendAgain(storagetest.WestKiosk)
	p.batched()
	p.report("delivered", 4)
	p.run()
	p.requireEnd(campus.Expired, "not_picked_up")
}
