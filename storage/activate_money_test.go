package storage_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// E4: a card has an account from the instant at which it is active, and it can pay then.
func TestActivationOpensAnAccount(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	a, err := s.Money.CurrentAccount(t.Context(), s.Holder.ID)
	require.NoError(t, err)
	require.Equal(t, []any{s.Card, s.Holder.ID, s.Holder.University, campus.Purses{}},
		[]any{a.CardID, a.PersonID, a.University, a.Purses()})
	require.Equal(t, storagetest.One[string](s.Env, `select valid_until::text from cards where id = $1`, s.Card),
		a.ValidUntil.String())
	s.TopUp(a.ID, 10000)
	require.Equal(t, campus.Paid, s.Pays(a.ID, 100).Outcome)
	require.Equal(t, 1, storagetest.Count(s.Env, `accounts`))
}

// D4, E4: the card that is replaced pays no more from the same instant; what is on its account stays until it is moved.
func TestAReplacedCardPaysNoMore(t *testing.T) {
	t.Parallel()
	first, next := storagetest.Replacing(t, func(s *storagetest.Story) { s.Activate() })
	a, err := first.Money.CurrentAccount(t.Context(), first.Holder.ID)
	require.NoError(t, err)
	first.TopUp(a.ID, 10000)
	require.Equal(t, campus.Paid, first.Pays(a.ID, 100).Outcome)
	phone, err := first.Money.BindPhone(t.Context(), first.Holder.ID, []byte("a key"), 5)
	require.NoError(t, err)
	require.NoError(t, next.Activates())
	require.Zero(t, storagetest.Count(first.Env, `phone_keys where ended_at is null`), "its phone pays no more, either")
	require.Equal(t, campus.PhoneUnbound, first.Pays(a.ID, 100, func(p *money.Payment) {
		p.Token = money.Token{Phone: phone.ID, Count: 1}
	}).Outcome)
	require.Equal(t, campus.CardEnded, first.Pays(a.ID, 100).Outcome)
	require.Equal(t, int64(9900), first.AccountOf(a.ID).MainCents)
}

// E2, D4: so it is when the next card is under another number: the limit, the day and what is spent are the human's,
// and what comes back of the old card is paid with the new one.
func TestAChangeOfNumberTakesTheLimitAlong(t *testing.T) {
	t.Parallel()
	first, next := storagetest.Replacing(t, func(s *storagetest.Story) { s.Activate() })
	a, err := first.Money.CurrentAccount(t.Context(), first.Holder.ID)
	require.NoError(t, err)
	first.TopUp(a.ID, 50000)
	paid := first.Pays(a.ID, 15000, storagetest.Proved)
	require.Equal(t, campus.Paid, paid.Outcome)
	require.NoError(t, first.Money.SetLimit(t.Context(), first.Policy().Money, campus.Student(first.Holder.ID), a.ID, 18000))
	require.NoError(t, next.Activates())
	now, err := next.Money.CurrentAccount(t.Context(), next.Holder.ID)
	require.NoError(t, err)
	require.NotEqual(t, first.Holder.ID, next.Holder.ID)
	require.Equal(t, uuid.NullUUID{UUID: now.ID, Valid: true}, first.AccountOf(a.ID).Successor)
	require.Equal(t, []any{int64(18000), int64(15000), campus.DateOf(first.Clock.Now())},
		[]any{*now.LimitCents, now.SpentCents, now.Day})
	require.Equal(t, "account_unknown", storagetest.Outcome(
		storagetest.Err(first.Money.CurrentAccount(t.Context(), first.Holder.ID))), "the old number pays with nothing")
	require.NoError(t, storagetest.Err(first.Money.Refund(t.Context(), money.Refund{Terminal: "m", Key: "r",
		Payment: paid.Transfer, Cents: 15000, TakenAt: first.Clock.Now(), By: campus.System()})))
	require.Equal(t, []int64{15000, 0}, []int64{first.AccountOf(now.ID).MainCents, first.AccountOf(now.ID).SpentCents})
	require.Equal(t, int64(35000), first.AccountOf(a.ID).MainCents, "it stays until it is moved")
}

// E4, D4: so do top-ups. What was asked for under the first number is listed under the next one, counts among what is
// open, comes to the account that pays now, goes back from there, and is told of there. Nobody else sees it.
func TestAChangeOfNumberTakesTheTopUpsAlong(t *testing.T) {
	t.Parallel()
	first, next := storagetest.Replacing(t, func(s *storagetest.Story) { s.Activate() })
	paid, open := first.Order(first.Holder.ID, 2000), first.Order(first.Holder.ID, 2000)
	require.NoError(t, next.Activates())
	first.Takes(first.PaidAt(paid, "tx-1"))
	now, err := next.Money.CurrentAccount(t.Context(), next.Holder.ID)
	require.NoError(t, err)
	require.Equal(t, int64(2000), now.MainCents)
	listed := func(person uuid.UUID) (ids []uuid.UUID) {
		orders, err := first.Money.Orders(t.Context(), person, uuid.Nil, 10)
		require.NoError(t, err)
		for _, o := range orders {
			ids = append(ids, o.ID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{open.ID, paid.ID}, listed(next.Holder.ID))
	require.NoError(t, storagetest.Err(first.Money.Order(t.Context(), next.Holder.ID, open.ID)))
	terms := first.Policy().Money.TopUp
	terms.OpenOrders = 1
	require.Equal(t, "orders_open", storagetest.Outcome(storagetest.Err(first.Money.OpenOrder(t.Context(),
		first.Requested(campus.Student(next.Holder.ID)), money.NewOrder{Person: next.Holder.ID, Channel: campus.WalletAdapter,
			Cents: 2000, Terms: terms}))))
	refund, err := first.RefundBy(next.Holder.ID, paid.ID, 500)
	require.NoError(t, err)
	require.NoError(t, first.Settles(refund.ID, true))
	require.Equal(t, int64(1500), first.AccountOf(now.ID).MainCents)
	require.Equal(t, 2, storagetest.Count(first.Env, `notices where person_id = $1
		and template in ('notice.topped_up', 'notice.topup_refunded')`, next.Holder.ID))
	stranger := first.Person().ID
	require.Empty(t, listed(stranger))
	require.Equal(t, "topup_unknown", storagetest.Outcome(storagetest.Err(first.RefundBy(stranger, paid.ID, 500))))
}

// E2: what the holder has chosen and spent today goes along to the account of the next card; refunds and top-ups of the
// old one come to the new one. A person has one current account.
func TestTheNextCardFollowsTheFirst(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	a, err := s.Money.CurrentAccount(t.Context(), s.Holder.ID)
	require.NoError(t, err)
	s.TopUp(a.ID, 50000)
	paid := s.Pays(a.ID, 15000, storagetest.Proved)
	require.Equal(t, campus.Paid, paid.Outcome)
	require.NoError(t, s.Money.SetLimit(t.Context(), s.Policy().Money, campus.Student(s.Holder.ID), a.ID, 18000))
	card := s.Twins(s.Application, 1)[0]
	s.Exec(`update cards set state = 'closed' where id = $1`, s.Card)
	s.Exec(`update cards set person_id = $2 where id = $1`, card, s.Holder.ID)
	require.NoError(t, s.OpenAccountOf(t.Context(), card))
	now, err := s.Money.CurrentAccount(t.Context(), s.Holder.ID)
	require.NoError(t, err)
	require.Equal(t, card, now.CardID)
	require.Equal(t, uuid.NullUUID{UUID: now.ID, Valid: true}, s.AccountOf(a.ID).Successor)
	require.Equal(t, int64(15000), now.SpentCents)
	require.Equal(t, int64(18000), *now.LimitCents)
	require.Equal(t, campus.CardEnded, s.Pays(a.ID, 1).Outcome)
	s.TopUp(a.ID, 10000)
	require.Equal(t, int64(10000), s.AccountOf(now.ID).MainCents)
	require.Equal(t, int64(3000), s.Pays(now.ID, 100000).LeftCents)
	require.NoError(t, storagetest.Err(s.Money.Refund(t.Context(), money.Refund{Terminal: "m", Key: "r",
		Payment: paid.Transfer, Cents: 15000, TakenAt: s.Clock.Now(), By: campus.System()})))
	require.Equal(t, []int64{25000, 0}, []int64{s.AccountOf(now.ID).MainCents, s.AccountOf(now.ID).SpentCents})
	require.Equal(t, int64(35000), s.AccountOf(a.ID).MainCents)
	require.ErrorContains(t, s.OpenAccountOf(t.Context(), card), "accounts_one_per_card")
}
