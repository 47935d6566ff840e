package storage_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/casework"
	"campuscard/storage/money"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

func TestFiguresOfAnEmptyHouse(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	f, err := h.Figures(t.Context())
	require.NoError(t, err)
	require.Empty(t, f.Cases)
	require.Empty(t, f.Parked)
	require.Zero(t, f.Line)
	require.Zero(t, f.Outbox)
	require.Zero(t, f.Notices)
	require.Zero(t, f.Forgotten)
	require.Zero(t, f.TopUps)
	require.Positive(t, f.Connections)
	require.Greater(t, f.ConnectionsMax, f.Connections)
}

func TestFigures(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	began := s.Clock.Now()
	require.Len(t, storagetest.Admit(t, s.Env, storagetest.Rush, 1), 1)
	s.Applied(s.Person())
	s.Clock.Advance(time.Hour)
	due := s.Clock.Now().Add(time.Minute)
	parked := s.NextMove(s.Application, campus.StageChecking, campus.WaitsForOperator)
	parked.Parked, parked.Cause, parked.Due = []string{"registry"}, campus.Unavailable, &due
	item := campus.NewWorkItem{Kind: campus.IncidentItem, Step: "registry", Cause: campus.Unavailable, Due: &due}
	parked.Opens, parked.Escalate = []campus.NewWorkItem{item}, []campus.WorkItemKey{{Kind: item.Kind, Step: item.Step}}
	parked.Notices = []campus.Notice{{Template: "notice.approved"}}
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), parked)))
	since := s.Clock.Now()
	require.NoError(t, s.Cards.ForgetImages(t.Context(), s.Application.ID, storagetest.HandedIn))
	s.Exec(`update outbox set failure = 'no such workflow' where workflow_id = $1`, s.Application.WorkflowID())

	s.Clock.Advance(2 * time.Minute)
	f, err := s.Figures(t.Context())
	require.NoError(t, err)
	require.Equal(t, s.Clock.Now().UTC(), f.At)
	for i := range f.Cases {
		f.Cases[i].Oldest = f.Cases[i].Oldest.UTC()
	}
	require.ElementsMatch(t, []storage.CaseFigure{
		{University: "lcu", Kind: campus.ApplicationCase, Stage: campus.StageQueued, WaitsFor: campus.WaitsForEngine,
			Open: 1, Oldest: began.UTC()},
		{University: "lcu", Kind: campus.ApplicationCase, Stage: campus.StageChecking, WaitsFor: campus.WaitsForOperator,
			Open: 1, Late: 1, Oldest: since.UTC()},
	}, f.Cases)
	require.Len(t, f.Parked, 1)
	require.Equal(t, "registry unavailable", f.Parked[0].Step+" "+string(f.Parked[0].Cause))
	require.True(t, f.Parked[0].Oldest.Equal(since))
	require.Len(t, f.WorkItems, 1)
	require.Equal(t, []int{1, 1, 1}, []int{f.WorkItems[0].Open, f.WorkItems[0].Escalated, f.WorkItems[0].Late})
	require.Equal(t, 1, f.Line.Rows)
	require.True(t, f.Line.Oldest.Equal(began))
	require.Equal(t, []int{1, 1}, []int{f.Outbox.Rows, f.Outbox.Failing})
	require.True(t, f.Outbox.Oldest.Equal(began))
	require.Equal(t, 1, f.Unsent.Rows, "the case in the outbox; the other stands in line")
	require.Equal(t, []int{1, 0}, []int{f.Notices.Rows, f.Notices.Failing})
	require.Equal(t, 4, f.Forgotten.Rows)
	require.True(t, f.Forgotten.Oldest.Equal(since))
}

// L2: a top-up waits for its channel until that has taken it, and again while nobody hears what became of it.
func TestFiguresOfTopUps(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _ := h.Holder(0)
	began := h.Clock.Now()
	o := h.Order(person, 1000)
	h.Clock.Advance(time.Minute)
	next := h.Clock.Now().Add(time.Minute)
	var orders []storage.OrderFigure
	look := func(l money.Looked) []int {
		l.Order = o.ID
		require.NoError(t, h.Money.OrderLooked(t.Context(), l))
		f, err := h.Figures(t.Context())
		require.NoError(t, err)
		if f.TopUps.Rows > 0 {
			require.True(t, f.TopUps.Oldest.Equal(began))
		}
		orders = f.Orders
		return []int{f.TopUps.Rows, f.TopUps.Failing}
	}
	require.Equal(t, []int{1, 0}, look(money.Looked{Next: next}))
	require.Equal(t, []int{1, 1}, look(money.Looked{Failure: "unavailable", Next: next}))
	of := func(open, late, failing int) []storage.OrderFigure {
		return []storage.OrderFigure{{University: storagetest.University, Channel: campus.WalletAdapter, Open: open, Late: late,
			Failing: failing}}
	}
	require.Equal(t, of(1, 0, 1), orders)
	require.Equal(t, []int{0, 0}, look(money.Looked{PayCode: "pay", Next: next}), "it waits for its payer")
	require.Equal(t, []int{1, 1}, look(money.Looked{Failure: "unavailable", Next: next}))
	h.Clock.Advance(h.Policy().Money.TopUp.OrderLife.Std())
	require.Equal(t, []int{0, 0}, look(money.Looked{PayCode: "pay", Next: next}), "nobody has paid in time")
	require.Equal(t, of(0, 1, 0), orders)
	require.Equal(t, []int{0, 0}, look(money.Looked{Closed: true}), "there is nothing to ask")
	require.Empty(t, orders)
}

// Nobody waits for Temporal who waits for staff because their workflow is lost, whatever becomes of Temporal.
func TestWhatIsLostDoesNotWaitForTemporal(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	lost := s.Open(campus.NewWorkItem{Kind: campus.IncidentItem, Step: campus.LostWorkflow})
	s.Decision(s.Application, campus.Student(s.Holder.ID), campus.WithdrawUpdate, campus.Said{}, struct{}{})
	s.Exec(`delete from outbox`)
	unsent := func() int {
		f, err := s.Figures(t.Context())
		require.NoError(t, err)
		return f.Unsent.Rows
	}
	require.Zero(t, unsent())
	s.Exec(`update work_items set closed_at = opened_at where id = $1`, lost)
	require.Equal(t, 1, unsent())
}

func TestFiguresOfPickups(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.Deliver()
	f, err := s.Figures(t.Context())
	require.NoError(t, err)
	require.Empty(t, f.Pickups, "nobody has tried")
	s.Exec(`update plastics set pickup_tries = 5`)
	f, err = s.Figures(t.Context())
	require.NoError(t, err)
	require.Equal(t, []storage.PickupFigure{{University: "lcu", Tries: 5, Count: 1}}, f.Pickups)
}

// The figures cost what is open, not what ever was: with a year of closed cases none of them is read.
func TestFiguresReadWhatIsOpen(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.Exec(`insert into cases (id, kind, university, campus, stage, waits_for, since, policy_version, opened_at, closed_at)
		select gen_random_uuid(), 'application', 'lcu', 'east', 'done', 'nobody', now(), '', now(), now() from generate_series(1, 20000)`)
	s.Exec(`insert into work_items (id, case_id, university, campus, kind, opened_at, closed_at)
		select gen_random_uuid(), $1, 'lcu', 'east', 'review', now(), now() from generate_series(1, 20000)`, s.Application.ID)
	s.Exec(`insert into notices (id, person_id, template, params, created_at, next_try, done_at)
		select gen_random_uuid(), $1, 'x', '', now(), now(), now() from generate_series(1, 20000)`, s.Holder.ID)
	s.ExecAsOwner(`analyze`)
	before := scans(t, s.Env)
	store, err := storage.Open(t.Context(), s.Config, time.Now, s.Log)
	require.NoError(t, err)
	require.NoError(t, storagetest.Err(store.Figures(t.Context())))
	store.Close() // a connection that ends tells its counters
	require.Eventually(t, func() bool { return scans(t, s.Env)["cases"].Index > before["cases"].Index }, time.Minute,
		10*time.Millisecond)
	now := scans(t, s.Env)
	for _, table := range []string{"cases", "work_items", "notices"} {
		require.Equal(t, before[table].Whole, now[table].Whole, "reads the whole of %s", table)
	}
}

func TestSchemaVersions(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	applied, known, err := h.SchemaVersions(t.Context())
	require.NoError(t, err)
	require.Equal(t, known, applied)
	require.Positive(t, known)
	empty, err := storage.Open(t.Context(), storagetest.Empty(t).Config, h.Clock.Now, h.Log)
	require.NoError(t, err)
	defer empty.Close()
	applied, _, err = empty.SchemaVersions(t.Context())
	require.NoError(t, err, "a database that was never migrated")
	require.Zero(t, applied)
}

func TestKeysFit(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	fit := func(change func(*storage.Keys)) storage.KeyFacts {
		cfg := h.Config
		change(&cfg.Keys)
		store, err := storage.Open(t.Context(), cfg, h.Clock.Now, h.Log)
		require.NoError(t, err)
		defer store.Close()
		facts, err := store.KeysFit(t.Context())
		require.NoError(t, err)
		return facts
	}
	require.Equal(t, storage.KeyFacts{}, fit(func(*storage.Keys) {}), "nothing to try them on")
	h.Person()
	other := make([]byte, 32)
	require.Equal(t, storage.KeyFacts{Tried: true, Data: true, Pepper: true}, fit(func(*storage.Keys) {}))
	require.Equal(t, storage.KeyFacts{Tried: true}, fit(func(k *storage.Keys) { k.Data = other }))
	require.Equal(t, storage.KeyFacts{Tried: true, Data: true}, fit(func(k *storage.Keys) { k.Pepper = other }))
}

func TestSeeds(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.Person()
	require.NoError(t, h.People.SeedStaff(t.Context(), []people.StaffSeed{
		{University: "lcu", Username: "operator", Password: "correct horse",
			Grants: []campus.Grant{{Role: campus.Operator, Campuses: []string{"east"}}}},
		{University: "lcu", Username: "reviewer", Password: "correct horse", Grants: []campus.Grant{{Role: campus.Reviewer}}},
	}))
	seeds, err := h.Seeds(t.Context())
	require.NoError(t, err)
	require.Len(t, seeds, 1)
	require.Equal(t, []int{1, 2, 1}, []int{seeds[0].People, seeds[0].Staff, seeds[0].Settlers})
	require.Positive(t, seeds[0].Kiosks)
}

func TestOpenCasesAndTheOthers(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	queued := s.Applied(s.Person())
	closed := s.Applied(s.Person())
	unknown := campus.CaseRef{Kind: campus.ApplicationCase, ID: uuid.New()}
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(),
		s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer))))
	m := s.NextMove(closed, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Completed
	require.NoError(t, storagetest.Err(s.Casework.Record(t.Context(), m)))
	now := s.Clock.Now()
	open, err := s.Casework.StandingSample(t.Context(), now, 10)
	require.NoError(t, err)
	require.Empty(t, open, "it has only just moved")
	open, err = s.Casework.StandingSample(t.Context(), now.Add(time.Minute), 10)
	require.NoError(t, err)
	standing := casework.StandingCase{CaseRef: s.Application, Stage: campus.StageReview, Version: 1}
	require.Equal(t, []casework.StandingCase{standing}, open, "one that waits in the queue has no workflow")

	all := []campus.CaseRef{s.Application, queued, closed, unknown}
	others, err := s.NotOpen(t.Context(), all, now.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, []campus.CaseRef{closed, unknown}, others)
	others, err = s.NotOpen(t.Context(), all, now)
	require.NoError(t, err)
	require.Equal(t, []campus.CaseRef{unknown}, others, "one that has just closed may still be running")
}

func TestProbesOfTheObjectStore(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	require.NoError(t, h.ObjectsReady(t.Context()))
	require.NoError(t, h.ProbeObjects(t.Context()))
	versioned, err := h.ObjectsVersioned(t.Context())
	require.NoError(t, err)
	require.False(t, versioned)
	public, err := h.ObjectsPublic(t.Context())
	require.NoError(t, err)
	require.False(t, public)

	cfg := h.Config
	cfg.Objects.Bucket = "nobody-made-it"
	store, err := storage.Open(t.Context(), cfg, h.Clock.Now, h.Log)
	require.NoError(t, err)
	defer store.Close()
	require.Equal(t, campus.NotFound, campus.CodeOf(store.ObjectsReady(t.Context())))
}

// A store that is prepared calls nobody, so it can be had while Postgres is away.
func TestPreparedWhileNobodyIsThere(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	cfg := h.Config
	cfg.DatabaseURL = "postgres://nobody@127.0.0.1:1/none"
	store, err := storage.Prepare(t.Context(), cfg, h.Clock.Now, h.Log)
	require.NoError(t, err)
	defer store.Close()
	_, err = store.Server(t.Context())
	require.Equal(t, campus.Unavailable, campus.CodeOf(err), "%v", err)
	require.NoError(t, store.ObjectsReady(t.Context()))
}
