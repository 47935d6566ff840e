package money

import (
	"context"
	"time"

	"campuscard/campus"
	"campuscard/storage/db"
)

// CompareTills finds on which sales the journals of tills and we differ, each once over all closes (E4): the journals
// that no close has compared, with the sales of the times that they are of. Nothing is changed by it. A till that sends
// no journal has nothing to be compared with; one whose sales without network we lack is left to a later close.
func (s *Store) CompareTills(ctx context.Context, c Close) error {
	return s.InTx(ctx, "compare the journals of tills", func(t db.Tx) error {
		if err := lockClose(t, c.ID); err != nil {
			return err
		}
		words := map[string]any{"close": c.ID, "university": c.University, "now": t.Now,
			"young": t.Now.Add(-campus.RetryMost)} // answers are kept longer than that
		var first *time.Time
		if err := t.Ask(freshJournals+`select min(from_at) from journals`, words).Scan(&first); err != nil || first == nil {
			return err
		}
		words["young"] = *first // one that comes now, and is of a time before, is left to the next
		words["low"], words["high"] = lowestID(first.Add(-24*time.Hour)), lowestID(t.Now.Add(24*time.Hour))
		return t.Write(compareTillsSQL, words)
	})
}

const freshJournals db.Statement = `with journals as materialized (
	select j.id, j.terminal, cast(j.terminal as text) as name, j.from_at, j.until_at, j.keys, j.at
	from till_journals j join terminals t on t.id = j.terminal
	where t.university = @university and j.from_at >= @young and coalesce(t.offline_upto_at >= j.until_at, true)
		and j.at >= cast(@young as timestamptz) - interval '1 day' -- by our clock
		and not exists (select from compared_journals d where d.journal_id = j.id and d.close_id <> @close)
) `

// A sale that was reversed, or of which anything was given back, is settled with its holder.
const compareTillsSQL = freshJournals + `, printed as (
	select distinct terminal, name, key from journals cross join lateral unnest(keys) key
), charged as (
	select distinct p.terminal as name, p.key, p.amount_cents
	from transfers p join journals j on j.name = p.terminal and p.taken_at >= j.from_at and p.taken_at < j.until_at and p.at <= j.at
	where p.id >= @low and p.id < @high and p.kind in ('payment', 'charge')
		and not exists (select from till_journals o where o.terminal = j.terminal and p.key = any(o.keys))
		and not exists (select from answers a where a.terminal = p.terminal and a.key = p.key and a.given_cents > 0)
		and not exists (select from refundables r where r.transfer_id = p.id and r.main_back + r.subsidy_back > 0)
), found as (
	select name, key, 'missing_here' as what, 0 as ours from printed p
	where not exists (select from answers a where a.terminal = p.name and a.key = p.key and a.outcome = 'paid')
		and not exists (select from offline_records r where r.terminal = p.terminal and r.key = p.key)
	union all
	select name, key, 'missing_there', amount_cents from charged
), compared as (
	insert into compared_journals (journal_id, close_id) select id, @close from journals
	on conflict on constraint compared_journals_pkey do nothing
), fresh as (
	select * from found f where not exists (select from close_differences d join closes c on c.id = d.close_id
		where c.university = @university and d.channel = f.name and d.kind = 'sale' and d.ref = f.key and d.what = f.what)
)
insert into close_differences (id, close_id, number, channel, line, kind, ref, what, ours_cents, theirs_cents, found_at)
select gen_random_uuid(), @close, (select coalesce(max(number), 0) from close_differences where close_id = @close)
		+ row_number() over (order by name, key, what),
	name, 0, 'sale', key, what, ours, 0, @now
from fresh`
