package workflows_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"

	"campuscard/campus"
	"campuscard/storage/storagetest"
	"campuscard/workflows/workflowtest"
)

// replaced is the case of a card that another one of the same human has replaced: its holder has graduated, and has
// activated a card under another number, whose plastic is being made. Something is done just before that.
func replaced(t *testing.T, before func(*engineTest), with ...interceptor.WorkerInterceptor) *engineTest {
	t.Helper()
	l := working(t, workflowtest.Good, with...)
	l.review(campus.Approve, "")
	l.activate()
	l.plastic()
	plastic, card := l.ref, l.card()

	next := &engineTest{Engine: l.Engine, t: t, student: l.Student()}
	next.ref = l.Apply(next.student, workflowtest.Good)
	next.review(campus.Approve, "")
	next.await(campus.StageActivation)
	l.graduates(next.student)
	before(l)
	next.activate()
	next.plastic()

	l.ref = plastic
	l.end(campus.Expired)
	require.Equal(t, campus.CardReplacedReason, l.Case(l.ref).Reason)
	require.Equal(t, campus.PlasticCancelled, l.current().State)
	require.Equal(t, campus.CardReplaced, l.card().State)
	l.ref = campus.CaseRef{Kind: campus.EndingCase, ID: card.ID}
	return l
}

// graduates has the holder graduate: their second number, with the same name and document, is the one that counts now.
func (l *engineTest) graduates(second workflowtest.Student) {
	l.t.Helper()
	l.Exec(`update people me set name = p.name, document_type = p.document_type, document_hash = p.document_hash
		from people p where me.id = $1 and p.id = $2`, second.ID, l.student.ID)
	l.Exec(`update people set status = 'graduated' where id = $1`, l.student.ID)
}

// D4: a card that was replaced is taken out of every system. One that is away parks, like any step, and keeps no other.
func TestReplacedCardIsRevokedEverywhere(t *testing.T) {
	t.Parallel()
	l := replaced(t, func(l *engineTest) { l.School.Fault("library", "outage") })
	l.AwaitParked(l.ref, "revoke-library", 1)
	services := func() []campus.Service {
		left, err := l.Cards.CardServices(t.Context(), l.ref.ID)
		require.NoError(t, err)
		return left
	}
	l.Await(func() bool { return len(services()) == 1 }, "the others have let it go")
	require.Equal(t, []campus.Service{campus.LibraryService}, services())
	require.Equal(t, campus.WaitsForOperator, l.Case(l.ref).WaitsFor)
	l.settle("first", campus.SkipStep, "revoke-library", 1)
	l.settle("second", campus.SkipStep, "revoke-library", 1)
	l.end(campus.Completed)
	require.Equal(t, 1, l.School.Effects("revoke"))
	require.Equal(t, 1, l.School.Effects("close_account"))
	other := storagetest.One[uuid.UUID](l.Env.Env, `select id from cards where state = 'active'`)
	left, err := l.Cards.CardServices(t.Context(), other)
	require.NoError(t, err)
	require.Len(t, left, 3, "the new card is as it was")
}

// The plastic of a replaced card ends at whatever stage it is: nobody makes it again, and nobody is asked to fetch it.
func TestPlasticEndsWithItsCard(t *testing.T) {
	t.Parallel()
	for stage, reach := range map[campus.Stage]func(*testing.T) *caseTest{
		campus.StageBatching: func(t *testing.T) *caseTest { return newBatched(t, "") },
		campus.StageProduction: func(t *testing.T) *caseTest {
			p := newBatched(t, "")
			p.batched()
			return p
		},
		campus.StagePickup: func(t *testing.T) *caseTest {
			p := newBatched(t, "")
			p.batched()
			p.report("delivered", 4)
			return p
		},
		campus.StageReturned: func(t *testing.T) *caseTest {
			p := newBatched(t, "")
			p.batched()
			p.report("delivered", 4)
			p.after(31 * day)
			return p
		},
	} {
		t.Run("at "+string(stage), func(t *testing.T) {
			t.Parallel()
			p := reach(t)
			p.do(func() {
				require.Equal(t, stage, p.Case(p.ref).Stage)
				p.env.SignalWorkflow(campus.FactsChanged, nil) // about something else
			})
			p.do(func() {
				require.Equal(t, stage, p.Case(p.ref).Stage)
				p.Exec(`update cards set state = 'replaced'`)
				p.env.SignalWorkflow(campus.FactsChanged, nil)
			})
			p.do(func() { p.requireEnd(campus.Expired, campus.CardReplacedReason) })
			p.run()
			require.Contains(t, []campus.PlasticState{campus.PlasticCancelled, campus.PlasticReturned}, p.plastic().State)
			require.Equal(t, 1, storagetest.One[int](p.Env.Env, `select count(*) from plastics`))
			require.Contains(t, p.Notices(p.ref), "notice.plastic_ended")
		})
	}
}

// A card that nobody came for is destroyed when its time is over, whatever news came meanwhile.
func TestNewsDoNotProlongTheWaitForAReturnedPlastic(t *testing.T) {
	t.Parallel()
	p := newBatched(t, "")
	p.batched()
	p.report("delivered", 4)
	p.after(31 * day).do(func() { require.Equal(t, campus.StageReturned, p.Case(p.ref).Stage) })
	p.after(40 * day).do(func() { p.env.SignalWorkflow(campus.FactsChanged, nil) })
	p.after(21 * day).do(func() { p.requireEnd(campus.Expired, "not_picked_up") })
	p.run()
}
