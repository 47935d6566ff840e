package storage_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// returned is a story whose plastic nobody came for; code is the one that opened its compartment.
func returned(t *testing.T) (s *story, code string) {
	t.Helper()
	s = apply(t)
	code = s.deliver()
	require.NoError(t, second(s.ReturnPlastic(t.Context(), s.NextMove(s.plasticCase, campus.StageReturned, campus.WaitsForStudent), s.plastic)))
	return s, code
}

// resend has the plastic sent to a kiosk, as the student's decision says.
func resend(s *story, kiosk string) error {
	m := s.NextMove(s.plasticCase, campus.StageBatching, campus.WaitsForEngine)
	m.Decision = s.Decision(s.plasticCase, campus.Student(s.person.ID), campus.ResendUpdate, campus.Said{}, storage.Resend{Kiosk: kiosk})
	return s.answered(m, second(s.ResendPlastic(s.t.Context(), m, storage.Resending{Plastic: s.plastic, Promised: s.Clock.Now().Add(72 * time.Hour),
		By: campus.Student(s.person.ID), Batch: storage.NewBatch{ID: uuid.Must(uuid.NewV7()), University: storagetest.University,
			Size: 10, At: 10, PolicyVersion: s.Policies.Version()}})))
}

func TestReturnedPlasticIsSentAgain(t *testing.T) {
	t.Parallel()
	s, old := returned(t)
	require.Equal(t, "pickup_code", outcome(s.try(s.pickup(old))), "the code is dead")
	require.Equal(t, 1, count(s.House, `plastics where state = 'returned' and compartment = '' and pickup_code is null`))
	require.Equal(t, "kiosk_unknown", outcome(resend(s, "lcu-moon-1")))
	require.NoError(t, resend(s, storagetest.WestKiosk))
	require.Equal(t, "plastic_not_there", outcome(resend(s, storagetest.EastKiosk)), "it is on its way already")

	f := &factory{s}
	batch := f.open(10)
	lines, err := f.OrderLines(t.Context(), batch)
	require.NoError(t, err)
	require.Equal(t, []any{1, campus.PlasticResent, storagetest.WestKiosk}, []any{len(lines), lines[0].State, lines[0].KioskID})
	cards := f.send(batch)
	require.Equal(t, campus.PlasticResent, f.state(s.plastic), "there is nothing to make")
	require.NoError(t, f.TakeReport(t.Context(), f.says(batch, cards[0], campus.PlasticInProduction, 2)), "no news")
	require.NoError(t, f.TakeReport(t.Context(), f.says(batch, cards[0], campus.PlasticReady, 4)))
	code, err := s.PickupCode(s.currentPlastic())
	require.NoError(t, err)
	require.NotEqual(t, old, code)
	p := s.pickup(code)
	p.Kiosk = storagetest.WestKiosk
	require.NoError(t, s.try(p))
}

func TestReturnPlastic(t *testing.T) {
	t.Parallel()
	s := apply(t)
	code := s.deliver()
	m := s.NextMove(s.plasticCase, campus.StageReturned, campus.WaitsForStudent)
	errs := atOnce(2, func(i int) error {
		if i == 0 {
			return s.try(s.pickup(code))
		}
		return second(s.ReturnPlastic(t.Context(), m, s.plastic))
	})
	want := map[[2]string]campus.PlasticState{
		{"done", "picked_up_meanwhile"}: campus.PlasticPickedUp, {"pickup_code", "done"}: campus.PlasticReturned,
	}
	require.Equal(t, want[[2]string{outcome(errs[0]), outcome(errs[1])}], s.currentPlastic().State)
	s.Exec(`update plastics set state = 'lost'`)
	require.Equal(t, "plastic_not_there", outcome(second(s.ReturnPlastic(t.Context(), s.NextMove(s.plasticCase, campus.StageReturned, campus.WaitsForStudent), s.plastic))))
}

func TestChooseKiosk(t *testing.T) {
	t.Parallel()
	s := apply(t).activate()
	choose := func(kiosk string) error { return second(s.ChooseKiosk(t.Context(), s.person.ID, s.card, kiosk)) }
	require.Equal(t, "plastic_on_its_way", outcome(choose(storagetest.WestKiosk)), "it was ordered by itself")
	s.Exec(`update plastics set order_key = '', queued_at = now()`)
	require.NoError(t, choose(storagetest.WestKiosk))
	before := everything(t, s.House)
	require.NoError(t, choose(storagetest.WestKiosk), "the same again")
	require.Equal(t, "kiosk_unknown", outcome(choose("lcu-moon-1")))
	s.University("lcvtc")
	before["kiosks"], before["campuses"], before["universities"] = everything(t, s.House)["kiosks"], everything(t, s.House)["campuses"], everything(t, s.House)["universities"]
	require.Equal(t, "kiosk_unknown", outcome(choose("lcvtc-east-1")), "another university's")
	require.Equal(t, "not_found", outcome(second(s.ChooseKiosk(t.Context(), uuid.New(), s.card, storagetest.EastKiosk))), "somebody else's card")
	require.Equal(t, before, everything(t, s.House))
	require.Equal(t, storagetest.WestKiosk, s.currentPlastic().KioskID)
	require.Equal(t, 1, count(s.House, `events where kind = 'kiosk_chosen' and public`))
	(&factory{s}).open(10)
	require.Equal(t, "plastic_on_its_way", outcome(choose(storagetest.EastKiosk)))
	require.NoError(t, choose(storagetest.WestKiosk), "where it goes anyway")
}

// No kiosk is chosen for what is not brought any more, not even the one it has: nobody is promised a day for it.
func TestNoKioskForWhatIsOver(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		story func(*testing.T) *story
		want  string
	}{
		"it is in its holder's hand": {func(t *testing.T) *story {
			s := apply(t)
			require.NoError(t, s.try(s.pickup(s.deliver())))
			return s
		}, "plastic_picked_up"},
		"nobody came for it": {func(t *testing.T) *story { s, _ := returned(t); return s }, "plastic_returned"},
		"nobody had it sent again": {func(t *testing.T) *story {
			s, _ := returned(t)
			ended := s.NextMove(s.plasticCase, campus.StageDone, campus.WaitsForNobody)
			ended.Outcome = campus.Expired
			require.NoError(t, second(s.Record(t.Context(), ended)))
			return s
		}, "plastic_over"},
		"it was cancelled": {func(t *testing.T) *story {
			s := apply(t).activate()
			s.Exec(`update plastics set state = 'cancelled'`)
			return s
		}, "plastic_over"},
		"its card was replaced": {func(t *testing.T) *story {
			first, next := replacing(t, func(s *story) { s.deliver() })
			require.NoError(t, next.activates())
			return first
		}, "pickup_card_over"},
		"it lies in the kiosk": {func(t *testing.T) *story { s := apply(t); s.deliver(); return s }, "plastic_on_its_way"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := test.story(t)
			for _, kiosk := range []string{storagetest.WestKiosk, s.currentPlastic().KioskID} {
				before := everything(t, s.House)
				want := test.want
				if want == "plastic_on_its_way" && kiosk == s.currentPlastic().KioskID {
					want = "done"
				}
				require.Equal(t, want, outcome(second(s.ChooseKiosk(t.Context(), s.person.ID, s.card, kiosk))), kiosk)
				require.Equal(t, before, everything(t, s.House))
			}
		})
	}
}

// A student and a batch at the same moment: the card goes where the order file says.
func TestChooseKioskWhileABatchOpens(t *testing.T) {
	t.Parallel()
	s := apply(t).activate()
	s.Exec(`update plastics set order_key = '', queued_at = now()`)
	f := &factory{s}
	errs := atOnce(2, func(i int) error {
		if i == 0 {
			return second(s.ChooseKiosk(t.Context(), s.person.ID, s.card, storagetest.WestKiosk))
		}
		return second(f.OpenBatch(t.Context(), f.new(10)))
	})
	require.NoError(t, errs[1])
	kiosk := map[string]string{"done": storagetest.WestKiosk, "plastic_on_its_way": storagetest.EastKiosk}[outcome(errs[0])]
	require.Equal(t, kiosk, s.currentPlastic().KioskID)
}

func TestReportPlastic(t *testing.T) {
	t.Parallel()
	s := apply(t)
	code := s.deliver()
	who := s.colleague(campus.Grant{Role: campus.CardCentre})
	req := storagetest.Request(campus.Staff(who.ID))
	for range 2 { // the same request again
		require.NoError(t, second(s.ReportPlastic(t.Context(), req, who, s.plasticCase.ID, campus.PlasticDamaged, "裂了")))
	}
	require.Equal(t, campus.PlasticDamaged, s.currentPlastic().State)
	require.Equal(t, "pickup_code", outcome(s.try(s.pickup(code))), "the old code is dead")
	require.Equal(t, 1, count(s.House, `plastic_changes where to_state = 'damaged' and channel = 'counter' and text = '裂了'`))
	require.Equal(t, 1, count(s.House, `audit where action = 'plastic.report_damaged'`))
	another := storagetest.Request(campus.Staff(who.ID))
	require.Equal(t, "plastic_not_there", outcome(second(s.ReportPlastic(t.Context(), another, who, s.plasticCase.ID, campus.PlasticLost, ""))))
	require.Equal(t, "not_found", outcome(second(s.ReportPlastic(t.Context(), another, who, uuid.New(), campus.PlasticLost, ""))))
	require.NoError(t, second(s.RemakePlastic(t.Context(), s.NextMove(s.plasticCase, campus.StageOrdering, campus.WaitsForBureau), uuid.Must(uuid.NewV7()))))
	require.Equal(t, 2, s.currentPlastic().Seq)
}
