package money_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// Every constraint holds by itself and has a name that the code knows.
func TestConstraints(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a, other := h.Account(100*yuan), h.Account(100*yuan)
	h.Pays(a.ID, 1)
	paid := h.Pays(a.ID, 1)
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 1))))
	for name, sql := range map[string]string{
		"accounts_main_not_negative":    `update accounts set main_cents = -1 where id = $1`,
		"accounts_subsidy_not_negative": `update accounts set subsidy_cents = -1 where id = $1`,
		"accounts_debt_not_negative":    `update accounts set debt_cents = -1, main_cents = 0 where id = $1`,
		"accounts_limit_not_negative":   `update accounts set limit_cents = -1 where id = $1`,
		"accounts_spent_not_negative":   `update accounts set spent_cents = -1 where id = $1`,
		"accounts_owes_only_when_empty": `update accounts set debt_cents = 1 where id = $1`,
		"accounts_closed_empty":         `update accounts set closed_at = now() where id = $1`,
		"accounts_holds_known":          `update accounts set holds = '{tired}' where id = $1`,
		"accounts_one_per_card": `update accounts set
			card_id = (select card_id from accounts where id <> $1 limit 1) where id = $1`,
		"accounts_one_current": `update accounts set
			person_id = (select person_id from accounts where id <> $1 limit 1) where id = $1`,
		"books_university_fkey": `update books set university = 'moon' where $1::uuid is not null`,
		"books_kind_known":      `update books set kind = 'pocket' where $1::uuid is not null`,
		"books_one": `insert into books (id, university, kind, ref, opened_at)
			select $1, university, kind, ref, opened_at from books limit 1`,
		"transfers_amount_positive":    `update transfers set amount_cents = 0, main_change = 0 where account_id = $1`,
		"transfers_two_sides":          `update transfers set from_id = to_id where account_id = $1 and from_id <> $1`,
		"transfers_one_account":        `update transfers set seq = null where account_id = $1`,
		"transfers_adds_up":            `update transfers set main_change = main_change + 1 where account_id = $1`,
		"transfers_after_not_negative": `update transfers set main_after = -1 where account_id = $1`,
		"transfers_month_seq":          `update transfers set seq = 1 where account_id = $1`,
		"refundables_main_within":      `update refundables set main_back = main_cents + 1 where $1::uuid is not null`,
		"refundables_subsidy_within":   `update refundables set subsidy_back = -1 where $1::uuid is not null`,
		"answers_posted_stay":          `delete from answers where outcome = 'posted' and $1::uuid is not null`,
		"answers_pkey":                 `update answers set key = 'one', terminal = 'one' where account_id = $1`,
	} {
		err := tryAsOwner(t, h, sql, a.ID)
		var broken *pgconn.PgError
		require.ErrorAs(t, err, &broken, name)
		got := broken.ConstraintName
		if name == "transfers_month_seq" {
			require.Regexp(t, `^transfers_2026_\d\d_seq$`, got)
			got = name
		}
		require.Equal(t, name, got)
		if name != "books_one" && name != "answers_pkey" { // by these, who is as fast is found and looks again
			require.NotEqual(t, err, money.Refusal(err), "%s is known", name)
			require.NotEmpty(t, campus.ReasonOf(money.Refusal(err)), name)
		}
	}
	require.Equal(t, int64(100*yuan), h.AccountOf(other.ID).MainCents)
}

// The same of the tables of tills, top-ups and drawers.
func TestConstraintsOfTillsAndTopUps(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _, o := paidOrder(h)
	require.NoError(t, storagetest.Err(h.RefundBy(person, o.ID, 5*yuan)))
	h.Order(person, 20*yuan)
	h.Till(h.Merchant("第一食堂", "canteen"), "1")
	h.Merchant("第二食堂", "canteen")
	h.Till(h.Merchant("第三食堂", "canteen"), "1")
	require.NoError(t, storagetest.Err(h.Money.BindPhone(t.Context(), person, []byte("a key"), 5)))
	require.Error(t, storagetest.Err(h.Money.TakePayment(t.Context(),
		h.PaidAt(o, "tx-"+o.ID.String(), func(p *money.ChannelPayment) { p.Cents++ }))))
	require.NoError(t, h.Money.Choose(t.Context(), someone, person, storagetest.University, campus.TellingChoice{}))
	require.NoError(t, storagetest.Err(h.Money.Untold(t.Context(), uuid.Nil, 1)))
	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Cashier})
	h.Exec(`insert into drawers (id, university, campus, cashier, float_cents, opened_at)
		values (gen_random_uuid(), 'lcu', 'east', $1, 100, now())`, who.ID)
	for name, sql := range map[string]string{
		"merchants_state_known":     `update merchants set state = 'tired'`,
		"merchants_two_people":      `update merchants set opened_by = proposed_by`,
		"merchants_opened":          `update merchants set opened_by = null`,
		"merchants_name":            `update merchants set name_key = 'one'`,
		"terminals_state_known":     `update terminals set state = 'tired'`,
		"terminals_active_enrolled": `update terminals set secret = null`,
		"terminals_name":            `update terminals set name = 'x', merchant_id = (select merchant_id from terminals limit 1)`,
		"phone_keys_one": `insert into phone_keys (id, account_id, person_id, public_key, made_at)
			select gen_random_uuid(), account_id, person_id, '', now() from phone_keys`,
		"telling_choices_not_negative":   `update telling_choices set low_cents = -1`,
		"told_until_one":                 `update told_until set one = false`,
		"dropped_answers_one":            `update dropped_answers set one = false`,
		"topup_orders_state_known":       `update topup_orders set state = 'tired' where state <> 'paid'`,
		"topup_orders_amount_positive":   `update topup_orders set amount_cents = 0`,
		"topup_orders_paid_at":           `update topup_orders set paid_at = null`,
		"topup_orders_university_fkey":   `update topup_orders set university = 'moon'`,
		"topup_orders_person_id_fkey":    `update topup_orders set person_id = gen_random_uuid()`,
		"topup_orders_account_id_fkey":   `update topup_orders set account_id = gen_random_uuid()`,
		"topup_payments_amount_positive": `update topup_payments set amount_cents = 0, refunded_cents = 0`,
		"topup_payments_refunded_within": `update topup_payments set refunded_cents = amount_cents + 1`,
		"topup_payments_credited":        `update topup_payments set account_id = null`,
		"topup_payments_stray_known":     `update topup_payments set stray = 'tired', account_id = null`,
		"topup_payments_university_fkey": `update topup_payments set university = 'moon'`,
		"topup_payments_once": `insert into topup_payments
				(id, university, channel, transaction, order_ref, amount_cents, currency, stray, paid_at, taken_at)
			select gen_random_uuid(), university, channel, transaction, '', 1, 'CNY', 'paid_twice', now(), now() from topup_payments`,
		"topup_payments_one_credited": `insert into topup_payments
				(id, university, channel, transaction, order_ref, order_id, account_id, amount_cents, currency, paid_at, taken_at)
			select gen_random_uuid(), university, channel, 'another', '', order_id, account_id, 1, 'CNY', now(), now() from topup_payments`,
		"topup_refunds_kind_known":        `update topup_refunds set kind = 'tired'`,
		"topup_refunds_state_known":       `update topup_refunds set state = 'tired', done_at = now(), next_try = null`,
		"topup_refunds_amount_positive":   `update topup_refunds set amount_cents = 0`,
		"topup_refunds_asked":             `update topup_refunds set next_try = null`,
		"topup_refunds_university_fkey":   `update topup_refunds set university = 'moon'`,
		"channel_conflicts_subject_known": `update channel_conflicts set subject = 'tired'`,
		"channel_conflicts_settled":       `update channel_conflicts set settled_at = now()`,
		"channel_conflicts_once": `insert into channel_conflicts (id, university, channel, subject, ref, kept, said, told_at, last_at)
			select gen_random_uuid(), university, channel, subject, ref, kept, said, told_at, last_at from channel_conflicts`,
		"drawers_state_known":     `update drawers set state = 'tired', counted_cents = 1, counted_at = now()`,
		"drawers_not_negative":    `update drawers set float_cents = -1`,
		"drawers_counted":         `update drawers set counted_cents = 1`,
		"drawers_closed":          `update drawers set closed_at = now()`,
		"drawers_by_two":          `update drawers set confirmed_by = cashier, state = 'closed', counted_cents = 1, counted_at = now(), closed_at = now()`,
		"drawers_university_fkey": `update drawers set university = 'moon'`,
		"drawers_cashier_fkey":    `update drawers set cashier = gen_random_uuid()`,
		"drawers_one_open": `insert into drawers (id, university, campus, cashier, float_cents, opened_at)
			select gen_random_uuid(), university, campus, cashier, 0, now() from drawers`,
	} {
		var broken *pgconn.PgError
		require.ErrorAs(t, tryAsOwner(t, h, sql), &broken, name)
		require.Equal(t, name, broken.ConstraintName)
	}
}

// The same of the tables of the close of a day.
func TestConstraintsOfCloses(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.BookOf(campus.FeesBook, "")
	m := h.Merchant("第一食堂", "canteen")
	c := openedClose(t, h)
	h.Settled(m, c.Day, 10*yuan, 1)
	require.NoError(t, h.Money.KeepChannelLines(t.Context(), c.University, "wallet", c.Day, []money.ChannelLine{
		{Number: 1, Kind: campus.PaymentLine, Ref: "stranger", Cents: 1, Currency: campus.Yuan}}))
	require.NoError(t, h.Money.CompareChannel(t.Context(), c, "wallet", c.Day))
	for name, sql := range map[string]string{
		"closes_one": `insert into closes (id, university, day, until, opened_at)
			select gen_random_uuid(), university, day, until, opened_at from closes`,
		"closes_signed":            `update closes set signed_at = now()`,
		"closes_university_fkey":   `update closes set university = 'moon'`,
		"closes_opened_by_fkey":    `update closes set opened_by = gen_random_uuid()`,
		"closes_signed_by_fkey":    `update closes set signed_at = now(), signed_by = gen_random_uuid()`,
		"channel_lines_kind_known": `update channel_lines set kind = 'tired'`,
		"channel_lines_pkey":       `insert into channel_lines select * from channel_lines`,
		"close_differences_number": `insert into close_differences (id, close_id, number, channel, line, kind, ref, what, ours_cents,
				theirs_cents, found_at)
			select gen_random_uuid(), close_id, number, channel, line, kind, 'other', what, 0, 0, found_at from close_differences`,
		"close_differences_once": `insert into close_differences (id, close_id, number, channel, line, kind, ref, what, ours_cents,
				theirs_cents, found_at)
			select gen_random_uuid(), close_id, 2, channel, line, kind, ref, what, 0, 0, found_at from close_differences`,
		"close_differences_what_known":    `update close_differences set what = 'tired'`,
		"close_differences_settled":       `update close_differences set settled_at = now()`,
		"close_differences_close_id_fkey": `update close_differences set close_id = gen_random_uuid()`,
		"settlements_one": `insert into settlements (id, university, merchant_id, day, sales_cents, sales, back_cents, other_cents,
				fee_cents, due_cents, settled_at)
			select gen_random_uuid(), university, merchant_id, day, 0, 0, 0, 0, 0, 0, settled_at from settlements`,
		"settlements_adds_up":          `update settlements set due_cents = due_cents + 1`,
		"settlements_fee_not_negative": `update settlements set fee_cents = -1, due_cents = due_cents + fee_cents + 1`,
	} {
		var broken *pgconn.PgError
		require.ErrorAs(t, tryAsOwner(t, h, sql), &broken, name)
		require.Equal(t, name, broken.ConstraintName)
	}
}

// A month is made beside the table, once, for as long ahead as is asked; without one nothing is paid, and nothing is
// kept.
func TestMonths(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	h.Clock.Advance(400 * 24 * time.Hour)
	ahead, err := h.Money.MonthsAhead(t.Context())
	require.NoError(t, err)
	require.Zero(t, ahead)
	p := h.Payment(a.ID, 1*yuan)
	require.Error(t, storagetest.Err(h.Money.Pay(t.Context(), p)))
	require.Zero(t, storagetest.Count(h, `answers where key = $1`, p.Key))
	errs := storagetest.AtOnce(3, func(int) error { return storagetest.Err(h.Money.MakeMonths(t.Context(), 4)) })
	require.Equal(t, map[string]int{"done": 3}, storagetest.Outcomes(errs), "%v", errs)
	ahead, err = h.Money.MonthsAhead(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, ahead)
	made, err := h.Money.MakeMonths(t.Context(), 4)
	require.NoError(t, err)
	require.Zero(t, made)
	require.Error(t, storagetest.Err(h.Money.MakeMonths(t.Context(), 37)))
	for _, years := range []int{-5, 5} { // nobody needs those
		_, err := storagetest.Connect(t, h).Exec(t.Context(), `select make_transfer_months($1, 1)`,
			h.Clock.Now().AddDate(years, 0, 0))
		require.ErrorContains(t, err, "none that anybody needs")
	}
	require.Equal(t, campus.Paid, h.Pays(a.ID, 1*yuan).Outcome)
	require.Zero(t, storagetest.One[int](h, `select count(*) from pg_class c where relname ~ '^transfers_'
		and relkind = 'r' and (has_table_privilege('campuscard', c.oid, 'insert') or has_table_privilege('campuscard', c.oid, 'update')
			or has_table_privilege('campuscard', c.oid, 'delete'))`), "months are written by way of transfers")
	for _, sql := range []string{`update transfers set amount_cents = 1`, `delete from transfers`, `truncate transfers`} {
		_, err := storagetest.Connect(t, h).Exec(t.Context(), sql)
		require.ErrorContains(t, err, "permission denied", sql)
	}
}

// A month that is made while payments go on holds up none of them.
func TestAMonthIsMadeWhilePaymentsAreOpen(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	h.Clock.Advance(60 * 24 * time.Hour)
	require.NoError(t, storagetest.Err(h.Money.MakeMonths(t.Context(), 3)))
	h.Clock.Advance(60 * 24 * time.Hour)
	tx, err := storagetest.Connect(t, h).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `insert into transfers
			(id, from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at, at)
		select money_id(now()), gen_random_uuid(), gen_random_uuid(), 1, 'x', now(), '', '', now(), now()`)
	require.NoError(t, err)
	made, err := h.Money.MakeMonths(t.Context(), 3)
	require.NoError(t, err)
	require.Positive(t, made)
	require.Equal(t, campus.Paid, h.Pays(a.ID, 1*yuan).Outcome)
	require.NoError(t, tx.Rollback(t.Context()))
}

func tryAsOwner(t *testing.T, h *storagetest.Env, sql string, args ...any) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), h.Owner())
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // nothing is lost
	_, err = conn.Exec(t.Context(), sql, args...)
	return err
}

// The answer to a payment goes after 35 days. Who asks then with its key is too late, so it is paid once; what was
// credited stays known.
func TestOldAnswersGo(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	p := h.Payment(a.ID, 1*yuan)
	require.NoError(t, storagetest.Err(h.Money.Pay(t.Context(), p)))
	h.Clock.Advance(35*24*time.Hour - time.Minute)
	drop := func() int64 {
		dropped, err := h.DropExpired(t.Context(), 100)
		require.NoError(t, err)
		return dropped
	}
	require.Zero(t, drop())
	h.Clock.Advance(2 * time.Minute)
	require.Equal(t, int64(1), drop())
	answer, err := h.Money.Pay(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, campus.PaymentTime, answer.Outcome)
	require.Equal(t, 1, storagetest.Count(h, `answers where outcome = 'posted'`))
	require.Equal(t, int64(99*yuan), h.AccountOf(a.ID).MainCents)
}

// A clock that leaps ahead has answers deleted that are young. When it is back, their keys are not paid a second time:
// what was sold until then is refused, what is sold from then on is paid.
func TestAClockThatLeapsHasNothingPaidTwice(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	p, early := h.Payment(a.ID, 10*yuan, taken(h, 90*time.Second)), h.Payment(a.ID, 1*yuan)
	require.NoError(t, storagetest.Err(h.Money.Pay(t.Context(), p)))
	require.NoError(t, storagetest.Err(h.Money.Reverse(t.Context(), reversal(h, early.Terminal, early.Key))))
	h.Clock.Advance(40 * 24 * time.Hour)
	require.NoError(t, storagetest.Err(h.DropExpired(t.Context(), 100)))
	h.Clock.Advance(-40*24*time.Hour + time.Minute)
	for _, p := range []money.Payment{p, early} {
		answer, err := h.Money.Pay(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, campus.PaymentTime, answer.Outcome)
	}
	r := reversal(h, "till-1", "never seen")
	r.SoldAt = p.TakenAt
	require.Equal(t, "payment_time", storagetest.Outcome(storagetest.Err(h.Money.Reverse(t.Context(), r))))
	require.Equal(t, int64(90*yuan), h.AccountOf(a.ID).MainCents)
	h.Clock.Advance(11 * time.Minute)
	require.Equal(t, campus.Paid, h.Pays(a.ID, 1*yuan).Outcome)
}
