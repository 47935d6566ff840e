package money

import (
	"context"
	"database/sql"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"campuscard/campus"
	"campuscard/storage/db"
)

// Entry is a transfer as the statement of an account shows it (E4).
type Entry struct {
	ID            uuid.UUID
	AccountID     uuid.UUID
	Seq           int64
	At            time.Time
	TakenAt       time.Time
	Kind          campus.TransferKind
	AmountCents   int64
	FromID        uuid.UUID
	ToID          uuid.UUID
	Cause         uuid.NullUUID
	Terminal      string
	MainChange    int64
	SubsidyChange int64
	DebtChange    int64
	MainAfter     int64
	SubsidyAfter  int64
	DebtAfter     int64
	BackCents     int64      // what of it was given back by now
	PreviousAt    *time.Time // nil: it is the first
	MerchantZH    string     // at the other side, if it is one
	MerchantEN    string
	Way           string        // by which money came or went: the name of a channel, or campus.CashWay (L2)
	AppealID      uuid.NullUUID // E3: the case in which it is asked back
	AppealStage   campus.Stage
	AppealOutcome campus.Outcome
}

// Purses are what the account had after the transfer.
func (e Entry) Purses() campus.Purses {
	return campus.Purses{Main: e.MainAfter, Subsidy: e.SubsidyAfter, Debt: e.DebtAfter}
}

// Change is what it did to the account.
func (e Entry) Change() campus.Purses {
	return campus.Purses{Main: e.MainChange, Subsidy: e.SubsidyChange, Debt: e.DebtChange}
}

// Cursor is where a statement goes on: the transfer that was shown last, and when the one before it was.
type Cursor struct {
	Account uuid.UUID
	Seq     int64
	At      time.Time
}

// monthsAtOnce is how many months of transfers one statement looks at, at most.
const monthsAtOnce = 64

// Statement is a page of the transfers of an account and then of those whose place it has taken, each with the newest
// first, from a cursor on; nil: from the newest. next is nil behind the first transfer. Each transfer names the moment
// of the one before it, so that looking goes on in a month in which something was paid. Most pages lie in one; when
// there is room on the page, as many months are looked at in one statement as the rest should lie in, so that a page of
// two years is not 24. NotFound: account_unknown.
func (s *Store) Statement(ctx context.Context, account uuid.UUID, from *Cursor, limit int) (page []Entry, next *Cursor,
	err error) {
	line, err := db.All[lineAccount](ctx, s.Reports, lineSQL, map[string]any{"account": account})
	switch {
	case err != nil:
		return nil, nil, db.Wrap("read a statement", err)
	case len(line) == 0:
		return nil, nil, unknown(sql.ErrNoRows)
	case from != nil:
		for len(line) > 0 && line[0].ID != from.Account {
			line = line[1:]
		}
		if len(line) == 0 { // of somebody else
			return nil, nil, cursorInvalid()
		}
		line = line[1:]
	}
	for months := 1; ; {
		for from == nil && len(line) > 0 {
			from, line = line[0].newest(), line[1:]
		}
		if from == nil || len(page) >= limit {
			return page, from, nil
		}
		found, err := s.entries(ctx, *from, months, limit-len(page))
		if err != nil {
			return nil, nil, db.Wrap("read a statement", err)
		}
		if len(found) == 0 { // a cursor that we give names a transfer
			return nil, nil, cursorInvalid()
		}
		page = append(page, found...)
		last := found[len(found)-1]
		began := from.At
		if from = nil; last.PreviousAt != nil {
			months = monthsFor(limit-len(page), len(found), began.Sub(*last.PreviousAt), months)
			from = &Cursor{Account: last.AccountID, Seq: last.Seq, At: *last.PreviousAt}
		}
	}
}

// monthsFor is in how many months so many transfers should lie, if so many before them took so long; at least twice as
// many as were looked at, so that a guess that was too low costs few statements.
func monthsFor(missing, found int, took time.Duration, looked int) int {
	const month = 30 * 24 * time.Hour
	guess := 2 + int(float64(missing)/float64(found)*float64(took)/float64(month)) // of the first and the last a part
	return min(max(guess, 2*looked), monthsAtOnce)
}

func cursorInvalid() error {
	return campus.FieldErrorf("cursor", "cursor_invalid", "no transfer of the account is there")
}

// lineAccount is an account, or one whose place it has taken.
type lineAccount struct {
	ID     uuid.UUID
	Seq    int64
	LastAt *time.Time
}

// newest is the cursor before its newest transfer; nil: it has none.
func (a lineAccount) newest() *Cursor {
	if a.LastAt == nil {
		return nil
	}
	return &Cursor{Account: a.ID, Seq: a.Seq + 1, At: *a.LastAt}
}

const lineSQL db.Statement = `with recursive line as (
	select id, seq, last_at from accounts where id = @account
	union select a.id, a.seq, a.last_at from accounts a join line l on a.successor = l.id
)
select id, seq, last_at from line order by id <> @account, id desc`

// entries are those of some months: the cursor's, and those before it.
func (s *Store) entries(ctx context.Context, from Cursor, months, limit int) ([]Entry, error) {
	return query[Entry](ctx, s.Reports, entriesSQL, db.Named{"account": from.Account, "seq": from.Seq,
		"low": monthID(from.At, 1-months), "high": monthID(from.At, 1), "limit": limit})
}

const entryColumns = `select t.id, t.account_id, t.seq, t.at, t.taken_at, t.kind, t.amount_cents, t.from_id, t.to_id, t.cause,
	t.terminal, t.main_change, t.subsidy_change, t.debt_change, t.main_after, t.subsidy_after, t.debt_after, t.previous_at,
	coalesce(b.main_back + b.subsidy_back, 0) as back_cents, coalesce(m.name_zh, '') as merchant_zh,
	coalesce(m.name_en, '') as merchant_en, case o.kind when 'channel' then o.ref when 'transit' then o.ref
		when 'drawer' then 'cash' else '' end as way,
	c.id as appeal_id, coalesce(c.stage, '') as appeal_stage, coalesce(c.outcome, '') as appeal_outcome
	from transfers t left join refundables b on b.transfer_id = t.id
		left join books o on o.id = case when t.account_id = t.from_id then t.to_id else t.from_id end
		left join merchants m on m.book_id = o.id
		left join appeals a on a.transfer_id = t.id left join cases c on c.id = a.case_id `

const entriesSQL db.Statement = entryColumns + `where t.account_id = @account and t.seq < @seq
	and t.id >= @low and t.id < @high
	order by t.seq desc limit @limit`

// query runs a statement with its values in its text. So it is planned for them, and touches the months that they name
// alone; a plan for any values would lock every month.
func query[T any](ctx context.Context, d *db.DB, sql db.Statement, args db.Named) ([]T, error) {
	rows, err := d.Pool.Query(ctx, string(sql), pgx.QueryExecModeSimpleProtocol, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// monthID is the lowest id of the month so many after that of a moment.
func monthID(at time.Time, after int) uuid.UUID {
	at = at.UTC()
	return lowestID(time.Date(at.Year(), at.Month()+time.Month(after), 1, 0, 0, 0, 0, time.UTC))
}

// lowestID is the lowest UUIDv7 of a millisecond.
func lowestID(at time.Time) (id uuid.UUID) {
	ms := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6], id[8] = 0x70, 0x80
	return id
}

// BalanceAt is what an account had at a moment: after its last transfer until then (E4). What is happening at this
// moment may not be in it yet. NotFound: account_unknown.
func (s *Store) BalanceAt(ctx context.Context, account uuid.UUID, at time.Time) (campus.Purses, error) {
	a, err := s.Account(ctx, account)
	if err != nil {
		return campus.Purses{}, err
	}
	last, err := s.lastUntil(ctx, a, at)
	if err != nil || last == nil {
		return campus.Purses{}, db.Wrap("read a balance", err)
	}
	return last.Purses(), nil
}

// lastUntil finds the last transfer until a moment, from the month of that moment back to the one of the opening.
func (s *Store) lastUntil(ctx context.Context, a Account, at time.Time) (*Entry, error) {
	if a.LastAt == nil {
		return nil, nil
	}
	if at.After(*a.LastAt) {
		at = *a.LastAt
	}
	for month := at; !month.Before(monthStart(a.OpenedAt)); month = monthStart(month).Add(-time.Millisecond) {
		found, err := query[Entry](ctx, s.Reports, lastUntilSQL, db.Named{"account": a.ID, "at": at,
			"low": monthID(month, 0), "high": monthID(month, 1)})
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return &found[0], nil
		}
	}
	return nil, nil
}

const lastUntilSQL db.Statement = entryColumns + `where t.account_id = @account and t.at <= @at
	and t.id >= @low and t.id < @high
	order by t.seq desc limit 1`

func monthStart(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// BookBalance is what a book holds: all that came, less all that went. For the receivables that is what is owed in all.
// It reads every transfer of the book: for comparisons, not for people who wait.
func (s *Store) BookBalance(ctx context.Context, book uuid.UUID) (cents int64, err error) {
	err = s.Reports.Pool.QueryRow(ctx, bookBalanceSQL, book).Scan(&cents)
	return cents, db.Wrap("add up a book", err)
}

const bookBalanceSQL = `select case when (select kind from books where id = $1) = 'receivable'
	then (select coalesce(sum(t.debt_change), 0) from transfers t join accounts a on a.id = t.account_id
		join books b on b.id = $1 and b.university = a.university)
	else (select coalesce(sum(amount_cents) filter (where to_id = $1), 0)
			- coalesce(sum(amount_cents) filter (where from_id = $1), 0)
		from transfers where $1 in (from_id, to_id)) end::bigint`
