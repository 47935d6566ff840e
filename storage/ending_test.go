package storage_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// D4: a card that is replaced stops everywhere, and what is left of it has a case of its own.
func TestSystemsAreToldOfACardThatIsReplaced(t *testing.T) {
	t.Parallel()
	first, next := replacing(t, func(s *story) { s.activate() })
	m, activation := next.activated(), next.activation()
	require.NoError(t, second(next.ActivateCard(t.Context(), m, activation)))
	require.Equal(t, campus.CardReplaced, cardState(first))
	require.Equal(t, 1, count(first.House, `cases where kind = 'ending' and id = $1 and person_id = $2 and stage = 'queued'`,
		first.card, first.person.ID))
	require.Equal(t, 1, count(first.House, `outbox where kind = 'start' and workflow = 'ending' and workflow_id = $1`,
		"ending/"+first.card.String()))
	version, err := first.CasePolicy(t.Context(), first.card)
	require.NoError(t, err)
	require.Equal(t, first.Policies.Version(), version)
	before := everything(t, first.House)
	require.NoError(t, second(next.ActivateCard(t.Context(), m, activation)), "delivered twice")
	require.Equal(t, before, everything(t, first.House))
}

// A card that stays, because the activation of another is refused, is told to nobody.
func TestSystemsAreNotToldOfACardThatStays(t *testing.T) {
	t.Parallel()
	first := apply(t)
	first.deliver()
	require.Equal(t, "other_card_active", outcome(again(first).approve().activates()))
	require.Zero(t, count(first.House, `cases where kind = 'ending'`))
	require.Equal(t, campus.PlasticReady, first.currentPlastic().State)
}

// D4: nobody gets the plastic of a card that was replaced, from the instant at which it is.
func TestPlasticOfACardThatIsReplaced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		with func(*story)
		want campus.PlasticState
	}{
		"nobody has begun to make it": {func(s *story) {
			s.activate()
			s.Exec(`update plastics set order_key = '', queued_at = created_at`)
		}, campus.PlasticCancelled},
		"its order may be at the bureau": {func(s *story) { s.activate() }, campus.PlasticOrdered},
		"it is being made": {func(s *story) {
			s.activate()
			require.NoError(s.t, s.SaveOrder(s.t.Context(), s.plastic, "bo-1"))
		}, campus.PlasticInProduction},
		"it lies in a kiosk":         {func(s *story) { s.deliver() }, campus.PlasticReturned},
		"it is in its holder's hand": {func(s *story) { require.NoError(s.t, s.try(s.pickup(s.deliver()))) }, campus.PlasticPickedUp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, next := replacing(t, test.with)
			first.Exec(`delete from outbox`)
			require.NoError(t, next.activates())
			require.Equal(t, test.want, first.currentPlastic().State)
			told := count(first.House, `outbox where kind = 'signal' and workflow_id = $1`, first.plasticCase.WorkflowID())
			require.Equal(t, test.want != campus.PlasticPickedUp, told == 1, "its case is told")
			code, err := first.PickupCode(first.currentPlastic())
			require.NoError(t, err)
			require.Empty(t, code)
			opened, err := first.OpenBatch(t.Context(), storage.NewBatch{ID: uuid.Must(uuid.NewV7()), University: storagetest.University,
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
	first, next := replacing(t, func(s *story) { old = s.deliver() })
	require.NoError(t, next.activates())
	require.Equal(t, "pickup_card_over", outcome(first.try(first.pickup(old))), "the code is dead, and tells why")
	another := first.pickup(string('0'+(old[0]-'0'+1)%10) + old[1:])
	require.Equal(t, "pickup_code", outcome(first.try(another)), "a code that nobody had tells nothing")
	elsewhere := first.pickup(old)
	elsewhere.Kiosk = storagetest.WestKiosk
	require.Equal(t, "pickup_code", outcome(first.try(elsewhere)), "nor does the code at another kiosk")

	first, next = replacing(t, func(s *story) {
		s.activate()
		require.NoError(s.t, s.SaveOrder(s.t.Context(), s.plastic, "bo-1"))
	})
	require.NoError(t, next.activates())
	require.NoError(t, first.TakeReport(t.Context(), first.report(campus.PlasticReady, 4)))
	code, err := first.PickupCode(first.currentPlastic())
	require.NoError(t, err)
	require.Equal(t, "pickup_card_over", outcome(first.try(first.pickup(code))))
	counter := first.colleague(campus.Grant{Role: campus.CardCentre})
	_, err = first.RenewPickupCode(t.Context(), storagetest.Request(campus.Staff(counter.ID)), counter, first.plasticCase.ID)
	require.Equal(t, "pickup_card_over", campus.ReasonOf(err), "nor is there another code")
}

// C2, D4: the packages of a card that was replaced are withdrawn: those that it has, and those that it gets afterwards,
// because they were asked for before.
func TestPackagesOfACardThatIsReplaced(t *testing.T) {
	t.Parallel()
	var asked storage.Package
	first, next := replacing(t, func(s *story) {
		s.activate()
		has, err := request(s, laundry)
		require.NoError(s.t, err)
		require.NoError(s.t, settle(s, has, campus.PackageGranted, ""))
		asked, err = request(s, laboratory)
		require.NoError(s.t, err)
	})
	require.NoError(t, next.activates())
	require.Equal(t, []string{"laboratory requested", "laundry withdrawing"}, held(first))
	require.NoError(t, settle(first, asked, campus.PackageGranted, ""))
	require.Equal(t, []string{"laboratory withdrawing", "laundry withdrawing"}, held(first))
	require.Equal(t, 2, count(first.House, `package_changes c join outbox o on o.workflow_id = 'package/' || c.case_id
		where c.change = 'withdraw' and o.kind = 'start'`))

	stays := apply(t).activate()
	p, err := request(stays, laundry)
	require.NoError(t, err)
	require.NoError(t, settle(stays, p, campus.PackageGranted, ""))
	require.Equal(t, []string{"laundry granted"}, held(stays))
}
