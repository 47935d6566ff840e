package production_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
)

func TestPickUp(t *testing.T) {
	t.Parallel()

	t.Run("code and document open the compartment, and the same key gets the same answer", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		code := s.Deliver()
		signals := storagetest.Count(s.Env, `outbox where kind = 'signal'`)
		req := storagetest.Request(campus.Machine(storagetest.EastKiosk))
		for range 3 {
			opened, err := s.PickUp(t.Context(), req, s.Pickup(code))
			require.NoError(t, err)
			require.Equal(t, production.Opened{Plastic: s.Plastic, Compartment: "A01"}, opened)
			req.ID = uuid.Must(uuid.NewV7())
		}
		found := s.CurrentPlastic()
		require.Equal(t, campus.PlasticPickedUp, found.State)
		require.True(t, found.PickedUpAt.Equal(s.Clock.Now()))
		require.Equal(t, 1, storagetest.Count(s.Env, `plastics where pickup_code is null and pickup_code_hash is null`),
			"the code is gone")
		require.Equal(t, signals+1, storagetest.Count(s.Env, `outbox where kind = 'signal' and workflow_id = $1`,
			s.PlasticCase.WorkflowID()))
		require.Equal(t, 1, storagetest.Count(s.Env,
			`plastic_changes where to_state = 'picked_up' and actor = $1 and channel = 'kiosk'`, "machine/"+storagetest.EastKiosk))
		require.Equal(t, 1, storagetest.Count(s.Env, `audit where action = 'plastic.pick_up'`))
		require.Equal(t, "pickup_code", storagetest.Outcome(s.Try(s.Pickup(code))), "another key: nothing waits any more")
	})

	t.Run("no card waits under a wrong code, at another kiosk, or before it is there", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		code := s.Deliver()
		before := storagetest.Everything(t, s.Env)
		wrong := s.Pickup("00000000")
		if code == wrong.Code {
			wrong.Code = "00000001"
		}
		require.Equal(t, "pickup_code", storagetest.Outcome(s.Try(wrong)))
		elsewhere := s.Pickup(code)
		elsewhere.Kiosk = storagetest.WestKiosk
		require.Equal(t, "pickup_code", storagetest.Outcome(s.Try(elsewhere)))
		require.Equal(t, before, storagetest.Everything(t, s.Env), "what meets no code is counted nowhere")
		s.Exec(`update plastics set state = 'shipped'`)
		require.Equal(t, "pickup_code", storagetest.Outcome(s.Try(s.Pickup(code))))
	})

	t.Run("wrong documents are counted, and the right one still opens in time", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		p := s.Pickup(s.Deliver())
		wrong := p
		wrong.DocumentNumber = storagetest.ResidentNumber(900)
		for range storagetest.PickupTries - 1 {
			require.Equal(t, "pickup_document", storagetest.Outcome(s.Try(wrong)))
		}
		require.NoError(t, s.Try(p))
	})

	t.Run("100 wrong documents at once: so many are looked at, then not even the right one opens", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		p := s.Pickup(s.Deliver())
		errs := storagetest.AtOnce(100, func(i int) error {
			wrong := p
			wrong.DocumentNumber = storagetest.ResidentNumber(800 + i)
			return s.Try(wrong)
		})
		require.Equal(t, map[string]int{"pickup_document": storagetest.PickupTries,
			"pickup_locked": 100 - storagetest.PickupTries}, storagetest.Outcomes(errs))
		require.Equal(t, "pickup_locked", storagetest.Outcome(s.Try(p)))
		require.Equal(t, campus.PlasticReady, s.CurrentPlastic().State)
	})

	t.Run("20 right ones at once under different keys: one opens", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		p := s.Pickup(s.Deliver())
		signals := storagetest.Count(s.Env, `outbox where kind = 'signal'`)
		errs := storagetest.AtOnce(20, func(int) error { return s.Try(p) })
		require.Equal(t, 1, storagetest.Outcomes(errs)["done"], "%v", storagetest.Outcomes(errs))
		require.Equal(t, 1, storagetest.Count(s.Env, `plastic_changes where to_state = 'picked_up'`))
		require.Equal(t, signals+1, storagetest.Count(s.Env, `outbox where kind = 'signal'`))
	})

	t.Run("one key 10 times at once: one opening, one answer", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		p := s.Pickup(s.Deliver())
		req := storagetest.Request(campus.Machine(p.Kiosk))
		answers := make([]production.Opened, 10)
		errs := storagetest.AtOnce(10, func(i int) (err error) {
			mine := req
			mine.ID = uuid.Must(uuid.NewV7())
			answers[i], err = s.PickUp(t.Context(), mine, p)
			return err
		})
		// Every try counts, so those beyond the limit that come to the key before the answer is kept are refused.
		require.Equal(t, 10, storagetest.Outcomes(errs)["done"]+storagetest.Outcomes(errs)["pickup_locked"], "%v",
			storagetest.Outcomes(errs))
		require.NotZero(t, storagetest.Outcomes(errs)["done"])
		require.Equal(t, 1, storagetest.Count(s.Env, `plastic_changes where to_state = 'picked_up'`))
		for i, err := range errs {
			if err == nil {
				require.Equal(t, production.Opened{Plastic: s.Plastic, Compartment: "A01"}, answers[i])
			}
		}
	})

	t.Run("a new card in the kiosk has a new count", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		s.Deliver()
		s.Exec(`update plastics set state = 'shipped', pickup_tries = 99, bureau_seq = 3`)
		require.NoError(t, s.TakeReport(t.Context(), s.Report(campus.PlasticReady, 4)))
		code, err := s.Production.PickupCode(s.CurrentPlastic())
		require.NoError(t, err)
		require.NoError(t, s.Try(s.Pickup(code)))
	})

	t.Run("a locked code is renewed by the card centre, and the old one is over", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		old := s.Pickup(s.Deliver())
		s.Exec(`update plastics set pickup_tries = 99`)
		require.Equal(t, "pickup_locked", storagetest.Outcome(s.Try(old)))
		who := s.Colleague(campus.Grant{Role: campus.CardCentre})
		req := storagetest.Request(campus.Staff(who.ID))
		for range 2 { // the same request again: one code, one message
			require.NoError(t, storagetest.Err(s.Production.RenewPickupCode(t.Context(), req, who, s.PlasticCase.ID)))
		}
		require.Equal(t, 1, storagetest.Count(s.Env, `events where kind = 'pickup_code_renewed'`))
		require.Equal(t, 1, storagetest.Count(s.Env, `audit where action = 'plastic.renew_code'`))
		notices, err := s.Casework.Notices(t.Context(), s.Holder.ID, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, notices, 1)
		code, err := s.Production.PickupCode(s.CurrentPlastic())
		require.NoError(t, err)
		require.Equal(t, code, notices[0].Params["code"])
		require.NotContains(t, storagetest.One[string](s.Env, `select response::text from requests where key = $1`, req.Key),
			code)
		require.Equal(t, "pickup_code", storagetest.Outcome(s.Try(old)))
		require.NoError(t, s.Try(s.Pickup(code)))
		require.Equal(t, "plastic_not_waiting",
			storagetest.Outcome(storagetest.Err(s.Production.RenewPickupCode(t.Context(),
				storagetest.Request(campus.Staff(who.ID)), who, s.PlasticCase.ID))))
	})

	t.Run("a plastic taken back and picked up at once goes one way", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t)
		p := s.Pickup(s.Deliver())
		m := s.NextMove(s.PlasticCase, campus.StageDone, campus.WaitsForNobody)
		errs := storagetest.AtOnce(2, func(i int) error {
			if i == 0 {
				return s.Try(p)
			}
			return storagetest.Err(s.Production.EndPlastic(t.Context(), m, s.Plastic, campus.PlasticReturned,
				campus.Change{Actor: campus.System(), Reason: "unclaimed"}))
		})
		want := map[[2]string]campus.PlasticState{ // what the kiosk was told, what the workflow
			{"done", "picked_up_meanwhile"}: campus.PlasticPickedUp, {"pickup_code", "done"}: campus.PlasticReturned,
		}
		require.Equal(t, want[[2]string{storagetest.Outcome(errs[0]), storagetest.Outcome(errs[1])}],
			s.CurrentPlastic().State)
		require.Equal(t, 1, storagetest.Count(s.Env, `plastic_changes where to_state in ('picked_up', 'returned')`))
	})
}
