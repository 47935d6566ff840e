package worker

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// E1: the worker tells holders what they have chosen, by the policy of their university, and goes over all that was
// posted, however many pages that is.
func TestHoldersAreToldByTheWorker(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	teller := &moneyTeller{store: h.Store, policies: h.Policies}
	round := func() {
		pause, err := teller.round(t.Context())
		require.NoError(t, err)
		require.Equal(t, tellPause, pause)
		h.Clock.Advance(time.Second)
	}
	round()
	person, account := h.Holder(30_00)
	payments := true
	require.NoError(t, h.Money.Choose(t.Context(), campus.Student(person), person, storagetest.University,
		campus.TellingChoice{Payments: &payments}))
	h.ExecAsOwner(`insert into transfers (id, from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at, at,
			account_id, seq, main_change, main_after, subsidy_after, debt_after)
		select money_id($1), $2, $3, 1, 'payment', current_date, '', '', $1, $1, $2, n + 1, -1, 3000 - n, 0, 0
		from generate_series(1, $4) n`, h.Clock.Now(), account, uuid.New(), 2*tellPage+1)
	round()
	round()
	require.Equal(t, 2*tellPage+1, storagetest.Count(h, `notices where template = 'notice.paid'`))
	require.Equal(t, 1, storagetest.Count(h, `notices where template = 'notice.low_balance'`))
}
