package money

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

const payoutFileColumns = `select f.id, f.university, f.through, f.made_by, f.made_at, f.taken_at, f.failure, f.tries,
	f.next_try, p.lines, p.waiting, p.bounced, p.total_cents
	from payout_files f cross join lateral (select count(*)::int as lines, (count(*) filter (where state = 'asked'))::int as waiting,
		(count(*) filter (where state = 'bounced'))::int as bounced,
		coalesce(sum(amount_cents), 0)::bigint as total_cents from payouts where file_id = f.id) p `

// PayoutFiles are those of a university, newest first.
func (s *Store) PayoutFiles(ctx context.Context, university string, after uuid.UUID, limit int) ([]PayoutFile, error) {
	found, err := db.All[PayoutFile](ctx, s.Reports, payoutFilesSQL, map[string]any{"university": university,
		"after": casework.Nullable(after), "limit": limit})
	return found, db.Wrap("list payout files", err)
}

const payoutFilesSQL db.Statement = payoutFileColumns + `where f.university = @university
	and (cast(@after as uuid) is null or f.id < @after) order by f.id desc limit @limit`

// PayoutFile is one of a university, with its lines. NotFound: payout_unknown.
func (s *Store) PayoutFile(ctx context.Context, university string, id uuid.UUID) (f PayoutFile, lines []Payout, err error) {
	f, found, err := db.One[PayoutFile](ctx, s.DB, payoutFileColumns+`where f.university = @university and f.id = @id`,
		map[string]any{"university": university, "id": id})
	if err == nil && !found {
		err = campus.Errorf(campus.NotFound, "payout_unknown", "no payout file %s", id)
	}
	if err == nil {
		lines, err = db.All[Payout](ctx, s.DB, payoutColumns+`where p.file_id = @file order by p.id`, map[string]any{"file": id})
	}
	return f, lines, db.Wrap("read a payout file", err)
}

const payoutColumns = `select p.id, p.file_id, p.university, p.merchant_id, p.account_id, p.unclaimed_id, p.amount_cents,
	p.first_day, p.last_day, p.state, p.reason, p.paid_at, p.bounced_at, coalesce(a.masked, u.masked) as masked,
	coalesce(m.name_zh, '') as name_zh, coalesce(m.name_en, '') as name_en` + payoutsTo

const payoutsTo = ` from payouts p left join merchant_accounts a on a.id = p.account_id
	left join unclaimed_settlements u on u.id = p.unclaimed_id left join merchants m on m.id = p.merchant_id `

// UniversitiesToPay are those that have settled a day since their last file, for a merchant that can be paid. What
// bounced waits for the next day's file, or for finance: else it would be sent again at once, to where it came back
// from.
func (s *Store) UniversitiesToPay(ctx context.Context) ([]string, error) {
	due, err := db.All[struct{ University string }](ctx, s.Reports, universitiesToPaySQL, nil)
	universities := make([]string, len(due))
	for i, d := range due {
		universities[i] = d.University
	}
	return universities, db.Wrap("find merchants to pay", err)
}

const universitiesToPaySQL db.Statement = `select distinct s.university from settlements s
	join merchant_accounts a on a.merchant_id = s.merchant_id and a.state = 'current'
	where s.payout_id is null and s.day > coalesce(
		(select max(through) from payout_files f where f.university = s.university), '2000-01-01')`

// DueFile is a file about which the bank is to be asked, with where its lines go.
type DueFile struct {
	PayoutFile
	Payouts []Payout
	Where   []campus.BankAccount // of each line
}

// DuePayoutFiles are those. Nobody else gets them until lease is over.
func (s *Store) DuePayoutFiles(ctx context.Context, limit int, lease time.Duration) (due []DueFile, err error) {
	now := s.Now()
	found, err := db.All[struct{ ID uuid.UUID }](ctx, s.DB, duePayoutFilesSQL,
		map[string]any{"now": now, "lease": now.Add(lease), "limit": limit})
	if err != nil {
		return nil, db.Wrap("find payout files to ask about", err)
	}
	for _, file := range found {
		d, wrong := s.dueFile(ctx, file.ID)
		if wrong != nil { // it holds up no other
			err = errors.Join(err, fmt.Errorf("payout file %s: %w", file.ID, wrong))
			continue
		}
		due = append(due, d)
	}
	return due, db.Wrap("read payout files", err)
}

const duePayoutFilesSQL db.Statement = `update payout_files set next_try = @lease where id in (select id from payout_files
	where next_try <= @now order by next_try limit @limit for update skip locked) returning id`

func (s *Store) dueFile(ctx context.Context, id uuid.UUID) (d DueFile, err error) {
	d.PayoutFile, _, err = db.One[PayoutFile](ctx, s.DB, payoutFileColumns+`where f.id = @id`, map[string]any{"id": id})
	if err != nil {
		return d, err
	}
	type sealedPayout struct {
		Payout
		Sealed []byte
	}
	lines, err := db.All[sealedPayout](ctx, s.DB, sealedPayoutsSQL, map[string]any{"file": id})
	if err != nil {
		return d, err
	}
	for _, line := range lines {
		at := sealedAccount(line.AccountID)
		if line.UnclaimedID != uuid.Nil {
			at = sealedPayer(line.UnclaimedID)
		}
		where, err := s.openAccount(at, line.Sealed)
		if err != nil {
			return d, err
		}
		d.Payouts, d.Where = append(d.Payouts, line.Payout), append(d.Where, where)
	}
	return d, nil
}

const sealedPayoutsSQL db.Statement = `select p.id, p.file_id, p.university, p.merchant_id, p.account_id, p.unclaimed_id,
	p.amount_cents, p.first_day, p.last_day, p.state, p.reason, p.paid_at, p.bounced_at,
	coalesce(a.masked, u.masked) as masked, coalesce(a.sealed, u.sealed) as sealed` + payoutsTo + `
	where p.file_id = @file order by p.id`

// FileAsked is what came of asking the bank about a file.
type FileAsked struct {
	ID      uuid.UUID
	Taken   bool      // the bank has it
	News    bool      // a line has an outcome that it had not: the next question comes soon again
	Failure string    // the code of what went wrong
	Next    time.Time // zero: it is not asked any more
}

// PayoutFileAsked keeps it.
func (s *Store) PayoutFileAsked(ctx context.Context, a FileAsked) error {
	return s.InTx(ctx, "keep what the bank says", func(t db.Tx) error {
		return t.Write(`update payout_files set failure = @failure, next_try = @next, tries = case when @news then 0 else tries + 1 end,
			taken_at = case when @taken then coalesce(taken_at, @now) else taken_at end where id = @id`, map[string]any{
			"id": a.ID, "failure": a.Failure, "next": nullTime(a.Next), "news": a.News, "taken": a.Taken, "now": t.Now})
	})
}

// RetryPayoutFile has the bank asked about a file at once. NotFound: payout_unknown.
func (s *Store) RetryPayoutFile(ctx context.Context, req casework.Request, who campus.StaffMember,
	id uuid.UUID) (f PayoutFile, err error) {
	f, err = casework.Once(ctx, s.casework, "ask the bank again", req, func(t db.Tx) (PayoutFile, error) {
		f := PayoutFile{ID: id}
		err := t.Ask(`update payout_files set next_try = @now, tries = 0 where id = @id and university = @university
			returning through, made_by, made_at, taken_at, failure, next_try`, map[string]any{"id": id,
			"university": who.University, "now": t.Now}).Scan(&f.Through, &f.MadeBy, &f.MadeAt, &f.TakenAt, &f.Failure, &f.NextTry)
		if err != nil {
			return f, absent(err, "payout_unknown", "no such payout file")
		}
		return f, casework.AddAudit(t, req.Actor, "payout.retry", "payout_file/"+id.String(), who.University)
	})
	if err != nil {
		return f, err
	}
	f, _, err = s.PayoutFile(ctx, who.University, id)
	return f, err
}
