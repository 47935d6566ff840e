package production_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
)

func TestTakeReport(t *testing.T) {
	t.Parallel()
	type said struct {
		state    campus.PlasticState
		sequence int
		want     string
	}
	const (
		making, shipped, ready   = campus.PlasticInProduction, campus.PlasticShipped, campus.PlasticReady
		spoilt, cancelled, taken = campus.PlasticSpoilt, campus.PlasticCancelled, campus.PlasticPickedUp
	)
	s := storagetest.Apply(t).Activate()
	for name, test := range map[string]struct {
		reports []said
		end     campus.PlasticState
		signals int // one for each change, and none for what is no news
	}{
		"one after the other": {[]said{{making, 1, "done"}, {shipped, 3, "done"}, {ready, 4, "done"}},
			ready, 3},
		"the last one only":       {[]said{{ready, 4, "done"}}, ready, 1},
		"the same state twice":    {[]said{{shipped, 3, "done"}, {shipped, 3, "done"}}, shipped, 1},
		"an older one comes late": {[]said{{shipped, 3, "done"}, {making, 2, "done"}}, shipped, 1},
		"an old end comes late":   {[]said{{shipped, 3, "done"}, {spoilt, 2, "done"}}, shipped, 1},
		"spoilt on the way":       {[]said{{shipped, 3, "done"}, {spoilt, 4, "done"}}, spoilt, 2},
		"cancelled":               {[]said{{making, 1, "done"}, {cancelled, 2, "done"}}, cancelled, 2},
		"what is spoilt cannot be shipped": {[]said{{spoilt, 2, "done"}, {shipped, 3, "report_contradicts"}}, spoilt,
			1},
		"what is ready cannot be spoilt": {[]said{{ready, 4, "done"}, {spoilt, 5, "report_contradicts"}}, ready, 1},
		"what is shipped is not in production": {[]said{{shipped, 3, "done"}, {making, 4, "report_contradicts"}}, shipped,
			1},
		"the bureau does not hand over": {[]said{{taken, 4, "report_contradicts"}}, campus.PlasticOrdered, 0},
		"nothing is shipped that is cancelled": {[]said{{cancelled, 2, "done"}, {ready, 5, "report_contradicts"}},
			cancelled, 1},
		"after a contradiction the truth is told": {[]said{{shipped, 3, "done"}, {making, 4, "report_contradicts"},
			{ready, 5, "done"}}, ready, 2},
	} {
		s.Exec(`update plastics set state = 'ordered', order_id = '', bureau_seq = 0`)
		s.ExecAsOwner(`truncate plastic_changes, outbox`)
		for _, report := range test.reports {
			require.Equal(t, report.want, storagetest.Outcome(s.TakeReport(t.Context(),
				s.Report(report.state, report.sequence))), name)
		}
		require.Equal(t, test.end, s.CurrentPlastic().State, name)
		require.Equal(t, test.signals,
			storagetest.Count(s.Env, `outbox where kind = 'signal' and workflow = $1 and workflow_id = $2`,
				campus.FactsChanged, s.PlasticCase.WorkflowID()), name)
		require.Equal(t, test.signals,
			storagetest.Count(s.Env, `plastic_changes where actor = 'machine/bureau' and channel = 'bureau' and reason <> ''`), name)
	}
}

func TestReportsThatAreNotTaken(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	require.NoError(t, s.Production.SaveOrder(t.Context(), s.Plastic, "bo-1"))
	first := s.Report(campus.PlasticShipped, 3)
	require.NoError(t, s.TakeReport(t.Context(), first))
	replayed := s.Report(campus.PlasticReady, 4)
	replayed.CallbackID, replayed.BodyHash = first.CallbackID, []byte("another")
	elsewhere := s.Report(campus.PlasticReady, 4)
	elsewhere.Kiosk = storagetest.WestKiosk
	another := s.Report(campus.PlasticReady, 4)
	another.OrderID = "bo-2"
	unknown := s.Report(campus.PlasticReady, 4)
	unknown.Plastic = uuid.New()
	for name, test := range map[string]struct {
		report production.Report
		want   string
	}{
		"another call-back under the id of one that was taken": {replayed, "callback_conflict"},
		"a call-back that was taken before":                    {first, "done"},
		"delivered to another kiosk":                           {elsewhere, "report_contradicts"},
		"another order's":                                      {another, "not_found"},
		"a plastic nobody knows":                               {unknown, "not_found"},
	} {
		before := storagetest.Everything(t, s.Env)
		require.Equal(t, test.want, storagetest.Outcome(s.TakeReport(t.Context(), test.report)), name)
		require.Equal(t, before, storagetest.Everything(t, s.Env), name)
	}
	replayed.CallbackID = uuid.NewString()
	require.NoError(t, s.TakeReport(t.Context(), replayed))
}

func TestReportsAtOnce(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	same := s.Report(campus.PlasticReady, 4)
	errs := storagetest.AtOnce(10, func(i int) error {
		r := same
		if i%2 == 0 {
			r.CallbackID = uuid.NewString()
		}
		return s.TakeReport(t.Context(), r)
	})
	require.Equal(t, map[string]int{"done": 10}, storagetest.Outcomes(errs))
	require.Equal(t, 1, storagetest.Count(s.Env, `outbox where kind = 'signal'`))
	require.Equal(t, 1, storagetest.Count(s.Env, `plastic_changes where to_state = 'ready'`))
}

func TestSaveOrder(t *testing.T) {
	t.Parallel()

	t.Run("twice is once", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t).Activate()
		require.NoError(t, s.Production.SaveOrder(t.Context(), s.Plastic, "bo-1"))
		before := storagetest.Everything(t, s.Env)
		s.Clock.Advance(1)
		require.NoError(t, s.Production.SaveOrder(t.Context(), s.Plastic, "bo-1"))
		require.Equal(t, before, storagetest.Everything(t, s.Env))
		require.Equal(t, campus.PlasticInProduction, s.CurrentPlastic().State)
	})

	t.Run("after a call-back that was quicker, the state stays", func(t *testing.T) {
		t.Parallel()
		s := storagetest.Apply(t).Activate()
		require.NoError(t, s.TakeReport(t.Context(), s.Report(campus.PlasticShipped, 3)))
		require.NoError(t, s.Production.SaveOrder(t.Context(), s.Plastic, "bo-1"))
		require.Equal(t, campus.PlasticShipped, s.CurrentPlastic().State)
	})

	t.Run("of a plastic nobody knows", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		require.Equal(t, "not_found", storagetest.Outcome(h.Production.SaveOrder(t.Context(), uuid.New(), "bo-1")))
	})
}

func TestRemakePlastic(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	remake := func() error {
		return storagetest.Err(s.Production.RemakePlastic(t.Context(),
			s.NextMove(s.PlasticCase, campus.StageOrdering, campus.WaitsForBureau), uuid.Must(uuid.NewV7())))
	}
	before := storagetest.Everything(t, s.Env)
	require.ErrorContains(t, remake(), "plastics_one_alive", "the old one still lives")
	require.Equal(t, before, storagetest.Everything(t, s.Env))

	old := s.CurrentPlastic()
	require.NoError(t, s.TakeReport(t.Context(), s.Report(campus.PlasticSpoilt, 2)))
	require.NoError(t, remake())
	made := s.CurrentPlastic()
	require.Equal(t, 2, made.Seq)
	require.NotEqual(t, old.ID, made.ID)
	require.Equal(t, []string{string(campus.PlasticOrdered), old.KioskID, old.PromisedOn().String(), ""},
		[]string{string(made.State), made.KioskID, made.PromisedOn().String(), made.OrderID})
	require.Equal(t, 1, storagetest.Count(s.Env, `plastic_changes where reason = 'made_again' and plastic_id = $1`,
		made.ID))
	all, err := s.Production.Plastics(t.Context(), s.Holder.ID)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, made.ID, all[0].ID, "the newest first")

	s.Plastic = old.ID
	require.Equal(t, "report_contradicts",
		storagetest.Outcome(s.TakeReport(t.Context(),
			s.Report(campus.PlasticReady, 9))), "the old one stays spoilt")
}

func TestEndPlastic(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	for name, test := range map[string]struct {
		before, want campus.PlasticState
		said         string
	}{
		"one that waits comes back":           {campus.PlasticReady, campus.PlasticReturned, "done"},
		"one on its way comes back":           {campus.PlasticShipped, campus.PlasticReturned, "done"},
		"one that was not made is cancelled":  {campus.PlasticOrdered, campus.PlasticCancelled, "done"},
		"one that is being made is cancelled": {campus.PlasticInProduction, campus.PlasticCancelled, "done"},
		"one that was picked up stays so":     {campus.PlasticPickedUp, campus.PlasticPickedUp, "picked_up_meanwhile"},
		"one that is spoilt stays so":         {campus.PlasticSpoilt, campus.PlasticSpoilt, "done"},
		"one that is cancelled stays so":      {campus.PlasticCancelled, campus.PlasticCancelled, "done"},
		"one that has come back stays so":     {campus.PlasticReturned, campus.PlasticReturned, "done"},
	} {
		s.Exec(`update plastics set state = $1`, test.before)
		s.ExecAsOwner(`truncate plastic_changes`)
		s.Exec(`update cases set stage = 'pickup', outcome = '' where id = $1`, s.PlasticCase.ID) // it has not ended yet
		m := s.NextMove(s.PlasticCase, campus.StageDone, campus.WaitsForNobody)
		m.Outcome = campus.Expired
		change := campus.Change{Actor: campus.System(), Channel: "workflow", Reason: "unclaimed"}
		require.Equal(t, test.said, storagetest.Outcome(storagetest.Err(s.Production.EndPlastic(t.Context(), m, s.Plastic,
			campus.PlasticReturned, change))), name)
		require.Equal(t, test.want, s.CurrentPlastic().State, name)
		changed := 0
		if test.want != test.before {
			changed = 1
		}
		require.Equal(t, changed, storagetest.Count(s.Env,
			`plastic_changes where reason = 'unclaimed' and actor = 'system'`), name)
	}
}

// D3: the code is shown to its owner while the plastic waits, and to nobody else.
func TestPickupCode(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	code := s.Deliver()
	require.Regexp(t, `^\d{8}$`, code)
	sealed := storagetest.One[[]byte](s.Env, `select pickup_code from plastics`)
	require.False(t, bytes.Contains(sealed, []byte(code)), "sealed at rest")
	require.NotContains(t, storagetest.One[string](s.Env, `select p::text from plastics p`), code)

	m := s.NextMove(s.PlasticCase, campus.StagePickup, campus.WaitsForStudent)
	require.NoError(t, storagetest.Err(s.Production.AnnouncePickup(t.Context(), m, s.Plastic)))
	notices, err := s.Casework.Notices(t.Context(), s.Holder.ID, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, notices, 1)
	require.Equal(t, "notice.ready_for_pickup", notices[0].Template)
	require.Equal(t, map[string]string{"code": code, "kiosk_zh": "图书馆一楼", "kiosk_en": "Library, ground floor"},
		notices[0].Params)

	s.Exec(`update plastics set state = 'picked_up'`)
	none, err := s.Production.PickupCode(s.CurrentPlastic())
	require.NoError(t, err)
	require.Empty(t, none, "only while it waits")
	require.NoError(t, storagetest.Err(s.Production.AnnouncePickup(t.Context(),
		s.NextMove(s.PlasticCase, campus.StagePickup, campus.WaitsForStudent), s.Plastic)))
	require.Equal(t, 1, storagetest.Count(s.Env, `notices`), "who has it needs no code any more")
}

func TestPickupCodesAreUnique(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	ids := s.Twins(s.Application, 20) // twenty that arrive at one kiosk at the same time; their cards and plastics have one id
	s.Exec(`insert into plastics (id, case_id, card_id, person_id, university, kiosk_id, seq, state, promised_at, created_at, order_key)
		select c.id, c.id, c.id, c.person_id, c.university, $2, 1, 'shipped', '2026-11-20', c.created_at, 'order' from cards c where c.id = any($1)`,
		ids, storagetest.EastKiosk)
	errs := storagetest.AtOnce(len(ids), func(i int) error {
		r := s.Report(campus.PlasticReady, 4)
		r.Plastic, r.Compartment = ids[i], fmt.Sprintf("A%02d", i)
		return s.TakeReport(t.Context(), r)
	})
	require.Equal(t, map[string]int{"done": len(ids)}, storagetest.Outcomes(errs))
	require.Equal(t, len(ids), storagetest.One[int](s.Env, `select count(distinct pickup_code_hash) from plastics`))
	require.Equal(t, len(ids), storagetest.One[int](s.Env, `select count(distinct pickup_code) from plastics`))
}

func TestBeginPlastic(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	_, policy, plastic, err := s.Production.BeginPlastic(t.Context(),
		s.NextMove(s.PlasticCase, campus.StageOrdering, campus.WaitsForBureau), nil)
	require.NoError(t, err)
	require.Equal(t, s.Policies.Version(), policy)
	require.Equal(t, s.Plastic, plastic.ID)
	_, err = s.Production.CurrentPlastic(t.Context(), s.Application.ID)
	require.Equal(t, campus.NotFound, campus.CodeOf(err), "an application has none")
}
