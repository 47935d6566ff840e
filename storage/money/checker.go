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
	Held    bool          // this look was the second in a row that saw it
}

// checked is an account with what its transfers say.
type checked struct {
	ID, CardID                              uuid.UUID
	University                              string
	MainCents, SubsidyCents, DebtCents, Seq int64
	LastMain, LastSubsidy, LastDebt         int64
	SumMain, SumSubsidy, SumDebt            int64
	Highest, Count, Breaks                  int64
	DoubtedAt                               *time.Time
}

func (c checked) doubt() Doubt {
	return Doubt{Account: c.ID, Card: c.CardID,
		Row:  campus.Purses{Main: c.MainCents, Subsidy: c.SubsidyCents, Debt: c.DebtCents},
		Last: campus.Purses{Main: c.LastMain, Subsidy: c.LastSubsidy, Debt: c.LastDebt},
		Sum:  campus.Purses{Main: c.SumMain, Subsidy: c.SumSubsidy, Debt: c.SumDebt},
		Seq:  c.Seq, Highest: c.Highest, Count: c.Count, Breaks: c.Breaks}
}

// agrees tells whether an account is what its transfers make of it.
func (d Doubt) agrees() bool {
	said := d.Row == d.Last && d.Seq == d.Highest
	return said && d.Sum == d.Row && d.Count == d.Seq && d.Breaks == 0
}

// Check compares the accounts after one, at most limit, with their transfers, and answers those that do not agree and
// the account to go on behind; none: it was the last page. One statement reads accounts and transfers, so that both
// are of one moment. An account that is seen wrong for the second time in a row pays no more, until somebody has
// looked (E4); the others go on.
func (s *Store) Check(ctx context.Context, after uuid.UUID, limit int) (doubts []Doubt, next uuid.UUID, err error) {
	page, err := db.All[checked](ctx, s.Reports, checkSQL, map[string]any{"after": after, "limit": limit})
	if err != nil {
		return nil, uuid.Nil, db.Wrap("check accounts", err)
	}
	for _, row := range page {
		d := row.doubt()
		switch {
		case !d.agrees():
			d.Held = row.DoubtedAt != nil
			if err := s.noteDoubt(ctx, row, d.Held); err != nil {
				return nil, uuid.Nil, err
			}
			doubts = append(doubts, d)
		case row.DoubtedAt != nil:
			if err := s.dropDoubt(ctx, row.ID); err != nil {
				return nil, uuid.Nil, err
			}
		}
	}
	if len(page) == limit {
		next = page[limit-1].ID
	}
	return doubts, next, nil
}

const checkSQL db.Statement = `with page as materialized (
	select id, card_id, university, main_cents, subsidy_cents, debt_cents, seq, doubted_at from accounts
	where id > @after order by id limit @limit
), rows as (
	select t.account_id, t.seq, t.main_change, t.subsidy_change, t.debt_change, t.main_after, t.subsidy_after,
		t.debt_after,
		(t.main_after, t.subsidy_after, t.debt_after) is distinct from
			(coalesce(lag(t.main_after) over w, 0) + t.main_change, coalesce(lag(t.subsidy_after) over w, 0) + t.subsidy_change,
			coalesce(lag(t.debt_after) over w, 0) + t.debt_change) as breaks
	from transfers t where t.account_id = any(array(select id from page))
	window w as (partition by t.account_id order by t.seq)
), sums as (
	select account_id, sum(main_change)::bigint as main, sum(subsidy_change)::bigint as subsidy,
		sum(debt_change)::bigint as debt, max(seq) as highest, count(*) as n, count(*) filter (where breaks) as breaks,
		(array_agg(array[main_after, subsidy_after, debt_after] order by seq desc))[1:1] as last
	from rows group by account_id
)
select p.*, coalesce(s.main, 0) as sum_main, coalesce(s.subsidy, 0) as sum_subsidy, coalesce(s.debt, 0) as sum_debt,
	coalesce(s.highest, 0) as highest, coalesce(s.n, 0) as count, coalesce(s.breaks, 0) as breaks,
	coalesce(s.last[1][1], 0) as last_main, coalesce(s.last[1][2], 0) as last_subsidy,
	coalesce(s.last[1][3], 0) as last_debt
from page p left join sums s on s.account_id = p.id order by p.id`

// noteDoubt keeps that an account was seen wrong, and has it pay no more if it is the second time.
func (s *Store) noteDoubt(ctx context.Context, row checked, hold bool) error {
	return s.Alone.InTx(ctx, "doubt an account", func(t db.Tx) error {
		if err := t.Write(`update accounts set doubted_at = coalesce(doubted_at, @now) where id = @id`,
			map[string]any{"id": row.ID, "now": t.Now}); err != nil || !hold {
			return err
		}
		if err := Hold(t, row.CardID, campus.CheckedHold); err != nil {
			return err
		}
		return casework.AddAudit(t, campus.System(), "account.hold", "account/"+row.ID.String(), row.University)
	})
}

func (s *Store) dropDoubt(ctx context.Context, id uuid.UUID) error {
	return s.Alone.InTx(ctx, "doubt an account no more", func(t db.Tx) error {
		return t.Write(`update accounts set doubted_at = null where id = @id`, map[string]any{"id": id})
	})
}
