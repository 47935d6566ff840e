package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// MerchantDay is a day of a merchant: what was settled of it, and what was paid to the merchant on it (L3).
type MerchantDay struct {
	Day          campus.Date `json:"day"`
	Sales        int         `json:"sales" doc:"How many"`
	SalesCents   int64       `json:"sales_cents"`
	BackCents    int64       `json:"back_cents" doc:"Given back of payments"`
	OtherCents   int64       `json:"other_cents"`
	FeeCents     int64       `json:"fee_cents"`
	DueCents     int64       `json:"due_cents" doc:"Sales, less what was given back and the fee, with the rest"`
	PayoutCents  int64       `json:"payout_cents" doc:"Sent to the bank on that day"`
	BouncedCents int64       `json:"bounced_cents" doc:"That came back from the bank on that day"`
	BalanceCents int64       `json:"balance_cents" doc:"What is due at the end of the day; below nothing, the merchant owes it"`
}

// MerchantStatement is what a merchant has had in a time. Days that are not settled yet are not in it.
type MerchantStatement struct {
	OpeningCents int64
	ClosingCents int64
	Days         []MerchantDay // the earliest first; those on which nothing was are left out
}

// MerchantStatement reads the days from a first to a last one. NotFound: merchant_unknown.
func (s *Store) MerchantStatement(ctx context.Context, university string, merchant uuid.UUID, from,
	until campus.Date) (m Merchant, all MerchantStatement, err error) {
	if m, err = s.Merchant(ctx, university, merchant); err != nil {
		return m, all, err
	}
	days, err := db.All[MerchantDay](ctx, s.Reports, merchantDaysSQL, map[string]any{"merchant": merchant, "until": until})
	for _, d := range days {
		all.ClosingCents = d.BalanceCents
		if d.Day.Before(from) {
			all.OpeningCents = d.BalanceCents
			continue
		}
		all.Days = append(all.Days, d)
	}
	return m, all, db.Wrap("read a merchant's statement", err)
}

const merchantDaysSQL db.Statement = `with events as (
	select day, sales, sales_cents, back_cents, other_cents, fee_cents, due_cents, 0 as payout_cents, 0 as bounced_cents
	from settlements where merchant_id = @merchant
	union all
	select cast(f.made_at at time zone 'Asia/Shanghai' as date), 0, 0, 0, 0, 0, 0, p.amount_cents, 0
	from payouts p join payout_files f on f.id = p.file_id where p.merchant_id = @merchant
	union all
	select cast(bounced_at at time zone 'Asia/Shanghai' as date), 0, 0, 0, 0, 0, 0, 0, amount_cents
	from payouts where merchant_id = @merchant and state = 'bounced'
), days as (
	select day, sum(sales)::int as sales, sum(sales_cents)::bigint as sales_cents, sum(back_cents)::bigint as back_cents,
		sum(other_cents)::bigint as other_cents, sum(fee_cents)::bigint as fee_cents, sum(due_cents)::bigint as due_cents,
		sum(payout_cents)::bigint as payout_cents, sum(bounced_cents)::bigint as bounced_cents
	from events where day <= @until group by day
)
select *, (sum(due_cents - payout_cents + bounced_cents) over (order by day))::bigint as balance_cents from days order by day`

// BooksClosed tells when the books of a day were closed, or of a later one; nil: they are open, and may still get more.
func (s *Store) BooksClosed(ctx context.Context, university string, day campus.Date) (*time.Time, error) {
	c, _, err := db.One[struct{ At *time.Time }](ctx, s.Reports, `select min(closed_at) as at from books_closed
		where university = @university and day >= @day`, map[string]any{"university": university, "day": day})
	return c.At, db.Wrap("look whether the books of a day are closed", err)
}

// BookLine is what a book has had and given on a day of the books: money that comes is a debit, money that goes a
// credit.
type BookLine struct {
	Kind        string // of the book; of cards main, subsidy, debt
	Ref         string // whose book: a merchant, a channel, a drawer
	NameZH      string // of a merchant; of a drawer its campus and its cashier
	NameEN      string
	DebitCents  int64
	CreditCents int64
}

// DayVoucher is the voucher for finance of a day (凭证): each book that money came to or went from, and the purses of all
// cards together. Debits and credits are the same sum, since each transfer has both.
func (s *Store) DayVoucher(ctx context.Context, university string, day campus.Date) ([]BookLine, error) {
	lines, err := query[BookLine](ctx, s.Reports, dayVoucherSQL, db.Named{"university": university, "day": day.String(),
		"low": lowestID(day.AddDays(-1).Start()), "high": lowestID(day.AddDays(voucherLate).End())})
	return lines, db.Wrap("add up a day", err)
}

// voucherLate is how many days after a day its last transfer may be posted: sales without network are older then at
// most (policy money.offline.late), and later ones people decide.
const voucherLate = 31

const dayVoucherSQL db.Statement = `with day as (
	select t.*, f.id as from_book, g.id as to_book from transfers t
		left join books f on f.id = t.from_id left join books g on g.id = t.to_id
	where t.books_day = cast(@day as date) and t.id >= @low and t.id < @high and coalesce(f.university, g.university) = @university
), sides as (
	select to_book as book, '' as purse, amount_cents as debit, 0 as credit from day where to_book is not null
	union all select from_book, '', 0, amount_cents from day where from_book is not null
	union all select null, 'main', greatest(main_change, 0), greatest(-main_change, 0) from day where main_change <> 0
	union all select null, 'subsidy', greatest(subsidy_change, 0), greatest(-subsidy_change, 0) from day where subsidy_change <> 0
	union all select null, 'debt', greatest(-debt_change, 0), greatest(debt_change, 0) from day where debt_change <> 0
)
select coalesce(b.kind, s.purse) as kind, coalesce(b.ref, '') as ref, coalesce(m.name_zh, d.name_zh, '') as name_zh,
	coalesce(m.name_en, d.name_en, '') as name_en, sum(s.debit)::bigint as debit_cents, sum(s.credit)::bigint as credit_cents
from sides s left join books b on b.id = s.book left join merchants m on m.book_id = b.id
	left join (select cast(d.id as text) as ref, c.name_zh || ' ' || w.name as name_zh, c.name_en || ' ' || w.name as name_en
		from drawers d join campuses c on c.university = d.university and c.code = d.campus join staff w on w.id = d.cashier
		where d.university = @university) d on b.kind = 'drawer' and d.ref = b.ref
group by 1, 2, 3, 4 order by 1, 3, 2`
