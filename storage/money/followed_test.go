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

// E4: the holder of a card that came in place of others sees what was paid with those, page by page, and nobody else's.
func TestAStatementGoesOnWithTheAccountsBefore(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	first, second, empty, now, other := h.Account(100*yuan), h.Account(50*yuan), h.Account(0), h.Account(10*yuan), h.Account(yuan)
	for i := range 3 {
		h.Pays(first.ID, int64(i+1))
	}
	h.Pays(now.ID, 9)
	h.Exec(`update accounts set successor = $1 where id in ($2, $3)`, empty.ID, first.ID, second.ID)
	h.Exec(`update accounts set successor = $1 where id = $2`, now.ID, empty.ID)
	for _, limit := range []int{1, 2, 3, 20} {
		var seen []money.Entry
		var from *money.Cursor
		for more := true; more; more = from != nil {
			page, next, err := h.Money.Statement(t.Context(), now.ID, from, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			seen, from = append(seen, page...), next
		}
		got := make([]uuid.UUID, len(seen))
		for i, entry := range seen {
			got[i] = entry.AccountID
		}
		require.Equal(t, []uuid.UUID{now.ID, now.ID, second.ID, first.ID, first.ID, first.ID, first.ID}, got, "by %d", limit)
	}
	require.Equal(t, "cursor_invalid", storagetest.Outcome(statementErr(h.Money.Statement(t.Context(), now.ID,
		&money.Cursor{Account: other.ID, Seq: 2, At: h.Clock.Now()}, 5))), "of somebody else")
	require.Equal(t, "account_unknown", storagetest.Outcome(statementErr(h.Money.Statement(t.Context(), uuid.New(), nil, 5))))
}

// E4: the rest of a page is looked for in the months in which it should lie.
func TestMonthsOfTheRestOfAPage(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		missing, found int
		took           time.Duration
		looked, want   int
	}{
		"two each month, 46 to go":           {46, 2, 30 * day, 1, 25},
		"one a day, a few to go":             {5, 28, 28 * day, 1, 2},
		"one in a year":                      {47, 1, 365 * day, 1, 64},
		"all on one day, and yet not enough": {20, 10, time.Hour, 8, 16},
		"all at one moment":                  {20, 10, 0, 1, 2},
	} {
		require.Equal(t, c.want, money.MonthsFor(c.missing, c.found, c.took, c.looked), name)
	}
}

func statementErr(_ []money.Entry, _ *money.Cursor, err error) error { return err }

// E2: a limit that was chosen when a higher one was allowed is no higher than what is allowed now.
func TestALimitAboveWhatIsAllowed(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(1000 * yuan)
	h.Exec(`update accounts set limit_cents = $2 where id = $1`, a.ID, 400*yuan)
	lowered := func(p *money.Payment) { p.Terms.LimitMost, p.Proved = 100*yuan, true }
	require.Equal(t, campus.LimitReached, h.Pays(a.ID, 101*yuan, lowered).Outcome)
	answer := h.Pays(a.ID, 40*yuan, lowered)
	require.Equal(t, []any{campus.Paid, int64(60 * yuan)}, []any{answer.Outcome, answer.LeftCents})
	policy := h.Policy().Money
	policy.LimitMost = 100 * yuan
	require.Equal(t, "done", storagetest.Outcome(h.Money.SetLimit(t.Context(), policy, someone, a.ID, 100*yuan)),
		"which is no raise")
	require.Equal(t, "password_needed", storagetest.Outcome(h.Money.SetLimit(t.Context(), h.Policy().Money, someone, a.ID,
		101*yuan)))
}
