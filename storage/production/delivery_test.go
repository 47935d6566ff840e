package production_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
)

// shipped is a batch of n cards, all on their way to the east kiosk in one delivery.
func shipped(t *testing.T, n int) (f *factory, d production.KioskDelivery, cards []production.BatchCard) {
	t.Helper()
	f = waiting(t, n)
	f.Exec(`update plastics set kiosk_id = $1`, storagetest.EastKiosk)
	batch := f.open(n)
	cards = f.send(batch)
	require.NoError(t, f.Production.TakeShipment(t.Context(), f.shipment(batch, "bd-1", cards...)))
	all, err := f.Production.BatchDeliveries(t.Context(), batch)
	require.NoError(t, err)
	require.Len(t, all, 1)
	return f, all[0], cards
}

func (f *factory) shipment(batch uuid.UUID, number string, cards ...production.BatchCard) production.Shipment {
	s := production.Shipment{CallbackID: uuid.NewString(), BodyHash: []byte("hash"), Batch: batch, Number: number,
		Kiosk: storagetest.EastKiosk, ShippedAt: f.Clock.Now()}
	for _, c := range cards {
		s.Plastics = append(s.Plastics, c.ID)
	}
	return s
}

// receipt puts each card into a compartment of its own.
func receipt(d production.KioskDelivery, cards ...production.BatchCard) production.Receipt {
	r := production.Receipt{Delivery: d.ID}
	for i, c := range cards {
		r.Placed = append(r.Placed, production.Placed{CardNumber: c.CardNumber, Compartment: fmt.Sprintf("A%02d", i+1)})
	}
	return r
}

func (f *factory) give(r production.Receipt) (production.KioskDelivery, error) {
	return f.Production.KioskReceipt(f.T.Context(), storagetest.Request(campus.Machine(storagetest.EastKiosk)),
		people.Kiosk{ID: storagetest.EastKiosk}, r)
}

func TestTakeShipment(t *testing.T) {
	t.Parallel()
	f := waiting(t, 4)
	f.Exec(`update plastics set kiosk_id = $1`, storagetest.EastKiosk)
	batch := f.open(3)
	cards := f.send(batch)
	stranger := production.BatchCard{ID: storagetest.One[uuid.UUID](f.Env,
		`select id from plastics where batch_id is null`)}
	west := f.shipment(batch, "bd-1", cards[0])
	west.Kiosk = storagetest.WestKiosk
	good := f.shipment(batch, "bd-1", cards[0], cards[1])
	for _, line := range []struct {
		name string
		said production.Shipment
		want string
	}{
		{"of a batch nobody knows", f.shipment(uuid.New(), "bd-1", cards[0]), "not_found"},
		{"a card that was not ordered", f.shipment(batch, "bd-1", cards[0], stranger), "report_not_ordered"},
		{"a card twice", f.shipment(batch, "bd-1", cards[0], cards[0]), "report_contradicts"},
		{"to another kiosk", west, "report_contradicts"},
	} {
		before := storagetest.Everything(t, f.Env)
		require.Equal(t, line.want, storagetest.Outcome(f.Production.TakeShipment(t.Context(), line.said)), line.name)
		require.Equal(t, before, storagetest.Everything(t, f.Env), line.name)
	}
	require.NoError(t, f.Production.TakeShipment(t.Context(), good))
	before := storagetest.Everything(t, f.Env)
	require.NoError(t, f.Production.TakeShipment(t.Context(), good), "a call-back that was taken before")
	other := f.shipment(batch, "bd-2", cards[2])
	other.CallbackID, other.BodyHash = good.CallbackID, []byte("another")
	require.Equal(t, "callback_conflict", storagetest.Outcome(f.Production.TakeShipment(t.Context(), other)))
	asked := good
	asked.CallbackID = ""
	require.NoError(t, f.Production.TakeShipment(t.Context(), asked), "asked for, it is no news")
	require.Equal(t, before, storagetest.Everything(t, f.Env))
	require.Equal(t, 2, storagetest.Count(f.Env, `plastics where state = 'shipped' and delivery_id is not null`))
	require.Zero(t, storagetest.Count(f.Env, `outbox where kind = 'signal' and workflow_id like 'batch/%'`),
		"one card is still being made")
	require.NoError(t, f.Production.TakeShipment(t.Context(), f.shipment(batch, "bd-2", cards[2])))
	require.Equal(t, 1, storagetest.Count(f.Env, `outbox where kind = 'signal' and workflow_id like 'batch/%'`),
		"everything is on its way")
}

func TestReceipt(t *testing.T) {
	t.Parallel()

	t.Run("every card has its place, and the same receipt again is the first answer", func(t *testing.T) {
		t.Parallel()
		f, d, cards := shipped(t, 4)
		r := receipt(d, cards[0], cards[1])
		r.Missing, r.Damaged = []string{cards[2].CardNumber}, []string{cards[3].CardNumber}
		first, err := f.give(r)
		require.NoError(t, err)
		require.Equal(t, []any{campus.DeliveryReceived, 4, 2, 1, 1, "machine/" + storagetest.EastKiosk},
			[]any{first.State, first.Expected, first.Received, first.Missing, first.Damaged, first.ReceivedBy})
		require.Equal(t, []campus.PlasticState{campus.PlasticReady, campus.PlasticReady, campus.PlasticLost,
			campus.PlasticDamaged},
			[]campus.PlasticState{f.state(cards[0].ID), f.state(cards[1].ID), f.state(cards[2].ID), f.state(cards[3].ID)})
		require.Equal(t, 2, storagetest.Count(f.Env, `plastics where pickup_code_hash is not null`))
		before := storagetest.Everything(t, f.Env)
		f.Clock.Advance(time.Minute)
		r.Placed[0], r.Placed[1] = r.Placed[1], r.Placed[0]
		again, err := f.give(r)
		require.NoError(t, err)
		require.True(t, again.ReceivedAt.Equal(*first.ReceivedAt))
		before["requests"] = storagetest.Everything(t, f.Env)["requests"] // the second has a key of its own
		require.Equal(t, before, storagetest.Everything(t, f.Env))
		r.Missing, r.Damaged = r.Damaged, r.Missing
		require.Equal(t, "receipt_contradicts", storagetest.Outcome(storagetest.Err(f.give(r))))
		require.Equal(t, 2, storagetest.Count(f.Env, `outbox where kind = 'signal' and workflow_id like 'batch/%'`),
			"all shipped, all received")
		require.Equal(t, 1, storagetest.Count(f.Env, `audit where action = 'delivery.receive'`))
	})

	t.Run("what finds no room in a full kiosk comes again with the same delivery", func(t *testing.T) {
		t.Parallel()
		f, d, cards := shipped(t, 3)
		part := receipt(d, cards[0])
		part.NoRoom = []string{cards[1].CardNumber, cards[2].CardNumber}
		open, err := f.give(part)
		require.NoError(t, err)
		require.Equal(t, campus.DeliveryShipped, open.State)
		require.Nil(t, open.ReceivedAt)
		require.Equal(t, []campus.PlasticState{campus.PlasticReady, campus.PlasticShipped, campus.PlasticShipped},
			[]campus.PlasticState{f.state(cards[0].ID), f.state(cards[1].ID), f.state(cards[2].ID)})
		rest := receipt(d, cards[1], cards[2])
		rest.Placed[0].Compartment, rest.Placed[1].Compartment = "B01", "B02"
		half, nowhere := rest, rest
		half.Placed = rest.Placed[:1]
		require.Equal(t, "receipt_incomplete", storagetest.Outcome(storagetest.Err(f.give(half))))
		nowhere.NoRoom = []string{cards[0].CardNumber}
		require.Equal(t, "receipt_contradicts", storagetest.Outcome(storagetest.Err(f.give(nowhere))),
			"it lies there already")
		done, err := f.give(rest)
		require.NoError(t, err)
		require.Equal(t, []any{campus.DeliveryReceived, 3}, []any{done.State, done.Received})
	})

	t.Run("what is wrong with a receipt is said, and changes nothing", func(t *testing.T) {
		t.Parallel()
		f, d, cards := shipped(t, 3)
		f.Exec(`update plastics set state = 'ready', compartment = 'A09', delivery_id = null, batch_id = null where id = $1`,
			cards[2].ID)
		good := receipt(d, cards[0], cards[1])
		with := func(change func(*production.Receipt)) production.Receipt {
			r := receipt(d, cards[0], cards[1])
			change(&r)
			return r
		}
		for name, line := range map[string]struct {
			r    production.Receipt
			want string
		}{
			"of a delivery nobody knows":      {with(func(r *production.Receipt) { r.Delivery = uuid.New() }), "not_found"},
			"without a card":                  {receipt(d, cards[0]), "receipt_incomplete"},
			"with a card of another delivery": {receipt(d, cards...), "receipt_unknown_card"},
			"with a card nobody has": {with(func(r *production.Receipt) { r.Missing = []string{"12345678"} }),
				"receipt_unknown_card"},
			"a card twice": {with(func(r *production.Receipt) { r.Missing = []string{cards[0].CardNumber} }),
				"receipt_twice"},
			"a compartment twice": {with(func(r *production.Receipt) { r.Placed[1].Compartment = "A01" }),
				"receipt_twice"},
			"a compartment that is taken": {with(func(r *production.Receipt) { r.Placed[1].Compartment = "A09" }),
				"compartment_full"},
		} {
			before := storagetest.Everything(t, f.Env)
			require.Equal(t, line.want, storagetest.Outcome(storagetest.Err(f.give(line.r))), name)
			require.Equal(t, before, storagetest.Everything(t, f.Env), name)
		}
		_, err := f.Production.KioskReceipt(t.Context(), storagetest.Request(campus.Machine(storagetest.WestKiosk)),
			people.Kiosk{ID: storagetest.WestKiosk}, good)
		require.Equal(t, "not_found", storagetest.Outcome(err), "another kiosk's")
		require.NoError(t, storagetest.Err(f.give(good)))
	})

	t.Run("the courier's word and the receipt agree, or the second is refused", func(t *testing.T) {
		t.Parallel()
		f, d, cards := shipped(t, 2)
		batch := *storagetest.One[*uuid.UUID](f.Env, `select batch_id from plastics limit 1`)
		first := f.says(batch, cards[0], campus.PlasticReady, 4)
		first.Compartment = "A01"
		require.NoError(t, f.TakeReport(t.Context(), first))
		other := receipt(d, cards...)
		other.Placed[0].Compartment = "C01"
		require.Equal(t, "receipt_contradicts", storagetest.Outcome(storagetest.Err(f.give(other))))
		require.NoError(t, storagetest.Err(f.give(receipt(d, cards...))))
		late := f.says(batch, cards[1], campus.PlasticLost, 4)
		require.Equal(t, "report_contradicts", storagetest.Outcome(f.TakeReport(t.Context(), late)),
			"what lies in a kiosk is the card centre's")
	})

	t.Run("the courier's word alone closes a delivery", func(t *testing.T) {
		t.Parallel()
		f, d, cards := shipped(t, 2)
		batch := d.BatchID
		require.NoError(t, f.TakeReport(t.Context(), f.says(batch, cards[0], campus.PlasticLost, 4)))
		require.NoError(t, f.TakeReport(t.Context(), f.says(batch, cards[1], campus.PlasticReady, 4)))
		all, err := f.Production.BatchDeliveries(t.Context(), batch)
		require.NoError(t, err)
		require.Equal(t, []any{campus.DeliveryReceived, 1, 1, 0, "machine/bureau"},
			[]any{all[0].State, all[0].Received, all[0].Missing, all[0].Damaged, all[0].ReceivedBy})
	})

	t.Run("of many receipts at once one is taken", func(t *testing.T) {
		t.Parallel()
		f, d, cards := shipped(t, 6)
		errs := storagetest.AtOnce(10, func(i int) error {
			r := receipt(d, cards...)
			if i%2 == 1 {
				r.Placed, r.Missing = r.Placed[1:], []string{cards[0].CardNumber}
			}
			return storagetest.Err(f.give(r))
		})
		require.Equal(t, map[string]int{"done": 5, "receipt_contradicts": 5}, storagetest.Outcomes(errs))
		require.Equal(t, 6, storagetest.Count(f.Env, `plastic_changes where reason = 'received'`))
	})

	t.Run("staff give it where they may", func(t *testing.T) {
		t.Parallel()
		f, d, cards := shipped(t, 1)
		west := f.Colleague(campus.Grant{Role: campus.CardCentre, Campuses: []string{storagetest.WestCampus}})
		east := f.Colleague(campus.Grant{Role: campus.CardCentre, Campuses: []string{storagetest.EastCampus}})
		r := receipt(d, cards...)
		require.Equal(t, "not_found", storagetest.Outcome(storagetest.Err(f.Production.StaffReceipt(t.Context(),
			storagetest.Request(campus.Staff(west.ID)), west, r))))
		require.NoError(t, storagetest.Err(f.Production.StaffReceipt(t.Context(), storagetest.Request(campus.Staff(east.ID)),
			east, r)))
		require.Equal(t, 1, storagetest.Count(f.Env, `deliveries where received_by = $1`, "staff/"+east.ID.String()))
		open, _, err := f.Production.OpenDeliveries(t.Context(), storagetest.EastKiosk)
		require.NoError(t, err)
		require.Empty(t, open)
		all, err := f.Production.StaffDeliveries(t.Context(), east, false, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, all, 1)
		all, err = f.Production.StaffDeliveries(t.Context(), east, true, uuid.Nil, 10)
		require.NoError(t, err)
		require.Empty(t, all)
	})
}

func TestOpenDeliveries(t *testing.T) {
	t.Parallel()
	f, d, cards := shipped(t, 2)
	open, listed, err := f.Production.OpenDeliveries(t.Context(), storagetest.EastKiosk)
	require.NoError(t, err)
	require.Equal(t, d.ID, open[0].ID)
	require.Len(t, listed, 2)
	require.ElementsMatch(t, []string{cards[0].CardNumber, cards[1].CardNumber},
		[]string{listed[0].CardNumber, listed[1].CardNumber})
	open, listed, err = f.Production.OpenDeliveries(t.Context(), storagetest.WestKiosk)
	require.NoError(t, err)
	require.Empty(t, open)
	require.Empty(t, listed)
}
