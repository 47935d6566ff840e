package money

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// Period is what was posted in a time on an account, and on those whose place it has taken: each account's transfers in
// their order, the earliest account first.
type Period struct {
	Opening campus.Purses // of all these accounts together
	Closing campus.Purses
	Entries []Entry
}

// periodPage is how many transfers one statement reads.
const periodPage = 1000

// StatementOf reads what was posted from a moment on and before another; a moment is a whole millisecond. The numbers
// of an account have no gap, so how many transfers that are is known before one is read. Invalid: statement_long, more
// than most. NotFound: account_unknown.
func (s *Store) StatementOf(ctx context.Context, account uuid.UUID, from, until time.Time, most int) (p Period,
	err error) {
	line, err := db.All[lineAccount](ctx, s.Reports, lineSQL, map[string]any{"account": account})
	if err != nil {
		return p, db.Wrap("read a statement", err)
	}
	slices.Reverse(line)
	parts := make([]part, len(line))
	lines := int64(0)
	for i, of := range line {
		if parts[i], err = s.part(ctx, of.ID, from, until); err != nil {
			return p, err
		}
		p.Opening, p.Closing = p.Opening.Plus(parts[i].opening), p.Closing.Plus(parts[i].closing)
		lines += parts[i].last - parts[i].before
	}
	switch {
	case len(line) == 0:
		return p, campus.Errorf(campus.NotFound, "account_unknown", "no such account")
	case lines > int64(most):
		return p, campus.FieldErrorf("until", "statement_long", "the statement has %d lines, and may have %d", lines, most)
	}
	for _, part := range parts {
		if p.Entries, err = s.readPart(ctx, part, from, until, p.Entries); err != nil {
			return p, err
		}
	}
	return p, nil
}

// part is what one account did in a time: the transfers with the numbers behind before, until last.
type part struct {
	account          uuid.UUID
	before, last     int64
	opening, closing campus.Purses
}

func (s *Store) part(ctx context.Context, id uuid.UUID, from, until time.Time) (p part, err error) {
	a, err := s.Account(ctx, id)
	if err != nil {
		return p, err
	}
	p.account = id
	for _, end := range []struct {
		at   time.Time
		seq  *int64
		have *campus.Purses
	}{{from, &p.before, &p.opening}, {until, &p.last, &p.closing}} {
		last, err := s.lastUntil(ctx, a, end.at.Add(-time.Microsecond)) // what Postgres counts in
		if err != nil {
			return p, db.Wrap("read a statement", err)
		}
		if last != nil {
			*end.seq, *end.have = last.Seq, last.Purses()
		}
	}
	return p, nil
}

// readPart adds the transfers of a part to those of others. One that lacks is a fault: the file would add up to
// something else.
func (s *Store) readPart(ctx context.Context, p part, from, until time.Time, entries []Entry) ([]Entry, error) {
	for p.before < p.last {
		found, err := query[Entry](ctx, s.Reports, periodSQL, db.Named{"account": p.account, "after": p.before,
			"last": p.last, "low": lowestID(from), "high": lowestID(until), "limit": periodPage})
		if err != nil {
			return nil, db.Wrap("read a statement", err)
		}
		read := int64(len(found))
		if read == 0 || found[read-1].Seq != p.before+read {
			return nil, campus.Errorf(campus.Internal, campus.DataRefused, "transfers of account %s lack behind number %d",
				p.account, p.before)
		}
		p.before += read
		entries = append(entries, found...)
	}
	return entries, nil
}

const periodSQL db.Statement = entryColumns + `where t.account_id = @account and t.seq > @after and t.seq <= @last
	and t.id >= @low and t.id < @high
	order by t.seq limit @limit`
