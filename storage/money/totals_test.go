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

// The totals of a shift have all that the till has given back, also what went to the fund or to nobody, and each when
// it was given back: what the till has in its drawer agrees with its merchant's book.
func TestTotalsOfAShift(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	till := h.Till(h.Merchant("第一食堂", "canteen"), "1")
	at := func(p *money.Payment) { p.Terminal, p.Book = till.ID.String(), till.Book }
	tomorrow := campus.DateOf(h.Clock.Now()).AddDays(1)
	mixed, subsidy, closed := h.Account(10*yuan), h.Account(0), h.Account(40*yuan)
	h.Subsidise(mixed.ID, 30*yuan, tomorrow)
	h.Subsidise(subsidy.ID, 30*yuan, tomorrow)
	first := h.Pays(mixed.ID, 35*yuan, at)
	reversed := h.Payment(mixed.ID, 5*yuan, at)
	require.NoError(t, storagetest.Err(h.Money.Pay(t.Context(), reversed)))
	second, third := h.Pays(subsidy.ID, 20*yuan, at), h.Pays(closed.ID, 40*yuan, at)
	h.Tomorrow()
	h.Exec(`update accounts set closed_at = now() where id = $1`, closed.ID)
	shift := h.Clock.Now()
	for payment, cents := range map[uuid.UUID]int64{first.Transfer: 33 * yuan, second.Transfer: 20 * yuan,
		third.Transfer: 15 * yuan} {
		r := refund(h, payment, cents)
		r.Terminal = till.ID.String()
		require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), r)))
	}
	require.NoError(t, storagetest.Err(h.Money.Reverse(t.Context(), reversal(h, till.ID.String(), reversed.Key))))
	before, err := h.Money.Totals(t.Context(), till.ID, shift.Add(-time.Hour*24), shift)
	require.NoError(t, err)
	require.Equal(t, money.Totals{Payments: 4, PaidCents: 100 * yuan}, before, "a reversal belongs to the shift it was made in")
	now, err := h.Money.Totals(t.Context(), till.ID, shift, shift.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, money.Totals{GivenBack: 4, GivenCents: 73 * yuan}, now)
	book, err := h.Money.BookBalance(t.Context(), till.Book)
	require.NoError(t, err)
	require.Equal(t, before.PaidCents-now.GivenCents, book)
}

// Money of a closed account is not refused for ever: nobody has claimed it, and a subsidy goes back to those who gave
// it.
func TestWhatComesBackToAClosedAccount(t *testing.T) {
	t.Parallel()
	for sentence, give := range map[string]func(h *storagetest.Env, p money.Payment, paid money.Answer) error{
		"a refund": func(h *storagetest.Env, _ money.Payment, paid money.Answer) error {
			return storagetest.Err(h.Money.Refund(h.Context(), refund(h, paid.Transfer, 50*yuan)))
		},
		"a void": func(h *storagetest.Env, _ money.Payment, paid money.Answer) error {
			r := refund(h, paid.Transfer, 0)
			r.Void = true
			return storagetest.Err(h.Money.Refund(h.Context(), r))
		},
		"a reversal": func(h *storagetest.Env, p money.Payment, _ money.Answer) error {
			return storagetest.Err(h.Money.Reverse(h.Context(), reversal(h, p.Terminal, p.Key)))
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			a := h.Account(20 * yuan)
			h.Subsidise(a.ID, 30*yuan, campus.Date{})
			p := h.Payment(a.ID, 50*yuan)
			paid, err := h.Money.Pay(t.Context(), p)
			require.NoError(t, err)
			h.Exec(`update accounts set closed_at = now() where id = $1`, a.ID)
			for range 2 {
				_ = give(h, p, paid)
			}
			require.Equal(t, []int64{20 * yuan, 0, 0}, []int64{h.Holds(campus.UnclaimedBook, ""),
				h.Holds(campus.SubsidyFundBook, ""), h.Holds(campus.MerchantBook, "canteen")})
			require.Zero(t, h.AccountOf(a.ID).Purses())
			agree(t, h)
		})
	}
}
