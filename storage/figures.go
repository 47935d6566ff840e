package storage

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Figures are the counts that operators watch. They hold codes and numbers, never who a case is about.
type Figures struct {
	At             time.Time
	Cases          []CaseFigure
	Parked         []ParkedFigure
	WorkItems      []WorkItemFigure
	Line           casework.WaitingFigure // applications that were not let in yet (C5); never failing
	Outbox         casework.WaitingFigure
	Unsent         casework.WaitingFigure // cases with a start, a signal or a decision for Temporal; never failing
	Notices        casework.WaitingFigure
	Forgotten      casework.WaitingFigure // files that the object store has to delete (B4); never failing
	TopUps         casework.WaitingFigure // orders that no channel has taken, or that it does not answer about (L2)
	Orders         []OrderFigure          // of channels that are still to be asked about them
	Pickups        []PickupFigure
	Refunds        []ChannelFigure // of top-ups, without an outcome (L2)
	Conflicts      []ChannelFigure // what channels say that contradicts itself, and nobody has settled
	Tills          []TillFigure    // at work
	Days           []DayFigure     // of the books of each university that has some (L8)
	Payouts        []PayoutFigure  // that have no outcome (L3)
	Connections    int             // that all clients of the server hold, ours and others'
	ConnectionsMax int             // that clients like us may hold
}

// CaseFigure counts the open cases of a university that stand at the same place.
type CaseFigure struct {
	University string
	Kind       campus.CaseKind
	Stage      campus.Stage
	WaitsFor   campus.Party
	Open       int
	Late       int       // their date has passed
	Oldest     time.Time // since when the first of them stands there
}

// ParkedFigure counts the parked steps of a university (K3).
type ParkedFigure struct {
	University string
	Step       string
	Cause      campus.Code
	Count      int
	Oldest     time.Time
}

// WorkItemFigure counts what waits for a decision of staff.
type WorkItemFigure struct {
	University string
	Kind       campus.WorkItemKind
	Open       int
	Escalated  int
	Late       int // their date has passed
	Oldest     time.Time
}

// PickupFigure counts the plastics in compartments whose code was entered with a wrong document so many times. How many
// lock it is the policy's.
type PickupFigure struct {
	University string
	Tries      int
	Count      int
}

// OrderFigure counts the top-ups of which a channel of a university is still to say what became of them (L2).
type OrderFigure struct {
	University string
	Channel    string
	Open       int // they can be paid in time
	Late       int // their time is over: what is paid now comes late
	Failing    int // the channel was asked in vain
}

// ChannelFigure counts what waits at a channel of a university.
type ChannelFigure struct {
	University string
	Channel    string
	Count      int
	Oldest     time.Time
}

// TillFigure is a till at work (L8). There are some hundreds.
type TillFigure struct {
	University string
	Seen       time.Time // its last heartbeat, or when it was enrolled
}

// DayFigure is how far the close of days is at a university (L8).
type DayFigure struct {
	University string
	Ends       time.Time  // when the first day whose books are open is over
	Unsigned   int        // days whose books are closed, and that nobody has signed
	ClosedAt   *time.Time // when the books of the first of them were closed
}

// PayoutFigure counts the payouts of a university of which the bank is still to say what became of them (L3).
type PayoutFigure struct {
	University string
	Count      int
	Oldest     time.Time // when their file was made
}

// Figures reads all of them in one round trip. Every count is on an index of what is open, so its cost follows what is
// open now and not what ever was.
func (s *Store) Figures(ctx context.Context) (Figures, error) {
	f := Figures{At: s.Now()}
	batch := &pgx.Batch{}
	list(batch, &f.Cases, `select university, kind, stage, waits_for, count(*), count(*) filter (where due < $1), min(since)
		from cases where closed_at is null group by 1, 2, 3, 4`, f.At)
	list(batch, &f.Parked, `select university, step, cause, count(*), min(opened_at)
		from work_items where closed_at is null and kind = $1 and step <> '' group by 1, 2, 3`, campus.IncidentItem)
	list(batch, &f.WorkItems, `select university, kind, count(*), count(*) filter (where escalated_at is not null),
		count(*) filter (where due < $1), min(opened_at) from work_items where closed_at is null group by 1, 2`, f.At)
	waiting(batch, &f.Line, `select count(*), 0, min(c.opened_at) from line l join cases c on c.id = l.case_id`)
	waiting(batch, &f.Outbox, `select count(*), count(*) filter (where failure <> ''), min(created_at) from outbox`)
	waiting(batch, &f.Unsent, unsentSQL)
	waiting(batch, &f.Notices, `select count(*), count(*) filter (where failure <> ''), min(created_at) from notices where done_at is null`)
	waiting(batch, &f.Forgotten, `select count(*), 0, min(at) from file_deletions`)
	waiting(batch, &f.TopUps, `select count(*), count(*) filter (where failure <> ''), min(created_at) from topup_orders
		where next_look is not null and (state = 'created' or failure <> '')`)
	list(batch, &f.Orders, `select university, channel, count(*) filter (where expires_at > $1),
		count(*) filter (where expires_at <= $1), count(*) filter (where failure <> '')
		from topup_orders where next_look is not null group by 1, 2`, f.At)
	list(batch, &f.Pickups, `select university, pickup_tries, count(*) from plastics
		where state = 'ready' and pickup_tries > 0 group by 1, 2`)
	list(batch, &f.Refunds, `select university, channel, count(*), min(asked_at) from topup_refunds
		where next_try is not null group by 1, 2`)
	list(batch, &f.Conflicts, `select university, channel, count(*), min(told_at) from channel_conflicts
		where settled_at is null group by 1, 2`)
	list(batch, &f.Tills, `select university, coalesce(seen_at, enrolled_at) from terminals
		where state = 'active' and put_away_at is null`)
	list(batch, &f.Days, daysSQL)
	list(batch, &f.Payouts, `select p.university, count(*), min(f.made_at) from payouts p
		join payout_files f on f.id = p.file_id where p.state = 'asked' group by 1 order by 1`)
	batch.Queue(connectionsQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&f.Connections, &f.ConnectionsMax) })
	return f, db.Wrap("read the figures", s.Reports.Pool.SendBatch(ctx, batch).Close())
}

// unsentSQL counts the cases that wait for Temporal. A decision that a move stands for has come to its workflow, and
// one about a case whose workflow is lost does not go when Temporal is back: neither counts.
const unsentSQL = `select count(distinct workflow), 0, min(at) from (
		select workflow_id as workflow, created_at as at from outbox
		union all select workflow, created_at from requests r
			where state = 'open' and not exists (select 1 from moves where decision = r.id)
				and not exists (select 1 from work_items w where w.case_id = r.case_id and w.kind = 'incident'
					and w.step = 'lost-workflow' and w.closed_at is null)) unsent`

// daysSQL finds the first day of each university whose books are open, and the closes that wait to be signed.
const daysSQL = `select university, cast(day + 1 as timestamp) at time zone 'Asia/Shanghai', unsigned, closed_at from (
		select u.code as university, coalesce((select max(day) + 1 from books_closed where university = u.code),
				(select cast(min(opened_at) at time zone 'Asia/Shanghai' as date) from books where university = u.code)) as day,
			s.unsigned, s.closed_at
		from universities u cross join lateral (select count(*) as unsigned, min(b.closed_at) as closed_at
			from cases c join closes l on l.id = c.id join books_closed b on b.university = l.university and b.day = l.day
			where c.closed_at is null and c.kind = 'close' and c.university = u.code) s) days
	where day is not null order by university`

// connectionsQuery counts all clients: pg_stat_activity would show us our own only.
const connectionsQuery = `select (select sum(numbackends) from pg_stat_database)::int,
	current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int`

// list asks for the rows of a query as structs, in the order of their columns.
func list[T any](batch *pgx.Batch, into *[]T, sql db.Statement, args ...any) {
	batch.Queue(string(sql), args...).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, pgx.RowToStructByPos[T])
		return err
	})
}

func waiting(batch *pgx.Batch, into *casework.WaitingFigure, sql db.Statement) {
	batch.Queue(string(sql)).QueryRow(func(row pgx.Row) error { return row.Scan(&into.Rows, &into.Failing, &into.Oldest) })
}
