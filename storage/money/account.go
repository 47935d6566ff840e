package money

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Account is what a card can pay with.
type Account struct {
	ID           uuid.UUID
	CardID       uuid.UUID
	PersonID     uuid.UUID
	University   string
	Holds        []campus.AccountHold
	ValidUntil   campus.Date
	MainCents    int64
	SubsidyCents int64
	SubsidyUntil campus.Date // the first day on which it is gone
	DebtCents    int64
	LimitCents   *int64 // nil: the policy's
	Day          campus.Date
	SpentCents   int64 // on that day
	Seq          int64
	LastAt       *time.Time
	Successor    uuid.NullUUID
	OpenedAt     time.Time
	ClosedAt     *time.Time
}

// Purses are what the account has.
func (a Account) Purses() campus.Purses {
	return campus.Purses{Main: a.MainCents, Subsidy: a.SubsidyCents, Debt: a.DebtCents}
}

// goneBy tells whether a subsidy that ends on a day has ended by another; zero: it has no end.
func goneBy(until, today campus.Date) bool { return !until.IsZero() && !today.Before(until) }

// moment is when a transfer of the account is that comes now, by a clock that may have been set back: not before the
// last one, nor before the day that is counted, which so never goes back either (E2).
func (a Account) moment(now time.Time) time.Time {
	if a.LastAt != nil && a.LastAt.After(now) {
		now = *a.LastAt
	}
	if start := a.Day.Start(); start.After(now) {
		now = start
	}
	return now
}

// Silent is why the account does not pay on a day, whatever the amount; empty: it pays.
func (a Account) Silent(today campus.Date) campus.PaymentOutcome {
	switch {
	case a.ClosedAt != nil:
		return campus.AccountClosed
	case slices.Contains(a.Holds, campus.EndedHold) || a.Successor.Valid:
		return campus.CardEnded
	case slices.Contains(a.Holds, campus.LostHold):
		return campus.CardIsLost
	case slices.Contains(a.Holds, campus.FrozenHold):
		return campus.CardIsFrozen
	case len(a.Holds) > 0:
		return campus.AccountChecked
	case !a.ValidUntil.IsZero() && !today.Before(a.ValidUntil):
		return campus.CardExpired
	}
	return ""
}

const accountColumns = `select id, card_id, person_id, university, holds, valid_until, main_cents, subsidy_cents,
	subsidy_until, debt_cents, limit_cents, day, spent_cents, seq, last_at, successor, opened_at, closed_at from accounts `

// scan reads what accountColumns selects.
func (a *Account) scan(row interface{ Scan(into ...any) error }) error {
	var holds []string
	err := row.Scan(&a.ID, &a.CardID, &a.PersonID, &a.University, &holds, &a.ValidUntil, &a.MainCents, &a.SubsidyCents,
		&a.SubsidyUntil, &a.DebtCents, &a.LimitCents, &a.Day, &a.SpentCents, &a.Seq, &a.LastAt, &a.Successor, &a.OpenedAt,
		&a.ClosedAt)
	a.Holds = make([]campus.AccountHold, len(holds))
	for i, hold := range holds {
		a.Holds[i] = campus.AccountHold(hold)
	}
	return err
}

// OpenAccount opens the account of a card that becomes active, in the transaction that makes it so. The account that
// the human had with an earlier card, under the same number or another (decision 71), is followed by this one: what the
// holder has chosen and spent today goes along (E2); its money stays until it is moved (F3), and its phone pays no
// more: a phone is bound to an account. others are the people on the roster who are the same human.
func OpenAccount(t db.Tx, card uuid.UUID, others []uuid.UUID) error {
	return t.Write(openSQL, map[string]any{"id": uuid.Must(uuid.NewV7()), "card": card, "now": t.Now, "others": others})
}

// Who has several, because the roster has only now made them one human, goes on from the last of them, with all that
// was spent on its day.
const openSQL = `with locked as materialized (
	select a.id from accounts a join cards c on c.id = @card
	where (a.person_id = c.person_id or a.person_id = any(cast(@others as uuid[])))
		and a.successor is null and a.closed_at is null
	order by a.id for no key update of a
), before as (
	update accounts a set successor = @id, phone_key = null, phone_key_until = null from locked l where a.id = l.id
	returning a.id, a.limit_cents, a.day, a.spent_cents
), unbound as (
	update phone_keys k set ended_at = @now from locked l where k.account_id = l.id and k.ended_at is null
	returning k.id, k.account_id
), denied as (
	insert into denials (university, account_id, phone, denied, at)
	select a.university, u.account_id, u.id, true, @now from unbound u join accounts a on a.id = u.account_id
)
insert into accounts (id, card_id, person_id, university, valid_until, limit_cents, day, spent_cents, opened_day,
	opened_spent, opened_at)
select cast(@id as uuid), c.id, c.person_id, c.university, c.valid_until, b.limit_cents, b.day, b.spent_cents, b.day,
	b.spent_cents, cast(@now as timestamptz)
from cards c cross join (
	select (select limit_cents from before order by id desc limit 1) as limit_cents,
		coalesce((select max(day) from before), '2000-01-01') as day,
		coalesce((select sum(spent_cents) from before where day = (select max(day) from before)), 0)::bigint as spent_cents
) b where c.id = @card`

// Hold has the account of a card pay no more, from the commit on: a payment that waits for the row sees it. A card
// without an account has nothing to hold. The first hold is a denial for tills without network (F1).
func Hold(t db.Tx, card uuid.UUID, hold campus.AccountHold) error {
	return t.Write(`with held as (
			update accounts set holds = array_append(holds, @hold) where card_id = @card and not holds @> array[@hold]
			returning id, university, holds
		)
		insert into denials (university, account_id, denied, at)
		select university, id, true, @now from held where cardinality(holds) = 1`,
		map[string]any{"card": card, "hold": string(hold), "now": t.Now})
}

// Lift takes a hold away; others stay. The last one that goes ends the denial.
func Lift(t db.Tx, card uuid.UUID, hold campus.AccountHold) error {
	return t.Write(`with lifted as (
			update accounts set holds = array_remove(holds, @hold) where card_id = @card and holds @> array[@hold]
			returning id, university, holds
		)
		insert into denials (university, account_id, denied, at)
		select university, id, false, @now from lifted where holds = '{}'`,
		map[string]any{"card": card, "hold": string(hold), "now": t.Now})
}

// Account reads an account. NotFound: account_unknown.
func (s *Store) Account(ctx context.Context, id uuid.UUID) (Account, error) {
	a, err := ReadAccount(s.Read(ctx), id)
	return a, db.Wrap("read an account", err)
}

// ReadAccount is Account in a transaction.
func ReadAccount(t db.Tx, id uuid.UUID) (a Account, err error) {
	err = a.scan(t.Ask(accountColumns+`where id = @id`, map[string]any{"id": id}))
	return a, unknown(err)
}

// CurrentAccount reads the account that a person pays with. NotFound: account_unknown.
func (s *Store) CurrentAccount(ctx context.Context, person uuid.UUID) (a Account, err error) {
	err = a.scan(s.Read(ctx).Ask(accountColumns+`where person_id = @person and successor is null and closed_at is null`,
		map[string]any{"person": person}))
	return a, db.Wrap("read an account", unknown(err))
}

func unknown(err error) error { return absent(err, "account_unknown", "no such account") }

// absent makes the error of a row that is not there a NotFound with a reason; others stay.
func absent(err error, reason, what string) error {
	if isAbsent(err) {
		return campus.Errorf(campus.NotFound, reason, "%s", what)
	}
	return err
}

func isAbsent(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// lockAccount locks the account that takes the place of one by now, at its end, and answers it: it is looked for
// without a lock, so that no two are held. NotFound: account_unknown.
func lockAccount(t db.Tx, id uuid.UUID) (a Account, err error) {
	for {
		for {
			var next uuid.NullUUID
			err := t.Ask(`select successor from accounts where id = @id`, map[string]any{"id": id}).Scan(&next)
			if err != nil {
				return a, unknown(err)
			}
			if !next.Valid {
				break
			}
			id = next.UUID
		}
		err := a.scan(t.Ask(accountColumns+`where id = @id for no key update`, map[string]any{"id": id}))
		if err != nil || !a.Successor.Valid {
			return a, unknown(err)
		}
		id = a.Successor.UUID // it came meanwhile; its id is a later one, so accounts are still locked in their order
	}
}

// SetLimit changes the daily limit of a holder (E2), at any time; it may be below what is spent today. Raising it
// takes the payment password, which nobody has yet. Invalid: limit_range. Refused: password_needed. NotFound:
// account_unknown.
func (s *Store) SetLimit(ctx context.Context, p campus.MoneyPolicy, actor campus.Actor, account uuid.UUID,
	cents int64) error {
	if err := p.CheckLimit(cents); err != nil {
		return err
	}
	return s.setLimit(ctx, p, actor, account, &cents)
}

// DropLimit has the university's daily limit count for a holder again, whatever it will be; that is raising it where
// the holder's own is lower. Errors as SetLimit.
func (s *Store) DropLimit(ctx context.Context, p campus.MoneyPolicy, actor campus.Actor, account uuid.UUID) error {
	return s.setLimit(ctx, p, actor, account, nil)
}

// setLimit keeps a limit; nil is the university's.
func (s *Store) setLimit(ctx context.Context, p campus.MoneyPolicy, actor campus.Actor, account uuid.UUID,
	chosen *int64) error {
	cents := p.Limit(chosen)
	return s.alone(ctx, account, "set a limit", func(t db.Tx) error {
		a, err := lockAccount(t, account)
		if err != nil {
			return err
		}
		before := p.Limit(a.LimitCents)
		if cents > before {
			return campus.Errorf(campus.Refused, "password_needed", "raising a limit takes the payment password")
		}
		if err := t.Write(`update accounts set limit_cents = @limit where id = @id`,
			map[string]any{"id": a.ID, "limit": chosen}); err != nil {
			return err
		}
		return casework.AddAudit(t, actor, fmt.Sprintf("account.limit_from_%d_to_%d", before, cents),
			"account/"+a.ID.String(), a.University)
	})
}

// Freeze has a card pay no more, from the commit on (F1: at once). It waits for the account on the connections of what
// people wait for, where no payment waits for a row: payments of a stuck account have others (decision 93), so however
// many there are, it comes next but for those that wait at the row already. NotFound: account_unknown.
func (s *Store) Freeze(ctx context.Context, actor campus.Actor, card uuid.UUID) error {
	return s.setHold(ctx, actor, card, campus.FrozenHold, "account.freeze", Hold)
}

// Unfreeze lets a card pay again, if nothing else speaks against it. NotFound: account_unknown.
func (s *Store) Unfreeze(ctx context.Context, actor campus.Actor, card uuid.UUID) error {
	return s.setHold(ctx, actor, card, campus.FrozenHold, "account.unfreeze", Lift)
}

func (s *Store) setHold(ctx context.Context, actor campus.Actor, card uuid.UUID, hold campus.AccountHold, action string,
	set func(db.Tx, uuid.UUID, campus.AccountHold) error) error {
	return s.InTx(ctx, action, func(t db.Tx) error {
		var university string
		err := t.Ask(`select university from accounts where card_id = @card for no key update`,
			map[string]any{"card": card}).Scan(&university)
		if err != nil {
			return unknown(err)
		}
		if err := set(t, card, hold); err != nil {
			return err
		}
		return casework.AddAudit(t, actor, action, "card/"+card.String(), university)
	})
}

// Book answers the book of a kind at a university; ref says whose. It is opened when it is first asked for.
func (s *Store) Book(ctx context.Context, university string, kind campus.BookKind, ref string) (id uuid.UUID,
	err error) {
	words := map[string]any{"id": uuid.Must(uuid.NewV7()), "university": university, "kind": string(kind), "ref": ref,
		"now": s.Now()}
	err = s.Alone.InTx(ctx, "find a book", func(t db.Tx) error {
		id, err = findBook(t, words)
		return err
	})
	return id, err
}

func findBook(t db.Tx, words map[string]any) (id uuid.UUID, err error) {
	const find = `select id from books where university = @university and kind = @kind and ref = @ref`
	err = t.Ask(find, words).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	err = t.Ask(`insert into books (id, university, kind, ref, opened_at) values (@id, @university, @kind, @ref, @now)
		returning id`, words).Scan(&id)
	return id, refusal(err)
}

// bookOf answers a book that a university has one of.
func bookOf(t db.Tx, university string, kind campus.BookKind) (uuid.UUID, error) {
	return findBook(t, map[string]any{"id": uuid.Must(uuid.NewV7()), "university": university, "kind": string(kind),
		"ref": "", "now": t.Now})
}

// MakeMonths makes the months of transfers that lack, from that of now on, and answers how many those were. A month is
// begun before it is needed; without one nothing can be paid.
func (s *Store) MakeMonths(ctx context.Context, months int) (made int, err error) {
	err = s.Read(ctx).Ask(`select make_transfer_months(@now, @months)`,
		map[string]any{"now": s.Now(), "months": months}).Scan(&made)
	return made, db.Wrap("make months of transfers", err)
}

// MonthsAhead answers how many months after that of now can be written to.
func (s *Store) MonthsAhead(ctx context.Context) (ahead int, err error) {
	names, err := db.All[monthName](ctx, s.Reports, monthsSQL, nil)
	if err != nil {
		return 0, db.Wrap("count the months of transfers", err)
	}
	month := s.Now().UTC()
	month = time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, time.UTC)
	for slices.Contains(names, monthName{month.AddDate(0, ahead+1, 0).Format("transfers_2006_01")}) {
		ahead++
	}
	return ahead, nil
}

type monthName struct{ Name string }

const monthsSQL = `select c.relname::text as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
	where i.inhparent = 'transfers'::regclass`
