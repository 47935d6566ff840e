package money_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// E4: what was posted in a time, on the account and those before it, goes on from the balance at its beginning to that
// at its end, and is what the pages of the statement have.
func TestAStatementOfATime(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	require.NoError(t, storagetest.Err(h.Money.MakeMonths(t.Context(), 6)))
	before, now := h.Account(100*yuan), h.Account(0)
	began := h.Clock.Now()
	for i := range 5 {
		h.Pays(before.ID, int64(i+1))
		h.Clock.Advance(20 * 24 * time.Hour)
	}
	h.Exec(`update accounts set successor = $1 where id = $2`, now.ID, before.ID)
	h.TopUp(now.ID, 50*yuan)
	h.Pays(now.ID, 7)
	all, next, err := h.Money.Statement(t.Context(), now.ID, nil, 100)
	require.NoError(t, err)
	require.Nil(t, next)
	require.Len(t, all, 8)
	for sentence, days := range map[string][2]int{"all of it": {-1, 200}, "one month": {15, 45}, "a day between": {21, 22},
		"before there was anything": {-40, -1}, "afterwards": {150, 200}, "the last day": {100, 101}} {
		from, until := began.AddDate(0, 0, days[0]), began.AddDate(0, 0, days[1])
		p, err := h.Money.StatementOf(t.Context(), now.ID, from, until, 8)
		require.NoError(t, err, sentence)
		sum, want, got := p.Opening, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
		for _, e := range p.Entries {
			sum = sum.Plus(e.Change())
			got[e.ID] = true
		}
		for _, e := range all {
			if !e.At.Before(from) && e.At.Before(until) {
				want[e.ID] = true
			}
		}
		require.Equal(t, want, got, sentence)
		require.Equal(t, p.Closing, sum, sentence)
		require.Len(t, p.Entries, len(got), sentence)
	}
	whole, err := h.Money.StatementOf(t.Context(), now.ID, began, h.Clock.Now().Add(time.Second), 8)
	require.NoError(t, err)
	require.Equal(t, campus.Purses{Main: 150*yuan - 22}, whole.Closing)
	for i, e := range whole.Entries[:6] {
		require.Equal(t, []any{before.ID, int64(i + 1)}, []any{e.AccountID, e.Seq}, "the earliest first")
	}
}

// What is no statement: of nobody, of more lines than may be, or with one that lacks.
func TestStatementsThatAreRefused(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	for range 4 {
		h.Pays(a.ID, 1)
	}
	of := func(account uuid.UUID, most int) string {
		return storagetest.Outcome(periodErr(h.Money.StatementOf(t.Context(), account, h.Clock.Now().Add(-time.Hour),
			h.Clock.Now().Add(time.Hour), most)))
	}
	require.Equal(t, "done", of(a.ID, 5))
	require.Equal(t, "statement_long", of(a.ID, 4))
	require.Equal(t, "account_unknown", of(uuid.New(), 5))
	h.ExecAsOwner(`delete from transfers where account_id = $1 and seq = 3`, a.ID)
	require.Equal(t, campus.DataRefused, of(a.ID, 5))
}

func periodErr(_ money.Period, err error) error { return err }
