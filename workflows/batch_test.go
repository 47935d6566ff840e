package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

// newBatch is a batch of n students' cards that has not begun. bureau is how the card bureau works.
func newBatch(t *testing.T, policy string, n int, bureau workflowtest.Fields) *caseTest {
	t.Helper()
	p := newApplication(t, policy, workflowtest.Good)
	p.School.Bureau(bureau)
	for i := range n {
		if i > 0 {
			student := p.Student()
			p = stage(t, p.Env, student, p.Apply(student, workflowtest.Good))
		}
		p.review(campus.Approve, "")
		p.activate()
		p.run()
		queued(t, p.Env, p.PlasticCase(p.ref))
	}
	return opened(t, p)
}

// queued has the plastic of a case wait for a batch, as its workflow would.
func queued(t *testing.T, h *workflowtest.Env, ref campus.CaseRef) {
	t.Helper()
	made, err := h.Production.CurrentPlastic(t.Context(), ref.ID)
	require.NoError(t, err)
	m := h.NextMove(ref, campus.StageBatching, campus.WaitsForEngine)
	_, err = h.Production.QueuePlastic(t.Context(), m, made.ID,
		production.NewBatch{University: storagetest.University, Size: 100, At: 100})
	require.NoError(t, err)
}

// opened is a batch of everything that waits in a house.
func opened(t *testing.T, before *caseTest) *caseTest {
	t.Helper()
	p := stage(t, before.Env, before.student, openNow(t, before.Env))
	p.input.Campus = ""
	return p
}

func openNow(t *testing.T, h *workflowtest.Env) campus.CaseRef {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	open, err := h.Production.OpenBatch(t.Context(),
		production.NewBatch{ID: id, University: storagetest.University, Reason: campus.BatchBySchedule,
			Size: 100, PolicyVersion: h.Policies.Version()})
	require.NoError(t, err)
	require.True(t, open)
	return campus.CaseRef{Kind: campus.BatchCase, ID: id}
}

func (p *caseTest) batch() production.Batch {
	p.t.Helper()
	b, err := p.Production.Batch(p.t.Context(), p.ref.ID)
	require.NoError(p.t, err)
	return b
}

// states are how many cards of the house are in which state.
func (p *caseTest) states() map[campus.PlasticState]int {
	p.t.Helper()
	return storagetest.One[map[campus.PlasticState]int](p.Env.Env,
		`select jsonb_object_agg(state, n) from (select state, count(*) as n from plastics group by state) counted`)
}

// bureauIsDone waits until the bureau, whose clock skips nothing, has brought the batch to these statuses.
func (p *caseTest) bureauIsDone(statuses ...string) {
	p.do(func() {
		require.Eventually(p.t, func() bool {
			found, err := p.Systems.Bureau.Batch(p.t.Context(), p.ref.ID.String(), p.batch().Number)
			if err != nil {
				return false
			}
			for _, e := range found.Entries {
				if !strings.Contains(strings.Join(statuses, " "), e.Status) {
					return false
				}
			}
			return true
		}, 10*time.Second, 10*time.Millisecond)
	})
}

// receive is the east kiosk's receipt for the delivery to it: n cards placed, the rest missing.
func (p *caseTest) receive(n int) {
	p.do(func() {
		open, cards, err := p.Production.OpenDeliveries(p.t.Context(), storagetest.EastKiosk)
		require.NoError(p.t, err)
		require.Len(p.t, open, 1)
		r := production.Receipt{Delivery: open[0].ID}
		for i, card := range cards {
			if i < n {
				r.Placed = append(r.Placed, production.Placed{CardNumber: card.CardNumber, Compartment: "A0" + string(rune('1'+i))})
			} else {
				r.Missing = append(r.Missing, card.CardNumber)
			}
		}
		_, err = p.Production.KioskReceipt(p.t.Context(), storagetest.Request(campus.Machine(storagetest.EastKiosk)),
			people.Kiosk{ID: storagetest.EastKiosk}, r)
		require.NoError(p.t, err)
		p.env.SignalWorkflow(campus.FactsChanged, nil)
	})
}

// requireBatchEnd is requireEnd for a case that keeps its order file.
func (p *caseTest) requireBatchEnd(outcome campus.Outcome, reason string) {
	p.t.Helper()
	c := p.Case(p.ref)
	require.Equal(p.t, []any{outcome, reason, campus.StageDone, campus.WaitsForNobody},
		[]any{c.Outcome, c.Reason, c.Stage, c.WaitsFor})
	require.Empty(p.t, c.Parked)
	require.Empty(p.t, p.OpenItems(p.ref))
	state := campus.BatchDone
	if outcome != campus.Completed {
		state = campus.BatchFailed
	}
	require.Equal(p.t, state, p.batch().State)
	require.NotNil(p.t, p.batch().ClosedAt)
}

func TestBatchIsMadeAndBrought(t *testing.T) {
	t.Parallel()
	p := newBatch(t, "", 2, silent)
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, campus.StageProduction, c.Stage)
		require.Equal(t, campus.WaitsForBureau, c.WaitsFor)
		require.True(t, p.batch().PromisedAt.Equal(*c.Due))
		require.Len(t, p.batch().SHA256, 32)
		require.Equal(t, 2, p.batch().Ordered)
	})
	p.bureauIsDone("delivered")
	p.after(p.Policy().Production.Poll.Std())
	p.run()
	p.requireBatchEnd(campus.Completed, "")
	require.Equal(t, map[campus.PlasticState]int{campus.PlasticReady: 2}, p.states())
	require.Equal(t, "batch_begun order_file_written batch_sent batch_done", p.story())
	require.Equal(t, 1, p.School.Effects("batch"))
	require.Equal(t, 2, p.School.Effects("order"))
	deliveries, err := p.Production.BatchDeliveries(t.Context(), p.ref.ID)
	require.NoError(t, err)
	require.Len(t, deliveries, 1)
	require.Equal(t, 2, deliveries[0].Received)
}

func TestCardsOfABatchEndInTheirOwnWays(t *testing.T) {
	t.Parallel()
	p := newBatch(t, "", 5, workflowtest.Fields{"silent": true, "reject_next": 1, "spoil_next": 1, "lose_next": 1,
		"damage_next": 1})
	p.bureauIsDone("delivered", "rejected", "spoilt", "lost", "damaged")
	p.after(p.Policy().Production.Poll.Std())
	p.run()
	p.requireBatchEnd(campus.Completed, "")
	require.Equal(t, map[campus.PlasticState]int{campus.PlasticSpoilt: 2, campus.PlasticLost: 1, campus.PlasticDamaged: 1,
		campus.PlasticReady: 1}, p.states())
	require.Equal(t, 1, storagetest.One[int](p.Env.Env, `select count(*) from plastics where rejected = 'not_printable'`))
}

func TestKioskGivesTheReceipt(t *testing.T) {
	t.Parallel()
	p := newBatch(t, "", 2, workflowtest.Fields{"silent": true, "kiosk_receipt": true})
	p.bureauIsDone("shipped")
	p.after(p.Policy().Production.Poll.Std()).do(func() {
		require.Equal(t, campus.StageDelivery, p.Case(p.ref).Stage)
		require.Equal(t, campus.WaitsForCourier, p.Case(p.ref).WaitsFor)
	})
	p.receive(1)
	p.run()
	p.requireBatchEnd(campus.Completed, "")
	require.Equal(t, map[campus.PlasticState]int{campus.PlasticReady: 1, campus.PlasticLost: 1}, p.states())
	require.Contains(t, p.story(), "batch_shipped batch_done")
}

func TestDeliveryWithoutAReceiptIsLostInTheEnd(t *testing.T) {
	t.Parallel()
	p := newBatch(t, "", 1, workflowtest.Fields{"silent": true, "kiosk_receipt": true})
	p.bureauIsDone("shipped")
	p.after(48 * time.Hour).do(func() {
		items := p.OpenItems(p.ref)
		require.Len(t, items, 1)
		require.Equal(t, "receipt_missing", items[0].Reason)
		require.Equal(t, campus.OverdueItem, items[0].Kind)
	})
	p.run()
	p.requireBatchEnd(campus.Expired, "batch_unfinished")
	require.Equal(t, map[campus.PlasticState]int{campus.PlasticLost: 1}, p.states())
	require.Equal(t, 1, strings.Count(p.story(), "receipt_missing"))
}

func TestBatchTheBureauNeverMakesGoesBackToTheQueue(t *testing.T) {
	t.Parallel()
	p := newBatch(t, "production: {poll: 1d}", 2, idle)
	p.run()
	p.requireBatchEnd(campus.Expired, "batch_unfinished")
	require.Equal(t, 1, p.School.Effects("batch_cancellation"))
	require.Equal(t, map[campus.PlasticState]int{campus.PlasticOrdered: 2}, p.states())
	require.Zero(t, storagetest.One[int](p.Env.Env,
		`select count(*) from plastics where batch_id is not null or order_id <> ''`))
	require.NotEqual(t, p.ref, openNow(t, p.Env), "another batch takes them")
}

// sendParked is a batch that the bureau does not take.
func sendParked(t *testing.T) *caseTest {
	t.Helper()
	p := newBatch(t, "", 1, silent)
	p.School.Fault("bureau", "flaky", workflowtest.Fields{"rate": 1, "moment": "after"}) // it does, and nobody hears of it
	p.do(func() {
		require.Equal(t, campus.StageSending, p.Case(p.ref).Stage)
		require.Equal(t, []string{"send-batch"}, []string(p.Case(p.ref).Parked))
		require.Equal(t, campus.WaitsForOperator, p.Case(p.ref).WaitsFor)
		p.School.Fault("bureau", "none")
	})
	return p
}

func TestBatchParksAndIsRetried(t *testing.T) {
	t.Parallel()
	p := sendParked(t)
	p.settle("operator", campus.SkipStep, "send-batch", 1).refused("step_not_skippable")
	p.settle("operator", campus.RetryStep, "send-batch", 1)
	p.bureauIsDone("delivered")
	p.run()
	p.requireBatchEnd(campus.Completed, "")
	require.Equal(t, 1, p.School.Effects("batch"), "the unclear try was repeated under its key")
}

func TestBatchThatTwoPeopleGiveUp(t *testing.T) {
	t.Parallel()
	p := sendParked(t)
	p.School.Bureau(idle)
	p.settle("first", campus.AbortSteps, "send-batch", 1)
	p.do(func() { p.School.Fault("bureau", "outage") })
	p.settle("second", campus.AbortSteps, "send-batch", 1)
	p.do(func() {
		require.Equal(t, []string{"cancel-batch"}, []string(p.Case(p.ref).Parked), "taking it back parks like any step")
		p.School.Fault("bureau", "none")
	})
	p.settle("operator", campus.RetryStep, "cancel-batch", 1)
	p.run()
	p.requireBatchEnd(campus.Aborted, "batch_given_up")
	require.Equal(t, 1, p.School.Effects("batch_cancellation"), "whatever the bureau has taken is taken back")
	require.Equal(t, map[campus.PlasticState]int{campus.PlasticOrdered: 1}, p.states())
	require.NotEqual(t, p.ref, openNow(t, p.Env), "the card waits for another batch")
}

func TestBatchWhoseCardsAreAllGivenUp(t *testing.T) {
	t.Parallel()
	p := newBatch(t, "", 1, silent)
	p.Exec(`update plastics set state = 'cancelled'`)
	p.run()
	p.requireBatchEnd(campus.Completed, "")
	require.Zero(t, p.School.Calls("batch"))
}

func TestSilentBureauIsAskedAboutABatch(t *testing.T) {
	t.Parallel()
	p := newBatch(t, "", 1, silent)
	p.bureauIsDone("delivered")
	p.do(func() { p.School.Fault("bureau", "outage") })
	p.after(time.Hour).do(func() {
		require.Equal(t, campus.StageProduction, p.Case(p.ref).Stage)
		require.Empty(t, p.OpenItems(p.ref), "a look that fails is no incident")
		require.NotEmpty(t, p.Tries(p.ref, "poll-batch"))
		p.School.Fault("bureau", "none")
	})
	p.run()
	p.requireBatchEnd(campus.Completed, "")
}

func TestBatchThatContinuesAsNewKeepsItsPlace(t *testing.T) {
	t.Parallel()
	p := newBatch(t, "", 1, workflowtest.Fields{"silent": true, "kiosk_receipt": true})
	p.env.SetContinueAsNewSuggested(true)
	next := p.continued()
	require.Equal(t, p.input, next)
	require.Equal(t, campus.StageProduction, p.Case(p.ref).Stage)
	again := stage(t, p.Env, p.student, p.ref)
	again.input = next
	again.bureauIsDone("shipped")
	again.after(p.Policy().Production.Poll.Std())
	again.receive(1)
	again.run()
	again.requireBatchEnd(campus.Completed, "")
	require.Equal(t, 1, p.School.Effects("batch"))
}

func TestEveryStepOfABatchMayBeDeliveredTwice(t *testing.T) {
	t.Parallel()
	p := newBatch(t, "", 2, workflowtest.Fields{"silent": true, "spoil_next": 1})
	p.env = p.newEnv(twice(p.Env))
	p.bureauIsDone("delivered", "spoilt")
	p.run()
	p.requireBatchEnd(campus.Completed, "")
	require.Equal(t, 1, p.School.Effects("batch"))
}
