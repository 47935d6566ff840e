package money

import (
	"context"
	"time"

	"campuscard/campus"
	"campuscard/storage/db"
)

// BookSum is what the books of a kind have got and given on a day; for accounts Kind is "accounts".
type BookSum struct {
	Kind  string
	Ref   string // of a channel
	In    int64
	Out   int64
	Count int
}

// ChannelSum is what a channel's file says of a calendar day, and what we have, in hundredths of the currency.
type ChannelSum struct {
	Channel      string
	Day          campus.Date
	Lines        int
	PaidCents    int64
	BackCents    int64
	OurPaidCents int64
	OurBackCents int64
}

// DrawerSum is a drawer that was closed since the close before (L1).
type DrawerSum struct {
	CampusZH     string
	CampusEN     string
	Cashier      string
	ClosedAt     time.Time
	FloatCents   int64
	TakenCents   int64
	GivenCents   int64
	CountedCents int64
}

// DifferenceCents are what was counted beyond what should lie in it; below nothing if something lacks.
func (d DrawerSum) DifferenceCents() int64 {
	return Drawer{FloatCents: d.FloatCents, TakenCents: d.TakenCents, GivenCents: d.GivenCents,
		CountedCents: &d.CountedCents}.DifferenceCents()
}

// DayReport is what the report of a close says beside its settlements and differences.
type DayReport struct {
	Books    []BookSum
	Settled  int64 // what the settlements say that merchants have got, before fees
	Standing int64 // and what stands on their books: the same
	Channels []ChannelSum
	Drawers  []DrawerSum
}

// Net is what is left when all sides of a day are added up: nothing, or money has come from nowhere.
func (r DayReport) Net() (net int64) {
	for _, b := range r.Books {
		net += b.In - b.Out
	}
	return net
}

// DayReport sums up a closed day of a university. Of a day that was closed before it was over, the next report has the
// drawers that were closed afterwards, and the channels once more (decision 111).
func (s *Store) DayReport(ctx context.Context, c Close) (r DayReport, err error) {
	words := map[string]any{"university": c.University, "day": c.Day, "until": c.Until}
	if r.Books, err = db.All[BookSum](ctx, s.Reports, bookSumsSQL, words); err != nil {
		return r, db.Wrap("sum the books of a day", err)
	}
	if err = s.Reports.Read(ctx).Ask(settledSQL, words).Scan(&r.Settled, &r.Standing); err != nil {
		return r, db.Wrap("compare the settlements of a day with the books", err)
	}
	if r.Channels, err = s.channelSums(ctx, c); err != nil {
		return r, db.Wrap("sum the channels of a day", err)
	}
	r.Drawers, err = db.All[DrawerSum](ctx, s.Reports, `select c.name_zh as campus_zh, c.name_en as campus_en, w.name as cashier,
			d.closed_at, d.float_cents, d.taken_cents, d.given_cents, d.counted_cents
		from drawers d join campuses c on c.university = d.university and c.code = d.campus join staff w on w.id = d.cashier
		where d.university = @university and d.state = 'closed' and d.closed_at < @until and d.closed_at >= coalesce(
			(select max(until) from closes where university = @university and day < @day), '-infinity') order by d.id`, words)
	return r, db.Wrap("list the drawers of a day", err)
}

// channelSums are those of each day that a close compares, and of those that it has compared because no close before it
// had.
func (s *Store) channelSums(ctx context.Context, c Close) (sums []ChannelSum, err error) {
	days, err := db.All[FileDay](ctx, s.Reports, `select l.day from closes l where l.university = @university and (`+ownDays+`
			or l.day in (select day from compared_files where close_id = @id)) order by l.day`,
		map[string]any{"university": c.University, "id": c.ID, "day": c.Day})
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		found, err := db.All[ChannelSum](ctx, s.Reports, channelSumsSQL, map[string]any{"university": c.University, "day": d.Day,
			"from": d.Day.Start(), "until": d.Day.End()})
		if err != nil {
			return nil, err
		}
		sums = append(sums, found...)
	}
	return sums, nil
}

// Accounts are of the university whose book is at the other side; a transfer has one account at most.
const bookSumsSQL = `with of_day as materialized (
	select t.from_id, t.to_id, t.amount_cents from transfers t
	where t.books_day <= @day and t.books_day > coalesce((select max(day) from books_closed
			where university = @university and day < @day), '2000-01-01')
), named as (
	select f.university as from_university, f.kind as from_kind, f.ref as from_ref, g.kind as to_kind, g.ref as to_ref,
		t.amount_cents
	from of_day t left join books f on f.id = t.from_id left join books g on g.id = t.to_id
	where coalesce(f.university, g.university) = @university
), sides as (
	select coalesce(to_kind, 'accounts') as kind, case when to_kind = 'channel' then to_ref else '' end as ref,
		amount_cents as cents from named
	union all
	select coalesce(from_kind, 'accounts'), case when from_kind = 'channel' then from_ref else '' end, -amount_cents from named
)
select kind, ref, coalesce(sum(cents) filter (where cents > 0), 0)::bigint as in,
	coalesce(-sum(cents) filter (where cents < 0), 0)::bigint as out, count(*) as count
from sides group by kind, ref order by kind, ref`

const settledSQL = `with merchants_books as materialized (
	select id from books where university = @university and kind = 'merchant'
)
select (select coalesce(sum(due_cents + fee_cents), 0)::bigint from settlements where university = @university and day = @day),
	(select coalesce(sum(case when t.to_id in (select id from merchants_books) then amount_cents else 0 end
			- case when t.from_id in (select id from merchants_books) then amount_cents else 0 end), 0)::bigint
		from transfers t where t.books_day <= @day and t.books_day > coalesce((select max(day) from books_closed
				where university = @university and day < @day), '2000-01-01')
			and t.kind not in ('fee', 'payout', 'payout_back'))`

const channelSumsSQL = `with told as (
	select channel, count(*) as lines, coalesce(sum(amount_cents) filter (where kind = 'payment'), 0)::bigint as paid_cents,
		coalesce(sum(amount_cents) filter (where kind = 'refund'), 0)::bigint as back_cents
	from channel_lines where university = @university and day = @day group by channel
), paid as (
	select channel, sum(amount_cents)::bigint as cents from topup_payments
	where university = @university and paid_at >= @from and paid_at < @until group by channel
), back as (
	select channel, sum(amount_cents)::bigint as cents from topup_refunds
	where university = @university and state = 'refunded' and done_at >= @from and done_at < @until group by channel
)
select channel, cast(@day as date) as day, coalesce(lines, 0) as lines, coalesce(paid_cents, 0) as paid_cents, coalesce(back_cents, 0) as back_cents,
	coalesce(paid.cents, 0) as our_paid_cents, coalesce(back.cents, 0) as our_back_cents
from told full join paid using (channel) full join back using (channel) order by channel`
