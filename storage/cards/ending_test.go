package cards_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
)

// D4: a card that is replaced stops everywhere, and what is left of it has a case of its own.
func TestSystemsAreToldOfACardThatIsReplaced(t *testing.T) {
	t.Parallel()
	first, next := storagetest.Replacing(t, func(s *storagetest.Story) { s.Activate() })
	m, activation := next.Activated(), next.Activation()
	require.NoError(t, storagetest.Err(next.ActivateCard(t.Context(), m, activation)))
	require.Equal(t, campus.CardReplaced, cardState(first))
	require.Equal(t, 1, storagetest.Count(first.Env,
		`cases where kind = 'ending' and id = $1 and person_id = $2 and stage = 'queued'`,
		first.Card, first.Holder.ID))
	require.Equal(t, 1, storagetest.Count(first.Env,
		`outbox where kind = 'start' and workflow = 'ending' and workflow_id = $1`,
		"ending/"+first.Card.String()))
	version, err := first.Casework.CasePolicy(t.Context(), first.Card)
	require.NoError(t, err)
	require.Equal(t, first.Policies.Version(), version)
	before := storagetest.Everything(t, first.Env)
	require.NoError(t, storagetest.Err(next.ActivateCard(t.Context(), m, activation)), "delivered twice")
	require.Equal(t, before, storagetest.Everything(t, first.Env))
}

// A card that stays, because the activation of another is refused, is told to nobody.
func TestSystemsAreNotToldOfACardThatStays(t *testing.T) {
	t.Parallel()
	first := storagetest.Apply(t)
	first.Deliver()
	require.Equal(t, "other_card_active", storagetest.Outcome(storagetest.Again(first).Approve().Activates()))
	require.Zero(t, storagetest.Count(first.Env, `cases where kind = 'ending'`))
	require.Equal(t, campus.PlasticReady, first.CurrentPlastic().State)
}

// D4: nobody gets the plastic of a card that was replaced, from the instant at which it is.
func TestPlasticOfACardThatIsReplaced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		with func(*storagetest.Story)
		want campus.PlasticState
	}{
		"nobody has begun to make it": {func(s *storagetest.Story) {
			s.Activate()
			s.Exec(`update plastics set order_key = '', queued_at = created_at`)
		}, campus.PlasticCancelled},
		"its order may be at the bureau": {func(s *storagetest.Story) { s.Activate() }, campus.PlasticOrdered},
		"it is being made": {func(s *storagetest.Story) {
			s.Activate()
			require.NoError(s.T, s.Production.SaveOrder(s.T.Context(), s.Plastic, "bo-1"))
		}, campus.PlasticInProduction},
		"it lies in a kiosk": {func(s *storagetest.Story) { s.Deliver() }, campus.PlasticReturned},
		"it is in its holder's hand": {func(s *storagetest.Story) { require.NoError(s.T, s.Try(s.Pickup(s.Deliver()))) },
			campus.PlasticPickedUp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, next := storagetest.Replacing(t, test.with)
			first.Exec(`delete from outbox`)
			require.NoError(t, next.Activates())
			require.Equal(t, test.want, first.CurrentPlastic().State)
			told := storagetest.Count(first.Env, `outbox where kind = 'signal' and workflow_id = $1`,
				first.PlasticCase.WorkflowID())
			require.Equal(t, test.want != campus.PlasticPickedUp, told == 1, "its case is told")
			code, err := first.Production.PickupCode(first.CurrentPlastic())
			require.NoError(t, err)
			require.Empty(t, code)
			opened, err := first.Production.OpenBatch(t.Context(),
				production.NewBatch{ID: uuid.Must(uuid.NewV7()), University: storagetest.University,
					Reason: campus.BatchByStaff, Size: 10, PolicyVersion: first.Policies.Version()})
			require.NoError(t, err)
			require.False(t, opened, "no batch takes it")
		})
	}
}

// A kiosk hands out nothing of a card that was replaced: neither what lay there before, nor what comes afterwards,
// because the bureau could not take it back any more.
func TestKioskKeepsThePlasticOfAReplacedCard(t *testing.T) {
	t.Parallel()
	var old string
	first, next := storagetest.Replacing(t, func(s *storagetest.Story) { old = s.Deliver() })
	require.NoError(t, next.Activates())
	require.Equal(t, "pickup_card_over", storagetest.Outcome(first.Try(first.Pickup(old))),
		"the code is dead, and tells why")
	another := first.Pickup(string('0'+(old[0]-'0'+1)%10) + old[1:])
	require.Equal(t, "pickup_code", storagetest.Outcome(first.Try(another)), "a code that nobody had tells nothing")
	elsewhere := first.Pickup(old)
	elsewhere.Kiosk = storagetest.WestKiosk
	require.Equal(t, "pickup_code", storagetest.Outcome(first.Try(elsewhere)), "nor does the code at another kiosk")

	first, next = storagetest.Replacing(t, func(s *storagetest.Story) {
		s.Activate()
		require.NoError(s.T, s.Production.SaveOrder(s.T.Context(), s.Plastic, "bo-1"))
	})
	require.NoError(t, next.Activates())
	require.NoError(t, first.TakeReport(t.Context(), first.Report(campus.PlasticReady, 4)))
	code, err := first.Production.PickupCode(first.CurrentPlastic())
	require.NoError(t, err)
	require.Equal(t, "pickup_card_over", storagetest.Outcome(first.Try(first.Pickup(code))))
	counter := first.Colleague(campus.Grant{Role: campus.CardCentre})
	_, err = first.Production.RenewPickupCode(t.Context(), storagetest.Request(campus.Staff(counter.ID)), counter,
		first.PlasticCase.ID)
	require.Equal(t, "pickup_card_over", campus.ReasonOf(err), "nor is there another code")
}

// C2, D4: the packages of a card that was replaced are withdrawn: those that it has, and those that it gets afterwards,
// because they were asked for before.
func TestPackagesOfACardThatIsReplaced(t *testing.T) {
	t.Parallel()
	var asked cards.Package
	first, next := storagetest.Replacing(t, func(s *storagetest.Story) {
		s.Activate()
		has, err := request(s, laundry)
		require.NoError(s.T, err)
		require.NoError(s.T, settle(s, has, campus.PackageGranted, ""))
		asked, err = request(s, laboratory)
		require.NoError(s.T, err)
	})
	require.NoError(t, next.Activates())
	require.Equal(t, []string{"laboratory requested", "laundry withdrawing"}, held(first))
	require.NoError(t, settle(first, asked, campus.PackageGranted, ""))
	require.Equal(t, []string{"laboratory withdrawing", "laundry withdrawing"}, held(first))
	require.Equal(t, 2, storagetest.Count(first.Env,
		`package_changes c join outbox o on o.workflow_id = 'package/' || c.case_id
		where c.change = 'withdraw' and o.kind = 'start'`))

	stays := storagetest.Apply(t).Activate()
	p, err := request(stays, laundry)
	require.NoError(t, err)
	require.NoError(t, settle(stays, p, campus.PackageGranted, ""))
	require.Equal(t, []string{"laundry granted"}, held(stays))
}
