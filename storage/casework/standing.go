package casework

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"campuscard/campus"
	"campuscard/storage/db"
)

// StandingCase is an open case that does not move just now, as Postgres has it.
type StandingCase struct {
	campus.CaseRef
	Stage   campus.Stage
	Version int64
}

// standingSQL finds open cases whose newest move is older than a moment. Queued ones have none.
const standingSQL = `select kind, id, stage, version from cases c where closed_at is null and stage <> 'queued'
	and coalesce((select at from moves where case_id = c.id order by version desc limit 1), opened_at) < $1 `

// startedSQL finds queued cases that should have a workflow: they have left the line, and the outbox after it.
const startedSQL = `select kind, id, stage, version from cases c where closed_at is null and stage = 'queued' and opened_at < $1
	and not exists (select 1 from line where case_id = c.id)
	and not exists (select 1 from outbox where kind in ('start', 'restart') and workflow_id = c.kind || '/' || c.id) `

// StandingCases returns the next cases in the order of their ids, after one of them: those that stand, and those that
// are queued although Temporal has taken their start.
func (s *Store) StandingCases(
	ctx context.Context, before time.Time, after uuid.UUID, limit int,
) ([]StandingCase, error) {
	const next = `and id > $2 order by id limit $3`
	return s.standing(ctx, `(`+standingSQL+next+`) union all (`+startedSQL+next+`) order by id limit $3`, before, after,
		limit)
}

// StandingOf returns which of some cases stand.
func (s *Store) StandingOf(ctx context.Context, before time.Time, ids []uuid.UUID) ([]StandingCase, error) {
	const some = `and id = any($2)`
	return s.standing(ctx, standingSQL+some+` union all `+startedSQL+some, before, ids)
}

// StandingSample returns some of the standing cases: those that have stood longest, and as many that have come to their
// stage last.
func (s *Store) StandingSample(ctx context.Context, before time.Time, each int) ([]StandingCase, error) {
	const longest, latest = standingSQL + `order by since limit $2`, standingSQL + `order by since desc limit $2`
	return s.standing(ctx, `(`+longest+`) union (`+latest+`)`, before, each)
}

// begunAgain is the line of the timeline that says that another run goes on with a case, because the last was lost or
// was apart from it. beginsAgainAfter is how long a lost one that has made no move since is left to staff.
const (
	begunAgain       = "begun_again"
	beginsAgainAfter = time.Hour
)

// Place is where a case stands.
func (s *Store) Place(ctx context.Context, ref campus.CaseRef) (at campus.Place, err error) {
	c, err := s.FindCase(ctx, ref.ID, func(c Case) bool { return c.Kind == ref.Kind })
	return campus.Place{Stage: c.Stage, Version: c.Version, Outcome: c.Outcome}, err
}

// NoteBegunAgain says in the timeline that another run goes on with a case, because the last was apart from it: once
// until the case moves.
func (s *Store) NoteBegunAgain(ctx context.Context, ref campus.CaseRef) error {
	return s.InTx(ctx, "note that a case begins again", func(t db.Tx) error {
		c, err := LockCase(t, ref)
		if err != nil || c.Outcome != "" {
			return err
		}
		var noted bool
		err = t.Raw(`select exists (select 1 from events where case_id = @id and kind = @kind
				and at >= coalesce((select max(at) from moves where case_id = @id), '-infinity'))`,
			map[string]any{"id": ref.ID, "kind": begunAgain}).Row().Scan(&noted)
		if err != nil || noted {
			return err
		}
		return AddEvent(t, ref.ID, campus.Event{Kind: begunAgain, Actor: campus.System()}, uuid.Nil)
	})
}

// StartAgain asks for another run of a case whose workflow Temporal has lost, or that has ended before its case: it
// goes on from the row of the case (K8). Nothing happens while a start is asked for already, or when the case has
// ended. False where that was tried within the last hour and the case has not moved since: staff have to see why.
func (s *Store) StartAgain(ctx context.Context, ref campus.CaseRef) (begins bool, err error) {
	err = s.InTx(ctx, "start a case again", func(t db.Tx) error {
		c, err := LockCase(t, ref)
		if begins = true; err != nil || c.Outcome != "" {
			return err
		}
		var waits, tried bool
		err = t.Raw(`select exists (select 1 from line where case_id = @id)
				or exists (select 1 from outbox where kind in ('start', 'restart') and workflow_id = @workflow),
			exists (select 1 from events where case_id = @id and kind = @kind and at > @lately
				and at >= (select max(at) from moves where case_id = @id))`,
			map[string]any{"id": ref.ID, "workflow": ref.WorkflowID(), "kind": begunAgain,
				"lately": t.Now.Add(-beginsAgainAfter)}).Row().Scan(&waits, &tried)
		if err != nil || waits {
			return err
		}
		if tried {
			begins = false
			return nil
		}
		if c.Version > 0 {
			if err := AddEvent(t, ref.ID, campus.Event{Kind: begunAgain, Actor: campus.System()}, uuid.Nil); err != nil {
				return err
			}
		}
		return EnqueueRestart(ctx, t, campus.CaseInput{Case: ref, University: c.University, Campus: c.Campus})
	})
	return begins, err
}

// WithoutWorkflow returns open cases of which staff have been told that they have no workflow.
func (s *Store) WithoutWorkflow(ctx context.Context, limit int) ([]campus.CaseRef, error) {
	rows, err := s.Reports.Pool.Query(ctx, `select c.kind, c.id from work_items w join cases c on c.id = w.case_id
		where w.kind = 'incident' and w.step = $1 and w.closed_at is null order by w.id limit $2`, campus.LostWorkflow, limit)
	if err != nil {
		return nil, db.Wrap("list cases without a workflow", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[campus.CaseRef])
	return found, db.Wrap("list cases without a workflow", err)
}

func (s *Store) standing(ctx context.Context, query db.Statement, args ...any) ([]StandingCase, error) {
	rows, err := s.Reports.Pool.Query(ctx, string(query), args...)
	if err != nil {
		return nil, db.Wrap("list open cases", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StandingCase])
	return found, db.Wrap("list open cases", err)
}

// lateSQL are the decisions that have been open since before a moment: the workflows of their cases have neither
// carried them out nor refused them. One that a move stands for is carried out, and its answer may take long, as that
// of a withdrawal whose undoing still runs; a workflow that has lost such a move is behind its case, and named so.
const lateSQL = `from requests r where state = 'open' and created_at < $1
	and not exists (select 1 from moves where decision = r.id) `

// LateDecisions counts the decisions that have been open for longer than a while.
func (s *Store) LateDecisions(ctx context.Context, age time.Duration) (WaitingFigure, error) {
	var f WaitingFigure
	err := s.Reports.Pool.QueryRow(ctx, `select count(*), min(created_at) `+lateSQL, s.Now().Add(-age)).Scan(&f.Rows,
		&f.Oldest)
	return f, db.Wrap("count open decisions", err)
}

// LateDecisionCases returns the workflow ids of the cases whose decisions have been open longest.
func (s *Store) LateDecisionCases(ctx context.Context, age time.Duration, limit int) ([]string, error) {
	rows, err := s.Reports.Pool.Query(ctx, `select workflow `+lateSQL+
		`group by workflow order by min(created_at), workflow limit $2`, s.Now().Add(-age), limit)
	if err != nil {
		return nil, db.Wrap("name open decisions", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, db.Wrap("name open decisions", err)
}

// WaitingFigure counts what waits for Temporal.
type WaitingFigure struct {
	Rows    int
	Failing int // tried, and sent back with a reason
	Oldest  *time.Time
}
