package money

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/people"
)

// Close is the close of a day of a university's books (L8). Its id is that of its case.
type Close struct {
	ID           uuid.UUID
	University   string
	Day          campus.Date
	Until        time.Time // what tills sold until then belongs to it
	OpenedAt     time.Time
	OpenedBy     *uuid.UUID
	TillsSilent  int // that had not said everything when the books were closed
	ReportKey    string
	ReportSHA256 []byte
	SignedAt     *time.Time
	SignedBy     *uuid.UUID

	Stage       campus.Stage // of its case
	WaitsFor    campus.Party
	Since       time.Time
	Due         *time.Time
	Outcome     campus.Outcome
	Version     string     // of the policy that its case keeps
	ClosedAt    *time.Time // when its books were closed
	Differences int        // that were found
	Open        int        // of those, that nobody has settled
}

// Ref names the case of a close.
func (c Close) Ref() campus.CaseRef { return campus.CaseRef{Kind: campus.CloseCase, ID: c.ID} }

// NewClose asks for the next day of a university to be closed.
type NewClose struct {
	University    string
	Last          campus.Date // no later day
	PolicyVersion string
}

// OpenClose opens the close of the next day of a university, if that is not after the last one that may be closed, and
// the books of the day before are closed. A university has days from that of its first book on. opened is false when
// nothing is due; of several at once one opens it.
func (s *Store) OpenClose(ctx context.Context, n NewClose) (opened bool, err error) {
	err = s.InTx(ctx, "open a close", func(t db.Tx) error {
		c, err := openClose(ctx, t, n, nil)
		opened = c.ID != uuid.Nil
		return err
	})
	return opened, err
}

// OpenCloseNow is OpenClose for a member of staff, who may close today before it is over: what comes afterwards belongs
// to the next day. Conflict: close_not_due.
func (s *Store) OpenCloseNow(ctx context.Context, req casework.Request, who campus.StaffMember, n NewClose) (Close, error) {
	return casework.Once(ctx, s.casework, "open a close", req, func(t db.Tx) (Close, error) {
		n.University, n.Last = who.University, campus.DateOf(t.Now)
		c, err := openClose(ctx, t, n, &who.ID)
		if err == nil && c.ID == uuid.Nil {
			err = campus.Errorf(campus.Conflict, "close_not_due", "no day of %s can be closed", n.University)
		}
		if err != nil {
			return c, err
		}
		return c, casework.AddAudit(t, req.Actor, "close.open", c.Ref().WorkflowID(), c.University)
	})
}

func openClose(ctx context.Context, t db.Tx, n NewClose, by *uuid.UUID) (c Close, err error) {
	if err := people.TakeTurn(t, n.University); err != nil {
		return c, err
	}
	var next *time.Time
	var busy bool
	err = t.Ask(`select
			cast(coalesce((select max(day) + 1 from closes where university = @university),
				(select cast(min(opened_at) at time zone 'Asia/Shanghai' as date) from books where university = @university))
				as timestamp) at time zone 'Asia/Shanghai',
			exists (select from closes c where c.university = @university and not exists (select from books_closed b
				where b.university = c.university and b.day >= c.day))`, map[string]any{"university": n.University}).
		Scan(&next, &busy)
	if err != nil || next == nil || busy || n.Last.Before(campus.DateOf(*next)) {
		return c, err
	}
	c = Close{ID: uuid.Must(uuid.NewV7()), University: n.University, Day: campus.DateOf(*next), OpenedAt: t.Now,
		OpenedBy: by, Stage: campus.StageQueued, WaitsFor: campus.WaitsForEngine, Since: t.Now}
	if c.Until = c.Day.End(); t.Now.Before(c.Until) {
		c.Until = t.Now
	}
	if err := casework.OpenCase(t, c.Ref(), casework.CaseOwner{University: c.University}, n.PolicyVersion); err != nil {
		return c, err
	}
	if err := t.Write(`insert into closes (id, university, day, until, opened_at, opened_by)
		values (@id, @university, @day, @until, @now, @by)`, map[string]any{"id": c.ID, "university": c.University,
		"day": c.Day, "until": c.Until, "now": t.Now, "by": by}); err != nil {
		return c, err
	}
	return c, casework.EnqueueStart(ctx, t, c.Ref(), string(campus.CloseCase),
		campus.CaseInput{Case: c.Ref(), University: c.University})
}

const closeColumns = `select l.id, l.university, l.day, l.until, l.opened_at, l.opened_by, l.tills_silent, l.report_key,
		l.report_sha256, l.signed_at, l.signed_by, c.stage, c.waits_for, c.since, c.due, c.outcome,
		c.policy_version as version, b.closed_at, d.differences, d.open
	from closes l join cases c on c.id = l.id left join books_closed b on b.university = l.university and b.day = l.day
		cross join lateral (select count(*) as differences, count(*) filter (where settled_at is null) as open
			from close_differences where close_id = l.id) d `

// Close returns one close, for activities. NotFound: close_unknown.
func (s *Store) Close(ctx context.Context, id uuid.UUID) (Close, error) {
	return s.oneClose(ctx, closeColumns+`where l.id = @id`, map[string]any{"id": id})
}

// StaffClose returns a close of the member's university. NotFound: close_unknown.
func (s *Store) StaffClose(ctx context.Context, who campus.StaffMember, id uuid.UUID) (Close, error) {
	return s.oneClose(ctx, closeColumns+`where l.id = @id and l.university = @university`,
		map[string]any{"id": id, "university": who.University})
}

func (s *Store) oneClose(ctx context.Context, query db.Statement, words map[string]any) (Close, error) {
	found, err := db.All[Close](ctx, s.DB, query, words)
	if err == nil && len(found) == 0 {
		err = campus.Errorf(campus.NotFound, "close_unknown", "no such close")
	}
	if err != nil {
		return Close{}, db.Wrap("read a close", err)
	}
	return found[0], nil
}

// Closes are those of a university, the newest day first; before is the day of the last of the page before.
func (s *Store) Closes(ctx context.Context, university string, before campus.Date, limit int) ([]Close, error) {
	found, err := db.All[Close](ctx, s.Reports, closeColumns+`where l.university = @university
			and (cast(@before as date) is null or l.day < @before) order by l.day desc limit @limit`,
		map[string]any{"university": university, "before": before, "limit": limit})
	return found, db.Wrap("list closes", err)
}

// SilentTills are how many tills may have sold on the day of a close without network, and have not said that we have
// all of it. One goes on selling for so long after it was last heard of; what it had sold before that day is of a day
// that is closed, and is not waited for again.
func (s *Store) SilentTills(ctx context.Context, c Close, contact time.Duration) (silent int, err error) {
	tills, err := s.SilentTerminals(ctx, c.University, c.Until)
	for _, till := range tills {
		if till.Watermark.Add(contact).After(c.Day.Start()) {
			silent++
		}
	}
	return silent, err
}

// CloseBooks closes the books of a day with the move that says so: whoever posts in a statement that begins later posts
// to the next day.
func (s *Store) CloseBooks(ctx context.Context, m campus.Move, silent int) (campus.Moved, error) {
	return s.casework.Move(ctx, m, func(t db.Tx) error {
		if err := t.Write(`insert into books_closed (university, day, closed_at)
			select university, day, @now from closes where id = @id on conflict on constraint books_closed_pkey do nothing`,
			map[string]any{"id": m.Case.ID, "now": t.Now}); err != nil {
			return err
		}
		return t.Write(`update closes set tills_silent = @silent where id = @id`,
			map[string]any{"id": m.Case.ID, "silent": silent})
	})
}

// Writers are those who may still post to a day whose books are closed: transactions of our role that began before a
// moment after the close had committed. The moment is Postgres's; zero asks for it. It is read anew in each look,
// because pg_stat_activity stands still within a transaction. Reports and backups are of other roles, or wait no one
// long.
func (s *Store) Writers(ctx context.Context, since time.Time) (at time.Time, writers int, err error) {
	err = s.Read(ctx).Ask(`select since.at, (select count(*) from pg_stat_activity
			where usename = current_user and datname = current_database() and backend_type = 'client backend'
				and pid <> pg_backend_pid() and xact_start < since.at)
		from (select coalesce(cast(@since as timestamptz), clock_timestamp()) as at) since`,
		map[string]any{"since": moment(since)}).Scan(&at, &writers)
	return at, writers, db.Wrap("look for whoever writes to a closed day", err)
}

// moment is a time for a parameter that may have none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// KeepReport keeps which object the report of a close is; the last one that was written counts until it is signed.
func (s *Store) KeepReport(ctx context.Context, c Close, content []byte) error {
	sum := sha256.Sum256(content)
	key := "closes/" + c.ID.String() + "/" + hex.EncodeToString(sum[:])
	if err := s.PutSealed(ctx, key, content); err != nil {
		return err
	}
	return s.InTx(ctx, "keep a report", func(t db.Tx) error {
		return t.Write(`update closes set report_key = @key, report_sha256 = @sum where id = @id and signed_at is null`,
			map[string]any{"id": c.ID, "key": key, "sum": sum[:]})
	})
}

// ReportFile opens the report of a close. NotFound: file_gone.
func (s *Store) ReportFile(ctx context.Context, c Close) ([]byte, error) {
	if c.ReportKey == "" {
		return nil, campus.Errorf(campus.NotFound, "file_gone", "close %s has no report yet", c.ID)
	}
	return s.GetSealed(ctx, c.ReportKey, "the report of close "+c.ID.String())
}

// Sign signs a day with the move that says so. Conflict: differences_open.
func (s *Store) Sign(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return s.casework.Move(ctx, m, func(t db.Tx) error {
		var open bool
		err := t.Ask(`select exists (select from close_differences where close_id = @id and settled_at is null)`,
			map[string]any{"id": m.Case.ID}).Scan(&open)
		if err == nil && open {
			err = campus.Errorf(campus.Conflict, "differences_open", "differences of close %s are open", m.Case.ID)
		}
		if err != nil {
			return err
		}
		return t.Write(`update closes set signed_at = @now, signed_by = @by where id = @id`,
			map[string]any{"id": m.Case.ID, "now": t.Now, "by": m.Decision.By.ID})
	})
}
