package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/storage/money"
)

const (
	dayPayments  = 100_000
	dayMerchants = 100
	dayPage      = 200 // merchants, as the workflow has them settled
)

// closing is a day of the books with many payments, which is settled again and again.
type closing struct {
	shop   *shop
	close  money.Close
	policy campus.ClosePolicy
}

// openDay posts payments to yesterday, whose books are open until it is closed. Payers are the accounts that there are,
// and the books stay balanced.
func (s *shop) openDay(ctx context.Context, payments int) (*closing, error) {
	policies, err := campus.LoadPolicies(deploy.Policy)
	if err != nil {
		return nil, err
	}
	now := time.Now().Truncate(time.Millisecond)
	d := &closing{shop: s, policy: policies.For(moneyUniversity).Money.Close,
		close: money.Close{University: moneyUniversity, Day: campus.DateOf(now).AddDays(-1)}}
	books, err := s.openMerchants(ctx)
	if err != nil {
		return nil, fmt.Errorf("take merchants on: %w", err)
	}
	for part := range 2 { // an account that pays half of it pays twice
		words := pgx.NamedArgs{"now": now.Add(time.Duration(part) * time.Millisecond), "day": d.close.Day.String(), "books": books,
			"payments": payments / 2, "terminal": fmt.Sprint("bench-day-", part), "university": moneyUniversity}
		for _, sql := range seedDaySQL {
			if _, err := s.pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol, words); err != nil {
				return nil, fmt.Errorf("seed a day: %w", err)
			}
		}
	}
	var posted int
	err = s.pool.QueryRow(ctx, `select count(*) from transfers where terminal like 'bench-day-%'`).Scan(&posted)
	if err == nil && posted != payments {
		err = fmt.Errorf("the day has %d payments, not %d", posted, payments)
	}
	return d, err
}

// openMerchants are of a trade that pays a fee.
func (s *shop) openMerchants(ctx context.Context) (books []string, err error) {
	first, err := s.staff(ctx, "finance")
	if err != nil {
		return nil, err
	}
	second, err := s.staff(ctx, "finance2")
	if err != nil {
		return nil, err
	}
	for n := range dayMerchants {
		m, err := s.store.Money.ProposeMerchant(ctx, requestOf(first), first,
			money.NewMerchant{NameZH: fmt.Sprint("超市 ", n), NameEN: fmt.Sprint("Shop ", n), Trade: "supermarket"})
		if err == nil {
			m, err = s.store.Money.OpenMerchant(ctx, requestOf(second), second, m.ID)
		}
		if err != nil {
			return nil, err
		}
		books = append(books, m.BookID.String())
	}
	return books, nil
}

// seedDaySQL has accounts pay, and closes the day before.
var seedDaySQL = []string{
	`insert into transfers (id, from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at, at, previous_at,
		account_id, seq, main_change, main_after, subsidy_after, debt_after)
	select money_id(@now), a.id, (cast(@books as uuid[]))[1 + a.n % cardinality(cast(@books as uuid[]))], 100, 'payment',
		cast(@day as date), @terminal, a.id::text, @now, @now, a.last_at, a.id, a.seq + 1, -100, a.main_cents - 100,
		a.subsidy_cents, a.debt_cents
	from (select *, row_number() over () as n from accounts where main_cents >= 10000 limit @payments) a`,
	`update accounts a set main_cents = t.main_after, seq = t.seq, last_at = t.at from transfers t
	where t.terminal = @terminal and t.account_id = a.id`,
	`insert into books_closed (university, day, closed_at) values (@university, cast(@day as date) - 1, @now)
	on conflict do nothing`,
}

// settle settles the day, a page of merchants after the other, as the workflow of its close has it done.
func (d *closing) settle(ctx context.Context) error {
	for after := uuid.Nil; ; {
		last, err := d.shop.store.Money.SettlePage(ctx, d.close, d.policy, after, dayPage)
		if err != nil {
			return err
		}
		if after = last; last == uuid.Nil {
			return nil
		}
	}
}

// again fails when not all of the day was settled, and has it as it was before.
func (d *closing) again(ctx context.Context) error {
	var sales int64
	err := d.shop.pool.QueryRow(ctx, `with gone as (delete from settlements where university = $1 and day = $2 returning sales)
		select coalesce(sum(sales), 0)::bigint from gone`, moneyUniversity, d.close.Day.String()).Scan(&sales)
	if err == nil && sales != dayPayments {
		err = fmt.Errorf("%d payments of %d were settled", sales, dayPayments)
	}
	return err
}

// bare is what settle is compared with: the sums of the same rows.
func (d *closing) bare(ctx context.Context) error {
	rows, err := d.shop.pool.Query(ctx, `select to_id, count(*), sum(amount_cents)::bigint from transfers where books_day = $1
		group by to_id`, d.close.Day.String())
	if err != nil {
		return err
	}
	type sum struct {
		Book         uuid.UUID
		Count, Cents int64
	}
	sums, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sum])
	if err == nil && len(sums) != dayMerchants {
		err = fmt.Errorf("%d merchants have taken something, not %d", len(sums), dayMerchants)
	}
	return err
}

// whole is all that the close of a day asks of Postgres: who still writes to it, settlements, and the sums of its
// report.
func (d *closing) whole(ctx context.Context) error {
	_, _, err := d.shop.store.Money.Writers(ctx, time.Time{})
	if err == nil {
		err = d.settle(ctx)
	}
	if err == nil {
		_, err = d.shop.store.Money.DayReport(ctx, d.close)
	}
	return errors.Join(err, d.again(ctx))
}

// day opens the day once.
func (b *moneyBench) day(ctx context.Context) (*closing, error) {
	if b.closing != nil {
		return b.closing, nil
	}
	b.say("posting %d payments to a day", dayPayments)
	d, err := b.shop.openDay(ctx, dayPayments)
	if err != nil {
		return nil, err
	}
	b.closing = d
	return d, b.settleDown(ctx)
}

// settle compares the settlement of a day with the bare sums of its rows, by turns.
func (b *moneyBench) settle(ctx context.Context) ([]result, error) {
	d, err := b.day(ctx)
	if err != nil {
		return nil, err
	}
	sides := []func(context.Context) error{d.bare, d.settle}
	taken := make([][]round, len(sides))
	for pair := range b.Pairs + 1 {
		order := []int{0, 1}
		if pair%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			began := time.Now()
			if err := sides[i](ctx); err != nil {
				return nil, err
			}
			if pair > 0 { // the first warms up
				taken[i] = append(taken[i], round{latencies: []time.Duration{time.Since(began)}})
			}
		}
		if err := d.again(ctx); err != nil {
			return nil, err
		}
	}
	return []result{figure("settle", "ms", taken[1], taken[0], round.median)}, nil
}

// paymentsClose compares payments in turns in which a day is closed with those in which none is.
func (b *moneyBench) paymentsClose(ctx context.Context) ([]result, error) {
	d, err := b.day(ctx)
	if err != nil {
		return nil, err
	}
	l := b.closed(64)
	beside := newSide("ours, while a day closes", b.shop, l, b.shop.pay)
	beside.beside = d.whole
	rounds, err := b.turns(ctx, newSide("ours", b.shop, l, b.shop.pay), beside)
	if err != nil {
		return nil, err
	}
	return []result{figure("payments_close", "payments/s", rounds[1], rounds[0], round.rate)}, nil
}
