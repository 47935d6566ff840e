package casework

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/storage/db"
)

// resendAfter is how long an open decision is left to whoever sent it first. ResendLease and resendMost are between two
// tries of sending it again, at the least and at the most. A worker that takes one has to be done with it within the
// lease: then another may take it.
const (
	resendAfter = 5 * time.Second
	resendSoon  = time.Second
	ResendLease = 10 * time.Second
	resendMost  = time.Minute
)

// TakeResends takes decisions that are to be sent again, at most one of each case: first those that its moves stand
// for, in their order, then those that were opened first. They are this caller's for the lease. While one is out that
// no move stands for, the others of its case wait; one that is written and whose answer takes long, as a withdrawal's,
// keeps none waiting: neither in its case, nor others when there are more than the limit.
func (s *Store) TakeResends(ctx context.Context, limit int) ([]Decision, error) {
	var due bool
	err := s.Pool.QueryRow(ctx, dueSQL, s.Now(), s.Now().Add(-resendAfter)).Scan(&due)
	if err != nil || !due {
		return nil, db.Wrap("look for decisions to send again", err)
	}
	var taken []Decision
	err = s.InTx(ctx, "take decisions to send again", func(t db.Tx) error {
		var rows []decisionRow
		err := t.Raw(`with waiting as (
				select r.id, r.case_id, r.created_at, m.version, coalesce(r.resend_at, r.created_at + make_interval(secs => @least)) <= @now as now
				from requests r left join moves m on m.decision = r.id where r.state = 'open'),
			first as (
				select distinct on (case_id) id, created_at, version is not null as written from waiting w where now
					and not exists (select 1 from waiting o where o.case_id = w.case_id and not o.now and o.version is null)
				order by case_id, version nulls last, created_at, id),
			due as materialized (
				select r.id from first join requests r on r.id = first.id
				where coalesce(r.resend_at, r.created_at + make_interval(secs => @least)) <= @now -- another has taken it meanwhile
				order by first.written, first.created_at limit @limit for update of r skip locked),
			taken as (
				update requests r set resend_at = cast(@now as timestamptz) +
					least(greatest((@now - r.created_at) / 4, make_interval(secs => @lease)), make_interval(secs => @most))
				from due where r.id = due.id
				returning r.*)
			select t.id, t.actor, t.response, t.case_id, c.kind, t.update_name, t.argument, t.seen, t.entered, t.state
			from taken t join cases c on c.id = t.case_id`, map[string]any{
			"now": t.Now, "least": resendAfter.Seconds(), "lease": ResendLease.Seconds(), "most": resendMost.Seconds(),
			"limit": limit,
		}).Scan(&rows).Error
		for _, row := range rows {
			d, wrong := row.decision()
			if wrong != nil { // it keeps its lease, and is counted as late: the others are not kept waiting
				s.Log.ErrorContext(ctx, "a decision cannot be read", "decision", row.ID, "error", wrong)
				continue
			}
			taken = append(taken, d)
		}
		return err
	})
	return taken, err
}

// ResendSoon has an open decision sent again in a second, when another run of its case has begun.
func (s *Store) ResendSoon(ctx context.Context, id uuid.UUID) error {
	_, err := s.Pool.Exec(ctx, `update requests set resend_at = $1 where id = $2 and state = 'open'`,
		s.Now().Add(resendSoon), id)
	return db.Wrap("have a decision sent again", err)
}

// dueSQL tells whether something may have to be sent again now; $1 is now, $2 some seconds ago. In two parts, each with
// an index of its own: as one condition it reads the whole table, whose newest rows come last.
const dueSQL = `select exists (select 1 from requests where state = 'open' and resend_at is null and created_at <= $2)
	or exists (select 1 from requests where resend_at <= $1)`
