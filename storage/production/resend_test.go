package production_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
)

// returned is a story whose plastic nobody came for; code is the one that opened its compartment.
func returned(t *testing.T) (s *storagetest.Story, code string) {
	t.Helper()
	s = storagetest.Apply(t)
	code = s.Deliver()
	require.NoError(t, storagetest.Err(s.Production.ReturnPlastic(t.Context(),
		s.NextMove(s.PlasticCase, campus.StageReturned, campus.WaitsForStudent), s.Plastic)))
	return s, code
}

// resend has the plastic sent to a kiosk, as the student's decision says.
func resend(s *storagetest.Story, kiosk string) error {
	m := s.NextMove(s.PlasticCase, campus.StageBatching, campus.WaitsForEngine)
	m.Decision = s.Decision(s.PlasticCase, campus.Student(s.Holder.ID), campus.ResendUpdate, campus.Said{},
		production.Resend{Kiosk: kiosk})
	return s.Answered(m, storagetest.Err(s.Production.ResendPlastic(s.T.Context(), m,
		production.Resending{Plastic: s.Plastic, Promised: s.Clock.Now().Add(72 * time.Hour),
			By: campus.Student(s.Holder.ID), Batch: production.NewBatch{ID: uuid.Must(uuid.NewV7()),
				University: storagetest.University,
				Size:       10, At: 10, PolicyVersion: s.Policies.Version()}})))
}

func TestReturnedPlasticIsSentAgain(t *testing.T) {
	t.Parallel()
	s, old := returned(t)
	require.Equal(t, "pickup_code", storagetest.Outcome(s.Try(s.Pickup(old))), "the code is dead")
	require.Equal(t, 1, storagetest.Count(s.Env,
		`plastics where state = 'returned' and compartment = '' and pickup_code is null`))
	require.Equal(t, "kiosk_unknown", storagetest.Outcome(resend(s, "lcu-moon-1")))
	require.NoError(t, resend(s, storagetest.WestKiosk))
	require.Equal(t, "plastic_not_there", storagetest.Outcome(resend(s, storagetest.EastKiosk)),
		"it is on its way already")

	f := &factory{s}
	batch := f.open(10)
	lines, err := f.Production.OrderLines(t.Context(), batch)
	require.NoError(t, err)
	require.Equal(t, []any{1, campus.PlasticResent, storagetest.WestKiosk},
		[]any{len(lines), lines[0].State, lines[0].KioskID})
	cards := f.send(batch)
	require.Equal(t, campus.PlasticResent, f.state(s.Plastic), "there is nothing to make")
	require.NoError(t, f.TakeReport(t.Context(), f.says(batch, cards[0], campus.PlasticInProduction, 2)),
		"no news")
	require.NoError(t, f.TakeReport(t.Context(), f.says(batch, cards[0], campus.PlasticReady, 4)))
	code, err := s.Production.PickupCode(s.CurrentPlastic())
	require.NoError(t, err)
	require.NotEqual(t, old, code)
	p := s.Pickup(code)
	p.Kiosk = storagetest.WestKiosk
	require.NoError(t, s.Try(p))
}

func TestReturnPlastic(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	code := s.Deliver()
	m := s.NextMove(s.PlasticCase, campus.StageReturned, campus.WaitsForStudent)
	errs := storagetest.AtOnce(2, func(i int) error {
		if i == 0 {
			return s.Try(s.Pickup(code))
		}
		return storagetest.Err(s.Production.ReturnPlastic(t.Context(), m, s.Plastic))
	})
	want := map[[2]string]campus.PlasticState{
		{"done", "picked_up_meanwhile"}: campus.PlasticPickedUp, {"pickup_code", "done"}: campus.PlasticReturned,
	}
	require.Equal(t, want[[2]string{storagetest.Outcome(errs[0]), storagetest.Outcome(errs[1])}], s.CurrentPlastic().State)
	s.Exec(`update plastics set state = 'lost'`)
	require.Equal(t, "plastic_not_there",
		storagetest.Outcome(storagetest.Err(s.Production.ReturnPlastic(t.Context(),
			s.NextMove(s.PlasticCase, campus.StageReturned, campus.WaitsForStudent), s.Plastic))))
}

func TestChooseKiosk(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	choose := func(kiosk string) error {
		return storagetest.Err(s.Production.ChooseKiosk(t.Context(), s.Holder.ID, s.Card, kiosk))
	}
	require.Equal(t, "plastic_on_its_way", storagetest.Outcome(choose(storagetest.WestKiosk)), "it was ordered by itself")
	s.Exec(`update plastics set order_key = '', queued_at = now()`)
	require.NoError(t, choose(storagetest.WestKiosk))
	before := storagetest.Everything(t, s.Env)
	require.NoError(t, choose(storagetest.WestKiosk), "the same again")
	require.Equal(t, "kiosk_unknown", storagetest.Outcome(choose("lcu-moon-1")))
	s.University("lcvtc")
	before["kiosks"], before["campuses"], before["universities"] = storagetest.Everything(t,
		s.Env)["kiosks"], storagetest.Everything(t, s.Env)["campuses"], storagetest.Everything(t, s.Env)["universities"]
	require.Equal(t, "kiosk_unknown", storagetest.Outcome(choose("lcvtc-east-1")), "another university's")
	require.Equal(t, "not_found", storagetest.Outcome(storagetest.Err(s.Production.ChooseKiosk(t.Context(), uuid.New(),
		s.Card, storagetest.EastKiosk))), "somebody else's card")
	require.Equal(t, before, storagetest.Everything(t, s.Env))
	require.Equal(t, storagetest.WestKiosk, s.CurrentPlastic().KioskID)
	require.Equal(t, 1, storagetest.Count(s.Env, `events where kind = 'kiosk_chosen' and public`))
	(&factory{s}).open(10)
	require.Equal(t, "plastic_on_its_way", storagetest.Outcome(choose(storagetest.EastKiosk)))
	require.NoError(t, choose(storagetest.WestKiosk), "where it goes anyway")
}

// No kiosk is chosen for what is not brought any more, not even the one it has: nobody is promised a day for it.
func TestNoKioskForWhatIsOver(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		Story func(*testing.T) *storagetest.Story
		want  string
	}{
		"it is in its holder's hand": {func(t *testing.T) *storagetest.Story {
			s := storagetest.Apply(t)
			require.NoError(t, s.Try(s.Pickup(s.Deliver())))
			return s
		}, "plastic_picked_up"},
		"nobody came for it": {func(t *testing.T) *storagetest.Story { s, _ := returned(t); return s }, "plastic_returned"},
		"nobody had it sent again": {func(t *testing.T) *storagetest.Story {
			s, _ := returned(t)
			ended := s.NextMove(s.PlasticCase, campus.StageDone, campus.WaitsForNobody)
			ended.Outcome = campus.Expired
			require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), ended)))
			return s
		}, "plastic_over"},
		"it was cancelled": {func(t *testing.T) *storagetest.Story {
			s := storagetest.Apply(t).Activate()
			s.Exec(`update plastics set state = 'cancelled'`)
			return s
		}, "plastic_over"},
		"its card was replaced": {func(t *testing.T) *storagetest.Story {
			first, next := storagetest.Replacing(t, func(s *storagetest.Story) { s.Deliver() })
			require.NoError(t, next.Activates())
			return first
		}, "pickup_card_over"},
		"it lies in the kiosk": {func(t *testing.T) *storagetest.Story { s := storagetest.Apply(t); s.Deliver(); return s },
			"plastic_on_its_way"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := test.Story(t)
			for _, kiosk := range []string{storagetest.WestKiosk, s.CurrentPlastic().KioskID} {
				before := storagetest.Everything(t, s.Env)
				want := test.want
				if want == "plastic_on_its_way" && kiosk == s.CurrentPlastic().KioskID {
					want = "done"
				}
				require.Equal(t, want, storagetest.Outcome(storagetest.Err(s.Production.ChooseKiosk(t.Context(), s.Holder.ID,
					s.Card, kiosk))), kiosk)
				require.Equal(t, before, storagetest.Everything(t, s.Env))
			}
			want := test.want
			if want == "plastic_returned" { // that is what is sent again
				want = "done"
			}
			_, err := s.Production.ResentPlastic(t.Context(), s.Holder.ID, s.Card, storagetest.WestKiosk)
			require.Equal(t, want, storagetest.Outcome(err), "sent again")
		})
	}
}

// D3, 71: what has become of a plastic since it was asked for again is told as before.
func TestResendOfWhatHasEndedMeanwhile(t *testing.T) {
	t.Parallel()
	first, next := storagetest.Replacing(t, func(s *storagetest.Story) {
		s.Deliver()
		require.NoError(t, storagetest.Err(s.Production.ReturnPlastic(t.Context(),
			s.NextMove(s.PlasticCase, campus.StageReturned, campus.WaitsForStudent), s.Plastic)))
	})
	require.NoError(t, next.Activates())
	require.Equal(t, "pickup_card_over", storagetest.Outcome(resend(first, storagetest.WestKiosk)))
	require.Equal(t, campus.PlasticReturned, first.CurrentPlastic().State)
}

// A student and a batch at the same moment: the card goes where the order file says.
func TestChooseKioskWhileABatchOpens(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	s.Exec(`update plastics set order_key = '', queued_at = now()`)
	f := &factory{s}
	errs := storagetest.AtOnce(2, func(i int) error {
		if i == 0 {
			return storagetest.Err(s.Production.ChooseKiosk(t.Context(), s.Holder.ID, s.Card, storagetest.WestKiosk))
		}
		return storagetest.Err(f.Production.OpenBatch(t.Context(), f.new(10)))
	})
	require.NoError(t, errs[1])
	kiosk := map[string]string{"done": storagetest.WestKiosk,
		"plastic_on_its_way": storagetest.EastKiosk}[storagetest.Outcome(errs[0])]
	require.Equal(t, kiosk, s.CurrentPlastic().KioskID)
}

func TestReportPlastic(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	code := s.Deliver()
	who := s.Colleague(campus.Grant{Role: campus.CardCentre})
	req := storagetest.Request(campus.Staff(who.ID))
	for range 2 { // the same request again
		require.NoError(t, storagetest.Err(s.Production.ReportPlastic(t.Context(), req, who, s.PlasticCase.ID,
			campus.PlasticDamaged, "裂了")))
	}
	require.Equal(t, campus.PlasticDamaged, s.CurrentPlastic().State)
	require.Equal(t, "pickup_code", storagetest.Outcome(s.Try(s.Pickup(code))), "the old code is dead")
	require.Equal(t, 1, storagetest.Count(s.Env,
		`plastic_changes where to_state = 'damaged' and channel = 'counter' and text = '裂了'`))
	require.Equal(t, 1, storagetest.Count(s.Env, `audit where action = 'plastic.report_damaged'`))
	another := storagetest.Request(campus.Staff(who.ID))
	require.Equal(t, "plastic_not_there",
		storagetest.Outcome(storagetest.Err(s.Production.ReportPlastic(t.Context(), another, who, s.PlasticCase.ID,
			campus.PlasticLost, ""))))
	require.Equal(t, "not_found", storagetest.Outcome(storagetest.Err(s.Production.ReportPlastic(t.Context(), another,
		who, uuid.New(), campus.PlasticLost, ""))))
	require.NoError(t, storagetest.Err(s.Production.RemakePlastic(t.Context(),
		s.NextMove(s.PlasticCase, campus.StageOrdering, campus.WaitsForBureau), uuid.Must(uuid.NewV7()))))
	require.Equal(t, 2, s.CurrentPlastic().Seq)
}
