package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

// newPlastic is the case of a plastic whose card was activated just now: the application before it has been played.
// bureau is how the card bureau works. The card is ordered by itself.
func newPlastic(t *testing.T, policy string, bureau workflowtest.Fields) *caseTest {
	t.Helper()
	before := newApplication(t, "production: {batches: false}\n"+policy, workflowtest.Good)
	before.School.Bureau(bureau)
	before.review(campus.Approve, "")
	before.activate()
	before.run()
	return stage(t, before.Env, before.student, before.PlasticCase(before.ref))
}

// The ways a bureau works: never by itself, so that a test reports in its place, or at once but without a word.
var (
	idle   = workflowtest.Fields{"produce_ms": 3_600_000, "silent": true}
	silent = workflowtest.Fields{"silent": true}
)

// plastic is the newest plastic of the case.
func (p *caseTest) plastic() production.Plastic {
	p.t.Helper()
	found, err := p.Production.CurrentPlastic(p.t.Context(), p.ref.ID)
	require.NoError(p.t, err)
	return found
}

// report is a call-back of the bureau, taken as the API takes it, with the signal that follows.
func (p *caseTest) report(status string, sequence int) {
	p.do(func() {
		made := p.plastic()
		report, err := activities.ProductionReport(school.Production{
			OrderID: made.OrderID, Reference: made.ID.String(), Batch: batchOf(made), Status: status, Kiosk: made.KioskID,
			Compartment: "A07", Sequence: sequence,
		})
		require.NoError(p.t, err)
		report.CallbackID, report.BodyHash = uuid.NewString(), production.BodyHash([]byte(status))
		require.NoError(p.t, p.TakeReport(p.t.Context(), report))
		p.env.SignalWorkflow(campus.FactsChanged, nil)
	})
}

// batchOf is what the bureau names the batch of a plastic by, empty for one that was ordered by itself.
func batchOf(p production.Plastic) string {
	if p.BatchID == nil {
		return ""
	}
	return p.BatchID.String()
}

// bureauHas waits until the bureau, whose clock skips nothing, has the newest order at a status.
func (p *caseTest) bureauHas(status string) {
	p.do(func() {
		require.Eventually(p.t, func() bool {
			production, err := p.Systems.Bureau.Production(p.t.Context(), p.plastic().OrderID)
			return err == nil && production.Status == status
		}, 10*time.Second, 10*time.Millisecond)
	})
}

// pickUp is the holder at the kiosk.
func (p *caseTest) pickUp() {
	p.do(func() {
		made := p.plastic()
		code, err := p.Production.PickupCode(made)
		require.NoError(p.t, err)
		opened, err := p.PickUp(p.t.Context(), storagetest.Request(campus.Machine(made.KioskID)),
			production.Pickup{
				Kiosk: made.KioskID, Code: code, DocumentNumber: p.student.Document, Tries: func(string) int { return 5 },
			})
		require.NoError(p.t, err)
		require.Equal(p.t, made.ID, opened.Plastic)
		p.env.SignalWorkflow(campus.FactsChanged, nil)
	})
}

func TestPlasticIsMadeReportedAndPickedUp(t *testing.T) {
	t.Parallel()
	p := newPlastic(t, "", idle)
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageProduction, c.Stage)
		require.Equal(t, campus.WaitsForBureau, c.WaitsFor)
		require.Equal(t, campus.DateOf(*c.Due).AddDays(-1), p.plastic().PromisedOn(),
			"the end of the promised day is the next midnight")
		require.Equal(t, 1, p.School.Effects("order"))
	})
	p.report("produced", 2)
	p.report("shipped", 3)
	p.report("delivered", 4)
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StagePickup, c.Stage)
		require.Equal(t, campus.WaitsForStudent, c.WaitsFor)
	})
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, "plastic_begun plastic_ordered plastic_ready picked_up", p.story())
	require.Equal(t, campus.PlasticPickedUp, p.plastic().State)
	require.Equal(t, []string{"notice.ready_for_pickup"}, p.Notices(p.ref))
	require.Zero(t, p.School.Calls("production"), "nobody was asked: the call-backs came")
}

func TestSilentBureauIsAsked(t *testing.T) {
	t.Parallel()
	p := newPlastic(t, "", silent)
	p.bureauHas("delivered")
	p.after(30 * time.Minute).do(func() {
		require.Equal(t, campus.StagePickup, p.Case(p.ref).Stage)
		require.Len(t, p.Tries(p.ref, "poll-bureau"), 1)
	})
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
}

func TestBureauThatCannotBeAskedIsNoIncident(t *testing.T) {
	t.Parallel()
	p := newPlastic(t, "", silent)
	p.bureauHas("delivered")
	p.do(func() { p.School.Fault("bureau", "outage") })
	p.after(time.Hour).do(func() {
		require.Equal(t, campus.StageProduction, p.Case(p.ref).Stage)
		require.Empty(t, p.OpenItems(p.ref))
		tries := p.Tries(p.ref, "poll-bureau")
		require.NotEmpty(t, tries)
		require.Equal(t, campus.Unavailable, tries[0].Code)
		p.School.Fault("bureau", "none")
	})
	p.after(time.Hour)
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
}

func TestSpoiltPlasticIsMadeAgain(t *testing.T) {
	t.Parallel()
	p := newPlastic(t, "plastic: {spoilt_limit: 2}", workflowtest.Fields{"silent": true, "spoil_next": 2})
	p.bureauHas("spoilt")
	p.after(30 * time.Minute).bureauHas("spoilt")
	p.after(30 * time.Minute).bureauHas("delivered")
	p.after(30 * time.Minute).do(func() {
		require.Equal(t, campus.StagePickup, p.Case(p.ref).Stage)
		require.Equal(t, 3, p.plastic().Seq)
		require.Equal(t, 3, p.School.Effects("order"), "one order for each plastic")
		require.Equal(t, 1, storagetest.One[int](p.Env.Env,
			`select count(*) from work_items where kind = 'overdue' and reason = 'spoilt_often'`))
	})
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, 2, strings.Count(p.story(), "plastic_spoilt"))
	require.Equal(t, []string{"spoilt", "spoilt", "picked_up"}, storagetest.One[[]string](p.Env.Env,
		`select array_agg(state order by seq) from plastics where case_id = $1`, p.ref.ID))
}

func TestPromiseInDangerBecomesWork(t *testing.T) {
	t.Parallel()
	p := newPlastic(t, "", idle)
	promised := p.Clock.Now()
	p.do(func() { promised = *p.Case(p.ref).Due })
	p.after(48*time.Hour + 14*time.Hour).do(func() {
		items := p.OpenItems(p.ref)
		require.Len(t, items, 1)
		require.Equal(t, campus.OverdueItem, items[0].Kind)
		require.Equal(t, "promise_in_danger", items[0].Reason)
		require.Equal(t, promised, *items[0].Due)
		require.Equal(t, campus.WaitsForBureau, p.Case(p.ref).WaitsFor)
	})
	p.report("delivered", 2)
	p.do(func() { require.Empty(t, p.OpenItems(p.ref)) })
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, 1, strings.Count(p.story(), "promise_in_danger"))
}

func TestPlasticThatIsNeverProduced(t *testing.T) {
	t.Parallel()
	p := newPlastic(t, "plastic: {poll: 5d}", idle)
	p.run()
	p.requireEnd(campus.Expired, "never_produced")
	require.Equal(t, campus.PlasticCancelled, p.plastic().State)
	require.Equal(t, 1, p.School.Effects("cancellation"))
}

func TestPlasticTheBureauCancels(t *testing.T) {
	t.Parallel()
	p := newPlastic(t, "", idle)
	p.report("cancelled", 2)
	p.run()
	p.requireEnd(campus.Expired, "bureau_cancelled")
	require.Equal(t, campus.PlasticCancelled, p.plastic().State)
}

func TestPlasticIsNeverPickedUp(t *testing.T) {
	t.Parallel()
	p := newPlastic(t, "", idle)
	p.report("delivered", 2)
	p.run()
	p.requireEnd(campus.Expired, "not_picked_up")
	require.Equal(t, campus.PlasticCancelled, p.plastic().State)
	require.Equal(t, []string{"notice.ready_for_pickup", "notice.remind_pickup", "notice.remind_pickup",
		"notice.plastic_returned",
		"notice.remind_returned", "notice.plastic_destroyed"}, p.Notices(p.ref))
}

func TestHolderWhoComesWhileTheOrderIsTakenBackHasTheirCard(t *testing.T) {
	t.Parallel()
	p := newPlastic(t, "", idle)
	p.do(func() { p.School.Fault("bureau", "outage") })
	p.after(p.Policy().Plastic.ProductionLimit.Std()).do(func() {
		require.Equal(t, []string{"cancel-order"},
			[]string(p.Case(p.ref).Parked))
	})
	p.report("delivered", 2)
	p.pickUp()
	p.do(func() { p.School.Fault("bureau", "none") })
	p.settle("operator", campus.RetryStep, "cancel-order", 1)
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, campus.PlasticPickedUp, p.plastic().State)
}

// orderParked is a plastic whose order the bureau does not take.
func orderParked(t *testing.T) *caseTest {
	t.Helper()
	p := newPlastic(t, "", idle)
	p.School.Fault("bureau", "outage")
	p.do(func() {
		require.Equal(t, campus.StageOrdering, p.Case(p.ref).Stage)
		require.Equal(t, []string{"order-1"}, []string(p.Case(p.ref).Parked))
		p.School.Fault("bureau", "none")
	})
	return p
}

func TestOrderParksAndIsRetried(t *testing.T) {
	t.Parallel()
	p := orderParked(t)
	p.settle("operator", campus.SkipStep, "order-1", 1).refused("step_not_skippable")
	p.settle("operator", campus.RetryStep, "order-1", 1)
	p.report("delivered", 2)
	p.pickUp()
	p.run()
	p.requireEnd(campus.Completed, "")
	require.Equal(t, 1, p.School.Effects("order"))
}

func TestOrderThatTwoPeopleGiveUp(t *testing.T) {
	t.Parallel()
	p := orderParked(t)
	p.settle("first", campus.AbortSteps, "order-1", 1)
	p.settle("second", campus.AbortSteps, "order-1", 1)
	p.run()
	p.requireEnd(campus.Aborted, "order_given_up")
	require.Equal(t, campus.PlasticCancelled, p.plastic().State)
	require.Equal(t, p.School.Effects("order"), p.School.Effects("cancellation"),
		"whatever the bureau has taken is taken back")
	require.Equal(t, []campus.CardState{campus.CardActive}, p.CardStates(p.student), "the card itself stays")
}

func TestRunThatContinuesAsNewKeepsItsPlace(t *testing.T) {
	t.Parallel()
	t.Run("a plastic in production", func(t *testing.T) {
		t.Parallel()
		p := newPlastic(t, "", idle)
		p.env.SetContinueAsNewSuggested(true)
		next := p.continued()
		require.Equal(t, p.input, next, "nothing but what every run begins with")
		require.Equal(t, campus.StageProduction, p.Case(p.ref).Stage)
		again := stage(t, p.Env, p.student, p.ref)
		again.input = next
		again.after(48*time.Hour + 14*time.Hour).do(func() {
			require.Equal(t, campus.WaitsForBureau, p.Case(p.ref).WaitsFor,
				"a move of the new run keeps for whom the case waits")
			require.NotNil(t, p.Case(p.ref).Due)
		})
		again.report("delivered", 2)
		again.pickUp()
		again.run()
		again.requireEnd(campus.Completed, "")
		require.Equal(t, 1, p.School.Effects("order"))
	})
	t.Run("an application that waits for a photo", func(t *testing.T) {
		t.Parallel()
		p := stalePhoto(t)
		p.env.SetContinueAsNewSuggested(true)
		next := p.continued()
		require.Equal(t, p.input, next)
		require.Equal(t, campus.StagePhoto, p.Case(p.ref).Stage)
		again := stage(t, p.Env, p.student, p.ref)
		again.input = next
		again.after(9 * day).do(func() {
			c := p.Case(p.ref)
			require.Contains(t, p.story(), "reminded")
			require.Equal(t, campus.WaitsForRegistry, c.WaitsFor)
			require.NotNil(t, c.Due)
			p.School.RenewPhoto(p.student, "")
		})
		again.after(3*day).review(campus.Approve, "")
		again.activate()
		again.run()
		again.requireEnd(campus.Completed, "")
	})
}

// continued plays until the run continues as new, and answers the input of the next.
func (p *caseTest) continued() campus.CaseInput {
	p.t.Helper()
	p.env.ExecuteWorkflow(string(p.ref.Kind), p.input)
	var next *workflow.ContinueAsNewError
	require.ErrorAs(p.t, p.env.GetWorkflowError(), &next)
	var input campus.CaseInput
	require.NoError(p.t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &input))
	p.Clock.Advance(p.env.Now().Sub(p.Clock.Now()))
	return input
}
