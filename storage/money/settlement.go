package money

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// Settlement is what a merchant has taken on a closed day (L3).
type Settlement struct {
	ID         uuid.UUID   `json:"id"`
	MerchantID uuid.UUID   `json:"merchant"`
	NameZH     string      `json:"name_zh"`
	NameEN     string      `json:"name_en"`
	Trade      string      `json:"trade"`
	Day        campus.Date `json:"day" format:"date"`
	SalesCents int64       `json:"sales_cents"`
	Sales      int         `json:"sales"`
	BackCents  int64       `json:"back_cents"`
	OtherCents int64       `json:"other_cents"`
	FeeCents   int64       `json:"fee_cents"`
	DueCents   int64       `json:"due_cents"`
	SettledAt  time.Time   `json:"settled_at"`
}

// SettlePage settles the next merchants of a close, in the order of their ids, and answers the last of them; none when
// all are settled. Each merchant has one settlement a day at most, so that a page which is settled twice is settled
// once. It has to come after whoever may have posted to the day has ended (Writers).
func (s *Store) SettlePage(ctx context.Context, c Close, p campus.ClosePolicy, after uuid.UUID, limit int) (last uuid.UUID,
	err error) {
	taken, err := s.takings(ctx, c, after, limit)
	if err != nil || len(taken) == 0 {
		return last, db.Wrap("sum what merchants have taken", err)
	}
	err = s.InTx(ctx, "settle what merchants have taken", func(t db.Tx) error {
		fees, err := bookOf(t, c.University, campus.FeesBook)
		if err != nil {
			return err
		}
		return settleMerchants(t, c, p, taken, fees)
	})
	return taken[len(taken)-1].ID, err
}

// taking is what stands on a merchant's book for a day.
type taking struct {
	ID         uuid.UUID
	BookID     uuid.UUID
	Trade      string
	Since      campus.Date // the last day before that has books of its own
	Transfers  int         // that are counted here
	Sales      int
	SalesCents int64
	BackCents  int64
	OtherCents int64
}

// takings are those of the next merchants.
func (s *Store) takings(ctx context.Context, c Close, after uuid.UUID, limit int) ([]taking, error) {
	words := map[string]any{"university": c.University, "day": c.Day, "after": after, "limit": limit}
	page, err := db.All[taking](ctx, s.Reports, `select id, book_id, trade, coalesce((select max(day) from books_closed
			where university = @university and day < @day), '2000-01-01') as since
		from merchants where university = @university and id > @after order by id limit @limit`, words)
	if err != nil || len(page) == 0 {
		return nil, err
	}
	words["since"], words["books"] = page[0].Since, db.Column(page, func(m taking) string { return m.BookID.String() })
	sums, err := db.All[taking](ctx, s.Reports, takingsSQL, words)
	of := make(map[uuid.UUID]taking, len(sums))
	for _, sum := range sums {
		of[sum.BookID] = sum
	}
	for i, m := range page {
		page[i] = of[m.BookID]
		page[i].ID, page[i].BookID, page[i].Trade = m.ID, m.BookID, m.Trade
	}
	return page, err
}

// A day has all that was posted to it and to days before it that have no books of their own. Fees are of the settlement
// that they were taken for, and payouts, those that came back included, of those that they pay. A debt that was written
// off and what was taken again of a duplicate (E3) change what is due, as what people put right by hand does. Both
// sides are summed by kind first: a day has a hundred thousand transfers, and a merchant a dozen kinds.
const takingsSQL = `with of_day as (
	select to_id as book, kind, count(*) as transfers, sum(amount_cents) as cents from transfers
	where books_day > @since and books_day <= @day and to_id = any(cast(@books as uuid[])) group by to_id, kind
	union all
	select from_id, kind, count(*), -sum(amount_cents) from transfers
	where books_day > @since and books_day <= @day and from_id = any(cast(@books as uuid[])) group by from_id, kind
)
select book as book_id, sum(transfers)::int as transfers,
	coalesce(sum(transfers) filter (where kind in ('payment', 'charge')), 0)::int as sales,
	coalesce(sum(cents) filter (where kind in ('payment', 'charge')), 0)::bigint as sales_cents,
	coalesce(-sum(cents) filter (where kind in ('refund', 'void', 'reversal')), 0)::bigint as back_cents,
	coalesce(sum(cents) filter (where kind not in ('payment', 'charge', 'refund', 'void', 'reversal')), 0)::bigint
		as other_cents
from of_day where kind not in ('fee', 'payout', 'payout_back') group by book`

// settling is what is due to a merchant for a day, as the statement that keeps it reads it.
type settling struct {
	ID         uuid.UUID `json:"id"`
	MerchantID uuid.UUID `json:"merchant_id"`
	BookID     uuid.UUID `json:"book_id"`
	SalesCents int64     `json:"sales_cents"`
	Sales      int       `json:"sales"`
	BackCents  int64     `json:"back_cents"`
	OtherCents int64     `json:"other_cents"`
	FeeCents   int64     `json:"fee_cents"`
}

// settleMerchants keeps what is due to merchants for a day, and takes the fees, in one statement. Who has a settlement
// of the day keeps it, and pays no fee again.
func settleMerchants(t db.Tx, c Close, p campus.ClosePolicy, taken []taking, fees uuid.UUID) error {
	var due []settling
	for _, m := range taken {
		if m.Transfers > 0 {
			due = append(due, settling{uuid.Must(uuid.NewV7()), m.ID, m.BookID, m.SalesCents, m.Sales, m.BackCents, m.OtherCents,
				p.FeeOf(m.Trade, m.SalesCents-m.BackCents)})
		}
	}
	if len(due) == 0 {
		return nil
	}
	rows, err := json.Marshal(due)
	if err != nil {
		return fmt.Errorf("settle what merchants have taken: %w", err)
	}
	return refusal(t.Write(settleSQL, map[string]any{"rows": string(rows), "university": c.University, "day": c.Day,
		"now": t.Now, "book": fees, "kind": string(campus.FeeTransfer), "sold": moment(time.Time{})}))
}

const settleSQL = `with due as materialized (
	select * from jsonb_to_recordset(cast(@rows as jsonb)) as due (id uuid, merchant_id uuid, book_id uuid, sales_cents bigint,
		sales int, back_cents bigint, other_cents bigint, fee_cents bigint)
), kept as (
	insert into settlements (id, university, merchant_id, day, sales_cents, sales, back_cents, other_cents, fee_cents,
		due_cents, settled_at)
	select id, @university, merchant_id, @day, sales_cents, sales, back_cents, other_cents, fee_cents,
		sales_cents - back_cents + other_cents - fee_cents, @now from due order by merchant_id
	on conflict on constraint settlements_one do nothing returning id, fee_cents
)
insert into transfers (id, from_id, to_id, amount_cents, kind, cause, books_day, terminal, key, taken_at, at)
select money_id(last_at), d.book_id, cast(@book as uuid), k.fee_cents, @kind, k.id, ` + soldDay + `, 'close', cast(k.id as text),
	last_at, last_at
from kept k join due d on d.id = k.id cross join (select cast(@now as timestamptz) as last_at) now where k.fee_cents > 0`

// Settlements are those of a day of a university, by merchant; after is the merchant of the last of the page before.
func (s *Store) Settlements(ctx context.Context, university string, day campus.Date, after uuid.UUID,
	limit int) ([]Settlement, error) {
	found, err := db.All[Settlement](ctx, s.Reports, `select s.id, s.merchant_id, m.name_zh, m.name_en, m.trade, s.day,
			s.sales_cents, s.sales, s.back_cents, s.other_cents, s.fee_cents, s.due_cents, s.settled_at
		from settlements s join merchants m on m.id = s.merchant_id
		where s.university = @university and s.day = @day and s.merchant_id > @after order by s.merchant_id limit @limit`,
		map[string]any{"university": university, "day": day, "after": after, "limit": limit})
	return found, db.Wrap("list settlements", err)
}
