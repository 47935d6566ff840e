package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Doubt is an account that does not agree with its transfers.
type Doubt struct {
	Account uuid.UUID
	Card    uuid.UUID
	Row     campus.Purses // as the account says
	Last    campus.Purses // as its last transfer says
	Sum     campus.Purses // as all changes add up
	Seq     int64         // as the account says
	Highest int64         // number of a transfer
	Count   int64         // of transfers: fewer is a gap, more is a forgery
	Breaks  int64         // transfers that do not go on from the one before
	Spent   int64         // as the account says, of its day's limit
	Counted int64         // as the transfers of that day add up
	Held    bool          // it was seen before, some minutes ago, and pays no more
}

// doubtAgain is how far apart two looks are that have an account held.
const doubtAgain = 5 * time.Minute

// checked is an account with what its transfers say.
type checked struct {
	ID, CardID                              uuid.UUID
	University                              string
	MainCents, SubsidyCents, DebtCents, Seq int64
	Day                                     campus.Date
	SpentCents, Counted                     int64
	LastMain, LastSubsidy, LastDebt         int64
	SumMain, SumSubsidy, SumDebt            int64
	Highest, Count, Breaks                  int64
	LastAt, DoubtedAt                       *time.Time
	Held, News                              bool
}

func (c checked) doubt() Doubt {
	return Doubt{Account: c.ID, Card: c.CardID,
		Row:  campus.Purses{Main: c.MainCents, Subsidy: c.SubsidyCents, Debt: c.DebtCents},
		Last: campus.Purses{Main: c.LastMain, Subsidy: c.LastSubsidy, Debt: c.LastDebt},
		Sum:  campus.Purses{Main: c.SumMain, Subsidy: c.SumSubsidy, Debt: c.SumDebt},
		Seq:  c.Seq, Highest: c.Highest, Count: c.Count, Breaks: c.Breaks, Spent: c.SpentCents, Counted: c.Counted}
}

// agrees tells whether an account is what its transfers make of it.
func (d Doubt) agrees() bool {
	said := d.Row == d.Last && d.Seq == d.Highest && d.Spent == d.Counted
	return said && d.Sum == d.Row && d.Count == d.Seq && d.Breaks == 0
}

// Check compares the accounts after one, at most limit, with the transfers since they were last seen to agree, and
// answers those that do not, and the account to go on behind; none: it was the last page. One statement reads accounts
// and transfers, so that both are of one moment. An account that is seen wrong, and still is some minutes later, pays
// no more until somebody has looked (E4); the others go on.
func (s *Store) Check(ctx context.Context, after uuid.UUID, limit int) ([]Doubt, uuid.UUID, error) {
	return s.check(ctx, checkNewsSQL, after, limit)
}

// CheckAll is Check with all transfers there are, from the first on.
func (s *Store) CheckAll(ctx context.Context, after uuid.UUID, limit int) ([]Doubt, uuid.UUID, error) {
	return s.check(ctx, checkAllSQL, after, limit)
}

func (s *Store) check(ctx context.Context, sql db.Statement, after uuid.UUID, limit int) (doubts []Doubt,
	next uuid.UUID, err error) {
	page, err := db.All[checked](ctx, s.Reports, sql, map[string]any{"after": after, "limit": limit})
	if err != nil {
		return nil, uuid.Nil, db.Wrap("check accounts", err)
	}
	var well []checked
	for _, row := range page {
		d := row.doubt()
		if d.agrees() {
			well = append(well, row)
			continue
		}
		d.Held = row.Held || row.DoubtedAt != nil && !s.Now().Before(row.DoubtedAt.Add(doubtAgain))
		if err := s.noteDoubt(ctx, row, d.Held); err != nil {
			return nil, uuid.Nil, err
		}
		doubts = append(doubts, d)
	}
	if err := s.noteChecked(ctx, well); err != nil {
		return nil, uuid.Nil, err
	}
	if len(page) == limit {
		next = page[limit-1].ID
	}
	return doubts, next, nil
}

// What an account was when it last agreed is in account_checks. Nothing was there, or what an earlier account had
// spent, before the first time.
const (
	checkNewsSQL = checkHead + checkTail
	checkAllSQL  = checkHead + ` and false` + checkTail

	checkHead db.Statement = `with page as materialized (
	select a.id, a.card_id, a.university, a.main_cents, a.subsidy_cents, a.debt_cents, a.seq, a.day, a.spent_cents,
		a.last_at, a.doubted_at, a.holds @> '{checked}' as held, c.account_id is null or c.seq < a.seq as news,
		coalesce(c.seq, 0) as seen_seq, coalesce(c.at, '2000-01-01 00:00:00Z') as seen_at, coalesce(c.main_cents, 0) as seen_main,
		coalesce(c.subsidy_cents, 0) as seen_subsidy, coalesce(c.debt_cents, 0) as seen_debt,
		case when coalesce(c.day, a.opened_day) = a.day then coalesce(c.spent_cents, a.opened_spent) else 0 end as seen_spent
	from (select * from accounts where id > @after order by id limit @limit) a
		left join account_checks c on c.account_id = a.id`

	checkTail db.Statement = `
), sums as (
	select p.id, sum(t.main_change)::bigint as main, sum(t.subsidy_change)::bigint as subsidy,
		sum(t.debt_change)::bigint as debt, max(t.seq) as highest, count(*) as n, count(*) filter (where t.breaks) as breaks,
		coalesce(sum(t.spent_change) filter (where cast(t.at at time zone 'Asia/Shanghai' as date) = p.day), 0)::bigint as spent,
		(array_agg(array[t.main_after, t.subsidy_after, t.debt_after] order by t.seq desc))[1:1] as last
	from page p cross join lateral (
		select t.*, (t.main_after, t.subsidy_after, t.debt_after) is distinct from (
			lag(t.main_after, 1, p.seen_main) over w + t.main_change,
			lag(t.subsidy_after, 1, p.seen_subsidy) over w + t.subsidy_change,
			lag(t.debt_after, 1, p.seen_debt) over w + t.debt_change) as breaks
		from transfers t
		where t.account_id = p.id and t.seq > p.seen_seq and t.id >= money_id_from(p.seen_at)
		window w as (order by t.seq)
	) t
	group by p.id
)
select p.id, p.card_id, p.university, p.main_cents, p.subsidy_cents, p.debt_cents, p.seq, p.day, p.spent_cents, p.last_at,
	p.doubted_at, p.held, p.news, p.seen_spent + coalesce(s.spent, 0) as counted,
	p.seen_main + coalesce(s.main, 0) as sum_main, p.seen_subsidy + coalesce(s.subsidy, 0) as sum_subsidy,
	p.seen_debt + coalesce(s.debt, 0) as sum_debt, coalesce(s.highest, p.seen_seq) as highest,
	p.seen_seq + coalesce(s.n, 0) as count, coalesce(s.breaks, 0) as breaks,
	coalesce(s.last[1][1], p.seen_main) as last_main, coalesce(s.last[1][2], p.seen_subsidy) as last_subsidy,
	coalesce(s.last[1][3], p.seen_debt) as last_debt
from page p left join sums s on s.id = p.id order by p.id`
)

// noteDoubt keeps that an account was seen wrong, and has it pay no more.
func (s *Store) noteDoubt(ctx context.Context, row checked, hold bool) error {
	return s.alone(ctx, row.ID, "doubt an account", func(t db.Tx) error {
		if err := t.Write(`update accounts set doubted_at = coalesce(doubted_at, @now) where id = @id`,
			map[string]any{"id": row.ID, "now": t.Now}); err != nil || !hold || row.Held {
			return err
		}
		if err := Hold(t, row.CardID, campus.CheckedHold); err != nil {
			return err
		}
		return casework.AddAudit(t, campus.System(), "account.hold", "account/"+row.ID.String(), row.University)
	})
}

// noteChecked keeps how accounts were when they agreed, so that the next look goes on from there.
func (s *Store) noteChecked(ctx context.Context, page []checked) error {
	var news, doubted []checked
	for _, row := range page {
		if row.News && row.LastAt != nil {
			news = append(news, row)
		}
		if row.DoubtedAt != nil {
			doubted = append(doubted, row)
		}
	}
	if len(news)+len(doubted) == 0 {
		return nil
	}
	return s.Alone.InTx(ctx, "note checked accounts", func(t db.Tx) error {
		if err := t.Write(checkedSQL, checkedArgs(news)); err != nil {
			return err
		}
		return t.Write(`update accounts set doubted_at = null where id in (
			select id from accounts where id = any(@ids) order by id for no key update)`,
			map[string]any{"ids": db.IDs(doubted, func(c checked) uuid.UUID { return c.ID })})
	})
}

const checkedSQL = `insert into account_checks
		(account_id, seq, at, main_cents, subsidy_cents, debt_cents, day, spent_cents)
	select v.* from unnest(cast(@ids as uuid[]), cast(@seqs as bigint[]), cast(@ats as timestamptz[]),
		cast(@mains as bigint[]), cast(@subsidies as bigint[]), cast(@debts as bigint[]), cast(cast(@days as text[]) as date[]),
		cast(@spents as bigint[])) v order by 1
	on conflict (account_id) do update set (seq, at, main_cents, subsidy_cents, debt_cents, day, spent_cents) =
		(excluded.seq, excluded.at, excluded.main_cents, excluded.subsidy_cents, excluded.debt_cents, excluded.day,
		excluded.spent_cents)
	where account_checks.seq < excluded.seq`

func checkedArgs(page []checked) map[string]any {
	return map[string]any{
		"ids":       db.IDs(page, func(c checked) uuid.UUID { return c.ID }),
		"seqs":      db.Column(page, func(c checked) int64 { return c.Seq }),
		"ats":       db.Column(page, func(c checked) time.Time { return *c.LastAt }),
		"mains":     db.Column(page, func(c checked) int64 { return c.MainCents }),
		"subsidies": db.Column(page, func(c checked) int64 { return c.SubsidyCents }),
		"debts":     db.Column(page, func(c checked) int64 { return c.DebtCents }),
		"days":      db.Column(page, func(c checked) string { return c.Day.String() }),
		"spents":    db.Column(page, func(c checked) int64 { return c.SpentCents }),
	}
}

// HeldAccounts are the accounts that the checker has held, at most limit, and how many there are.
func (s *Store) HeldAccounts(ctx context.Context, limit int) (ids []uuid.UUID, count int, err error) {
	held, err := db.All[heldAccount](ctx, s.Reports, `select id, count(*) over () as count from accounts
		where holds @> '{checked}' order by id limit @limit`, map[string]any{"limit": limit})
	for _, row := range held {
		ids, count = append(ids, row.ID), row.Count
	}
	return ids, count, db.Wrap("find held accounts", err)
}

type heldAccount struct {
	ID    uuid.UUID
	Count int
}
