package money

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// posting is one transfer between a locked account and a book.
type posting struct {
	kind     campus.TransferKind
	book     uuid.UUID
	change   campus.Purses // of the account; its net is the amount, below nothing if it goes out
	spent    int64         // E2: of the limit of the day on which it is posted, below nothing if it is given back
	cause    uuid.UUID
	terminal string
	key      string
	taken    time.Time
	sold     time.Time // E1: when a sale without network was made, to whose day it belongs while its books are open; none: now
}

// on is the account as a posting of a moment leaves it; its number and moment come with the transfer.
func (p posting) on(a Account, at time.Time) Account {
	a.MainCents += p.change.Main
	a.SubsidyCents += p.change.Subsidy
	a.DebtCents += p.change.Debt
	if day := campus.DateOf(at); p.spent != 0 && a.Day.Before(day) { // E2
		a.Day, a.SpentCents = day, 0
	}
	a.SpentCents += p.spent
	return a
}

// post changes a locked account, and answers it as it is then with the id of the transfer.
func post(t db.Tx, a Account, p posting) (Account, uuid.UUID, error) {
	var id uuid.UUID
	at := a.moment(t.Now)
	after, from, to := p.on(a, at), p.book, a.ID
	amount := p.change.Net()
	if amount < 0 {
		amount, from, to = -amount, to, from
	}
	until := campus.Date{}
	if p.change.Subsidy != 0 {
		until = a.SubsidyUntil
	}
	err := t.Ask(postSQL, map[string]any{
		"account": a.ID, "book": p.book, "from": from, "to": to, "amount": amount, "kind": string(p.kind), "at": at, "until": until,
		"main": after.MainCents, "subsidy": after.SubsidyCents, "debt": after.DebtCents, "day": after.Day,
		"spent": after.SpentCents, "main_change": p.change.Main, "subsidy_change": p.change.Subsidy,
		"debt_change": p.change.Debt, "spent_change": p.spent, "previous": a.LastAt,
		"cause": uuid.NullUUID{UUID: p.cause, Valid: p.cause != uuid.Nil}, "terminal": p.terminal, "key": p.key,
		"taken": p.taken, "sold": moment(p.sold),
	}).Scan(&id, &after.Seq, &after.LastAt)
	return after, id, refusal(err)
}

const postSQL = `with changed as (
	update accounts set main_cents = @main, subsidy_cents = @subsidy, debt_cents = @debt, day = @day, spent_cents = @spent,
		seq = seq + 1, last_at = @at
	where id = @account returning seq, last_at
)
insert into transfers (id, from_id, to_id, amount_cents, kind, cause, books_day, terminal, key, taken_at, at,
	account_id, seq, previous_at, main_change, subsidy_change, debt_change, spent_change, main_after,
	subsidy_after, debt_after, subsidy_until)
select money_id(last_at), @from, @to, @amount, @kind, @cause, ` + soldDay + `, @terminal, @key, @taken, last_at,
	@account, seq, @previous, @main_change, @subsidy_change, @debt_change, @spent_change, @main, @subsidy, @debt, @until
from changed returning id, seq, at`

// What decides to which day of the books of a book's university a transfer belongs (L8): the calendar day in Shanghai
// of a moment while its books are open, else the first open day. It is read in the statement that inserts, so that
// whoever closes a day knows when nobody can write to it any more. The moment is that of the transfer, last_at; of a
// sale without network that of the sale, if that is not later (E1).
const (
	soldDay     = booksDayOf + `least(cast(@sold as timestamptz), last_at)` + whileOpen // of one transfer
	uploadedDay = booksDayOf + `least(taken, at)` + whileOpen                           // of each that a till sends

	booksDayOf = `(select greatest(cast(`
	whileOpen  = ` at time zone 'Asia/Shanghai' as date), max(c.day) + 1) from books_closed c
	where c.university = (select b.university from books b where b.id = @book))`
)

// postBetween adds a transfer from book to book.
func postBetween(t db.Tx, from, to uuid.UUID, cents int64, p posting) (id uuid.UUID, err error) {
	err = t.Ask(betweenSQL, map[string]any{"book": from, "from": from, "to": to, "amount": cents,
		"kind": string(p.kind), "now": t.Now,
		"cause": uuid.NullUUID{UUID: p.cause, Valid: p.cause != uuid.Nil}, "terminal": p.terminal, "key": p.key,
		"taken": p.taken, "sold": moment(p.sold)}).Scan(&id)
	return id, refusal(err)
}

const betweenSQL = `insert into transfers
		(id, from_id, to_id, amount_cents, kind, cause, books_day, terminal, key, taken_at, at)
	select money_id(last_at), @from, @to, @amount, @kind, @cause, ` + soldDay + `, @terminal, @key, @taken, last_at
	from (select cast(@now as timestamptz) as last_at) now returning id`

// keepAnswer keeps the answer to a key that had none when it was looked for. When somebody was as fast, the
// transaction is made again and finds theirs.
func keepAnswer(t db.Tx, terminal, key string, hash []byte, account uuid.UUID, a Answer) error {
	var at time.Time
	return t.Ask(`insert into answers
			(terminal, key, hash, account_id, outcome, transfer_id, left_cents, balance_cents, given_cents, at)
		values (@terminal, @key, @hash, @account, @outcome, @transfer, @left, @balance, @given, @now) returning at`,
		map[string]any{"given": a.given, "terminal": terminal, "key": key, "hash": hash, "outcome": string(a.Outcome), "left": a.LeftCents,
			"account":  uuid.NullUUID{UUID: account, Valid: account != uuid.Nil},
			"transfer": uuid.NullUUID{UUID: a.Transfer, Valid: a.Transfer != uuid.Nil}, "balance": a.BalanceCents, "now": a.At,
		}).Scan(&at)
}

// Posted is the outcome of what is no payment.
const Posted campus.PaymentOutcome = "posted"

// Credit is money that comes from a book to an account (E4, L5).
type Credit struct {
	Terminal string // with the key: whoever asks, and for what
	Key      string
	Account  uuid.UUID
	Book     uuid.UUID
	Cents    int64
	Kind     campus.TransferKind // top_up or subsidy
	Until    campus.Date         // of a subsidy: the first day on which it is gone; zero: it has no end
	TakenAt  time.Time
}

// Credit puts money on the account that takes the place of the named one by now, once for each key. A top-up first pays
// what is owed (E4). A subsidy has a purse of its own, in which there is one at a time: what has ended is taken out
// first, and of two that have not the later end counts. Invalid: amount_invalid, key_missing. Conflict: key_reused,
// account_closed. NotFound: account_unknown, book_unknown.
func (s *Store) Credit(ctx context.Context, c Credit) (Answer, error) {
	hash := campus.PaymentHash(c.Terminal, c.Book, c.Account, c.Cents, c.Kind, c.TakenAt)
	return s.once(ctx, c.Account, "credit an account", c.Terminal, c.Key, c.Cents, c.Book, hash,
		func(t db.Tx) (a Account, id uuid.UUID, err error) {
			if a, err = lockAccount(t, c.Account); err != nil {
				return a, id, err
			}
			if a.ClosedAt != nil {
				return a, id, accountClosed(a)
			}
			p := posting{kind: c.Kind, book: c.Book, terminal: c.Terminal, key: c.Key, taken: c.TakenAt}
			switch c.Kind {
			case campus.TopUpTransfer:
				p.change = a.Purses().PutMain(c.Cents)
			case campus.SubsidyTransfer:
				if a, err = putSubsidyUntil(t, a, c.Until); err != nil {
					return a, id, err
				}
				p.change = campus.Purses{Subsidy: c.Cents}
			default:
				return a, id, campus.Errorf(campus.Invalid, "", "a transfer of kind %s is no credit", c.Kind)
			}
			return post(t, a, p)
		})
}

// Charge takes an amount that must be taken, whatever the account has and whoever holds it: what is missing is owed
// (E4). So are sales posted that were made without network: one counts towards the limit of its own day, if that is not
// over (E2). Of an account that is closed by now nobody owes anything any more: the loss cover pays what was sold
// before, and a merchant who has sold afterwards bears it (account_closed). Errors as Credit.
func (s *Store) Charge(ctx context.Context, p Payment) (Answer, error) {
	return s.once(ctx, p.Account, "charge an account", p.Terminal, p.Key, p.Cents, p.Book, p.hash(),
		func(t db.Tx) (a Account, id uuid.UUID, err error) {
			if a, err = lockAccount(t, p.Account); err != nil {
				return a, id, err
			}
			if a.ClosedAt != nil {
				id, err = coverLoss(t, a, p)
				return a, id, err
			}
			return charge(t, a, p)
		})
}

// coverLoss pays a merchant what was sold before an account was closed. Conflict: account_closed.
func coverLoss(t db.Tx, a Account, p Payment) (id uuid.UUID, err error) {
	if !p.TakenAt.Before(*a.ClosedAt) {
		return id, accountClosed(a)
	}
	return payFromCover(t, a.University, p, posting{kind: p.Kind, cause: a.ID, sold: p.TakenAt})
}

// payFromCover has a merchant get a sale from what the university has put aside for losses; how says as what.
func payFromCover(t db.Tx, university string, p Payment, how posting) (id uuid.UUID, err error) {
	cover, err := bookOf(t, university, campus.LossCoverBook)
	if err != nil {
		return id, err
	}
	how.terminal, how.key, how.taken = p.Terminal, p.Key, p.TakenAt
	return postBetween(t, cover, p.Book, p.Cents, how)
}

func accountClosed(a Account) error {
	return campus.Errorf(campus.Conflict, "account_closed", "account %s is closed", a.ID)
}

// once answers what a key was answered, or has fn post, and keeps the answer.
func (s *Store) once(ctx context.Context, account uuid.UUID, what, terminal, key string, cents int64, book uuid.UUID, hash []byte,
	fn func(db.Tx) (Account, uuid.UUID, error)) (answer Answer, err error) {
	if err := campus.CheckAmount(cents); err != nil {
		return answer, err
	}
	if err := campus.CheckKey(terminal, key); err != nil {
		return answer, err
	}
	err = s.alone(ctx, account, what, func(t db.Tx) error {
		first, found, err := firstAnswer(t, terminal, key, hash)
		if err != nil || found {
			answer = first
			return err
		}
		if err := checkBook(t, book); err != nil {
			return err
		}
		a, id, err := fn(t)
		if err != nil {
			return err
		}
		answer = Answer{Outcome: Posted, Transfer: id, BalanceCents: a.MainCents + a.SubsidyCents, At: t.Now}
		if a.ClosedAt == nil { // else the transfer was none of the account's
			answer.At = *a.LastAt
		}
		return keepAnswer(t, terminal, key, hash, a.ID, answer)
	})
	return answer, err
}

// checkBook refuses a book that is none. NotFound: book_unknown.
func checkBook(t db.Tx, book uuid.UUID) error {
	var there bool
	err := t.Ask(`select exists (select from books where id = @book)`, map[string]any{"book": book}).Scan(&there)
	if err == nil && !there {
		err = bookUnknown(book)
	}
	return err
}

// expireSubsidy takes what is left of a subsidy that has ended back to the fund (L5).
func (s *Store) expireSubsidy(ctx context.Context, account uuid.UUID) error {
	return s.alone(ctx, account, "end a subsidy", func(t db.Tx) error {
		a, err := lockAccount(t, account)
		if err != nil {
			return err
		}
		_, err = expire(t, a)
		return err
	})
}

func expire(t db.Tx, a Account) (Account, error) {
	if a.SubsidyCents == 0 || !goneBy(a.SubsidyUntil, campus.DateOf(t.Now)) {
		return a, nil
	}
	fund, err := bookOf(t, a.University, campus.SubsidyFundBook)
	if err != nil {
		return a, err
	}
	after, _, err := post(t, a, posting{kind: campus.ExpiryTransfer, book: fund, terminal: "expiry",
		change: campus.Purses{Subsidy: -a.SubsidyCents}, key: a.ID.String(), taken: t.Now})
	return after, err
}

// putSubsidyUntil has the purse ready for a subsidy that ends on a day.
func putSubsidyUntil(t db.Tx, a Account, until campus.Date) (Account, error) {
	a, err := expire(t, a)
	if err != nil {
		return a, err
	}
	if a.SubsidyCents > 0 && (a.SubsidyUntil.IsZero() || !until.IsZero() && until.Before(a.SubsidyUntil)) {
		until = a.SubsidyUntil
	}
	a.SubsidyUntil = until
	return a, t.Ask(`update accounts set subsidy_until = @until where id = @id returning id`,
		map[string]any{"id": a.ID, "until": until}).Scan(&a.ID)
}

// hashOf is the hash of what is asked for in words.
func hashOf(words ...string) []byte {
	hash := sha256.New()
	for _, word := range words {
		hash.Write([]byte(word))
		hash.Write([]byte{0})
	}
	return hash.Sum(nil)
}
