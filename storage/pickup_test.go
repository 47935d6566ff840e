package storage_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

func TestPickUp(t *testing.T) {
	t.Parallel()

	t.Run("code and document open the compartment, and the same key gets the same answer", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		code := s.deliver()
		signals := count(s.House, `outbox where kind = 'signal'`)
		req := storagetest.Request(campus.Machine(storagetest.EastKiosk))
		for range 3 {
			opened, err := s.PickUp(t.Context(), req, s.pickup(code))
			require.NoError(t, err)
			require.Equal(t, storage.Opened{Plastic: s.plastic, Compartment: "A01"}, opened)
			req.ID = uuid.Must(uuid.NewV7())
		}
		found := s.currentPlastic()
		require.Equal(t, campus.PlasticPickedUp, found.State)
		require.True(t, found.PickedUpAt.Equal(s.Clock.Now()))
		require.Equal(t, 1, count(s.House, `plastics where pickup_code is null and pickup_code_hash is null`), "the code is gone")
		require.Equal(t, signals+1, count(s.House, `outbox where kind = 'signal' and workflow_id = $1`, s.plasticCase.WorkflowID()))
		require.Equal(t, 1, count(s.House, `plastic_changes where to_state = 'picked_up' and actor = $1 and channel = 'kiosk'`, "machine/"+storagetest.EastKiosk))
		require.Equal(t, 1, count(s.House, `audit where action = 'plastic.pick_up'`))
		require.Equal(t, "pickup_code", outcome(s.try(s.pickup(code))), "another key: nothing waits any more")
	})

	t.Run("no card waits under a wrong code, at another kiosk, or before it is there", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		code := s.deliver()
		before := everything(t, s.House)
		wrong := s.pickup("00000000")
		if code == wrong.Code {
			wrong.Code = "00000001"
		}
		require.Equal(t, "pickup_code", outcome(s.try(wrong)))
		elsewhere := s.pickup(code)
		elsewhere.Kiosk = storagetest.WestKiosk
		require.Equal(t, "pickup_code", outcome(s.try(elsewhere)))
		require.Equal(t, before, everything(t, s.House), "what meets no code is counted nowhere")
		s.Exec(`update plastics set state = 'shipped'`)
		require.Equal(t, "pickup_code", outcome(s.try(s.pickup(code))))
	})

	t.Run("wrong documents are counted, and the right one still opens in time", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		p := s.pickup(s.deliver())
		wrong := p
		wrong.DocumentNumber = storagetest.ResidentNumber(900)
		for range pickupTries - 1 {
			require.Equal(t, "pickup_document", outcome(s.try(wrong)))
		}
		require.NoError(t, s.try(p))
	})

	t.Run("100 wrong documents at once: so many are looked at, then not even the right one opens", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		p := s.pickup(s.deliver())
		errs := atOnce(100, func(i int) error {
			wrong := p
			wrong.DocumentNumber = storagetest.ResidentNumber(800 + i)
			return s.try(wrong)
		})
		require.Equal(t, map[string]int{"pickup_document": pickupTries, "pickup_locked": 100 - pickupTries}, outcomes(errs))
		require.Equal(t, "pickup_locked", outcome(s.try(p)))
		require.Equal(t, campus.PlasticReady, s.currentPlastic().State)
	})

	t.Run("20 right ones at once under different keys: one opens", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		p := s.pickup(s.deliver())
		signals := count(s.House, `outbox where kind = 'signal'`)
		errs := atOnce(20, func(int) error { return s.try(p) })
		require.Equal(t, 1, outcomes(errs)["done"], "%v", outcomes(errs))
		require.Equal(t, 1, count(s.House, `plastic_changes where to_state = 'picked_up'`))
		require.Equal(t, signals+1, count(s.House, `outbox where kind = 'signal'`))
	})

	t.Run("one key 10 times at once: one opening, one answer", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		p := s.pickup(s.deliver())
		req := storagetest.Request(campus.Machine(p.Kiosk))
		answers := make([]storage.Opened, 10)
		errs := atOnce(10, func(i int) (err error) {
			mine := req
			mine.ID = uuid.Must(uuid.NewV7())
			answers[i], err = s.PickUp(t.Context(), mine, p)
			return err
		})
		// Every try counts, so those beyond the limit that come to the key before the answer is kept are refused.
		require.Equal(t, 10, outcomes(errs)["done"]+outcomes(errs)["pickup_locked"], "%v", outcomes(errs))
		require.NotZero(t, outcomes(errs)["done"])
		require.Equal(t, 1, count(s.House, `plastic_changes where to_state = 'picked_up'`))
		for i, err := range errs {
			if err == nil {
				require.Equal(t, storage.Opened{Plastic: s.plastic, Compartment: "A01"}, answers[i])
			}
		}
	})

	t.Run("a new card in the kiosk has a new count", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		s.deliver()
		s.Exec(`update plastics set state = 'shipped', pickup_tries = 99, bureau_seq = 3`)
		require.NoError(t, s.TakeReport(t.Context(), s.report(campus.PlasticReady, 4)))
		code, err := s.PickupCode(s.currentPlastic())
		require.NoError(t, err)
		require.NoError(t, s.try(s.pickup(code)))
	})

	t.Run("a locked code is renewed by the card centre, and the old one is over", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		old := s.pickup(s.deliver())
		s.Exec(`update plastics set pickup_tries = 99`)
		require.Equal(t, "pickup_locked", outcome(s.try(old)))
		who := s.colleague(campus.Grant{Role: campus.CardCentre})
		req := storagetest.Request(campus.Staff(who.ID))
		for range 2 { // the same request again: one code, one message
			require.NoError(t, second(s.RenewPickupCode(t.Context(), req, who, s.plasticCase.ID)))
		}
		require.Equal(t, 1, count(s.House, `events where kind = 'pickup_code_renewed'`))
		require.Equal(t, 1, count(s.House, `audit where action = 'plastic.renew_code'`))
		notices, err := s.Notices(t.Context(), s.person.ID, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, notices, 1)
		code, err := s.PickupCode(s.currentPlastic())
		require.NoError(t, err)
		require.Equal(t, code, notices[0].Params["code"])
		require.NotContains(t, storagetest.One[string](s.House, `select response::text from requests where key = $1`, req.Key), code)
		require.Equal(t, "pickup_code", outcome(s.try(old)))
		require.NoError(t, s.try(s.pickup(code)))
		require.Equal(t, "plastic_not_waiting", outcome(second(s.RenewPickupCode(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, s.plasticCase.ID))))
	})

	t.Run("a plastic taken back and picked up at once goes one way", func(t *testing.T) {
		t.Parallel()
		s := apply(t)
		p := s.pickup(s.deliver())
		m := s.NextMove(s.plasticCase, campus.StageDone, campus.WaitsForNobody)
		errs := atOnce(2, func(i int) error {
			if i == 0 {
				return s.try(p)
			}
			return second(s.EndPlastic(t.Context(), m, s.plastic, campus.PlasticReturned, campus.Change{Actor: campus.System(), Reason: "unclaimed"}))
		})
		want := map[[2]string]campus.PlasticState{ // what the kiosk was told, what the workflow
			{"done", "picked_up_meanwhile"}: campus.PlasticPickedUp, {"pickup_code", "done"}: campus.PlasticReturned,
		}
		require.Equal(t, want[[2]string{outcome(errs[0]), outcome(errs[1])}], s.currentPlastic().State)
		require.Equal(t, 1, count(s.House, `plastic_changes where to_state in ('picked_up', 'returned')`))
	})
}
