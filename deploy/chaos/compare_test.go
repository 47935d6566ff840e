package main

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

func TestWhatTheTablesSay(t *testing.T) {
	t.Parallel()
	store := storagetest.New(t)
	pool, err := pgxpool.New(t.Context(), store.Config.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	h := &env{pool: pool}
	look := func(key, path string) (found, about) {
		is, a, err := h.lookUp(t.Context(), key, path, kindOf(path))
		require.NoError(t, err)
		return is, a
	}

	const applications, decision = "/api/v1/applications", "/api/v1/staff/work-items/0190/decision"
	person := store.Person()
	apply := storagetest.Request(campus.Student(person.ID))
	accepted, err := store.Apply(t.Context(), apply, store.NewApplication(person))
	require.NoError(t, err)
	is, _ := look(apply.Key, applications)
	require.Equal(t, found{Kept: true, Carried: true}, is)

	for _, path := range []string{applications, decision, "/api/v1/kiosk/pickups", "/api/v1/staff/work-items/0190/claim",
		"/api/v1/me/topups", "/api/v1/me/topups/0190/refund"} {
		is, a := look("no-such-key", path)
		require.Equal(t, found{}, is, path)
		require.Equal(t, about{Case: path}, a)
	}

	reviewer, _ := store.Staff(person.University, campus.Grant{Role: campus.Reviewer})
	item := uuid.New()
	store.Exec(`insert into work_items (id, case_id, university, campus, kind, opened_at)
		select $1, id, university, campus, 'review', opened_at from cases where id = $2`, item, accepted.ID)
	hold := storagetest.Request(campus.Staff(reviewer.ID))
	_, err = store.Casework.ClaimWorkItem(t.Context(), hold, reviewer, item, store.Policy().Work.ClaimLife.Std())
	require.NoError(t, err)
	is, _ = look(hold.Key, "/api/v1/staff/work-items/0190/claim")
	require.Equal(t, found{Kept: true, Carried: true}, is)

	for _, path := range []string{
		"/api/v1/staff/work-items/" + item.String() + "/decision", "/api/v1/applications/" + accepted.ID.String() + "/activation",
	} {
		unlock, err := lockCase(t.Context(), pool, path)
		require.NoError(t, err)
		free := `select exists (select from cases where id = $1 for no key update skip locked)`
		locked := !storagetest.One[bool](store, free, accepted.ID)
		unlock() // before anything can fail: a pool that closes waits for its connections
		require.True(t, locked, path)
		require.True(t, storagetest.One[bool](store, free, accepted.ID), path)
	}

	holder, _ := store.Holder(0)
	order := store.Order(holder, 20_00)
	is, _ = look(order.ID.String(), "/api/v1/me/topups")
	require.Equal(t, found{Kept: true, Carried: true}, is)
	store.Takes(store.PaidAt(order, "tx-1"))
	back, err := store.RefundBy(holder, order.ID, 0)
	require.NoError(t, err)
	is, _ = look(back.ID.String(), "/api/v1/me/topups/0190/refund")
	require.Equal(t, found{Kept: true, Carried: true}, is)

	ref := campus.CaseRef{Kind: campus.ApplicationCase, ID: accepted.ID}
	approve := storagetest.Request(campus.Staff(reviewer.ID))
	store.Exec(`update cases set stage = 'review' where id = $1`, accepted.ID)
	kept, err := store.Casework.OpenDecision(t.Context(), approve,
		casework.NewDecision{Case: ref, Update: campus.ReviewUpdate,
			Said: campus.Said{Action: string(campus.Approve)}, Payload: cards.ReviewNote{}})
	require.NoError(t, err)
	is, a := look(approve.Key, decision)
	require.Equal(t, about{Case: accepted.ID.String(), Decision: kept.ID}, a)
	require.True(t, is.Kept)
	require.False(t, is.Carried)
	require.Equal(t, campus.StageReview, is.Stage)

	store.Exec(`insert into moves (case_id, version, name, decision, stage, waits_for, at)
		select id, 1, 'review:approve', $1, 'provisioning', 'school', opened_at from cases where id = $2`, kept.ID, accepted.ID)
	is, _ = look(approve.Key, decision)
	require.True(t, is.Carried)
}

// What judges cannot be seen to fail in a run that goes well: it has to fit the tables.
func TestJudgesFitTheTables(t *testing.T) {
	t.Parallel()
	store := storagetest.New(t)
	for _, query := range []string{stuckCases, doubledCases, twoActive, lateCases} {
		require.Zero(t, storagetest.One[int](store, query))
	}
	require.Zero(t, storagetest.One[int](store, acceptedCases, []uuid.UUID{uuid.New()}))
	store.Exec(activeCards)
	store.Exec(orders)
}

// L3, L8, E3: what is answered with the transaction that does it is found by its key, and only then.
func TestWhatTheTablesSayOfDays(t *testing.T) {
	t.Parallel()
	store := storagetest.New(t)
	pool, err := pgxpool.New(t.Context(), store.Config.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	h := &env{pool: pool}
	carried := func(key string, k kind) bool {
		is, _, err := h.lookUp(t.Context(), key, "/", k)
		require.NoError(t, err)
		require.Equal(t, is.Kept, is.Carried)
		return is.Carried
	}
	for _, k := range []kind{appealAsked, dayClosed, payoutAsked} {
		require.False(t, carried("no-such-key", k), k)
	}

	shop := store.Merchant("超市", "supermarket")
	store.BankAccount(shop.ID)
	person, account := store.Holder(100_00)
	sold := store.Sells(shop, account, 10_00)
	appeal := storagetest.Request(campus.Student(person))
	_, err = store.Money.OpenAppeal(t.Context(), appeal, money.NewAppeal{Person: person, Payment: sold.Transfer,
		Reason: campus.WrongAmount, Policy: store.Policy().Money.Appeals, PolicyVersion: store.Policies.Version()})
	require.NoError(t, err)
	require.True(t, carried(appeal.Key, appealAsked))

	who, _ := store.Staff(storagetest.University, campus.Grant{Role: campus.Finance})
	day := storagetest.Request(campus.Staff(who.ID))
	_, err = store.Money.OpenCloseNow(t.Context(), day, who, money.NewClose{PolicyVersion: store.Policies.Version()})
	require.NoError(t, err)
	require.True(t, carried(day.Key, dayClosed))

	store.Settled(shop, campus.DateOf(store.Clock.Now()), 10_00, 0)
	file := storagetest.Request(campus.Staff(who.ID))
	_, err = store.Money.MakePayouts(t.Context(), file, storagetest.University, 1)
	require.NoError(t, err)
	require.True(t, carried(file.Key, payoutAsked))
}
