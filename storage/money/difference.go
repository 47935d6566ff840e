package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// ChannelLine is a line of a channel's file of a day (L2).
type ChannelLine struct {
	Number   int // in the file, from 1 on
	Kind     campus.ChannelLineKind
	Ref      string // the channel's name of the payment, or the id of the refund
	Cents    int64
	Currency string
}

// Difference is what a channel and we differ on, or the journal of a till and we.
type Difference struct {
	ID          uuid.UUID
	CloseID     uuid.UUID
	Number      int    // of the close
	Channel     string // or the id of a till
	Till        string // how that is called
	MerchantZH  string // whose it is
	MerchantEN  string
	Line        int // of the file; 0: it has none
	Kind        campus.ChannelLineKind
	Ref         string
	What        campus.DifferenceKind
	OursCents   int64 // 0: we have none
	TheirsCents int64
	FoundAt     time.Time
	SettledAt   *time.Time
	SettledBy   *uuid.UUID
	Note        string
}

// FileDay is a day whose file of a channel a close compares.
type FileDay struct {
	Day    campus.Date
	Missed bool // an earlier close went without it; if it does not come now either, the next asks again
}

// daysLeft is for how long a file that did not come is asked for again, in days.
const daysLeft = 31

// DaysToCompare are the days whose files of a channel a close compares: its own, the day before if that was closed
// before it was over, for the lines that its file has got since, and those that earlier closes have gone without.
func (s *Store) DaysToCompare(ctx context.Context, c Close, channel string) ([]FileDay, error) {
	found, err := db.All[FileDay](ctx, s.DB, daysToCompareSQL, map[string]any{"university": c.University, "id": c.ID, "day": c.Day,
		"channel": channel, "left": daysLeft})
	return found, db.Wrap("list the days that a close compares", err)
}

const daysToCompareSQL = `select l.day, not (` + ownDays + `) as missed from closes l join cases c on c.id = l.id
	where l.university = @university and (` + ownDays + ` or l.day < @day and l.day > cast(@day as date) - cast(@left as int)
		and c.stage in ('reporting', 'signing', 'done') and not exists (select from compared_files f
			where f.university = l.university and f.channel = @channel and f.day = l.day))
	order by missed, l.day`

// ownDays are that of a close, and the day before if that was closed before it was over.
const ownDays = `l.id = @id or l.day = cast(@day as date) - 1
	and l.until < cast(cast(@day as date) as timestamp) at time zone 'Asia/Shanghai'`

// KeepChannelLines keeps a channel's file of a day, all of it at once. When it comes again it may have more lines,
// anywhere: what it has of a payment or refund beyond what was kept is added, and a line that was there stays as it is.
// One whose number is taken gets the next that is free.
func (s *Store) KeepChannelLines(ctx context.Context, university, channel string, day campus.Date, lines []ChannelLine) error {
	return s.InTx(ctx, "keep a channel's file", func(t db.Tx) error {
		return t.Write(keepLinesSQL, map[string]any{
			"university": university, "channel": channel, "day": day,
			"numbers":    db.Column(lines, func(l ChannelLine) int { return l.Number }),
			"kinds":      db.Column(lines, func(l ChannelLine) string { return string(l.Kind) }),
			"refs":       db.Column(lines, func(l ChannelLine) string { return l.Ref }),
			"amounts":    db.Column(lines, func(l ChannelLine) int64 { return l.Cents }),
			"currencies": db.Column(lines, func(l ChannelLine) string { return l.Currency }),
		})
	})
}

const keepLinesSQL = `with file as (
	select v.*, row_number() over (partition by kind, ref order by number) as nth
	from unnest(cast(@numbers as int[]), cast(@kinds as text[]), cast(@refs as text[]), cast(@amounts as bigint[]),
		cast(@currencies as text[])) v (number, kind, ref, amount_cents, currency)
), kept as materialized (
	select number, kind, ref, row_number() over (partition by kind, ref order by number) as nth
	from channel_lines where university = @university and channel = @channel and day = @day
), fresh as (
	select f.*, f.number in (select number from kept) as taken
	from file f left join kept k using (kind, ref, nth) where k.number is null
)
insert into channel_lines (university, channel, day, number, kind, ref, amount_cents, currency)
select @university, @channel, @day, case when taken then (select greatest((select max(number) from kept), (select max(number) from file)))
		+ row_number() over (partition by taken order by number) else number end, kind, ref, amount_cents, currency
from fresh
on conflict on constraint channel_lines_pkey do nothing`

// CompareChannel finds on which lines a channel's file of a day and we differ, each once, also over closes. Nothing is
// changed by it (L2).
func (s *Store) CompareChannel(ctx context.Context, c Close, channel string, day campus.Date) error {
	return s.InTx(ctx, "compare a channel's file", func(t db.Tx) error {
		if err := lockClose(t, c.ID); err != nil {
			return err
		}
		words := map[string]any{"close": c.ID, "university": c.University, "channel": channel, "day": day,
			"from": day.Start(), "until": day.End(), "now": t.Now}
		if err := t.Write(compareSQL, words); err != nil {
			return err
		}
		return t.Write(`insert into compared_files (university, channel, day, close_id)
			values (@university, @channel, @day, @close) on conflict on constraint compared_files_pkey do nothing`, words)
	})
}

// lockClose has comparisons of one close take turns, so that each difference gets a number of its own.
func lockClose(t db.Tx, id uuid.UUID) error {
	return t.Ask(`select id from closes where id = @id for no key update`, map[string]any{"id": id}).Scan(&id)
}

const compareSQL = `with lines as materialized (
	select number, kind, ref, amount_cents, currency from channel_lines
	where university = @university and channel = @channel and day = @day
), ours as materialized (
	select 'payment' as kind, transaction as ref, amount_cents, currency, paid_at >= @from and paid_at < @until as of_day
	from topup_payments where university = @university and channel = @channel
		and (paid_at >= @from and paid_at < @until or transaction in (select ref from lines where kind = 'payment'))
	union all
	select 'refund', cast(r.id as text), r.amount_cents, p.currency, r.done_at >= @from and r.done_at < @until
	from topup_refunds r join topup_payments p on p.id = r.payment_id
	where r.university = @university and r.channel = @channel and r.state = 'refunded'
		and (r.done_at >= @from and r.done_at < @until or cast(r.id as text) in (select ref from lines where kind = 'refund'))
), told as materialized (
	select kind, ref, count(*) as times from channel_lines where university = @university and channel = @channel
		and day <= @day and (kind, ref) in (select kind, ref from lines union select kind, ref from ours where of_day)
	group by kind, ref
), found as (
	select l.number as line, l.kind, l.ref, 'missing_here' as what, 0 as ours, l.amount_cents as theirs
	from lines l where not exists (select from ours o where o.kind = l.kind and o.ref = l.ref)
	union all
	select l.number, l.kind, l.ref, case when l.currency <> o.currency then 'currencies_differ' else 'amounts_differ' end,
		o.amount_cents, l.amount_cents
	from lines l join ours o on o.kind = l.kind and o.ref = l.ref
	where (l.amount_cents, l.currency) <> (o.amount_cents, o.currency)
	union all
	select max(l.number), l.kind, l.ref, 'told_twice', coalesce(max(o.amount_cents), 0), max(l.amount_cents) * max(w.times)
	from lines l join told w on w.kind = l.kind and w.ref = l.ref and w.times > 1
		left join ours o on o.kind = l.kind and o.ref = l.ref
	group by l.kind, l.ref
	union all
	select 0, o.kind, o.ref, 'missing_there', o.amount_cents, 0
	from ours o where o.of_day and not exists (select from told w where w.kind = o.kind and w.ref = o.ref)
), fresh as (
	select distinct on (kind, ref, what) * from found f where not exists (select from close_differences d
		join closes c on c.id = d.close_id where c.university = @university and d.channel = @channel and d.kind = f.kind
			and d.ref = f.ref and d.what = f.what)
	order by kind, ref, what, line
)
insert into close_differences (id, close_id, number, channel, line, kind, ref, what, ours_cents, theirs_cents, found_at)
select gen_random_uuid(), @close, (select coalesce(max(number), 0) from close_differences where close_id = @close)
		+ row_number() over (order by line = 0, line, kind, ref, what),
	@channel, line, kind, ref, what, ours, theirs, @now
from fresh`

const differenceColumns = `select d.id, d.close_id, d.number, d.channel, coalesce(t.name, '') as till,
	coalesce(m.name_zh, '') as merchant_zh, coalesce(m.name_en, '') as merchant_en, d.line, d.kind, d.ref, d.what, d.ours_cents,
	d.theirs_cents, d.found_at, d.settled_at, d.settled_by, d.note
	from close_differences d left join terminals t on t.id = case when d.kind = 'sale' then cast(d.channel as uuid) end
		left join merchants m on m.id = t.merchant_id `

// Differences are those of a close, in the order of their numbers; after is the last of the page before.
func (s *Store) Differences(ctx context.Context, id uuid.UUID, after, limit int) ([]Difference, error) {
	found, err := db.All[Difference](ctx, s.DB, differenceColumns+`where d.close_id = @id and d.number > @after
			order by d.number limit @limit`, map[string]any{"id": id, "after": after, "limit": limit})
	return found, db.Wrap("list differences", err)
}

// DifferenceNote is what people have found about a difference.
type DifferenceNote struct {
	Note string `json:"note"`
}

// SettleDifference keeps what a member of staff has found about a difference, with the move that says so. NotFound:
// difference_unknown. Conflict: difference_settled.
func (s *Store) SettleDifference(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return s.casework.Move(ctx, m, func(t db.Tx) error {
		said, err := casework.ReadDecision[DifferenceNote](t, m.Decision.ID)
		if err != nil {
			return err
		}
		var id uuid.UUID
		var settled bool
		err = t.Ask(`select id, settled_at is not null from close_differences
			where close_id = @id and number = @number for no key update`,
			map[string]any{"id": m.Case.ID, "number": campus.DifferenceNumber(m.Decision.Step)}).Scan(&id, &settled)
		if err = absent(err, "difference_unknown", "no such difference"); err != nil {
			return err
		}
		if settled {
			return campus.Errorf(campus.Conflict, "difference_settled", "difference %s is settled", id)
		}
		return t.Write(`update close_differences set settled_at = @now, settled_by = @by, note = @note where id = @id`,
			map[string]any{"id": id, "now": t.Now, "by": m.Decision.By.ID, "note": said.Note})
	})
}
